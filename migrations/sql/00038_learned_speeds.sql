-- Speeds that were learned from the tracks of our own patrols on their way to cases:
-- for a way, a direction, a mode and a bucket of the week, what came out of all passes
-- together. Nothing here says who drove or when. All rows are replaced at once by each
-- run; a speed that somebody set (road_speeds) counts before a learned one.

-- +goose Up
CREATE TABLE road_learned_speeds (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  way         bigint NOT NULL CHECK (way <> 0),
  direction   text NOT NULL CHECK (direction IN ('along', 'against')),
  mode        text NOT NULL CHECK (mode IN ('foot', 'ebike', 'car')),
  bucket      smallint NOT NULL CHECK (bucket BETWEEN 0 AND 15), -- road.BucketOf
  factor      double precision NOT NULL CHECK (factor > 0 AND factor <= 10), -- of the built speed
  kmh         double precision NOT NULL CHECK (kmh > 0),
  built_kmh   double precision NOT NULL CHECK (built_kmh > 0),
  passes      integer NOT NULL CHECK (passes > 0),
  patrols     integer NOT NULL CHECK (patrols > 1), -- of one alone, the row would be about a person
  UNIQUE (district_id, way, direction, mode, bucket)
);
SELECT gp_close('road_learned_speeds');

-- The last run, and what keeps two nodes from running at once: whoever sets began_at.
CREATE TABLE road_learning (
  district_id uuid PRIMARY KEY REFERENCES districts,
  began_at    timestamptz NOT NULL,
  ended_at    timestamptz,
  days        integer,
  trips       integer NOT NULL DEFAULT 0,
  passes      integer NOT NULL DEFAULT 0,
  simulated   boolean NOT NULL DEFAULT false
);
SELECT gp_close('road_learning');

-- +goose Down
DROP TABLE road_learning, road_learned_speeds;
