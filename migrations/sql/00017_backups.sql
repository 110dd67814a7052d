-- Backups that were made, so that a long time without one can raise an alarm. The
-- row is written after the file is on its disk, by whoever made it.

-- +goose Up
CREATE TABLE backups_made (
  id             uuid PRIMARY KEY,
  district_id    uuid NOT NULL REFERENCES districts,
  at             timestamptz NOT NULL, -- of the snapshot: what came later is not in it
  file_name      text NOT NULL CHECK (file_name <> ''),
  bytes          bigint NOT NULL CHECK (bytes > 0),
  sha256         bytea NOT NULL CHECK (octet_length(sha256) = 32),
  schema_version bigint NOT NULL,
  took_s         double precision NOT NULL CHECK (took_s >= 0)
);
CREATE INDEX backups_made_newest ON backups_made (district_id, at DESC);
REVOKE INSERT, UPDATE, DELETE ON backups_made FROM gp_app;

-- +goose Down
DROP TABLE backups_made;
