package pgretain_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/realtime/realtimetest"
	"github.com/gridpatrol/gridpatrol/retention/pgretain"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, pgtest.LeftRunning()) }

type bundle struct {
	t      *testing.T
	db     *pgdb.DB
	keeper *pgretain.Keeper
	start  time.Time // the day whose data ages
	units  []realtimetest.Unit
}

// setup lays two patrols that walk through a day: a fix every five seconds for 100
// minutes, at the corner of each ten minutes a turn, one in fifty doubtful.
func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{t: t, db: pgtest.New(t), start: time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)}
	b.keeper = pgretain.New(b.db)
	pgtest.SetNow(t, b.db, b.start.Add(8*time.Hour))
	b.units = realtimetest.Lay(t, b.db, 2, b.start)
	for _, u := range b.units {
		b.exec(`INSERT INTO tracks (district_id, device_id, stream, seq, t, received_at, patrol_id, cell, lon, lat, mock, verdict)
		  SELECT $1, $2, $2, n, $4::timestamptz + n * interval '5 s', $4::timestamptz + n * interval '5 s', $3, 9,
		    121.3 + (n / 120) * 1e-3 + CASE WHEN (n / 120) % 2 = 0 THEN n % 120 ELSE 0 END * 1e-5,
		    28.5 + CASE WHEN (n / 120) % 2 = 1 THEN n % 120 ELSE 0 END * 1e-5, false, CASE WHEN n % 50 = 7 THEN 'jump' END
		  FROM generate_series(1, 1200) n`, pgdb.District, u.Device, u.Patrol, b.start.Add(time.Hour))
	}
	return b
}

func (b *bundle) exec(query string, args ...any) {
	b.t.Helper()
	realtimetest.Exec(b.t, b.db, query, args...)
}

func (b *bundle) count(query string, args ...any) (n int64) {
	b.t.Helper()
	err := b.db.Owner(context.Background(), func(conn *pgx.Conn) error {
		return conn.QueryRow(context.Background(), query, args...).Scan(&n)
	})
	if err != nil {
		b.t.Fatalf("%s: %v", query, err)
	}
	return n
}

func (b *bundle) at(days int) { pgtest.SetNow(b.t, b.db, b.start.AddDate(0, 0, days)) }

func (b *bundle) run() *pgretain.Report {
	b.t.Helper()
	report, err := b.keeper.Run(b.t.Context(), "command", false)
	if err != nil {
		b.t.Fatal(err)
	}
	return report
}

func (b *bundle) removed(report *pgretain.Report, kind string) (rows, held int64, actions string) {
	for _, x := range report.Removed {
		if x.Kind == kind {
			rows, held, actions = rows+x.Rows, held+x.Held, actions+x.Action+" "
		}
	}
	return rows, held, actions
}

func (b *bundle) openCase(unit int, from time.Time) uuid.UUID {
	b.t.Helper()
	id := uuid.Must(uuid.NewV7())
	b.exec(`WITH k AS (INSERT INTO cases (id, district_id, number, stage, dispatch, category, urgency, lon, lat, cell, made_at)
	    VALUES ($1, $2, $1::uuid::text, 'handling', 'done', 'C01', 'urgent', 121.3, 28.5, 9, $4) RETURNING id),
	  p AS (INSERT INTO plans (id, district_id, case_id, state, why, input, output, made_at) SELECT $1, $2, id, 'committed', 'test', 'in', 'out', $4 FROM k RETURNING id)
	  INSERT INTO assignments (id, district_id, case_id, patrol_id, plan_id, department, kind, part, state, mode, made_at, ended_at)
	    SELECT $1, $2, $1, $3, id, 'police', 'department', 'lead', 'done', 'car', $4, $4::timestamptz + interval '20 min' FROM p`,
		id, pgdb.District, b.units[unit].Patrol, from)
	return id
}

