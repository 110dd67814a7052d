-- Looking again: after a case is closed its place is visited on the nights that its
-- category says. A revisit hangs on the place; who is to go is asked when it is time,
-- from the grids and the people of then. Its deadline stands with those of the case,
-- one for whatever of its revisits is next.

-- +goose Up
CREATE TABLE revisits (
  id          uuid PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  case_id     uuid NOT NULL REFERENCES cases,
  after_days  integer NOT NULL CHECK (after_days BETWEEN 1 AND 366),
  category    text NOT NULL,
  lon         double precision NOT NULL,
  lat         double precision NOT NULL,
  place       geometry(Point, 4326) GENERATED ALWAYS AS (ST_SetSRID(ST_MakePoint(lon, lat), 4326)) STORED,
  opens_at    timestamptz NOT NULL,
  closes_at   timestamptz NOT NULL,
  -- planned, open (its worker was told), missed (the chief was), climbed (the town was);
  -- clear and found were visited, stopped never will be.
  state       text NOT NULL CHECK (state IN ('planned', 'open', 'missed', 'climbed', 'clear', 'found', 'stopped')),
  next_at     timestamptz,
  grid_code   text, -- that was asked last
  done_at     timestamptz,
  done_by     text,
  note        text NOT NULL DEFAULT '' CHECK (length(note) <= 4000),
  new_case_id uuid REFERENCES cases,
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  CHECK (closes_at > opens_at),
  CHECK ((state IN ('clear', 'found')) = (done_at IS NOT NULL))
) WITH (fillfactor = 70);
CREATE INDEX revisits_case ON revisits (case_id);
CREATE INDEX revisits_place ON revisits USING gist (place) WHERE state IN ('planned', 'open', 'missed', 'climbed');
CREATE INDEX revisits_open ON revisits (district_id, opens_at) WHERE state IN ('planned', 'open', 'missed', 'climbed');
REVOKE DELETE, TRUNCATE ON revisits FROM gp_app;

CREATE TABLE revisit_photos (
  district_id uuid NOT NULL,
  revisit_id  uuid NOT NULL REFERENCES revisits,
  position    integer NOT NULL,
  sha256      bytea NOT NULL,
  PRIMARY KEY (revisit_id, position),
  FOREIGN KEY (district_id, sha256) REFERENCES photos ON DELETE CASCADE
);
CREATE INDEX revisit_photos_sha256 ON revisit_photos (district_id, sha256);
REVOKE UPDATE, DELETE, TRUNCATE ON revisit_photos FROM gp_app;

-- A revisit is seen with its case, and by the people of the grid that its place lies in
-- now, or nearest to, whoever had it when the case was handled.
SELECT gp_close('revisits', 'EXISTS (SELECT FROM cases c WHERE c.id = case_id)
  OR (district_id = (SELECT gp_viewer(''district'')::uuid) AND EXISTS (SELECT FROM grids g JOIN grid_versions v ON v.id = g.version_id
    WHERE v.valid @> (SELECT gp_now()) AND ST_DWithin(g.geom, revisits.place, 0.025) AND g.code IN (SELECT gp_viewer_grids())))');
SELECT gp_close('revisit_photos', 'EXISTS (SELECT FROM revisits r WHERE r.id = revisit_id)');
SELECT gp_close('photos', 'EXISTS (SELECT FROM report_photos rp WHERE rp.district_id = photos.district_id AND rp.sha256 = photos.sha256)
  OR EXISTS (SELECT FROM revisit_photos rp JOIN revisits r ON r.id = rp.revisit_id
    WHERE rp.district_id = photos.district_id AND rp.sha256 = photos.sha256)');

ALTER TABLE deadlines DROP CONSTRAINT IF EXISTS deadlines_step_check,
  ADD CONSTRAINT deadlines_step_check CHECK (step ~ '^[a-z][a-z_]{0,23}$');

-- +goose Down
DELETE FROM deadlines WHERE step = 'revisit';
ALTER TABLE deadlines DROP CONSTRAINT deadlines_step_check,
  ADD CONSTRAINT deadlines_step_check CHECK (step IN ('dispatch', 'offer', 'answer', 'release'));
SELECT gp_close('photos', 'EXISTS (SELECT FROM report_photos rp WHERE rp.district_id = photos.district_id AND rp.sha256 = photos.sha256)');
DROP TABLE revisit_photos, revisits;
