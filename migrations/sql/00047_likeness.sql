-- What is reported twice is found and joined. A photo has a likeness of 64 bits, taken
-- from its copy; a category says how near in place, time and looks two reports must be
-- to be taken for one matter, and whether they are then joined without asking.
--
-- A join moves the reports of a case to another, and what was moved is kept, so that a
-- wrong one can be taken back. The release before knows none of it: a joined case is a
-- void one to it.

-- +goose Up
-- likeness is empty where a photo shows nothing to tell it by, or could not be opened.
CREATE TABLE photo_likes (
  district_id uuid NOT NULL,
  sha256      bytea NOT NULL,
  likeness    bigint,
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  PRIMARY KEY (district_id, sha256),
  FOREIGN KEY (district_id, sha256) REFERENCES photos ON DELETE CASCADE
);
SELECT gp_close('photo_likes', 'EXISTS (SELECT FROM photos p WHERE p.district_id = photo_likes.district_id AND p.sha256 = photo_likes.sha256)');
REVOKE UPDATE, DELETE, TRUNCATE ON photo_likes FROM gp_app;

-- Empty is the usual, as the program has it.
ALTER TABLE category_rules
  ADD COLUMN same_m     double precision CHECK (same_m BETWEEN 0 AND 2000),
  ADD COLUMN same_min   integer CHECK (same_min BETWEEN 0 AND 20160),
  ADD COLUMN same_bits  integer CHECK (same_bits BETWEEN 0 AND 20),
  ADD COLUMN same_joins boolean NOT NULL DEFAULT false;

CREATE TABLE case_joins (
  id           uuid PRIMARY KEY,
  district_id  uuid NOT NULL REFERENCES districts,
  case_id      uuid NOT NULL REFERENCES cases, -- that ended
  into_case_id uuid NOT NULL REFERENCES cases, -- that goes on
  reports      uuid[] NOT NULL CHECK (cardinality(reports) > 0),
  joined_at    timestamptz NOT NULL DEFAULT gp_now(),
  split_at     timestamptz,
  CHECK (case_id <> into_case_id),
  CHECK (split_at >= joined_at)
);
CREATE UNIQUE INDEX case_joins_of ON case_joins (case_id) WHERE split_at IS NULL;
CREATE INDEX case_joins_into ON case_joins (into_case_id) WHERE split_at IS NULL;
CREATE INDEX case_joins_reports ON case_joins USING gin (reports) WHERE split_at IS NULL;
SELECT gp_close('case_joins', 'EXISTS (SELECT FROM cases c WHERE c.id = case_id) AND EXISTS (SELECT FROM cases c WHERE c.id = into_case_id)');
REVOKE DELETE, TRUNCATE ON case_joins FROM gp_app;

-- A report and what it turned out to be of: an earlier case at the same place.
CREATE TABLE case_links (
  district_id uuid NOT NULL REFERENCES districts,
  case_id     uuid NOT NULL REFERENCES cases,
  old_case_id uuid NOT NULL REFERENCES cases,
  why         text NOT NULL CHECK (why ~ '^[a-z][a-z_]{0,23}$'),
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  PRIMARY KEY (case_id, old_case_id),
  CHECK (case_id <> old_case_id)
);
CREATE INDEX case_links_old ON case_links (old_case_id);
SELECT gp_close('case_links', 'EXISTS (SELECT FROM cases c WHERE c.id = case_id) AND EXISTS (SELECT FROM cases c WHERE c.id = old_case_id)');
REVOKE UPDATE, DELETE, TRUNCATE ON case_links FROM gp_app;

-- Who was in this cell lately, whenever a case in it is looked at.
CREATE INDEX cell_visits_of_cell ON cell_visits (district_id, cell, hour);

-- Whoever reported reads the number and the stage of the case that their report is in,
-- though after a join it may lie out of their sight.
-- +goose StatementBegin
DO $$
BEGIN
  EXECUTE format('CREATE VIEW own_report_cases AS SELECT id, district_id, number, stage FROM cases WHERE district_id = %s
    AND EXISTS (SELECT FROM reports r WHERE r.case_id = cases.id AND (r.reporter_account = (SELECT gp_viewer(''account'')::uuid)
      OR r.reporter_device = (SELECT gp_viewer(''device'')::uuid)))', '(SELECT gp_viewer(''district'')::uuid)');
  GRANT SELECT ON own_report_cases TO gp_viewer;
  REVOKE ALL ON own_report_cases FROM gp_app, gp_auditor;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP VIEW own_report_cases;
DROP INDEX cell_visits_of_cell;
DROP TABLE case_links, case_joins, photo_likes;
ALTER TABLE category_rules DROP COLUMN same_m, DROP COLUMN same_min, DROP COLUMN same_bits, DROP COLUMN same_joins;
