-- The register: who and what there is, before anything happens. Every domain key
-- carries district_id from the start; what can be redrawn or restaffed is dated,
-- so that "who was responsible at 21:40 on 3 May" is a query.

-- +goose Up
CREATE EXTENSION IF NOT EXISTS postgis;
CREATE EXTENSION IF NOT EXISTS btree_gist;

-- Three database roles. The owner owns; the app works and can never rewrite an
-- event; the auditor reads. Roles belong to the whole cluster, so another
-- database of it may be creating them at this very moment.
-- +goose StatementBegin
DO $$
DECLARE r text;
BEGIN
  FOREACH r IN ARRAY ARRAY['gp_owner', 'gp_app', 'gp_auditor'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', r);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
  END LOOP;
END $$;
-- +goose StatementEnd

GRANT USAGE ON SCHEMA public TO gp_app, gp_auditor;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO gp_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO gp_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO gp_auditor;

-- One clock for every statement, so that two nodes agree and a test can move
-- time. Only the owner may shift it.
CREATE TABLE clock_shift (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  shift    interval NOT NULL DEFAULT '0'
);
INSERT INTO clock_shift DEFAULT VALUES;
REVOKE INSERT, UPDATE, DELETE ON clock_shift FROM gp_app;

CREATE FUNCTION gp_now() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT now() + shift FROM clock_shift $$;

-- What a running service keeps in memory is read again when its revision moves.
-- Whoever changes grids, roads or the roster bumps the row in the same transaction.
CREATE TABLE revisions (
  topic      text PRIMARY KEY CHECK (topic IN ('grids', 'roads', 'roster', 'categories')),
  revision   bigint NOT NULL DEFAULT 0,
  changed_at timestamptz NOT NULL DEFAULT gp_now()
);
INSERT INTO revisions (topic) VALUES ('grids'), ('roads'), ('roster'), ('categories');

CREATE TABLE districts (
  id      uuid PRIMARY KEY,
  code    text NOT NULL UNIQUE,
  name_zh text NOT NULL,
  name_en text NOT NULL,
  made_at timestamptz NOT NULL DEFAULT gp_now()
);
-- A program serves one district; its row is there from the start and is renamed
-- when the district's own area is imported.
INSERT INTO districts (id, code, name_zh, name_en)
VALUES ('00000000-0000-7000-8000-000000000001', 'district', '本区', 'District');

CREATE TABLE departments (
  district_id uuid NOT NULL REFERENCES districts,
  code        text NOT NULL CHECK (code ~ '^[a-z][a-z0-9_]{0,31}$'),
  name_zh     text NOT NULL,
  name_en     text NOT NULL,
  PRIMARY KEY (district_id, code)
);

CREATE TABLE areas (
  district_id uuid NOT NULL REFERENCES districts,
  code        text NOT NULL CHECK (code ~ '^[A-Za-z0-9._-]{1,32}$'),
  name        text NOT NULL,
  level       text NOT NULL CHECK (level IN ('district', 'town', 'village')),
  parent_code text,
  PRIMARY KEY (district_id, code),
  FOREIGN KEY (district_id, parent_code) REFERENCES areas,
  CHECK (level = 'district' OR parent_code IS NOT NULL)
);
CREATE INDEX areas_parent ON areas (district_id, parent_code);

-- lead, joint and optional name departments, or the words village, town for what
-- is settled locally; they are free text here because a category may name a
-- department that has no patrols and no row.
CREATE TABLE categories (
  id            uuid PRIMARY KEY,
  district_id   uuid NOT NULL REFERENCES districts,
  code          text NOT NULL CHECK (code ~ '^[A-Z][0-9]{2}$'),
  name_zh       text NOT NULL,
  name_en       text NOT NULL,
  lead          text NOT NULL,
  joint         text[] NOT NULL DEFAULT '{}',
  optional      text[] NOT NULL DEFAULT '{}',
  urgency       text NOT NULL CHECK (urgency IN ('urgent', 'ordinary', 'hard')),
  dispatch_mode text NOT NULL CHECK (dispatch_mode IN ('auto', 'confirm', 'manual')),
  skill         text,
  valid         tstzrange NOT NULL,
  EXCLUDE USING gist (district_id WITH =, code WITH =, valid WITH &&)
);

-- A redrawn map is one version: drafted, checked, then activated at once.
-- checked is the report of overlaps, gaps, invalid and repaired features.
CREATE TABLE grid_versions (
  id          uuid PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  state       text NOT NULL CHECK (state IN ('draft', 'active', 'withdrawn')),
  source      text NOT NULL,
  checked     jsonb NOT NULL DEFAULT '{}',
  valid       tstzrange,
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  CHECK ((state = 'active') = (valid IS NOT NULL)),
  EXCLUDE USING gist (district_id WITH =, valid WITH &&) WHERE (valid IS NOT NULL)
);

CREATE TABLE grids (
  id          uuid PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  version_id  uuid NOT NULL REFERENCES grid_versions ON DELETE CASCADE,
  code        text NOT NULL CHECK (code <> ''),
  name        text NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('general', 'special')),
  area_code   text,
  categories  text[] NOT NULL DEFAULT '{}',
  area_m2     double precision NOT NULL,
  geom        geometry(MultiPolygon, 4326) NOT NULL,
  UNIQUE (version_id, code),
  FOREIGN KEY (district_id, area_code) REFERENCES areas,
  CHECK (kind = 'special' OR categories = '{}')
);
CREATE INDEX grids_geom ON grids USING gist (geom);

