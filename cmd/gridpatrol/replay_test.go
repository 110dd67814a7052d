package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo/geotest"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/pgtrack"
	"github.com/gridpatrol/gridpatrol/realtime/realtimetest"
	"github.com/gridpatrol/gridpatrol/realtime/replay"
)

// replayed runs a replay with the database that env has open and answers its
// account.
func replayed(t *testing.T, ctx context.Context, env *Env, c replayCmd) (*replay.Account, error) {
	t.Helper()
	var out bytes.Buffer
	e := *env
	e.Stdout = &out
	c.JSON = true
	if c.Speed == 0 {
		c.Speed = 1
	}
	s, err := c.check(time.Now().UTC().Truncate(time.Microsecond))
	if err != nil {
		return nil, err
	}
	surveys, err := survey(ctx, s.files)
	if err != nil {
		return nil, err
	}
	ran := c.playHere(ctx, &e, s, surveys)
	if out.Len() == 0 {
		return nil, ran
	}
	var account replay.Account
	if err := json.Unmarshal(out.Bytes(), &account); err != nil {
		t.Fatalf("%s: %v", out.String(), err)
	}
	if a := account.Total.Accounted(); a != account.Total.Read {
		t.Errorf("the account is of %d points, %d were read: %+v", a, account.Total.Read, account.Total)
	}
	return &account, ran
}

