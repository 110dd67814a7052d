package pgbackup_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/durable/durabletest"
	"github.com/gridpatrol/gridpatrol/migrations"
	"github.com/gridpatrol/gridpatrol/migrations/pgbackup"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// A district with everything that is hard to bring back: partitions and a fix
// outside of them, photos, events in the order of their transactions, identities,
// computed columns, ranges, arrays, geometry.
const fill = `
INSERT INTO departments SELECT id, 'police', '公安', 'Police' FROM districts;
INSERT INTO areas SELECT id, 'D', '示范区', 'district', NULL FROM districts;
INSERT INTO areas SELECT id, 'A-town', '一镇', 'town', 'D' FROM districts;
INSERT INTO grid_versions (id, district_id, state, source, valid) SELECT gen_random_uuid(), id, 'active', 'test', '[2026-01-01,)' FROM districts;
INSERT INTO grids (id, district_id, version_id, code, name, kind, area_code, area_m2, geom)
  SELECT gen_random_uuid(), v.district_id, v.id, 'G' || n, '格', 'general', 'A-town', 1e6,
    ST_Multi(ST_MakeEnvelope(121 + n * 0.01, 28, 121.01 + n * 0.01, 28.01, 4326)) FROM grid_versions v, generate_series(1, 20) n;
INSERT INTO patrols (id, district_id, code, name, department, mode, skills, area_code)
  SELECT gen_random_uuid(), id, 'P' || n, '队', 'police', 'car', '{dog,"two words"}', 'A-town' FROM districts, generate_series(1, 10) n;
INSERT INTO devices (id, district_id, code) SELECT gen_random_uuid(), district_id, 'V-' || code FROM patrols;
INSERT INTO device_bindings SELECT d.id, p.id, '[2026-01-01,)' FROM devices d JOIN patrols p ON d.code = 'V-' || p.code;
INSERT INTO duties SELECT gen_random_uuid(), id, tstzrange(gp_now() - interval '1 day', gp_now() + interval '1 day'), 'shift' FROM patrols;
INSERT INTO accounts (id, district_id, username, role, password_hash) SELECT gen_random_uuid(), id, 'wang', 'operator', 'argon' FROM districts;
INSERT INTO cases (id, district_id, number, stage, dispatch, category, urgency, lon, lat, cell, areas)
  SELECT gen_random_uuid(), id, 'N' || n, 'reported', 'none', 'C01', 'urgent', 121.3, 28.5, 9, '{A-town,D}' FROM districts, generate_series(1, 200) n;
INSERT INTO reports (id, district_id, case_id, category, lon, lat, sent_lon, sent_lat, sent_crs, cell, description, observed_at)
  SELECT gen_random_uuid(), district_id, id, category, lon, lat, lon, lat, 'wgs84', cell, E'line\\n"quoted" \\\\ 酸洗', gp_now() FROM cases;
INSERT INTO photos (district_id, sha256, media_type, width, height, content)
  SELECT d.id, sha256(c.content), 'image/jpeg', 4, 3, c.content
  FROM districts d, generate_series(1, 12) n, LATERAL (SELECT convert_to(repeat('photo ' || n, 5000), 'UTF8') AS content) c;
INSERT INTO report_photos SELECT p.district_id, r.id, row_number() OVER (), p.sha256 FROM photos p, (SELECT id FROM reports ORDER BY id LIMIT 1) r;
INSERT INTO case_events (district_id, case_id, kind, at, canonical, body)
  SELECT district_id, id, 'reported', made_at, convert_to(number, 'UTF8'), jsonb_build_object('n', number) FROM cases;
SELECT make_track_partitions((gp_now() AT TIME ZONE 'UTC')::date - 3, (gp_now() AT TIME ZONE 'UTC')::date);
INSERT INTO tracks (district_id, device_id, stream, seq, t, received_at, patrol_id, cell, lon, lat, accuracy_m, mock)
  SELECT d.district_id, d.id, d.id, n, gp_now() - n * interval '5 minutes', gp_now(), b.patrol_id, 9, 121.3 + n * 1e-7, 28.5, 8.5, false
  FROM devices d JOIN device_bindings b ON b.device_id = d.id, generate_series(1, 600) n;
INSERT INTO tracks (district_id, device_id, stream, seq, t, received_at, patrol_id, cell, lon, lat, mock)
  SELECT id, gen_random_uuid(), gen_random_uuid(), 1, '2020-01-01', gp_now(), gen_random_uuid(), 9, 121, 28, false FROM districts;
UPDATE revisions SET revision = 41 WHERE topic = 'roads';`

