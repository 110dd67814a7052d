-- What happens: reports, cases, who is sent, and the proof of it. Facts that a
-- decision writes (stage, claims, deadlines, events, outbox) share its transaction.

-- +goose Up

-- The area of a code and every area above it, nearest first: what a viewer's
-- scope is compared with.
CREATE FUNCTION gp_area_path(district uuid, area text) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  WITH RECURSIVE up(code, parent_code, depth) AS (
    SELECT code, parent_code, 1 FROM areas WHERE district_id = district AND code = area
    UNION ALL
    SELECT a.code, a.parent_code, depth + 1 FROM areas a JOIN up ON a.code = up.parent_code
    WHERE a.district_id = district AND depth < 16
  )
  SELECT coalesce(array_agg(code ORDER BY depth), '{}') FROM up
$$;

-- Who is on duty in a department, and who leads a town: asked for each plan.
CREATE INDEX patrols_department ON patrols (district_id, department);
CREATE INDEX staff_town_leaders ON staff (district_id, area_code) WHERE role = 'town_leader';

-- Case numbers count by local day. The row is the first lock of a report's
-- transaction and held to its end, so numbers have no holes.
CREATE TABLE case_counters (
  district_id uuid NOT NULL REFERENCES districts,
  day         date NOT NULL,
  last        integer NOT NULL,
  PRIMARY KEY (district_id, day)
) WITH (fillfactor = 50);

