package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/cmd/gridpatrol/doctor"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// wholeDistrict is a small district in which nothing is missing, on a database
// whose service runs.
const wholeDistrict = `
INSERT INTO areas SELECT id, 'D', '示范区', 'district', NULL FROM districts;
INSERT INTO areas SELECT id, 'T1', '一镇', 'town', 'D' FROM districts;
INSERT INTO areas SELECT id, 'T2', '二镇', 'town', 'D' FROM districts;
INSERT INTO departments SELECT id, c, c, c FROM districts, unnest(ARRAY['police', 'grid']) c;
INSERT INTO categories (id, district_id, code, name_zh, name_en, lead, urgency, dispatch_mode, valid)
  SELECT gen_random_uuid(), id, 'A0' || n, 'x', 'x', l, 'ordinary', 'auto', '[2026-01-01,)' FROM districts, (VALUES (1, 'police'), (2, 'village')) c (n, l);
INSERT INTO grid_versions (id, district_id, state, source, valid) SELECT '00000000-0000-7000-8000-0000000000a1', id, 'active', 'test', '[2026-01-01,)' FROM districts;
INSERT INTO grids (id, district_id, version_id, code, name, kind, area_code, area_m2, geom)
  SELECT gen_random_uuid(), id, '00000000-0000-7000-8000-0000000000a1', 'G1', '一格', 'general', 'T1', 1e6,
    'SRID=4326;MULTIPOLYGON(((121 28,121.01 28,121.01 28.01,121 28)))' FROM districts;
INSERT INTO staff (id, district_id, code, name, role) SELECT ('00000000-0000-7000-8000-0000000000b' || n)::uuid, id, 'S' || n, 'x', 'grid_worker' FROM districts, generate_series(1, 2) n;
INSERT INTO grid_staff SELECT id, 'G1', '00000000-0000-7000-8000-0000000000b1', 'worker', '[2026-01-01,)' FROM districts;
INSERT INTO grid_staff SELECT id, 'G1', '00000000-0000-7000-8000-0000000000b2', 'substitute', '[2026-01-01,)' FROM districts;
INSERT INTO patrols (id, district_id, code, name, department, mode, area_code)
  SELECT ('00000000-0000-7000-8000-0000000000c' || n)::uuid, id, 'P' || n, 'x', d, 'foot', a
  FROM districts, (VALUES (1, 'grid', 'T1'), (2, 'grid', 'T1'), (3, 'police', 'T1'), (4, 'police', 'D')) p (n, d, a);
INSERT INTO patrol_members SELECT ('00000000-0000-7000-8000-0000000000c' || n)::uuid, ('00000000-0000-7000-8000-0000000000b' || n)::uuid, '[2026-01-01,)' FROM generate_series(1, 2) n;
INSERT INTO duties SELECT gen_random_uuid(), id, tstzrange(gp_now() - interval '1 h', gp_now() + interval '48 h'), 'shift' FROM patrols WHERE code <> 'P2';
INSERT INTO devices SELECT '00000000-0000-7000-8000-0000000000d1', id, 'V1' FROM districts;
INSERT INTO device_bindings VALUES ('00000000-0000-7000-8000-0000000000d1', '00000000-0000-7000-8000-0000000000c1', '[2026-01-01,)');
INSERT INTO beacon_streams SELECT '00000000-0000-7000-8000-0000000000d1', gen_random_uuid(), id, 9, '{}', 1, gp_now() FROM districts;
INSERT INTO accounts (id, district_id, username, role, password_hash) SELECT gen_random_uuid(), id, r, r, 'none' FROM districts, unnest(ARRAY['admin', 'operator']) r;
INSERT INTO tokens (id, district_id, secret_hash, hint, device_id, expires_at)
  SELECT gen_random_uuid(), id, sha256('a'), 'gp_', '00000000-0000-7000-8000-0000000000d1', gp_now() + interval '1 year' FROM districts;
INSERT INTO road_networks (district_id, source, format, size, sha256, stats, active) SELECT id, 'map.osm.pbf', 1, 1, sha256('a'), '{}', true FROM districts;
INSERT INTO nodes (id, district_id, host, schema, clock_ahead_s, timers_late_s) SELECT gen_random_uuid(), id, 'desk', 16, 0.1, 0.2 FROM districts;
SELECT make_track_partitions((gp_now() AT TIME ZONE 'UTC')::date - 1, (gp_now() AT TIME ZONE 'UTC')::date + 8);`