func rows(t *testing.T, db *pgdb.DB, query string, args ...any) (n int64) {
	t.Helper()
	if err := db.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

const oneDepartment = `INSERT INTO departments (district_id, code, name_zh, name_en) VALUES ('00000000-0000-7000-8000-000000000001', 'grid', '网格', 'Grid')`

// Real walks and drives of 2008 go through a running service: every point is on disk
// exactly once with a verdict, marked as simulated, and a second run changes nothing.
func TestReplayOfRealTracks(t *testing.T) {
	t.Parallel()
	folder := geotest.Data(t, "geolife")
	service := runService(t)
	db := service.env.DB
	realtimetest.Exec(t, db, oneDepartment)
	c := replayCmd{Paths: []string{folder}, Anchor: "121.38,28.58", Start: time.Now().Add(-6 * 24 * time.Hour).UTC().Format(time.RFC3339), Speed: 60, URL: service.url}
	const points, files = 80_989, 58

	first, err := replayed(t, t.Context(), service.env, c)
	if err != nil {
		t.Fatal(err)
	}
	s := first.Total
	if s.Read != points || s.Sent != points || s.Acked != points || len(first.Tracks) != files {
		t.Errorf("%d tracks: %+v", len(first.Tracks), s)
	}
	// They come six days after they are played, so all are late; some are jumps, too,
	// as recorded.
	if s.Verdicts["late"]+s.Verdicts["jump,late"] != points || s.Verdicts["jump,late"] == 0 || s.Verdicts["jump,late"] > 40 {
		t.Errorf("verdicts %v", s.Verdicts)
	}
	onDisk := func(when string) {
		t.Helper()
		if n := rows(t, db, `SELECT count(*) FROM tracks WHERE simulated`); n != points {
			t.Errorf("%s: %d fixes on disk, marked as simulated; want %d", when, n, points)
		}
		if n := rows(t, db, `SELECT count(*) FROM tracks`); n != points {
			t.Errorf("%s: %d fixes on disk, want %d", when, n, points)
		}
		if n := rows(t, db, `SELECT count(*) FROM (SELECT DISTINCT device_id, stream, seq FROM tracks) x`); n != points {
			t.Errorf("%s: %d different fixes on disk, want %d", when, n, points)
		}
	}
	onDisk("after one run")
	// Each patrol's journey begins at the anchor, and all of them are where it is.
	if n := rows(t, db, `SELECT count(DISTINCT device_id) FROM tracks WHERE seq = 1 AND abs(lon - 121.38) < 1e-7 AND abs(lat - 28.58) < 1e-7`); n != maxPlayers {
		t.Errorf("%d journeys begin at the anchor, want %d", n, maxPlayers)
	}
	if n := rows(t, db, `SELECT count(*) FROM tracks WHERE abs(lon - 121.38) > 1 OR abs(lat - 28.58) > 1`); n != 0 {
		t.Errorf("%d fixes lie elsewhere", n)
	}
	for _, track := range first.Tracks {
		if n := rows(t, db, `SELECT count(*) FROM tracks WHERE stream = $1`, track.Stream); n != track.Read {
			t.Errorf("%s: %d of %d points are there", track.File, n, track.Read)
		}
	}

	second, err := replayed(t, t.Context(), service.env, c)
	if err != nil {
		t.Fatal(err)
	}
	if s := second.Total; s.Already != points || s.Sent != 0 || !maps.Equal(s.Verdicts, first.Total.Verdicts) {
		t.Errorf("a second run: %+v", s)
	}
	onDisk("after two runs")

	// The track API says what they are.
	var patrol uuid.UUID
	var from time.Time
	if err := db.QueryRow(t.Context(), `SELECT patrol_id, min(t) FROM tracks GROUP BY 1 LIMIT 1`).Scan(&patrol, &from); err != nil {
		t.Fatal(err)
	}
	var shown []realtime.TrackPlace
	err = pgtrack.New(db).Track(t.Context(), dispatch.Viewer{District: dispatch.DistrictID{UUID: pgdb.District}, Role: dispatch.RoleOperator},
		dispatch.PatrolID{UUID: patrol}, from, from.Add(time.Hour), 10, func(p *realtime.TrackPlace) { shown = append(shown, *p) })
	if err != nil || len(shown) == 0 || !shown[0].Simulated {
		t.Errorf("the track API shows %+v, %v", shown, err)
	}
	// What was played is over: nobody of it is left on duty, and no token works on.
	if n := rows(t, db, `SELECT count(*) FROM patrols WHERE status <> 'off_duty'`); n != 0 {
		t.Errorf("%d patrols of the replay are still on duty", n)
	}
	if n := rows(t, db, `SELECT count(*) FROM tokens WHERE revoked_at IS NULL`); n != 0 {
		t.Errorf("%d tokens of the replay still work", n)
	}
}

// Without a service the ledger is written by the same judge: each point that cannot
// be, and each doubtful one, is named by its line.
func TestReplayNamesEveryVerdict(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Second)
	env := &Env{DB: pgtest.New(t), Stdout: io.Discard, Stderr: io.Discard, Log: slog.New(slog.DiscardHandler), Common: Common{DataDir: t.TempDir()}}
	realtimetest.Lay(t, env.DB, 2, now) // on duty for the last and the next 12 h
	stamp := func(ago time.Duration) string { return now.Add(-ago).Format(time.RFC3339) }
	file := tableFile(t, "fixes.csv", strings.Join([]string{
		"lon,lat,t,accuracy_m,speed_ms,device",
		"121.38,28.58," + stamp(60*time.Second) + ",8,,unit-00000",     // 2: good
		"121.38,28.5801," + stamp(50*time.Second) + ",800,,unit-00000", // 3: accuracy
		"121.38,28.68," + stamp(40*time.Second) + ",8,,unit-00000",     // 4: jump, 11 km in 20 s
		"121.38,28.5802," + stamp(30*time.Second) + ",8,,unit-00000",   // 5: good
		"121.38,28.5801," + stamp(35*time.Second) + ",8,,unit-00000",   // 6: out of order
		"0,0," + stamp(20*time.Second) + ",8,,unit-00000",              // 7: null island
		"121.38,128.58," + stamp(20*time.Second) + ",8,,unit-00000",    // 8: bad coordinate
		"121.38,28.58," + stamp(-time.Hour) + ",8,,unit-00000",         // 9: future
		"121.38,28.58," + stamp(9*24*time.Hour) + ",8,,unit-00000",     // 10: too old
		"121.38,28.58," + stamp(13*time.Hour) + ",8,,unit-00000",       // 11: off duty
		"121.38,28.5803," + stamp(4*time.Minute) + ",8,,unit-00001",    // 12: late, by the other device
		"121.38,28.58,yesterday,8,,unit-00000",                         // 13: no time
		"121.38,28.58",                                                 // 14: no row
	}, "\n"))
	want := map[string]int64{"ok": 2, "accuracy": 1, "jump": 1, "late": 2, "null_island": 1, "bad_coordinate": 1, "future": 1, "too_old": 1, "off_duty": 1}
	lines := map[string]int{"accuracy": 3, "jump": 4, "null_island": 7, "bad_coordinate": 8, "future": 9, "too_old": 10, "off_duty": 11, "time": 13, "fields": 14}
	for _, dry := range []bool{true, false} {
		a, err := replayed(t, t.Context(), env, replayCmd{Paths: []string{file}, DryRun: dry})
		if !errors.Is(err, errRefusedRows) {
			t.Fatalf("dry %v: %v, want exit code 3", dry, err)
		}
		if d := cmp.Diff(want, a.Total.Verdicts); d != "" {
			t.Errorf("dry %v: %s", dry, d)
		}
		if a.Total.Read != 13 || a.Total.Refused["time"] != 1 || a.Total.Refused["fields"] != 1 {
			t.Errorf("dry %v: %+v", dry, a.Total)
		}
		for _, track := range a.Tracks {
			for _, e := range track.Examples {
				if line, is := lines[e.What]; is && line != e.Line {
					t.Errorf("dry %v: %s stands in line %d, not %d", dry, e.What, line, e.Line)
				}
				delete(lines, e.What)
			}
		}
		if dry {
			if n := rows(t, env.DB, `SELECT (SELECT count(*) FROM tracks) + (SELECT count(*) FROM beacon_streams) + (SELECT count(*) FROM quarantined_fixes)`); n != 0 {
				t.Errorf("a dry run left %d rows", n)
			}
			if len(lines) != 0 {
				t.Errorf("no example of %v", lines)
			}
		}
	}
	if n := rows(t, env.DB, `SELECT count(*) FROM tracks WHERE simulated`); n != 0 {
		t.Errorf("%d fixes of real devices are marked as simulated", n)
	}
	// Again: what was rejected then is not heard again, and nothing is sent twice.
	a, err := replayed(t, t.Context(), env, replayCmd{Paths: []string{file}})
	if !errors.Is(err, errRefusedRows) || a.Total.Sent != 0 || a.Total.Already != 11 || a.Total.Verdicts[replay.Earlier] != 3 || a.Total.Verdicts["future"] != 1 {
		t.Errorf("again: %v %+v", err, a.Total)
	}
	if n := rows(t, env.DB, `SELECT count(*) FROM tracks`); n != 6 {
		t.Errorf("%d fixes on disk, want 6", n)
	}
}

