-- Roads that are closed for a while: what was drawn, for whom, and from when until
-- when. A closure is never changed and never deleted; it is lifted. Which roads a
-- drawing closes follows from the roads in force and is not stored.

-- +goose Up
CREATE TABLE road_closures (
  id          uuid PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  geom        geometry(Geometry, 4326) NOT NULL
              CHECK (GeometryType(geom) IN ('LINESTRING', 'MULTILINESTRING', 'POLYGON', 'MULTIPOLYGON')),
  modes       text[] NOT NULL CHECK (cardinality(modes) > 0 AND modes <@ ARRAY['foot', 'ebike', 'car']),
  during      tstzrange NOT NULL CHECK (NOT isempty(during) AND NOT lower_inf(during)),
  reason      text NOT NULL CHECK (reason <> '' AND length(reason) <= 500),
  made_by     uuid NOT NULL,
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  lifted_by   uuid,
  lifted_at   timestamptz,
  CHECK ((lifted_by IS NULL) = (lifted_at IS NULL))
);
-- What may be in force is asked for twice a second.
CREATE INDEX road_closures_standing ON road_closures (district_id, id) WHERE lifted_at IS NULL;
REVOKE DELETE, TRUNCATE ON road_closures FROM gp_app;
SELECT gp_close('road_closures');

-- +goose Down
DROP TABLE road_closures;