const wayM = `SELECT coalesce(sum(d), 0)::bigint FROM (SELECT ST_Distance(ST_MakePoint(lon, lat)::geography,
  lag(ST_MakePoint(lon, lat)::geography) OVER (PARTITION BY device_id ORDER BY t)) AS d FROM tracks WHERE verdict IS NULL) x`

func TestTracksAreThinnedThenDropped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	full := b.count(wayM)
	b.at(30) // the day is over 29 days ago
	if rows, _, _ := b.removed(b.run(), "tracks"); rows != 0 {
		t.Fatalf("%d fixes went before their time", rows)
	}
	b.at(31)
	dry, err := b.keeper.Run(t.Context(), "command", true)
	if err != nil {
		t.Fatal(err)
	}
	would, _, _ := b.removed(dry, "tracks")
	if n := b.count(`SELECT count(*) FROM tracks`); n != 2400 || would == 0 {
		t.Fatalf("a dry run left %d fixes and would remove %d", n, would)
	}
	report := b.run()
	rows, _, actions := b.removed(report, "tracks")
	left := b.count(`SELECT count(*) FROM tracks`)
	if rows != would || left != 2400-rows || actions != "thinned " || left > 600 || left < 2*100 {
		t.Errorf("%d went (%s), %d are left; a dry run said %d", rows, actions, left, would)
	}
	if n := b.count(`SELECT count(*) FROM tracks WHERE verdict IS NOT NULL`); n != 48 {
		t.Errorf("%d doubtful fixes are left of 48", n)
	}
	if n := b.count(`SELECT count(*) FROM (SELECT min(seq) = 1 AND max(seq) = 1200 AS ends FROM tracks GROUP BY device_id) x WHERE ends`); n != 2 {
		t.Errorf("%d tracks of 2 have their ends", n)
	}
	if thin := b.count(wayM); thin < full*97/100 || thin > full {
		t.Errorf("the way was %d m and is %d", full, thin)
	}
	if rows, _, _ := b.removed(b.run(), "tracks"); rows != 0 {
		t.Errorf("a second run removed %d", rows)
	}
	if n := b.count(`SELECT count(*) FROM pg_inherits WHERE inhparent = 'tracks'::regclass AND inhrelid = to_regclass('tracks_20260310')`); n != 1 {
		t.Error("the thinned day is no partition")
	}
	b.at(365)
	b.run()
	if n := b.count(`SELECT count(*) FROM tracks`); n == 0 {
		t.Error("the day was dropped before it was over for 365 days")
	}
	b.at(366)
	if _, _, actions := b.removed(b.run(), "tracks"); !strings.Contains(actions, "dropped") {
		t.Errorf("actions %q", actions)
	}
	if n := b.count(`SELECT count(*) FROM pg_class WHERE relname LIKE 'tracks_20260310%' AND relkind = 'r'`); n != 0 {
		t.Errorf("%d tables of the day are left", n)
	}
	if n := b.count(`SELECT count(*) FROM track_days WHERE day = '2026-03-10' AND state = 'dropped' AND fixes_are = 0`); n != 1 {
		t.Error("no record of the day")
	}
	runs, err := b.keeper.Runs(t.Context(), nil, 10)
	if err != nil || len(runs) != 5 || runs[0].State != "done" || len(runs[3].Removed) == 0 && len(runs[2].Removed) == 0 {
		t.Errorf("runs %+v %v", runs, err)
	}
}

