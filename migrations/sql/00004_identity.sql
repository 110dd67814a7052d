-- Who is at the door. Secrets are never stored: a password as an argon2id string,
-- every other secret (session, token, ticket) as its SHA-256, which is enough for
-- 32 random bytes. Looks at where people are get written down, once a viewer,
-- patrol and ten minutes.

-- +goose Up
CREATE TABLE accounts (
  id            uuid PRIMARY KEY,
  district_id   uuid NOT NULL REFERENCES districts,
  username      text NOT NULL CHECK (username ~ '^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$'),
  role          text NOT NULL CHECK (role IN ('admin', 'operator', 'duty_leader', 'town_leader',
                  'district_supervisor', 'officer', 'grid_worker', 'part_timer', 'grid_chief', 'instructor', 'auditor')),
  area_code     text,
  department    text,
  staff_id      uuid REFERENCES staff,
  password_hash text NOT NULL,
  made_at       timestamptz NOT NULL DEFAULT gp_now(),
  disabled_at   timestamptz,
  FOREIGN KEY (district_id, area_code) REFERENCES areas,
  FOREIGN KEY (district_id, department) REFERENCES departments
);
CREATE UNIQUE INDEX accounts_username ON accounts (district_id, lower(username));

CREATE TABLE sessions (
  secret_hash bytea PRIMARY KEY CHECK (length(secret_hash) = 32),
  district_id uuid NOT NULL REFERENCES districts,
  account_id  uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  seen_at     timestamptz NOT NULL DEFAULT gp_now(),
  expires_at  timestamptz NOT NULL
);
CREATE INDEX sessions_account ON sessions (account_id);
CREATE INDEX sessions_expires ON sessions (expires_at);

-- hint is the beginning of the token, so that a person can tell which one it is.
CREATE TABLE tokens (
  id          uuid PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  secret_hash bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
  hint        text NOT NULL,
  account_id  uuid REFERENCES accounts ON DELETE CASCADE,
  device_id   uuid REFERENCES devices ON DELETE CASCADE,
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  expires_at  timestamptz,
  revoked_at  timestamptz,
  CHECK (num_nonnulls(account_id, device_id) = 1)
);
CREATE INDEX tokens_account ON tokens (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX tokens_device ON tokens (device_id) WHERE device_id IS NOT NULL;

-- A ticket is deleted by the socket that uses it.
CREATE TABLE tickets (
  secret_hash bytea PRIMARY KEY CHECK (length(secret_hash) = 32),
  district_id uuid NOT NULL REFERENCES districts,
  purpose     text NOT NULL CHECK (purpose IN ('live', 'beacon')),
  account_id  uuid REFERENCES accounts ON DELETE CASCADE,
  device_id   uuid REFERENCES devices ON DELETE CASCADE,
  expires_at  timestamptz NOT NULL,
  CHECK (num_nonnulls(account_id, device_id) = 1)
);
CREATE INDEX tickets_expires ON tickets (expires_at);

CREATE TABLE position_views (
  district_id uuid NOT NULL REFERENCES districts,
  viewer_id   uuid NOT NULL,
  viewer_kind text NOT NULL CHECK (viewer_kind IN ('account', 'device')),
  patrol_id   uuid NOT NULL REFERENCES patrols,
  bucket      timestamptz NOT NULL,
  seen_at     timestamptz NOT NULL DEFAULT gp_now(),
  what        text NOT NULL CHECK (what IN ('position', 'track')),
  PRIMARY KEY (patrol_id, bucket, viewer_id, what)
);
CREATE INDEX position_views_viewer ON position_views (viewer_id, bucket);
REVOKE UPDATE, DELETE ON position_views FROM gp_app;
REVOKE SELECT ON accounts, sessions, tokens, tickets FROM gp_auditor;

-- +goose Down
DROP TABLE position_views, tickets, tokens, sessions, accounts;