// write is one transaction of somebody who works while a backup is made: whoever
// sees a part of it sees all.
const write = `
WITH k AS (INSERT INTO cases (id, district_id, number, stage, dispatch, category, urgency, lon, lat, cell)
  SELECT gen_random_uuid(), id, 'W' || nextval('case_numbers'), 'reported', 'none', 'C01', 'urgent', 121.3, 28.5, 9 FROM districts RETURNING *),
e AS (INSERT INTO case_events (district_id, case_id, kind, at, canonical, body) SELECT district_id, id, 'reported', made_at, '', '{}' FROM k)
INSERT INTO tracks (district_id, device_id, stream, seq, t, received_at, patrol_id, cell, lon, lat, mock)
  SELECT district_id, id, id, 1, gp_now(), gp_now(), id, 9, 121, 28, false FROM k`

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%.80s: %v", statement, err)
	}
}

func ask[T any](t *testing.T, conn *pgx.Conn, query string) T {
	t.Helper()
	var answer T
	if err := conn.QueryRow(t.Context(), query).Scan(&answer); err != nil {
		t.Fatalf("%.80s: %v", query, err)
	}
	return answer
}

func filled(t *testing.T) (url string, conn *pgx.Conn) {
	t.Helper()
	url = pgtest.URL(t)
	conn = connect(t, url)
	exec(t, conn, fill)
	return url, conn
}

