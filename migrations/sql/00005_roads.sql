-- Roads. The network file is stored whole, in pieces, so that every node loads the
-- very bytes that were checked at the import; the segments beside it are for
-- drawing. One network is active; it changes in one transaction, which bumps the
-- revision that running services watch.

-- +goose Up
CREATE TABLE road_networks (
  version     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  source      text NOT NULL,
  format      integer NOT NULL,
  size        bigint NOT NULL CHECK (size > 0),
  sha256      bytea NOT NULL CHECK (length(sha256) = 32),
  stats       jsonb NOT NULL,
  active      boolean NOT NULL,
  made_at     timestamptz NOT NULL DEFAULT gp_now()
);
CREATE UNIQUE INDEX road_networks_one_active ON road_networks (district_id) WHERE active;

-- A mebibyte a piece. The bytes hardly compress, so trying would only cost time.
CREATE TABLE road_network_chunks (
  version bigint NOT NULL REFERENCES road_networks ON DELETE CASCADE,
  seq     integer NOT NULL CHECK (seq >= 0),
  data    bytea NOT NULL,
  PRIMARY KEY (version, seq)
);
ALTER TABLE road_network_chunks ALTER COLUMN data SET STORAGE EXTERNAL;

-- Segments of the active network only. rank is the importance of the class, 0 the
-- highest, for the zoom from which it is drawn. along and against are the modes
-- that may travel in the direction of the line and in the other.
CREATE TABLE road_segments (
  district_id uuid NOT NULL REFERENCES districts,
  segment     integer NOT NULL,
  class       text NOT NULL,
  rank        smallint NOT NULL,
  name        text NOT NULL,
  along       text[] NOT NULL,
  against     text[] NOT NULL,
  length_m    real NOT NULL,
  geom        geometry(LineString, 4326) NOT NULL,
  PRIMARY KEY (district_id, segment)
);
CREATE INDEX road_segments_geom ON road_segments USING gist (geom);

-- +goose Down
DROP TABLE road_segments, road_network_chunks, road_networks;
