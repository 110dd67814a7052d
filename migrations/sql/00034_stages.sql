-- The course of a case: what its next moves depend on, the clocks that run, rulings as
-- precedents, and the calendar that working time is counted by. The release before
-- knows none of it: what it writes stays valid, and its cases are given clocks by the
-- first program that knows them.

-- +goose Up
-- A clock climbs rungs: three quarters used, overdue, a quarter late. next_at is when
-- the next one is; it moves in the transaction that does what the rung asks for, so
-- each is climbed once, whoever polls and however late. id names the arming.
CREATE TABLE clocks (
  case_id      uuid NOT NULL REFERENCES cases,
  name         text NOT NULL CHECK (name ~ '^[a-z][a-z_]{0,23}$'),
  district_id  uuid NOT NULL REFERENCES districts,
  id           uuid NOT NULL,
  rung         text NOT NULL CHECK (rung IN ('running', 'warned', 'overdue', 'district')),
  unit         text NOT NULL CHECK (unit IN ('always', 'working_time', 'working_days')),
  span_s       double precision NOT NULL DEFAULT 0 CHECK (span_s >= 0),
  days         integer NOT NULL DEFAULT 0 CHECK (days BETWEEN 0 AND 366),
  since        timestamptz NOT NULL,
  warn_at      timestamptz NOT NULL,
  due_at       timestamptz NOT NULL,
  district_at  timestamptz NOT NULL,
  next_at      timestamptz,
  paused       boolean NOT NULL DEFAULT false,
  left_s       double precision NOT NULL DEFAULT 0,
  recount      boolean NOT NULL DEFAULT false,
  leased_until timestamptz,
  tries        integer NOT NULL DEFAULT 0,
  PRIMARY KEY (case_id, name),
  CHECK (NOT (paused AND next_at IS NOT NULL))
) WITH (fillfactor = 70);
CREATE INDEX clocks_next ON clocks (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX clocks_recount ON clocks (case_id) WHERE recount;
CREATE INDEX clocks_late ON clocks (rung, due_at) WHERE rung <> 'running';
SELECT gp_close('clocks', 'EXISTS (SELECT FROM cases c WHERE c.id = case_id)');

-- "Not ours" was said twice, and somebody ruled whose it is. It is suggested the next
-- time nearby.
CREATE TABLE rulings (
  id          uuid PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  case_id     uuid NOT NULL REFERENCES cases,
  category    text NOT NULL,
  lon         double precision NOT NULL,
  lat         double precision NOT NULL,
  place       geometry(Point, 4326) GENERATED ALWAYS AS (ST_SetSRID(ST_MakePoint(lon, lat), 4326)) STORED,
  owner       text NOT NULL,
  came_from   text NOT NULL,
  reason      text NOT NULL CHECK (length(reason) <= 4000),
  ruled_by    uuid,
  made_at     timestamptz NOT NULL DEFAULT gp_now()
);
CREATE INDEX rulings_place ON rulings USING gist (place);
CREATE INDEX rulings_case ON rulings (case_id);
SELECT gp_close('rulings');

-- version moves with every change, so a program knows when to read the calendar again.
-- hours are stretches of a working day in minutes after midnight; empty is the usual.
CREATE TABLE calendars (
  district_id uuid PRIMARY KEY REFERENCES districts,
  version     bigint NOT NULL DEFAULT 1,
  hours       jsonb NOT NULL DEFAULT '[]'
);
INSERT INTO calendars (district_id) SELECT id FROM districts;
SELECT gp_close('calendars');

-- Days that are not as the week has them.
CREATE TABLE calendar_days (
  district_id uuid NOT NULL REFERENCES districts,
  day         date NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('holiday', 'workday')),
  name        text NOT NULL DEFAULT '' CHECK (length(name) <= 100),
  PRIMARY KEY (district_id, day)
);
SELECT gp_close('calendar_days');

-- What a category says beside who goes. A category without a row has the defaults.
CREATE TABLE category_rules (
  district_id   uuid NOT NULL REFERENCES districts,
  code          text NOT NULL CHECK (code ~ '^[A-Z][0-9]{2}$'),
  check_percent smallint NOT NULL DEFAULT 20 CHECK (check_percent BETWEEN 0 AND 100),
  revisit_days  integer[] NOT NULL DEFAULT '{}',
  PRIMARY KEY (district_id, code)
);
SELECT gp_close('category_rules');

-- What readers would wait for comes last, so that they wait for a moment only.
ALTER TABLE cases ADD COLUMN flow jsonb NOT NULL DEFAULT '{}';

-- A person is told of one clock and of another, so of staff only the two notices of a
-- new case are told once; the others are written once with what they tell of.
ALTER TABLE notices DROP CONSTRAINT notices_case_id_staff_id_why_key;
CREATE UNIQUE INDEX notices_case_staff_why ON notices (case_id, staff_id, why) WHERE why IN ('grid_chief', 'town_leader');

-- +goose Down
DROP INDEX notices_case_staff_why;
DELETE FROM notices n WHERE staff_id IS NOT NULL AND EXISTS (SELECT FROM notices o
  WHERE o.case_id = n.case_id AND o.staff_id = n.staff_id AND o.why = n.why AND o.id < n.id);
ALTER TABLE notices ADD CONSTRAINT notices_case_id_staff_id_why_key UNIQUE (case_id, staff_id, why);
DROP TABLE category_rules, calendar_days, calendars, rulings, clocks;
ALTER TABLE cases DROP COLUMN flow;