// What a patrol's fixes show of an open case stays until the case is closed.
func TestOpenCasesKeepTheirTracks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.openCase(0, b.start.Add(time.Hour+10*time.Minute)) // 20 minutes of 240 fixes
	inCase := `SELECT count(*) FROM tracks WHERE patrol_id = $1 AND t >= $2 AND t < $2::timestamptz + interval '20 min'`
	held := func() int64 {
		return b.count(inCase, b.units[0].Patrol, b.start.Add(time.Hour+10*time.Minute))
	}
	b.at(31)
	if _, kept, _ := b.removed(b.run(), "tracks"); kept == 0 || held() != 240 {
		t.Errorf("%d fixes are held, %d of 240 are there", kept, held())
	}
	b.at(400)
	b.run()
	if n := b.count(`SELECT count(*) FROM tracks`); n != 240 || held() != 240 {
		t.Errorf("%d fixes are left, %d of the case", n, held())
	}
	if rows, _, _ := b.removed(b.run(), "tracks"); rows != 0 {
		t.Errorf("a second run removed %d", rows)
	}
	// Whoever asks whether somebody was there asks after the case.
	b.exec(`UPDATE cases SET stage = 'closed', closed_at = gp_now() WHERE id = $1`, id)
	b.run()
	keep := int(b.count(`SELECT keep_days FROM retention_policies WHERE kind = 'tracks'`))
	b.at(400 + keep - 1)
	b.run()
	if n := b.count(`SELECT count(*) FROM tracks`); n != 240 {
		t.Errorf("%d fixes are left of a case that was closed %d days ago", n, keep-1)
	}
	b.at(400 + keep + 1)
	b.run()
	if n := b.count(`SELECT count(*) FROM tracks`); n != 0 {
		t.Errorf("%d fixes are left after the case", n)
	}
}