// Each fault is found by its check, with its severity and something to do; and
// where nothing is wrong, nothing is found.
func TestDoctorFindsEachFault(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, check string
		severity    doctor.Severity
		spoil       string
		says        string
	}{
		{"all is well", "", doctor.OK, ``, ""},
		{"a node's clock runs ahead", "clock", doctor.Warn, `UPDATE nodes SET clock_ahead_s = 5`, "differ by 5s"},
		{"a node's clock is far off", "clock", doctor.Fail, `UPDATE nodes SET clock_ahead_s = -300`, "differ by 5m0s"},
		{"a clock left moved by a test", "clock", doctor.Fail, `UPDATE clock_shift SET shift = '1 s'`, "moved"},
		{"commits are not waited for", "durability", doctor.Fail, `SET synchronous_commit = off`, "synchronous_commit"},
		{"a migration is pending", "schema", doctor.Fail, `DELETE FROM goose_db_version WHERE version_id = 7`, "[7]"},
		{"no schema", "schema", doctor.Fail, `DROP TABLE goose_db_version`, "no schema"},
		{"a newer schema", "schema", doctor.Warn, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`, "99999"},
		{"PostGIS is missing", "versions", doctor.Fail, `UPDATE pg_extension SET extname = 'gone' WHERE extname = 'postgis'`, "PostGIS"},
		{"today has no partition", "partitions", doctor.Fail, dropPartition(0), "Today"},
		{"partitions run out", "partitions", doctor.Warn, dropPartition(3), "3 days"},
		{"a fix without a partition", "strays", doctor.Warn, `INSERT INTO tracks (district_id, device_id, stream, seq, t, received_at, patrol_id, cell, lon, lat, mock)
			SELECT id, id, id, 1, gp_now() + interval '40 days', gp_now(), id, 1, 121, 28, false FROM districts`, "outside"},
		{"no service runs", "service", doctor.Warn, `UPDATE nodes SET beat_at = gp_now() - interval '5 min'`, "No service"},
		{"timers stand still", "service", doctor.Fail, `UPDATE nodes SET timers_late_s = 90`, "90 s late"},
		{"two nodes, one without a bus", "service", doctor.Warn, `INSERT INTO nodes (id, district_id, host, schema, bus) SELECT gen_random_uuid(), id, 'desk-2', 52, 'inside' FROM districts`, "1 of them have no bus"},
		{"photos wait", "photos", doctor.Warn, `INSERT INTO photos (district_id, sha256, media_type, width, height, content, made_at)
			SELECT id, sha256('a'), 'image/jpeg', 1, 1, '', gp_now() - interval '40 min' FROM districts;
			INSERT INTO photo_todo (district_id, sha256, tries, due_at) SELECT district_id, sha256, 3, gp_now() FROM photos`, "oldest for 40 minutes, tried 3 times"},
		{"a photo came just now", "", doctor.OK, `INSERT INTO photos (district_id, sha256, media_type, width, height, content)
			SELECT id, sha256('a'), 'image/jpeg', 1, 1, '' FROM districts; INSERT INTO photo_todo (district_id, sha256) SELECT district_id, sha256 FROM photos`, ""},
		{"no map", "grids", doctor.Fail, `UPDATE grid_versions SET state = 'withdrawn', valid = NULL`, "No map"},
		{"an old draft", "drafts", doctor.Warn, `INSERT INTO grid_versions (id, district_id, state, source, made_at)
			SELECT gen_random_uuid(), id, 'draft', 'spring.geojson', gp_now() - interval '30 days' FROM districts`, "spring.geojson"},
		{"a grid without a worker", "staffing", doctor.Warn, `UPDATE grid_staff SET valid = tstzrange('2026-01-01', gp_now() - interval '1 min') WHERE part = 'worker'`, "G1"},
		{"the worker is off and nobody steps in", "substitutes", doctor.Warn, `DELETE FROM duties WHERE patrol_id = '00000000-0000-7000-8000-0000000000c1'`, "G1"},
		{"the worker is off and a substitute is on", "", doctor.OK, `UPDATE duties SET patrol_id = '00000000-0000-7000-8000-0000000000c2' WHERE patrol_id = '00000000-0000-7000-8000-0000000000c1'`, ""},
		{"no police for a town", "towns", doctor.Warn, `DELETE FROM duties WHERE patrol_id = '00000000-0000-7000-8000-0000000000c4'`, "T2 二镇"},
		{"police go home before the night", "towns", doctor.Warn, `UPDATE duties SET during = tstzrange(gp_now() - interval '1 h', gp_now() + interval '6 h')`, "a part of the next 24 h"},
		{"a department without patrols", "departments", doctor.Warn, `INSERT INTO departments SELECT id, 'fire', '消防', 'Fire' FROM districts`, "fire"},
		{"a category nobody can be sent for", "categories", doctor.Warn, `INSERT INTO categories (id, district_id, code, name_zh, name_en, lead, urgency, dispatch_mode, valid)
			SELECT gen_random_uuid(), id, 'C14', 'x', 'x', 'fire', 'ordinary', 'auto', '[2026-01-01,)' FROM districts`, "C14 (fire)"},
		{"no roads", "roads", doctor.Warn, `DELETE FROM road_networks`, "No roads"},
		{"stale roads", "roads", doctor.Warn, `UPDATE road_networks SET made_at = gp_now() - interval '200 days'`, "200 days"},
		{"a dead device", "devices", doctor.Warn, `UPDATE beacon_streams SET written_at = gp_now() - interval '8 days'`, "V1"},
		{"a device that sends in another datum", "positions", doctor.Warn, `UPDATE beacon_streams SET doubts = 'frozen,gcj02', doubted_at = gp_now() - interval '23 h'`, "V1 (frozen,gcj02)"},
		{"a device that did so the day before", "", doctor.OK, `UPDATE beacon_streams SET doubts = 'mock', doubted_at = gp_now() - interval '25 h'`, ""},
		{"a program that does so", "", doctor.OK, `UPDATE beacon_streams SET doubts = 'mock', doubted_at = gp_now(); UPDATE devices SET simulated = true`, ""},
		{"nobody can sign in as operator", "accounts", doctor.Warn, `UPDATE accounts SET disabled_at = gp_now() WHERE role = 'operator'`, "operator"},
		{"a webhook was disabled", "webhooks", doctor.Warn, `INSERT INTO webhooks (id, district_id, name, url, kinds, disabled_because, last_fault)
			SELECT gen_random_uuid(), id, '大数据局', 'https://example.org/', '{case.opened}', 'failing', '502 bad' FROM districts`, "大数据局 (failing: 502 bad)"},
		{"a webhook takes nothing", "webhooks", doctor.Warn, `INSERT INTO webhooks (id, district_id, name, url, kinds, failing_since, last_fault)
			SELECT gen_random_uuid(), id, '大数据局', 'https://example.org/', '{case.opened}', gp_now() - interval '2 h', '502' FROM districts`, "more than an hour"},
		{"a webhook that was switched off", "", doctor.OK, `INSERT INTO webhooks (id, district_id, name, url, kinds, disabled_because)
			SELECT gen_random_uuid(), id, '大数据局', 'https://example.org/', '{case.opened}', 'by_hand' FROM districts`, ""},
		{"a token without an end", "tokens", doctor.Warn, `UPDATE tokens SET expires_at = NULL`, "never expire"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conn := ownerOf(t)
			for _, sql := range []string{wholeDistrict, c.spoil} {
				if _, err := conn.Exec(t.Context(), sql); err != nil {
					t.Fatal(err)
				}
			}
			found := false
			for _, f := range doctor.Examine(t.Context(), doctor.Patient{Conn: conn}) {
				if f.Check == "backup" {
					continue // has a test of its own
				}
				if f.Severity == doctor.OK {
					continue
				}
				if f.Check == "durability" && c.check != "durability" {
					continue // the tests' server keeps nothing on disk
				}
				t.Logf("%s %s: %s -> %s", f.Severity, f.Check, f.Says, f.Remedy)
				if c.name == "no schema" && f.Check != "schema" {
					continue
				}
				if f.Check != c.check {
					t.Errorf("found without need: %s: %s", f.Check, f.Says)
					continue
				}
				found = true
				if f.Severity != c.severity || !strings.Contains(f.Says, c.says) || f.Remedy == "" {
					t.Errorf("%s: %s -> %q, want %s with %q and a remedy", f.Severity, f.Says, f.Remedy, c.severity, c.says)
				}
				checkRemedy(t, f)
			}
			if c.check != "" && !found {
				t.Errorf("%s finds nothing", c.check)
			}
		})
	}
}

// checkRemedy holds the commands of a remedy to those that there are.
func checkRemedy(t *testing.T, f doctor.Finding) {
	t.Helper()
	for _, command := range commandsIn(f.Remedy) {
		if fault := knownCommand(command); fault != "" {
			t.Errorf("%s: the remedy %q: %s", f.Check, f.Remedy, fault)
		}
	}
}

func dropPartition(ahead int) string {
	return `DO $$ BEGIN EXECUTE 'DROP TABLE tracks_' || to_char((gp_now() AT TIME ZONE 'UTC')::date + ` + string(rune('0'+ahead)) + `, 'YYYYMMDD'); END $$`
}

// ownerOf is a connection as owner to a database of its own.
func ownerOf(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func TestDoctorLooksAtDiskAndClock(t *testing.T) {
	t.Parallel()
	conn := ownerOf(t)
	severity := func(check string, p doctor.Patient) doctor.Severity {
		p.Conn = conn
		for _, f := range doctor.Examine(t.Context(), p) {
			if f.Check == check {
				checkRemedy(t, f)
				return f.Severity
			}
		}
		return "not made"
	}
	for _, c := range []struct {
		free, total uint64
		err         error
		want        doctor.Severity
	}{{50e9, 100e9, nil, doctor.OK}, {10e9, 100e9, nil, doctor.Warn}, {5e8, 100e9, nil, doctor.Fail}, {0, 0, errors.New("gone"), doctor.Fail}} {
		disk := func() (uint64, uint64, error) { return c.free, c.total, c.err }
		if got := severity("disk", doctor.Patient{Disk: disk}); got != c.want {
			t.Errorf("%d of %d free: %s, want %s", c.free, c.total, got, c.want)
		}
	}
	for ahead, want := range map[time.Duration]doctor.Severity{0: doctor.OK, 10 * time.Second: doctor.Warn, -time.Hour: doctor.Fail} {
		now := func() time.Time { return time.Now().Add(ahead) }
		if got := severity("clock", doctor.Patient{Now: now}); got != want {
			t.Errorf("a clock %s ahead: %s, want %s", ahead, got, want)
		}
	}
}

// A schema with a book of backups is asked for the newest.
func TestDoctorAsksForBackups(t *testing.T) {
	t.Parallel()
	conn := ownerOf(t)
	const book = `CREATE TABLE IF NOT EXISTS backups_made (id uuid PRIMARY KEY, district_id uuid, at timestamptz, file_name text, bytes bigint,
		sha256 bytea, schema_version bigint, took_s float8)`
	for _, step := range []struct {
		sql  string
		want doctor.Severity
	}{
		{book, doctor.Warn},
		{`INSERT INTO backups_made SELECT gen_random_uuid(), id, gp_now() - interval '30 h', 'a', 1, sha256('a'), 1, 1 FROM districts`, doctor.Warn},
		{`UPDATE backups_made SET at = gp_now() - interval '3 h'`, doctor.OK},
	} {
		if _, err := conn.Exec(t.Context(), step.sql); err != nil {
			t.Fatal(err)
		}
		for _, f := range doctor.Examine(t.Context(), doctor.Patient{Conn: conn}) {
			if f.Check == "backup" && f.Severity != step.want {
				t.Errorf("after %.40q: %s %s, want %s", step.sql, f.Severity, f.Says, step.want)
			}
		}
	}
}

// The command migrates nothing, prints for people or programs, and ends with 1 when
// something fails.
func TestDoctorCommand(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	env := &Env{Stdout: &out, Log: slog.New(slog.DiscardHandler), Common: Common{DatabaseURL: pgtest.EmptyURL(t)}}
	err := doctorCmd{JSON: true}.Run(t.Context(), env)
	if exitCode(err, &out) != exitFailed {
		t.Errorf("an empty database: %v", err)
	}
	var told struct {
		Worst    doctor.Severity
		Findings []doctor.Finding
	}
	if err := json.NewDecoder(strings.NewReader(out.String())).Decode(&told); err != nil || told.Worst != doctor.Fail || len(told.Findings) < 20 {
		t.Errorf("%v: %s", err, out.String())
	}
	for _, f := range told.Findings {
		if f.Check == "schema" && !strings.Contains(f.Says, "no schema") {
			t.Errorf("the schema was made before it was looked at: %+v", f)
		}
	}
	out.Reset()
	env.Common.DatabaseURL = "postgres://nobody@127.0.0.1:1/none?connect_timeout=1"
	if err := (doctorCmd{}).Run(t.Context(), env); exitCode(err, &strings.Builder{}) != exitFailed || !strings.HasPrefix(out.String(), "FAIL  database") ||
		!strings.Contains(out.String(), "-> ") {
		t.Errorf("a database that is away: %v\n%s", err, out.String())
	}
	out.Reset()
	if err := (doctorCmd{}).report(&out, []doctor.Finding{{Check: "roads", Severity: doctor.Warn, Says: "Old.", Remedy: "Import."}}); err != nil {
		t.Errorf("a warning is no failure: %v", err)
	}
}
