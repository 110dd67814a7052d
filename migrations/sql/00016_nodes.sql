-- Who serves: each running program says every few seconds that it is there. The
-- same small write is what /readyz tries, because a database that can be read need
-- not take writes (a standby, a full disk). The doctor reads from it whether the
-- service runs and whether its timers tick, from any machine.

-- +goose Up
CREATE TABLE nodes (
  id            uuid PRIMARY KEY,
  district_id   uuid NOT NULL REFERENCES districts,
  host          text NOT NULL,
  schema        bigint NOT NULL, -- the newest migration that the program knows
  started_at    timestamptz NOT NULL DEFAULT gp_now(),
  beat_at       timestamptz NOT NULL DEFAULT gp_now(),
  clock_ahead_s double precision, -- of the node before the database; null: not measured yet
  timers_late_s double precision  -- since the slowest timer last came round; null: none ran yet
) WITH (fillfactor = 50);

-- A program compares its own schema with the database's, in the role it works in.
GRANT SELECT ON goose_db_version TO gp_app, gp_auditor;

-- +goose Down
REVOKE SELECT ON goose_db_version FROM gp_app, gp_auditor;
DROP TABLE nodes;
