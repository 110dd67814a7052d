-- A photo's original is sealed: the service may add it and read it, and nothing
-- else; retention belongs to the owner. What is shown are copies, made from it
-- later, encoded anew without metadata. What the camera wrote (place, time) is read
-- before that and stands beside the original, to be compared with what was claimed.

-- +goose Up

-- content is empty where the bytes are kept outside the database. bytes and exif_*
-- are empty in rows of the release before.
ALTER TABLE photos
  ALTER COLUMN content DROP NOT NULL,
  ADD COLUMN bytes bigint CHECK (bytes > 0),
  ADD COLUMN exif_lon double precision CHECK (exif_lon BETWEEN -180 AND 180),
  ADD COLUMN exif_lat double precision CHECK (exif_lat BETWEEN -90 AND 90),
  ADD COLUMN exif_t timestamptz,
  ADD CHECK (num_nonnulls(exif_lon, exif_lat) <> 1);
REVOKE UPDATE, DELETE, TRUNCATE ON photos FROM gp_app;

-- Bytes by their SHA-256: the copies, and originals that came by themselves.
CREATE TABLE photo_contents (
  district_id uuid NOT NULL REFERENCES districts,
  sha256      bytea NOT NULL CHECK (octet_length(sha256) = 32),
  content     bytea NOT NULL,
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  PRIMARY KEY (district_id, sha256)
);
ALTER TABLE photo_contents ALTER COLUMN content SET STORAGE EXTERNAL; -- compressed already
REVOKE UPDATE, DELETE, TRUNCATE ON photo_contents FROM gp_app;

-- A copy names its bytes, or says why the photo can never be shown.
CREATE TABLE photo_copies (
  district_id uuid NOT NULL,
  sha256      bytea NOT NULL,
  size        text NOT NULL CHECK (size IN ('shown', 'thumb')),
  copy_sha256 bytea CHECK (octet_length(copy_sha256) = 32),
  media_type  text CHECK (media_type = 'image/jpeg'),
  width       integer CHECK (width > 0),
  height      integer CHECK (height > 0),
  bytes       bigint CHECK (bytes > 0),
  broken      text,
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  PRIMARY KEY (district_id, sha256, size),
  FOREIGN KEY (district_id, sha256) REFERENCES photos ON DELETE CASCADE,
  CHECK (num_nonnulls(copy_sha256, broken) = 1),
  CHECK (num_nonnulls(copy_sha256, media_type, width, height, bytes) IN (0, 5))
);
REVOKE UPDATE, DELETE, TRUNCATE ON photo_copies FROM gp_app;

-- Photos whose copies are still to be made. leased_until keeps other nodes away
-- while one works on it.
CREATE TABLE photo_todo (
  district_id  uuid NOT NULL,
  sha256       bytea NOT NULL,
  due_at       timestamptz NOT NULL DEFAULT gp_now(),
  leased_until timestamptz,
  tries        integer NOT NULL DEFAULT 0,
  PRIMARY KEY (district_id, sha256),
  FOREIGN KEY (district_id, sha256) REFERENCES photos ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX photo_todo_due ON photo_todo (district_id, due_at);

-- Whoever deletes a photo when its time is over deletes its row; its bytes follow.
-- Bytes outside the database are named here, and the service drops them there.
CREATE TABLE photo_drops (
  district_id uuid NOT NULL REFERENCES districts,
  sha256      bytea NOT NULL,
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  PRIMARY KEY (district_id, sha256)
);

-- +goose StatementBegin
CREATE FUNCTION gp_drop_photo_bytes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
  gone bytea;
BEGIN
  IF TG_TABLE_NAME = 'photos' THEN
    gone := OLD.sha256;
    IF OLD.content IS NOT NULL THEN RETURN NULL; END IF;
  ELSE
    gone := OLD.copy_sha256;
    IF gone IS NULL THEN RETURN NULL; END IF;
  END IF;
  IF EXISTS (SELECT FROM photos WHERE district_id = OLD.district_id AND sha256 = gone)
    OR EXISTS (SELECT FROM photo_copies WHERE district_id = OLD.district_id AND copy_sha256 = gone) THEN
    RETURN NULL; -- somebody else's bytes are the same
  END IF;
  DELETE FROM photo_contents WHERE district_id = OLD.district_id AND sha256 = gone;
  IF NOT FOUND THEN
    INSERT INTO photo_drops (district_id, sha256) VALUES (OLD.district_id, gone) ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END $$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION gp_drop_photo_bytes FROM PUBLIC;
CREATE INDEX photo_copies_bytes ON photo_copies (district_id, copy_sha256);
CREATE TRIGGER photos_bytes AFTER DELETE ON photos FOR EACH ROW EXECUTE FUNCTION gp_drop_photo_bytes();
CREATE TRIGGER photo_copies_bytes AFTER DELETE ON photo_copies FOR EACH ROW EXECUTE FUNCTION gp_drop_photo_bytes();

-- +goose Down
DROP TRIGGER photos_bytes ON photos;
DROP TABLE photo_drops, photo_todo, photo_copies, photo_contents;
DROP FUNCTION gp_drop_photo_bytes;
GRANT UPDATE, DELETE ON photos TO gp_app;
ALTER TABLE photos DROP COLUMN bytes, DROP COLUMN exif_lon, DROP COLUMN exif_lat, DROP COLUMN exif_t;
