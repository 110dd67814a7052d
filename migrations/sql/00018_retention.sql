-- How long each kind of data is kept, and what was removed. The policy is data, with
-- a floor below which nobody may set it; events of cases have no row here, since
-- they are proof and no job may touch them.

-- +goose Up

-- keep_days empty means for ever. thin_* belong to tracks: after thin_after_days a
-- day keeps a fix every thin_every_s and where the way turned.
CREATE TABLE retention_policies (
  district_id     uuid NOT NULL REFERENCES districts,
  kind            text NOT NULL CHECK (kind ~ '^[a-z][a-z_]{0,31}$'),
  keep_days       integer,
  least_days      integer NOT NULL CHECK (least_days >= 0),
  thin_after_days integer,
  thin_every_s    integer CHECK (thin_every_s BETWEEN 5 AND 3600),
  changed_at      timestamptz NOT NULL DEFAULT gp_now(),
  changed_by      text NOT NULL DEFAULT 'default',
  PRIMARY KEY (district_id, kind),
  CONSTRAINT retention_policies_floor CHECK (keep_days >= least_days AND keep_days <= 36500),
  CONSTRAINT retention_policies_thin CHECK (thin_after_days >= least_days AND thin_after_days < coalesce(keep_days, 36501)
    AND (thin_after_days IS NULL) = (thin_every_s IS NULL))
);

-- Fixes come up to 7 days late, so a younger day is not finished.
INSERT INTO retention_policies (district_id, kind, keep_days, least_days, thin_after_days, thin_every_s) VALUES
  ('00000000-0000-7000-8000-000000000001', 'tracks', 365, 9, 30, 60),
  ('00000000-0000-7000-8000-000000000001', 'quarantined_fixes', 30, 8, NULL, NULL),
  ('00000000-0000-7000-8000-000000000001', 'off_duty_counts', 365, 8, NULL, NULL),
  ('00000000-0000-7000-8000-000000000001', 'position_views', 1095, 180, NULL, NULL),
  ('00000000-0000-7000-8000-000000000001', 'idempotency_keys', 3, 3, NULL, NULL),
  ('00000000-0000-7000-8000-000000000001', 'outbox', 1, 1, NULL, NULL),
  ('00000000-0000-7000-8000-000000000001', 'sessions', 1, 0, NULL, NULL),
  ('00000000-0000-7000-8000-000000000001', 'tickets', 1, 0, NULL, NULL),
  ('00000000-0000-7000-8000-000000000001', 'tokens', 365, 30, NULL, NULL),
  ('00000000-0000-7000-8000-000000000001', 'plan_inputs', 1095, 365, NULL, NULL),
  ('00000000-0000-7000-8000-000000000001', 'photos', 1825, 365, NULL, NULL),
  ('00000000-0000-7000-8000-000000000001', 'notices', 365, 30, NULL, NULL),
  ('00000000-0000-7000-8000-000000000001', 'grid_drafts', 90, 7, NULL, NULL);

CREATE TABLE retention_changes (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  kind        text NOT NULL,
  at          timestamptz NOT NULL DEFAULT gp_now(),
  changed_by  text NOT NULL,
  was         jsonb NOT NULL,
  is_now      jsonb NOT NULL
);

-- A run that was killed keeps its empty end; the next one marks it.
CREATE TABLE retention_runs (
  id          uuid PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  began_at    timestamptz NOT NULL DEFAULT gp_now(),
  ended_at    timestamptz,
  started_by  text NOT NULL CHECK (started_by IN ('clock', 'command')),
  state       text NOT NULL CHECK (state IN ('running', 'done', 'failed', 'broken_off')),
  fault       text NOT NULL DEFAULT ''
);
CREATE INDEX retention_runs_newest ON retention_runs (district_id, id DESC);

-- One row for each step, written in the transaction that removed the rows.
CREATE TABLE retention_removed (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  run_id      uuid NOT NULL REFERENCES retention_runs,
  kind        text NOT NULL,
  action      text NOT NULL CHECK (action IN ('deleted', 'thinned', 'dropped', 'reduced', 'emptied')),
  what        text NOT NULL,
  from_at     timestamptz,
  until_at    timestamptz,
  rows        bigint NOT NULL CHECK (rows >= 0),
  held        bigint NOT NULL DEFAULT 0 CHECK (held >= 0), -- kept for open cases beyond their time
  bytes       bigint NOT NULL,
  took_s      double precision NOT NULL,
  at          timestamptz NOT NULL DEFAULT gp_now()
);
CREATE INDEX retention_removed_run ON retention_removed (run_id, id);

-- What was done to a day of tracks, so that it is not done again. held counts fixes
-- that stay for open cases only; such a day is looked at again.
CREATE TABLE track_days (
  district_id uuid NOT NULL REFERENCES districts,
  day         date NOT NULL,
  state       text NOT NULL CHECK (state IN ('thinned', 'reduced', 'dropped')),
  every_s     integer,
  fixes_were  bigint NOT NULL,
  fixes_are   bigint NOT NULL,
  held        bigint NOT NULL DEFAULT 0,
  at          timestamptz NOT NULL DEFAULT gp_now(),
  PRIMARY KEY (district_id, day)
);

-- The job works as owner; the service reads what it did and sets the policy.
REVOKE INSERT, DELETE ON retention_policies FROM gp_app;
REVOKE UPDATE, DELETE ON retention_changes FROM gp_app;
REVOKE INSERT, UPDATE, DELETE ON retention_runs, retention_removed, track_days FROM gp_app;

-- +goose Down
DROP TABLE track_days, retention_removed, retention_runs, retention_changes, retention_policies;