-- responsible and runner_up are what was answered then; the map version says
-- which drawing of the grids was asked, so a redrawing changes no open case.
-- areas and departments are what a viewer's scope is compared with.
CREATE TABLE cases (
  id           uuid PRIMARY KEY,
  district_id  uuid NOT NULL REFERENCES districts,
  number       text NOT NULL,
  stage        text NOT NULL CHECK (stage IN ('reported', 'self_handled', 'accepted', 'void', 'filed', 'dispatched',
               'signed', 'returned', 'ruled', 'handling', 'extended', 'suspended', 'feedback', 'verifying', 'rework',
               'closed', 'reopened')),
  dispatch     text NOT NULL CHECK (dispatch IN ('done', 'pending', 'proposed', 'none')),
  category     text NOT NULL,
  urgency      text NOT NULL CHECK (urgency IN ('urgent', 'ordinary', 'hard')),
  lon          double precision NOT NULL,
  lat          double precision NOT NULL,
  place        geometry(Point, 4326) GENERATED ALWAYS AS (ST_SetSRID(ST_MakePoint(lon, lat), 4326)) STORED,
  accuracy_m   double precision CHECK (accuracy_m > 0),
  cell         bigint NOT NULL,
  description  text NOT NULL DEFAULT '',
  reporter_account uuid,
  reporter_device  uuid,
  map_id       uuid REFERENCES grid_versions,
  grid_id      uuid REFERENCES grids,
  responsible  jsonb NOT NULL DEFAULT '{"basis": "none", "share": 0}',
  runner_up    jsonb,
  areas        text[] NOT NULL DEFAULT '{}',
  departments  text[] NOT NULL DEFAULT '{}',
  called       jsonb NOT NULL DEFAULT '[]',
  shortfalls   jsonb NOT NULL DEFAULT '[]',
  undo_until   timestamptz,
  due_at       timestamptz,
  made_at      timestamptz NOT NULL DEFAULT gp_now(),
  closed_at    timestamptz,
  version      bigint NOT NULL DEFAULT 1,
  UNIQUE (district_id, number),
  CHECK ((stage IN ('closed', 'void')) = (closed_at IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX cases_open ON cases (district_id, id DESC) WHERE closed_at IS NULL;
CREATE INDEX cases_list ON cases (district_id, id DESC);
CREATE INDEX cases_reporter_account ON cases (reporter_account) WHERE reporter_account IS NOT NULL;
CREATE INDEX cases_reporter_device ON cases (reporter_device) WHERE reporter_device IS NOT NULL;

-- lon and lat are WGS-84; sent_* is what came in at the door.
CREATE TABLE reports (
  id           uuid PRIMARY KEY,
  district_id  uuid NOT NULL REFERENCES districts,
  case_id      uuid NOT NULL REFERENCES cases,
  category     text NOT NULL,
  lon          double precision NOT NULL CHECK (lon BETWEEN -180 AND 180),
  lat          double precision NOT NULL CHECK (lat BETWEEN -90 AND 90),
  sent_lon     double precision NOT NULL,
  sent_lat     double precision NOT NULL,
  sent_crs     text NOT NULL CHECK (sent_crs IN ('wgs84', 'cgcs2000', 'gcj02', 'bd09')),
  accuracy_m   double precision CHECK (accuracy_m > 0),
  cell         bigint NOT NULL,
  description  text NOT NULL CHECK (length(description) <= 4000),
  reporter_account uuid,
  reporter_device  uuid,
  observed_at  timestamptz NOT NULL,
  received_at  timestamptz NOT NULL DEFAULT gp_now()
);
CREATE INDEX reports_list ON reports (district_id, id DESC);
CREATE INDEX reports_case ON reports (case_id);
CREATE INDEX reports_received ON reports USING brin (received_at);

-- A photo is its content: the same one twice is one row.
CREATE TABLE photos (
  district_id uuid NOT NULL REFERENCES districts,
  sha256      bytea NOT NULL CHECK (octet_length(sha256) = 32),
  media_type  text NOT NULL CHECK (media_type IN ('image/jpeg', 'image/png', 'image/webp')),
  width       integer NOT NULL CHECK (width > 0),
  height      integer NOT NULL CHECK (height > 0),
  content     bytea NOT NULL,
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  PRIMARY KEY (district_id, sha256)
);
ALTER TABLE photos ALTER COLUMN content SET STORAGE EXTERNAL; -- compressed already

CREATE TABLE report_photos (
  district_id uuid NOT NULL,
  report_id   uuid NOT NULL REFERENCES reports ON DELETE CASCADE,
  position    smallint NOT NULL,
  sha256      bytea NOT NULL,
  PRIMARY KEY (report_id, position),
  FOREIGN KEY (district_id, sha256) REFERENCES photos
);
CREATE INDEX report_photos_photo ON report_photos (district_id, sha256);

-- One space of keys for each caller. response is empty while the report it names
-- is still being planned; a twin waits for it.
CREATE TABLE idempotency_keys (
  district_id uuid NOT NULL REFERENCES districts,
  scope       text NOT NULL,
  key         text NOT NULL,
  body_sha256 bytea NOT NULL CHECK (octet_length(body_sha256) = 32),
  report_id   uuid NOT NULL,
  case_id     uuid NOT NULL,
  response    bytea,
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  PRIMARY KEY (district_id, scope, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys USING brin (made_at);

-- What a planner was told and what it answered, as canonical bytes: the same
-- input gives the same output again, years later.
CREATE TABLE plans (
  id          uuid PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  case_id     uuid NOT NULL REFERENCES cases,
  state       text NOT NULL CHECK (state IN ('committed', 'proposed')),
  why         text NOT NULL,
  input       bytea NOT NULL,
  output      bytea NOT NULL,
  made_at     timestamptz NOT NULL DEFAULT gp_now()
);
CREATE INDEX plans_case ON plans (case_id);

CREATE TABLE assignments (
  id          uuid PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  case_id     uuid NOT NULL REFERENCES cases,
  patrol_id   uuid NOT NULL REFERENCES patrols,
  plan_id     uuid NOT NULL REFERENCES plans,
  department  text NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('first_look', 'department')),
  part        text CHECK (part IN ('lead', 'assist')),
  state       text NOT NULL CHECK (state IN ('proposed', 'offered', 'accepted', 'en_route', 'on_scene', 'done',
              'declined', 'expired', 'recalled')),
  active      boolean GENERATED ALWAYS AS (state IN ('offered', 'accepted', 'en_route', 'on_scene')) STORED,
  eta_s       double precision,
  road_m      double precision,
  mode        text NOT NULL CHECK (mode IN ('foot', 'ebike', 'car')),
  eta_kind    text CHECK (eta_kind IN ('road', 'straight')),
  fix_age_s   double precision,
  candidates  jsonb NOT NULL DEFAULT '[]',
  reason      text NOT NULL DEFAULT '',
  leaves_at   timestamptz,
  offered_at  timestamptz,
  expires_at  timestamptz,
  arrived_at  timestamptz,
  ended_at    timestamptz,
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  CHECK ((kind = 'department') = (part IS NOT NULL))
) WITH (fillfactor = 80);
-- The backstop of every claim: a patrol is in one place at a time.
CREATE UNIQUE INDEX assignments_one_active ON assignments (patrol_id) WHERE active;
CREATE INDEX assignments_case ON assignments (case_id);
CREATE INDEX assignments_patrol ON assignments (patrol_id, id DESC);

-- Proof. The canonical bytes are what counts; body is derived from them. Order is
-- (xid, id): the sequence alone would skip whoever commits late.
CREATE TABLE case_events (
  xid         xid8 NOT NULL DEFAULT pg_current_xact_id(),
  id          bigint GENERATED ALWAYS AS IDENTITY,
  district_id uuid NOT NULL REFERENCES districts,
  case_id     uuid REFERENCES cases,
  patrol_id   uuid,
  kind        text NOT NULL,
  at          timestamptz NOT NULL,
  canonical   bytea NOT NULL,
  body        jsonb NOT NULL,
  PRIMARY KEY (xid, id)
);
CREATE INDEX case_events_case ON case_events (case_id, id);
REVOKE UPDATE, DELETE, TRUNCATE ON case_events FROM gp_app;

-- A deadline does nothing when the case has moved on from the stage it was armed
-- in. leased_until keeps other pollers away while one works on it.
CREATE TABLE deadlines (
  id            uuid PRIMARY KEY,
  district_id   uuid NOT NULL REFERENCES districts,
  case_id       uuid NOT NULL REFERENCES cases,
  assignment_id uuid REFERENCES assignments,
  stage         text NOT NULL,
  step          text NOT NULL CHECK (step IN ('dispatch', 'offer', 'answer')),
  due_at        timestamptz NOT NULL,
  leased_until  timestamptz,
  tries         integer NOT NULL DEFAULT 0,
  UNIQUE NULLS NOT DISTINCT (case_id, assignment_id, step)
) WITH (fillfactor = 70);
CREATE INDEX deadlines_due ON deadlines (due_at);
CREATE INDEX deadlines_assignment ON deadlines (assignment_id);

-- What a person was told, and whether they saw it.
CREATE TABLE notices (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  case_id     uuid NOT NULL REFERENCES cases,
  staff_id    uuid NOT NULL REFERENCES staff,
  why         text NOT NULL CHECK (why IN ('grid_chief', 'town_leader')),
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  seen_at     timestamptz,
  UNIQUE (case_id, staff_id, why)
);
CREATE INDEX notices_staff ON notices (staff_id, id DESC) WHERE seen_at IS NULL;

-- An operator's list: what the system could not settle by itself.
CREATE TABLE operator_items (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  case_id     uuid NOT NULL REFERENCES cases,
  department  text NOT NULL,
  reason      text NOT NULL,
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  settled_at  timestamptz
);
CREATE UNIQUE INDEX operator_items_open ON operator_items (case_id, department) WHERE settled_at IS NULL;

-- What is to be announced. Each node follows it from (xid, id) on and remembers
-- which rows of transactions still in flight it has seen.
CREATE TABLE outbox (
  xid         xid8 NOT NULL DEFAULT pg_current_xact_id(),
  id          bigint GENERATED ALWAYS AS IDENTITY,
  district_id uuid NOT NULL REFERENCES districts,
  body        bytea NOT NULL,
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  PRIMARY KEY (xid, id)
);

-- +goose Down
DROP TABLE outbox, operator_items, notices, deadlines, case_events, assignments, plans, idempotency_keys,
  report_photos, photos, reports, cases, case_counters;
DROP INDEX patrols_department, staff_town_leaders;
DROP FUNCTION gp_area_path;