// A replay that is stopped says what it has sent, and takes its patrols off the map.
func TestAStoppedReplayGivesItsAccount(t *testing.T) {
	t.Parallel()
	env := &Env{DB: pgtest.New(t), Stdout: io.Discard, Stderr: io.Discard, Log: slog.New(slog.DiscardHandler), Common: Common{DataDir: t.TempDir()}}
	realtimetest.Exec(t, env.DB, oneDepartment)
	// 30 points lie in the past, 30 in the next hours.
	var file strings.Builder
	file.WriteString("lon,lat,t\n")
	begin := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 60 {
		at := begin.Add(time.Duration(i) * time.Second)
		if i >= 30 {
			at = at.Add(10 * time.Hour)
		}
		file.WriteString("121.38," + []string{"28.58", "28.5801"}[i%2] + "," + at.Format(time.RFC3339) + "\n")
	}
	path := tableFile(t, "walk.csv", file.String())
	c := replayCmd{Paths: []string{path}, Start: time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for rows(t, env.DB, `SELECT count(*) FROM tracks`) < 30 { // the rest is hours away
			select {
			case <-t.Context().Done():
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
		cancel()
	}()
	a, err := replayed(t, ctx, env, c)
	<-stopped
	if err != nil || !a.Stopped || a.Total.Sent != 30 || a.Total.Acked != 30 || a.Total.Unsent != 30 || a.Total.Verdicts["late"] != 30 {
		t.Fatalf("%v %+v", err, a)
	}
	if n := rows(t, env.DB, `SELECT count(*) FROM patrols WHERE status = 'off_duty'`); n != 1 {
		t.Error("the patrol of a stopped replay stays on duty")
	}
}

func TestReplayRefusesByName(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC()
	env := &Env{DB: pgtest.New(t), Stdout: io.Discard, Stderr: io.Discard, Log: slog.New(slog.DiscardHandler), Common: Common{DataDir: t.TempDir()}}
	file := tableFile(t, "walk.csv", "lon,lat,t\n121.38,28.58,2020-01-01T00:00:00Z\n")
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		with func(*replayCmd)
		want string
	}{
		{"no department yet", func(*replayCmd) {}, "import departments first"},
		{"no such file", func(c *replayCmd) { c.Paths = []string{"none.gpx"} }, "none.gpx"},
		{"no format", func(c *replayCmd) { c.Paths = []string{empty} }, "what format is it?"},
		{"an anchor that is none", func(c *replayCmd) { c.Anchor = "Luqiao" }, "--anchor:"},
		{"lat before lon", func(c *replayCmd) { c.Anchor = "28.58,121.38" }, "did you mean"},
		{"too fast", func(c *replayCmd) { c.Speed = 61 }, "--speed: must be 1 to 60"},
		{"backwards", func(c *replayCmd) { c.Speed = -1 }, "--speed: must be 1 to 60"},
		{"a start that is none", func(c *replayCmd) { c.Start = "noon" }, "--start:"},
		{"a start too long ago", func(c *replayCmd) { c.Start = "2020-01-01T00:00:00Z" }, "more than 7 days ago"},
		{"a device that nobody knows", func(c *replayCmd) { c.Device = []string{"ghost"} }, `device "ghost": the register does not know it`},
		{"a real device that would fly", func(c *replayCmd) { c.Device, c.Speed = []string{"unit-00000"}, 2 }, `device "unit-00000": is not marked simulated`},
		{"a token without a service", func(c *replayCmd) { c.TokenFile = file }, "--url: is needed"},
		{"an empty token", func(c *replayCmd) { c.TokenFile, c.URL = empty, "http://x" }, "is empty"},
		{"a service that is not there", func(c *replayCmd) { c.Device, c.URL = []string{"unit-00000"}, "http://127.0.0.1:1" }, "no service answers at"},
	} {
		if c.name == "a device that nobody knows" {
			realtimetest.Lay(t, env.DB, 1, now)
		}
		cmd := replayCmd{Paths: []string{file}, Speed: 1}
		c.with(&cmd)
		a, err := replayed(t, t.Context(), env, cmd)
		if err == nil || !strings.Contains(err.Error(), c.want) || a != nil {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// A real device that knows no more than its token sends its own log; the service, not
// the sender, decides that it may not play faster.
func TestReplayWithATokenAlone(t *testing.T) {
	t.Parallel()
	service := runService(t)
	now := time.Now().UTC().Truncate(time.Second)
	realtimetest.Lay(t, service.env.DB, 1, now)
	file := tableFile(t, "lost.csv", "lon,lat,t\n121.38,28.58,"+now.Add(-30*time.Second).Format(time.RFC3339)+"\n121.38,28.5801,"+now.Add(-20*time.Second).Format(time.RFC3339)+"\n")
	db := service.env.DB
	_, secret, err := pgauth.New(db, pgauth.Config{}).CreateToken(t.Context(), pgauth.Owner{DeviceCode: "unit-00000"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	afar := func(speed float64, url string) (string, error) {
		c := replayCmd{Paths: []string{file}, Speed: speed, URL: url, TokenFile: tableFile(t, "token", secret+"\n"), JSON: true}
		var out bytes.Buffer
		e := &Env{Stdout: &out, Stderr: io.Discard, Log: slog.New(slog.DiscardHandler)}
		err := c.Run(t.Context(), e)
		return out.String(), err
	}
	if _, err := afar(2, service.url); err == nil || !strings.Contains(err.Error(), "not marked simulated") {
		t.Errorf("a real device played twice as fast: %v", err)
	}
	if out, err := afar(1, service.url); err != nil || !strings.Contains(out, `"kept":2`) {
		t.Errorf("%v %s", err, out)
	}
	if n := rows(t, db, `SELECT count(*) FROM tracks WHERE simulated IS NULL`); n != 2 {
		t.Errorf("%d fixes on disk, want 2", n)
	}
	secret = "gpd_wrong"
	if _, err := afar(1, service.url); err == nil || !strings.Contains(err.Error(), "does not know the device's token") {
		t.Errorf("a wrong token: %v", err)
	}
}