func backup(t *testing.T, url string) (path string, account *pgbackup.Account) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "district.backup")
	account, err := pgbackup.Backup(t.Context(), pgbackup.Config{URL: url, Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return path, account
}

func restore(t *testing.T, path, url string) (*pgbackup.Account, error) {
	t.Helper()
	f, err := pgbackup.Open(path, nil)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Restore(t.Context(), pgbackup.Config{URL: url}, migrations.Progress{})
}

// contents is a fingerprint of a table's rows, whatever their order.
func contents(t *testing.T, conn *pgx.Conn, table string) string {
	t.Helper()
	return ask[string](t, conn, fmt.Sprintf(`SELECT count(*) || ' ' || coalesce(md5(string_agg(md5(x::text), '' ORDER BY md5(x::text))), '') FROM %s x`, table))
}

// shape is what a database enforces, without its rows.
const shape = `SELECT string_agg(line, E'\n' ORDER BY line) FROM (
  SELECT 'table ' || c.relname || ' ' || c.relkind::text || ' ' || c.relrowsecurity || c.relforcerowsecurity || ' ' || coalesce(c.relacl::text, '') AS line
    FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'S', 'i', 'I')
  UNION ALL SELECT 'column ' || attrelid::regclass || ' ' || attname || ' ' || format_type(atttypid, atttypmod) || attnotnull || attidentity::text || attgenerated::text || attstorage::text
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND attnum > 0
  UNION ALL SELECT 'constraint ' || conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
  UNION ALL SELECT 'index ' || indexrelid::regclass || ' ' || pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE relnamespace = 'public'::regnamespace
  UNION ALL SELECT 'policy ' || tablename || ' ' || policyname || ' ' || roles::text || cmd || coalesce(qual, '') || coalesce(with_check, '') FROM pg_policies
  UNION ALL SELECT 'trigger ' || tgrelid::regclass || ' ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
  UNION ALL SELECT 'function ' || oid::regprocedure || ' ' || md5(prosrc) || coalesce(proacl::text, '') FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
  UNION ALL SELECT 'partition ' || c.relname || ' ' || pg_get_expr(relpartbound, oid) FROM pg_class c WHERE relispartition
  UNION ALL SELECT 'extension ' || extname || ' ' || extversion FROM pg_extension
  UNION ALL SELECT 'sequence ' || sequencename || ' ' || coalesce(last_value, 0) FROM pg_sequences WHERE schemaname = 'public' AND sequencename NOT LIKE 'goose%'
  UNION ALL SELECT 'default ' || defaclobjtype::text || defaclacl::text FROM pg_default_acl) all_lines`

func TestEverythingComesBack(t *testing.T) {
	t.Parallel()
	from, source := filled(t)
	path, account := backup(t, from)
	to := pgtest.EmptyURL(t)
	if _, err := restore(t, path, to); err != nil {
		t.Fatal(err)
	}
	target := connect(t, to)
	// Noted in the source after the snapshot.
	if n := ask[int64](t, source, `SELECT count(*) FROM backups_made WHERE file_name = 'district.backup' AND bytes > 0 AND octet_length(sha256) = 32`); n != 1 {
		t.Errorf("%d backups are noted", n)
	}
	exec(t, source, `DELETE FROM backups_made`)
	for _, table := range account.Manifest.Tables {
		if was, is := contents(t, source, table.Name), contents(t, target, table.Name); was != is {
			t.Errorf("%s was %s and is %s", table.Name, was, is)
		}
	}
	if was, is := ask[string](t, source, shape), ask[string](t, target, shape); was != is {
		had, has := strings.Split(was, "\n"), strings.Split(is, "\n")
		for _, line := range had {
			if !slices.Contains(has, line) {
				t.Errorf("missing: %s", line)
			}
		}
		for _, line := range has {
			if !slices.Contains(had, line) {
				t.Errorf("added: %s", line)
			}
		}
	}
	if n := ask[int64](t, target, `SELECT count(*) FROM photos WHERE sha256 = sha256(content)`); n != 12 {
		t.Errorf("%d photos are whole, want 12", n)
	}
	if n := ask[int64](t, target, `SELECT count(*) FROM ONLY tracks_default`); n != 1 {
		t.Errorf("%d stray fixes, want the one", n)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; the file holds secrets", info.Mode(), err)
	}
	if slices.ContainsFunc(account.Manifest.Tables, func(x pgbackup.Table) bool { return x.Name == "spatial_ref_sys" }) || len(account.Manifest.LeftOut) > 0 {
		t.Errorf("left out: %v", account.Manifest.LeftOut)
	}
}

// Whoever writes while a backup is made is in it wholly or not at all.
func TestBackupUnderWrites(t *testing.T) {
	t.Parallel()
	from, source := filled(t)
	path := filepath.Join(t.TempDir(), "district.backup")
	wrote := 0
	account, err := pgbackup.Backup(t.Context(), pgbackup.Config{URL: from, Path: path, Progress: func(string, int64, int64) {
		wrote++
		exec(t, source, write)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if wrote < len(account.Manifest.Tables) {
		t.Fatalf("only %d writes came in between", wrote)
	}
	to := pgtest.EmptyURL(t)
	if _, err := restore(t, path, to); err != nil {
		t.Fatal(err)
	}
	target := connect(t, to)
	cases := ask[int64](t, target, `SELECT count(*) FROM cases`)
	events := ask[int64](t, target, `SELECT count(*) FROM case_events`)
	fixes := ask[int64](t, target, `SELECT count(*) - 6001 + 200 FROM tracks`)
	if cases != events || cases != fixes {
		t.Errorf("%d cases, %d events, %d fixes: these are not of one moment", cases, events, fixes)
	}
	if there := ask[int64](t, source, `SELECT count(*) FROM cases`); cases >= there {
		t.Errorf("%d cases came back, %d were there at the end: nothing was written in between", cases, there)
	}
	exec(t, target, write) // sequences go on beyond what came back
}

// The list of backups names none that a power cut could take back: written, synced,
// named, the name synced, and only then committed.
func TestABackupIsNotedWhenItLasts(t *testing.T) {
	t.Parallel()
	url, conn := filled(t)
	disk := durabletest.New()
	var noted []int
	disk.Fail = func(string) error {
		noted = append(noted, ask[int](t, conn, "SELECT count(*)::int FROM backups_made"))
		return nil
	}
	path := filepath.Join(t.TempDir(), "d.backup")
	if _, err := pgbackup.Backup(t.Context(), pgbackup.Config{URL: url, Path: path, Disk: disk}); err != nil {
		t.Fatal(err)
	}
	if got, want := disk.Steps(), []string{"create beside", "write beside", "fsync beside", "rename d.backup", "fsync-folder"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if slices.Max(noted) != 0 {
		t.Errorf("the backup was noted before it was there to stay: %v", noted)
	}
	if n := ask[int](t, conn, "SELECT count(*)::int FROM backups_made"); n != 1 {
		t.Errorf("%d backups are noted, want 1", n)
	}

	disk = durabletest.New()
	disk.Fail = func(step string) error {
		if step == "fsync-folder" {
			return syscall.EIO
		}
		return nil
	}
	if _, err := pgbackup.Backup(t.Context(), pgbackup.Config{URL: url, Path: filepath.Join(t.TempDir(), "e.backup"), Disk: disk}); !errors.Is(err, syscall.EIO) {
		t.Errorf("a name that may not last: %v", err)
	}
	if n := ask[int](t, conn, "SELECT count(*)::int FROM backups_made"); n != 1 {
		t.Errorf("%d backups are noted, want 1", n)
	}
}

func TestDamagedFilesTouchNothing(t *testing.T) {
	t.Parallel()
	from, _ := filled(t)
	path, account := backup(t, from)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	to := pgtest.EmptyURL(t)
	try := func(name string, content []byte) {
		damaged := filepath.Join(t.TempDir(), "damaged")
		if err := os.WriteFile(damaged, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := restore(t, damaged, to); !errors.Is(err, pgbackup.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Local headers, data, directory, manifest, sum and mark: a byte anywhere.
	for i := range 60 {
		at := i * (len(whole) - 1) / 59
		broken := bytes.Clone(whole)
		broken[at] ^= 0x10
		try(fmt.Sprintf("byte %d of %d", at, len(whole)), broken)
	}
	for _, n := range []int{0, 1, 51, 52, 53, len(whole) / 2, len(whole) - 1} {
		try(fmt.Sprintf("cut after %d", n), whole[:n])
	}
	try("with something behind", append(bytes.Clone(whole), 0))
	if n := ask[int64](t, connect(t, to), `SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace`); n != 0 {
		t.Errorf("the database has %d things in it", n)
	}
	if got := fmt.Sprintf("%x", sha256.Sum256(whole[:len(whole)-52])); got != account.SHA256 {
		t.Errorf("the sum is %s, the account says %s", got, account.SHA256)
	}
}

func TestWhatARestoreRefuses(t *testing.T) {
	t.Parallel()
	from, source := filled(t)
	path, _ := backup(t, from)
	before := ask[int64](t, source, `SELECT count(*) FROM cases`)
	_, err := restore(t, path, from)
	if !errors.Is(err, pgbackup.ErrFilled) || !strings.Contains(err.Error(), ask[string](t, source, `SELECT current_database()`)) {
		t.Errorf("a filled database: %v", err)
	}
	if after := ask[int64](t, source, `SELECT count(*) FROM cases`); after != before {
		t.Errorf("%d cases of %d are left", after, before)
	}
	_, err = pgbackup.Backup(t.Context(), pgbackup.Config{URL: from, Path: path})
	if !errors.Is(err, pgbackup.ErrThere) {
		t.Errorf("overwriting: %v", err)
	}
	if _, err := pgbackup.Backup(t.Context(), pgbackup.Config{URL: from, Path: path, Force: true}); err != nil {
		t.Errorf("overwriting with force: %v", err)
	}
	exec(t, source, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`)
	newer, _ := backup(t, from)
	_, err = restore(t, newer, pgtest.EmptyURL(t))
	if !errors.Is(err, pgbackup.ErrNewer) || !strings.Contains(err.Error(), "99999") {
		t.Errorf("a newer schema: %v", err)
	}
	if _, err := pgbackup.Backup(t.Context(), pgbackup.Config{URL: pgtest.EmptyURL(t), Path: path + "2"}); err == nil {
		t.Error("an empty database was backed up")
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("unfinished files are left: %v %v", left, err)
	}
	if _, err := os.Stat(path + "2"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a backup of nothing is there: %v", err)
	}
}

// A backup of an older release comes back into its own schema, then goes up.
func TestAnOlderSchemaGoesUp(t *testing.T) {
	t.Parallel()
	from := pgtest.EmptyURL(t)
	versions, err := migrations.Versions()
	if err != nil {
		t.Fatal(err)
	}
	if err := migrations.Exactly(t.Context(), from, versions[:7], migrations.Progress{}); err != nil {
		t.Fatal(err)
	}
	exec(t, connect(t, from), fill)
	path, account := backup(t, from)
	if got := account.Manifest.SchemaVersion(); got != 7 {
		t.Fatalf("the manifest says schema %d", got)
	}
	to := pgtest.EmptyURL(t)
	if _, err := restore(t, path, to); err != nil {
		t.Fatal(err)
	}
	target := connect(t, to)
	applied, err := migrations.Applied(t.Context(), target)
	if err != nil || !slices.Equal(applied, versions) {
		t.Errorf("schema %v, want %v (%v)", applied, versions, err)
	}
	if n := ask[int64](t, target, `SELECT count(*) FROM tracks`); n != 6001 {
		t.Errorf("%d fixes", n)
	}
}

// A restore that breaks off leaves the database empty; one that is killed leaves
// it marked, so that no service takes it for a new district.
func TestABrokenRestore(t *testing.T) {
	t.Parallel()
	from, source := filled(t)
	exec(t, source, `ALTER TABLE places ADD COLUMN extra text`)
	path, _ := backup(t, from)
	to := pgtest.EmptyURL(t)
	if _, err := restore(t, path, to); err == nil || !strings.Contains(err.Error(), "no column extra") {
		t.Fatalf("a column that is not of the schema: %v", err)
	}
	target := connect(t, to)
	if n := ask[int64](t, target, `SELECT count(*) FROM pg_class c WHERE relnamespace = 'public'::regnamespace
	  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('e', 'i')) AND relname NOT LIKE 'spatial%'`); n != 0 {
		t.Errorf("%d things are left", n)
	}
	exec(t, source, `ALTER TABLE places DROP COLUMN extra`)
	path, _ = backup(t, from)
	exec(t, target, `CREATE TABLE restore_unfinished (); CREATE TABLE half (n int); INSERT INTO half VALUES (1)`)
	if err := migrations.Up(t.Context(), to, nil); err == nil || !strings.Contains(err.Error(), "restore") {
		t.Errorf("a service would start on half a district: %v", err)
	}
	if _, err := restore(t, path, to); err != nil {
		t.Fatal(err)
	}
	if n := ask[int64](t, target, `SELECT count(*) FROM cases`); n != 200 {
		t.Errorf("%d cases", n)
	}
}

// Rows that differ from the manifest are found, and so is a photo that does.
func TestCompareFindsWhatDiffers(t *testing.T) {
	t.Parallel()
	from, source := filled(t)
	_, account := backup(t, from)
	exec(t, source, `DELETE FROM backups_made`)
	compare := func() []string {
		differences, err := pgbackup.Compare(t.Context(), source, account.Manifest)
		if err != nil {
			t.Fatal(err)
		}
		return differences
	}
	if d := compare(); len(d) > 0 {
		t.Errorf("nothing differs: %v", d)
	}
	exec(t, source, `UPDATE photos SET content = content || 'x' WHERE sha256 = (SELECT sha256 FROM photos ORDER BY 1 LIMIT 1)`)
	if d := compare(); len(d) != 1 || !strings.Contains(d[0], "photo") {
		t.Errorf("a photo differs: %v", d)
	}
	exec(t, source, `DELETE FROM case_events WHERE id = (SELECT max(id) FROM case_events)`)
	if d := compare(); len(d) != 2 || !strings.Contains(strings.Join(d, ";"), "case_events has 199 rows and should have 200") {
		t.Errorf("an event is missing: %v", d)
	}
	// What was wrong before is told, and comes back as it was.
	path, account := backup(t, from)
	if len(account.Manifest.Photos.Wrong) != 1 {
		t.Fatalf("wrong photos: %v", account.Manifest.Photos.Wrong)
	}
	if _, err := restore(t, path, pgtest.EmptyURL(t)); err != nil {
		t.Errorf("a photo that was wrong already: %v", err)
	}
}

// On a server that has counted fewer transactions, events keep their order and new
// ones come after them.
func TestEventsKeepTheirOrderOnAYoungerServer(t *testing.T) {
	t.Parallel()
	from, source := filled(t)
	exec(t, source, `UPDATE case_events SET xid = (xid::text::bigint + 3000000000 + id * 1000)::text::xid8`)
	path, account := backup(t, from)
	if account.Manifest.Xids.Distinct != 200 || account.Manifest.Xids.Highest < 3_000_000_000 {
		t.Fatalf("%+v", account.Manifest.Xids)
	}
	to := pgtest.EmptyURL(t)
	if _, err := restore(t, path, to); err != nil {
		t.Fatal(err)
	}
	target := connect(t, to)
	exec(t, target, write)
	const order = `SELECT string_agg(canonical::text, ',' ORDER BY xid, id) FROM case_events WHERE canonical <> ''`
	if was, is := ask[string](t, source, order), ask[string](t, target, order); was != is {
		t.Error("the events stand in another order")
	}
	if !ask[bool](t, target, `SELECT (SELECT id FROM case_events ORDER BY xid DESC, id DESC LIMIT 1) = (SELECT id FROM case_events WHERE canonical = '')`) {
		t.Error("a new event comes before old ones")
	}
	if n := ask[int64](t, target, `SELECT count(*) FROM case_events WHERE xid >= pg_current_xact_id()`); n != 0 {
		t.Errorf("%d events look unfinished", n)
	}
}
