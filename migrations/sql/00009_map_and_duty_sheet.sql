-- What the map and the paper of a duty room need: places as they were sent, water to
-- draw, where patrols have been in numbers that 30 days can be counted from, the
-- telephones of the towns' information rooms, and who printed people's telephones.

-- +goose Up

-- A place that came in another datum keeps what was sent; null: it came as WGS-84.
-- The nearest places of a case are asked for by true distance, not by degrees.
ALTER TABLE places
  ADD COLUMN sent_crs text CHECK (sent_crs IN ('gcj02', 'bd09')),
  ADD COLUMN sent_lon double precision,
  ADD COLUMN sent_lat double precision,
  ADD CHECK (num_nonnulls(sent_crs, sent_lon, sent_lat) IN (0, 3));
CREATE INDEX places_near ON places USING gist ((geom::geography));

-- The telephone of a town's information room, where its duty is asked for.
ALTER TABLE areas ADD COLUMN phone text CHECK (phone <> '');

-- Rivers, canals and lakes: drawn, and nothing else. An import replaces all of them.
CREATE TABLE waters (
  id          uuid PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  kind        text NOT NULL CHECK (kind IN ('river', 'canal', 'stream', 'lake', 'sea')),
  name        text NOT NULL DEFAULT '',
  width_m     double precision CHECK (width_m > 0), -- of a line
  geom        geometry(Geometry, 4326) NOT NULL
              CHECK (GeometryType(geom) IN ('LINESTRING', 'MULTILINESTRING', 'POLYGON', 'MULTIPOLYGON'))
);
CREATE INDEX waters_geom ON waters USING gist (geom);
ALTER TABLE revisions DROP CONSTRAINT revisions_topic_check,
  ADD CONSTRAINT revisions_topic_check CHECK (topic IN ('grids', 'roads', 'roster', 'categories', 'places', 'water'));
INSERT INTO revisions (topic) VALUES ('water');

-- How many fixes of a patrol fell into a cell in an hour: whole hours of tracks,
-- counted once, since a month of tracks is a hundred million rows. counted_at says up
-- to when late fixes are in it.
CREATE TABLE cell_hours (
  district_id uuid NOT NULL REFERENCES districts,
  hour        timestamptz NOT NULL,
  counted_at  timestamptz NOT NULL,
  PRIMARY KEY (district_id, hour)
);
CREATE TABLE cell_visits (
  district_id uuid NOT NULL,
  hour        timestamptz NOT NULL,
  cell        bigint NOT NULL,
  patrol_id   uuid NOT NULL,
  fixes       integer NOT NULL CHECK (fixes > 0),
  PRIMARY KEY (district_id, hour, cell, patrol_id),
  FOREIGN KEY (district_id, hour) REFERENCES cell_hours ON DELETE CASCADE
);

-- The paper of the duty has people's telephones on it. Who printed it is written
-- down before it leaves, and stays.
CREATE TABLE duty_prints (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  viewer_id   uuid NOT NULL,
  viewer_kind text NOT NULL CHECK (viewer_kind IN ('account', 'device')),
  area_code   text NOT NULL, -- '': the whole district
  department  text NOT NULL, -- '': every department
  staff_ids   uuid[] NOT NULL, -- whose telephones were on it
  cases       integer NOT NULL CHECK (cases >= 0),
  printed_at  timestamptz NOT NULL DEFAULT gp_now()
);
CREATE INDEX duty_prints_viewer ON duty_prints (viewer_id, printed_at);
REVOKE UPDATE, DELETE ON duty_prints FROM gp_app;

-- +goose Down
DROP TABLE duty_prints, cell_visits, cell_hours;
DELETE FROM revisions WHERE topic = 'water';
ALTER TABLE revisions DROP CONSTRAINT revisions_topic_check,
  ADD CONSTRAINT revisions_topic_check CHECK (topic IN ('grids', 'roads', 'roster', 'categories', 'places'));
DROP TABLE waters;
ALTER TABLE areas DROP COLUMN phone;
DROP INDEX places_near;
ALTER TABLE places DROP COLUMN sent_crs, DROP COLUMN sent_lon, DROP COLUMN sent_lat;
