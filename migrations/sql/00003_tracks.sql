-- Where devices were. A fix is (device, stream, seq), a stream being one install;
-- the sent time t is part of the key because the table is cut into days by it. What
-- was acknowledged to a device stands here, in beacon_streams, in the quarantine, or
-- in the off-duty count, all written by the one transaction before the
-- acknowledgement.

-- +goose Up

-- The key leads with the device: it is how a track is read, and it would be the
-- distribution key of a cluster. There is no foreign key and no spatial index: this
-- is the table that grows by ten million rows a day.
CREATE TABLE tracks (
  district_id uuid NOT NULL,
  device_id   uuid NOT NULL,
  stream      uuid NOT NULL,
  seq         bigint NOT NULL CHECK (seq > 0),
  t           timestamptz NOT NULL,
  received_at timestamptz NOT NULL,
  patrol_id   uuid NOT NULL,
  cell        bigint NOT NULL,
  lon         double precision NOT NULL CHECK (lon BETWEEN -180 AND 180),
  lat         double precision NOT NULL CHECK (lat BETWEEN -90 AND 90),
  accuracy_m  real,
  speed_ms    real,
  heading_deg real,
  battery     real,
  mock        boolean NOT NULL,
  verdict     text CHECK (verdict <> ''), -- doubts by name with commas between; null: none
  PRIMARY KEY (device_id, t, stream, seq)
) PARTITION BY RANGE (t);
CREATE INDEX tracks_t ON tracks USING brin (t);

-- A day without a partition must not cost a fix. A row in here raises an alert.
CREATE TABLE tracks_default PARTITION OF tracks DEFAULT;

-- Makes the partitions of the days from first to last that are missing and answers
-- how many it made. Days are days of UTC. It runs as owner.
-- +goose StatementBegin
CREATE FUNCTION make_track_partitions(first date, last date) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  day  date := first;
  part text;
  made integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('make_track_partitions'));
  WHILE day <= last LOOP
    part := 'tracks_' || to_char(day, 'YYYYMMDD');
    IF to_regclass('public.' || part) IS NULL THEN
      -- Made beside, filled from the default partition, then attached, so that a day
      -- that came too late for its partition is taken over too.
      EXECUTE format('CREATE TABLE %I (LIKE tracks INCLUDING ALL)', part);
      EXECUTE format('WITH late AS (DELETE FROM tracks_default WHERE t >= %L AND t < %L RETURNING *)
                      INSERT INTO %I SELECT * FROM late',
                     day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC', part);
      EXECUTE format('ALTER TABLE tracks ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part,
                     day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
      made := made + 1;
    END IF;
    day := day + 1;
  END LOOP;
  RETURN made;
END $$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION make_track_partitions FROM PUBLIC;

-- Which sequences of a stream are settled: all up to acked, and the ranges beyond a
-- hole as first, last, first, last. The version moves with every write, so that two
-- nodes cannot both believe that they know it.
CREATE TABLE beacon_streams (
  device_id   uuid NOT NULL,
  stream      uuid NOT NULL,
  district_id uuid NOT NULL,
  acked       bigint NOT NULL CHECK (acked >= 0),
  beyond      bigint[] NOT NULL DEFAULT '{}' CHECK (cardinality(beyond) % 2 = 0),
  version     bigint NOT NULL,
  written_at  timestamptz NOT NULL,
  PRIMARY KEY (device_id, stream)
) WITH (fillfactor = 50);

-- Fixes whose time cannot be believed. The position is null where the device was
-- not on duty at that time.
CREATE TABLE quarantined_fixes (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  district_id uuid NOT NULL,
  device_id   uuid NOT NULL,
  stream      uuid NOT NULL,
  seq         bigint NOT NULL,
  code        text NOT NULL CHECK (code IN ('future', 'too_old')),
  t           timestamptz NOT NULL,
  received_at timestamptz NOT NULL,
  lon         double precision,
  lat         double precision,
  accuracy_m  real,
  UNIQUE (device_id, stream, seq)
);

-- Off duty means not tracked: a count a day is all there is.
CREATE TABLE off_duty_counts (
  device_id   uuid NOT NULL,
  day         date NOT NULL,
  district_id uuid NOT NULL,
  fixes       bigint NOT NULL CHECK (fixes > 0),
  PRIMARY KEY (device_id, day)
) WITH (fillfactor = 70);

-- The newest place of each patrol, for the next start. Live questions are answered
-- from memory; an index on the place would bloat under the updates.
CREATE TABLE last_positions (
  patrol_id   uuid PRIMARY KEY,
  district_id uuid NOT NULL,
  device_id   uuid NOT NULL,
  stream      uuid NOT NULL,
  seq         bigint NOT NULL,
  t           timestamptz NOT NULL,
  lon         double precision NOT NULL,
  lat         double precision NOT NULL,
  cell        bigint NOT NULL,
  accuracy_m  real,
  speed_ms    real,
  heading_deg real
) WITH (fillfactor = 50);

-- Whose a fix is and whether it may be kept follows from these tables. Whoever
-- changes them, by whatever door, makes every node read them again: the revision is
-- compared in the transaction that writes a batch of fixes.
-- +goose StatementBegin
CREATE FUNCTION roster_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE revisions SET revision = revision + 1, changed_at = gp_now() WHERE topic = 'roster';
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER device_bindings_changed AFTER INSERT OR UPDATE OR DELETE ON device_bindings
  FOR EACH STATEMENT EXECUTE FUNCTION roster_changed();
CREATE TRIGGER duties_changed AFTER INSERT OR UPDATE OR DELETE ON duties
  FOR EACH STATEMENT EXECUTE FUNCTION roster_changed();
CREATE TRIGGER devices_changed AFTER INSERT OR UPDATE OR DELETE ON devices
  FOR EACH STATEMENT EXECUTE FUNCTION roster_changed();

-- +goose Down
DROP TRIGGER device_bindings_changed ON device_bindings;
DROP TRIGGER duties_changed ON duties;
DROP TRIGGER devices_changed ON devices;
DROP FUNCTION roster_changed;
DROP TABLE tracks, beacon_streams, quarantined_fixes, off_duty_counts, last_positions;
DROP FUNCTION make_track_partitions;
