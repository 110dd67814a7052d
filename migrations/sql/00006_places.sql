-- Places: what stands still and matters, such as cameras, rental houses, markets
-- and factories. They are neither dated nor dispatched, only shown and visited.

-- +goose Up
CREATE TABLE places (
  id              uuid PRIMARY KEY,
  district_id     uuid NOT NULL REFERENCES districts,
  code            text NOT NULL CHECK (code <> ''),
  name            text NOT NULL,
  kind            text NOT NULL CHECK (kind IN ('camera', 'rental_house', 'market', 'factory', 'other')),
  geom            geometry(Point, 4326) NOT NULL,
  url             text,
  visits_per_week int NOT NULL DEFAULT 0 CHECK (visits_per_week >= 0),
  UNIQUE (district_id, code)
);
CREATE INDEX places_geom ON places USING gist (geom);

ALTER TABLE revisions DROP CONSTRAINT revisions_topic_check,
  ADD CONSTRAINT revisions_topic_check CHECK (topic IN ('grids', 'roads', 'roster', 'categories', 'places'));
INSERT INTO revisions (topic) VALUES ('places');

-- +goose Down
DELETE FROM revisions WHERE topic = 'places';
ALTER TABLE revisions DROP CONSTRAINT revisions_topic_check,
  ADD CONSTRAINT revisions_topic_check CHECK (topic IN ('grids', 'roads', 'roster', 'categories'));
DROP TABLE places;
