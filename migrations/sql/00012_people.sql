-- People, shifts and devices change over HTTP too: a substitute names whom they stand
-- in for, a device what it is, and a new phone comes in with a one-time code instead
-- of a token that somebody types.

-- +goose Up

-- Whom a substitute stands in for; null where an import does not say.
ALTER TABLE grid_staff
  ADD COLUMN for_staff_id uuid REFERENCES staff,
  ADD CHECK (for_staff_id IS NULL OR part = 'substitute');
CREATE INDEX grid_staff_staff ON grid_staff (staff_id);
CREATE INDEX patrol_members_staff ON patrol_members (staff_id);

-- What a phone calls itself, so that a person can tell which one is lost.
ALTER TABLE devices
  ADD COLUMN name        text CHECK (name <> '' AND length(name) <= 64),
  ADD COLUMN model       text CHECK (model <> '' AND length(model) <= 128),
  ADD COLUMN enrolled_at timestamptz;

-- A code is read aloud or shown as a QR, so it is short: it lives a quarter of an
-- hour, counts once, and is kept as a slow hash of it. install is the phone that used
-- it: an answer that was lost on a bad line is given to that phone again, with
-- another token, and to no other.
CREATE TABLE enrolments (
  id          uuid PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  code_hash   bytea NOT NULL UNIQUE CHECK (length(code_hash) = 32),
  patrol_id   uuid NOT NULL REFERENCES patrols,
  staff_id    uuid REFERENCES staff,
  made_by     uuid,
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  expires_at  timestamptz NOT NULL,
  withdrawn_at timestamptz,
  used_at     timestamptz,
  device_id   uuid REFERENCES devices,
  install     uuid,
  CHECK (num_nonnulls(used_at, device_id, install) IN (0, 3))
);
CREATE INDEX enrolments_patrol ON enrolments (patrol_id, id DESC);
REVOKE SELECT ON enrolments FROM gp_auditor;
GRANT SELECT (id, district_id, patrol_id, staff_id, made_by, made_at, expires_at, withdrawn_at, used_at, device_id) ON enrolments TO gp_auditor;

-- +goose Down
DROP TABLE enrolments;
ALTER TABLE devices DROP COLUMN name, DROP COLUMN model, DROP COLUMN enrolled_at;
DROP INDEX grid_staff_staff, patrol_members_staff;
ALTER TABLE grid_staff DROP COLUMN for_staff_id;