// A run that is killed leaves a day whole, and the next one goes on.
func TestAKilledRun(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.at(31)
	b.exec(`INSERT INTO retention_runs (id, district_id, started_by, state) VALUES (gen_random_uuid(), $1, 'clock', 'running')`, pgdb.District)
	b.exec(`CREATE TABLE tracks_20260310_next (LIKE tracks)`) // what lies there then
	reader, err := b.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Rollback(context.Background())
	if _, err := reader.Exec(t.Context(), `SELECT count(*) FROM tracks`); err != nil { // and keeps its lock
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	if _, err := b.keeper.Run(ctx, "clock", false); err == nil {
		t.Fatal("the run exchanged a day that is being read")
	}
	if n := b.count(`SELECT count(*) FROM tracks`); n != 2400 {
		t.Errorf("%d fixes of 2400 are there", n)
	}
	if err := reader.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.run()
	if n := b.count(`SELECT count(*) FROM tracks`); n >= 2400 || n == 0 {
		t.Errorf("%d fixes are left", n)
	}
	if n := b.count(`SELECT count(*) FROM retention_runs WHERE state = 'running'`); n != 0 {
		t.Errorf("%d runs never ended", n)
	}
	if n := b.count(`SELECT count(*) FROM retention_runs WHERE state = 'broken_off'`); n != 2 {
		t.Errorf("%d runs were broken off, want 2", n)
	}
}

func TestOneRunAtATime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	err := b.db.Owner(t.Context(), func(conn *pgx.Conn) error {
		if _, err := conn.Exec(t.Context(), "SELECT pg_advisory_lock(7203918)"); err != nil {
			return err
		}
		if _, err := b.keeper.Run(t.Context(), "clock", false); !errors.Is(err, pgretain.ErrBusy) {
			t.Errorf("beside another: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Every kind: what is one day younger than the policy stays, what is older goes,
// what belongs to an open case stays at any age.
func TestEveryKindByItsAge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	open := b.openCase(0, b.start)
	closed := b.openCase(1, b.start)
	b.exec(`UPDATE cases SET stage = 'closed', closed_at = $2 WHERE id = $1`, closed, b.start)
	b.exec(`INSERT INTO accounts (id, district_id, username, role, password_hash) VALUES ($1, $2, 'wang', 'operator', 'x')`, open, pgdb.District)
	b.exec(`INSERT INTO staff (id, district_id, code, name, role) VALUES ($1, $2, 'S1', '王', 'grid_chief')`, open, pgdb.District)
	for i, id := range []uuid.UUID{open, closed} {
		b.exec(`INSERT INTO reports (id, district_id, case_id, category, lon, lat, sent_lon, sent_lat, sent_crs, cell, description, observed_at)
		  VALUES ($1, $2, $1, 'C01', 121, 28, 121, 28, 'wgs84', 9, '', $3)`, id, pgdb.District, b.start)
		b.exec(`WITH p AS (INSERT INTO photos (district_id, sha256, media_type, width, height, content, made_at)
		    SELECT $2, sha256(c), 'image/jpeg', 1, 1, c, $4 FROM (SELECT convert_to($3, 'UTF8') AS c) x RETURNING sha256)
		  INSERT INTO report_photos SELECT $2, $1, 1, sha256 FROM p`, id, pgdb.District, fmt.Sprint("photo ", i), b.start)
		b.exec(`INSERT INTO notices (district_id, case_id, staff_id, why, made_at) VALUES ($2, $1, $3, 'grid_chief', $4)`, id, pgdb.District, open, b.start)
	}
	for _, id := range []uuid.UUID{open, closed} {
		b.exec(`INSERT INTO report_contacts (report_id, district_id, name, phone, made_at) VALUES ($1, $2, '林', '13800000000', $3)`, id, pgdb.District, b.start)
	}
	b.exec(`INSERT INTO cell_hours (district_id, hour, counted_at) SELECT $1, $2::timestamptz + n * interval '1 h', $2 FROM generate_series(0, 2) n`, pgdb.District, b.start) // the last one is empty
	b.exec(`INSERT INTO cell_visits (district_id, hour, cell, cell_8, cell_7, patrol_id, fixes) SELECT $1, hour, n, n, n, $2, 1
	  FROM cell_hours, generate_series(1, 1500) n WHERE hour < $3::timestamptz + interval '2 h'`, pgdb.District, b.units[0].Patrol, b.start)
	// One photo of both cases belongs to the open one.
	b.exec(`INSERT INTO report_photos SELECT district_id, $1, 2, sha256 FROM report_photos WHERE report_id = $2`, open, closed)
	b.exec(`INSERT INTO photos (district_id, sha256, media_type, width, height, content, made_at)
	  SELECT $1, sha256(c), 'image/jpeg', 1, 1, c, $2 FROM (SELECT 'alone'::bytea AS c) x`, pgdb.District, b.start)
	// One that only the open case's unit showed with its feedback.
	b.exec(`WITH p AS (INSERT INTO photos (district_id, sha256, media_type, width, height, content, made_at)
	    SELECT $1, sha256(c), 'image/jpeg', 1, 1, c, $3 FROM (SELECT 'shown'::bytea AS c) x RETURNING sha256),
	  e AS (INSERT INTO evidence (id, district_id, case_id, step, at, by) VALUES ($2, $1, $2, 'feedback', $3, 'account:x') RETURNING id)
	  INSERT INTO evidence_photos SELECT $1, e.id, 0, p.sha256 FROM p, e`, pgdb.District, open, b.start)
	b.exec(`INSERT INTO quarantined_fixes (district_id, device_id, stream, seq, code, t, received_at) SELECT $1, $2, $2, n, 'future', $3, $3 FROM generate_series(1, 2500) n`, pgdb.District, b.units[0].Device, b.start)
	b.exec(`INSERT INTO off_duty_counts (device_id, day, district_id, fixes) VALUES ($2, ($3::timestamptz AT TIME ZONE 'UTC')::date, $1, 5)`, pgdb.District, b.units[0].Device, b.start)
	b.exec(`INSERT INTO position_views (district_id, viewer_id, viewer_kind, patrol_id, bucket, seen_at, what) VALUES ($1, $2, 'account', $3, $4, $4, 'track')`, pgdb.District, open, b.units[0].Patrol, b.start)
	b.exec(`INSERT INTO presence_moments (district_id, patrol_id, at, kind) VALUES ($1, $2, $3, 'online')`, pgdb.District, b.units[0].Patrol, b.start)
	b.exec(`INSERT INTO case_views (district_id, viewer_id, viewer_kind, case_id, bucket, what) VALUES ($1, $2, 'account', $2, $3, 'list')`, pgdb.District, open, b.start)
	b.exec(`INSERT INTO idempotency_keys (district_id, scope, key, body_sha256, report_id, case_id, made_at) VALUES ($1, 's', 'k', sha256(''), $2, $2, $3)`, pgdb.District, open, b.start)
	b.exec(`INSERT INTO outbox (district_id, body, made_at) VALUES ($1, '', $2)`, pgdb.District, b.start)
	b.exec(`INSERT INTO sessions (secret_hash, district_id, account_id, expires_at) VALUES (sha256('a'), $1, $2, $3)`, pgdb.District, open, b.start)
	b.exec(`INSERT INTO tickets (secret_hash, district_id, purpose, account_id, expires_at) VALUES (sha256('a'), $1, 'live', $2, $3)`, pgdb.District, open, b.start)
	b.exec(`INSERT INTO tokens (id, district_id, secret_hash, hint, account_id, expires_at) VALUES ($2, $1, sha256('a'), 'x', $2, $3)`, pgdb.District, open, b.start)
	b.exec(`INSERT INTO tokens (id, district_id, secret_hash, hint, account_id) VALUES (gen_random_uuid(), $1, sha256('b'), 'x', $2)`, pgdb.District, open)
	b.exec(`INSERT INTO grid_versions (id, district_id, state, source, made_at) VALUES ($2, $1, 'draft', 'x', $3)`, pgdb.District, open, b.start)
	b.exec(`INSERT INTO webhooks (id, district_id, name, url, kinds) VALUES ($2, $1, 'x', 'https://example.org/', '{case.opened}')`, pgdb.District, open)
	b.exec(`INSERT INTO webhook_deliveries (id, district_id, webhook_id, kind, body, state, ended_at) VALUES ($2, $1, $2, 'ping', '', 'delivered', $3)`, pgdb.District, open, b.start)
	b.exec(`INSERT INTO webhook_deliveries (id, district_id, webhook_id, kind, body, due_at) VALUES ($2, $1, $3, 'ping', '', $4)`, pgdb.District, closed, open, b.start)
	events := b.count(`SELECT count(*) FROM case_events`)

	policies, err := b.keeper.Policies(t.Context())
	if err != nil || len(policies) != 18 {
		t.Fatalf("%d policies, %v", len(policies), err)
	}
	// By age, so that each kind's turn comes once.
	want := map[string]int64{"quarantined_fixes": 2500, "cell_visits": 3000, "plan_inputs": 1, "photos": 1}
	for _, p := range policies {
		if p.Kind == "tracks" {
			continue
		}
		others := func(days int) (gone int64) {
			pgtest.SetNow(t, b.db, b.start.AddDate(0, 0, days).Add(-time.Hour))
			dry, err := b.keeper.Run(t.Context(), "command", true)
			if err != nil {
				t.Fatal(err)
			}
			gone, _, _ = b.removed(dry, p.Kind)
			return gone
		}
		expected := max(want[p.Kind], 1)
		if p.Kind == "photos" {
			expected = 1 // the one of no case; that of the closed case is the open one's too
		}
		if n := others(*p.KeepDays); n != 0 {
			t.Errorf("%s: %d rows would go before their time", p.Kind, n)
		}
		if n := others(*p.KeepDays + 2); n != expected {
			t.Errorf("%s: %d rows would go, want %d", p.Kind, n, expected)
		}
	}
	b.at(3000)
	report := b.run()
	for _, p := range policies {
		if rows, _, _ := b.removed(report, p.Kind); p.Kind != "tracks" && rows != max(want[p.Kind], 1) {
			t.Errorf("%s: %d rows went", p.Kind, rows)
		}
	}
	for _, x := range b.run().Removed {
		t.Errorf("a second run removed %+v", x)
	}
	for what, query := range map[string]string{
		"photos of the open case": `SELECT count(*) FROM photos WHERE sha256 IN (SELECT sha256 FROM report_photos)`,
		"plans":                   `SELECT count(*) FROM plans WHERE octet_length(output) > 0`,
	} {
		if n := b.count(query); n != 2 {
			t.Errorf("%s: %d are left, want 2", what, n)
		}
	}
	for what, query := range map[string]string{
		"the open case's plan input": `SELECT count(*) FROM plans WHERE octet_length(input) > 0`,
		"what its unit showed":       `SELECT count(*) FROM evidence_photos JOIN photos USING (district_id, sha256)`,
		"its notice":                 `SELECT count(*) FROM notices`,
		"its reporter's telephone":   `SELECT count(*) FROM report_contacts`,
		"the message that waits":     `SELECT count(*) FROM webhook_deliveries`,
		"the token without an end":   `SELECT count(*) FROM tokens`,
	} {
		if n := b.count(query); n != 1 {
			t.Errorf("%s: %d", what, n)
		}
	}
	if n := b.count(`SELECT count(*) FROM case_events`); n != events {
		t.Errorf("%d events of %d are left", n, events)
	}
	if n := b.count(`SELECT count(*) FROM cell_hours`); n != 0 {
		t.Errorf("%d hours are still in the book of visits", n)
	}
	// What a newer program keeps is that program's matter.
	b.exec(`INSERT INTO retention_policies (district_id, kind, keep_days, least_days) VALUES ($1, 'later', 1, 1)`, pgdb.District)
	if report := b.run(); report.State != "done" {
		t.Errorf("beside a kind of a newer program: %s %s", report.State, report.Fault)
	}
	if n := b.count(`SELECT rows FROM retention_removed WHERE kind = 'quarantined_fixes'`); n != 2500 {
		t.Errorf("the report says %d of 2500 fixes", n)
	}
}

func TestPolicyHasAFloor(t *testing.T) {
	t.Parallel()
	k := pgretain.New(pgtest.New(t))
	n := func(v int) *int { return &v }
	for _, c := range []struct {
		kind   string
		change pgretain.Change
		want   string // of the refusal; empty: it is set
	}{
		{"position_views", pgretain.Change{KeepDays: n(30)}, "180 days at least"},
		{"position_views", pgretain.Change{KeepDays: n(200)}, ""},
		{"photos", pgretain.Change{}, ""},
		{"tracks", pgretain.Change{KeepDays: n(5)}, "9 days at least"},
		{"tracks", pgretain.Change{KeepDays: n(60), ThinAfterDays: n(90), ThinEveryS: n(60)}, "before they are dropped"},
		{"tracks", pgretain.Change{KeepDays: n(60), ThinAfterDays: n(9)}, "both"},
		{"tracks", pgretain.Change{KeepDays: n(60), ThinAfterDays: n(9), ThinEveryS: n(1)}, "5 to 3600"},
		{"tracks", pgretain.Change{KeepDays: n(60), ThinAfterDays: n(9), ThinEveryS: n(30)}, ""},
		{"outbox", pgretain.Change{KeepDays: n(6), ThinAfterDays: n(2), ThinEveryS: n(30)}, "only tracks"},
		{"events", pgretain.Change{KeepDays: n(1)}, "no kind"},
	} {
		_, err := k.SetPolicy(t.Context(), "admin", c.kind, c.change)
		if (c.want == "") != (err == nil) || (err != nil && !(errors.Is(err, pgretain.ErrPolicy) && strings.Contains(err.Error(), c.want))) {
			t.Errorf("%s %+v: %v, want %q", c.kind, c.change, err, c.want)
		}
	}
}