CREATE TABLE staff (
  id          uuid PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  code        text NOT NULL CHECK (code <> ''),
  name        text NOT NULL,
  role        text NOT NULL,
  department  text,
  area_code   text,
  phone       text,
  UNIQUE (district_id, code),
  FOREIGN KEY (district_id, department) REFERENCES departments,
  FOREIGN KEY (district_id, area_code) REFERENCES areas
);

-- Who answers for a grid, and when. A grid keeps its people through a redrawing,
-- so the code binds, not the row of one version.
CREATE TABLE grid_staff (
  district_id uuid NOT NULL REFERENCES districts,
  grid_code   text NOT NULL,
  staff_id    uuid NOT NULL REFERENCES staff,
  part        text NOT NULL CHECK (part IN ('worker', 'substitute', 'part_timer', 'chief', 'instructor')),
  valid       tstzrange NOT NULL,
  EXCLUDE USING gist (district_id WITH =, grid_code WITH =, staff_id WITH =, part WITH =, valid WITH &&)
);
CREATE UNIQUE INDEX grid_staff_one_worker ON grid_staff (district_id, grid_code) WHERE part = 'worker' AND upper_inf(valid);

-- A patrol's status moves by compare-and-set on version; claimed_by names the
-- assignment that holds it. The unique index on active assignments is the backstop.
CREATE TABLE patrols (
  id          uuid PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  code        text NOT NULL CHECK (code <> ''),
  name        text NOT NULL,
  department  text NOT NULL,
  mode        text NOT NULL CHECK (mode IN ('foot', 'ebike', 'car')),
  skills      text[] NOT NULL DEFAULT '{}',
  area_code   text,
  simulated   boolean NOT NULL DEFAULT false,
  status      text NOT NULL DEFAULT 'off_duty'
              CHECK (status IN ('off_duty', 'free', 'assigned', 'en_route', 'on_scene', 'break')),
  claimed_by  uuid,
  version     bigint NOT NULL DEFAULT 1,
  status_at   timestamptz NOT NULL DEFAULT gp_now(),
  UNIQUE (district_id, code),
  FOREIGN KEY (district_id, department) REFERENCES departments,
  FOREIGN KEY (district_id, area_code) REFERENCES areas,
  CHECK ((claimed_by IS NOT NULL) = (status IN ('assigned', 'en_route', 'on_scene')))
) WITH (fillfactor = 70);

CREATE TABLE patrol_members (
  patrol_id uuid NOT NULL REFERENCES patrols,
  staff_id  uuid NOT NULL REFERENCES staff,
  valid     tstzrange NOT NULL,
  EXCLUDE USING gist (staff_id WITH =, patrol_id WITH =, valid WITH &&)
);
CREATE INDEX patrol_members_patrol ON patrol_members (patrol_id);

CREATE TABLE devices (
  id          uuid PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  code        text NOT NULL CHECK (code <> ''),
  simulated   boolean NOT NULL DEFAULT false,
  revoked_at  timestamptz,
  UNIQUE (district_id, code)
);

-- Which patrol a device speaks for, and when: looked up at a fix's own time.
CREATE TABLE device_bindings (
  device_id uuid NOT NULL REFERENCES devices,
  patrol_id uuid NOT NULL REFERENCES patrols,
  valid     tstzrange NOT NULL,
  EXCLUDE USING gist (device_id WITH =, valid WITH &&)
);
CREATE INDEX device_bindings_patrol ON device_bindings (patrol_id);

-- When a patrol is on duty. Off duty means not tracked.
CREATE TABLE duties (
  id        uuid PRIMARY KEY,
  patrol_id uuid NOT NULL REFERENCES patrols,
  during    tstzrange NOT NULL CHECK (NOT isempty(during)),
  source    text NOT NULL CHECK (source IN ('shift', 'manual')),
  EXCLUDE USING gist (patrol_id WITH =, during WITH &&)
);

-- +goose Down
DROP TABLE duties, device_bindings, devices, patrol_members, patrols, grid_staff, staff,
  grids, grid_versions, categories, areas, departments, districts, revisions CASCADE;
DROP FUNCTION gp_now CASCADE;
DROP TABLE clock_shift;
