-- Speeds that hold on some roads at some hours, as somebody set them: of a way by its
-- number, or of a class. A rule is never changed and never deleted; it is ended. Of
-- rules for the same road the newest counts, and one for a way before one for its
-- class. made_by is null where the command line brought it.

-- +goose Up
CREATE TABLE road_speeds (
  id          uuid PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  way         bigint CHECK (way <> 0),
  class       text,
  direction   text NOT NULL DEFAULT '' CHECK (direction IN ('', 'along', 'against')),
  modes       text[] NOT NULL CHECK (cardinality(modes) > 0 AND modes <@ ARRAY['foot', 'ebike', 'car']),
  days        smallint NOT NULL CHECK (days BETWEEN 1 AND 127), -- Monday is the lowest bit
  from_min    smallint NOT NULL CHECK (from_min BETWEEN 0 AND 1439),
  until_min   smallint NOT NULL CHECK (until_min BETWEEN 0 AND 1440),
  kmh         double precision CHECK (kmh > 0 AND kmh <= 200),
  factor      double precision CHECK (factor > 0 AND factor <= 10),
  note        text NOT NULL DEFAULT '' CHECK (length(note) <= 200),
  made_by     uuid,
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  ended_by    uuid,
  ended_at    timestamptz,
  CHECK (num_nonnulls(way, class) = 1),
  CHECK (num_nonnulls(kmh, factor) = 1),
  CHECK (from_min <> until_min)
);
CREATE INDEX road_speeds_standing ON road_speeds (district_id, id) WHERE ended_at IS NULL;
REVOKE DELETE, TRUNCATE ON road_speeds FROM gp_app;
SELECT gp_close('road_speeds');

-- What every node asks twice a second; it counts changes of the rules.
CREATE TABLE road_speed_revisions (
  district_id uuid PRIMARY KEY REFERENCES districts,
  revision    bigint NOT NULL
);
SELECT gp_close('road_speed_revisions');

-- +goose Down
DROP TABLE road_speed_revisions, road_speeds;
