package replay_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/track"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
	"github.com/gridpatrol/gridpatrol/realtime/pgtrack"
	"github.com/gridpatrol/gridpatrol/realtime/realtimetest"
	"github.com/gridpatrol/gridpatrol/realtime/replay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, pgtest.LeftRunning()) }

var epoch = time.Date(2008, 10, 23, 2, 53, 4, 0, time.UTC)

// walk is points a minute apart, each 10 m north of the last.
func walk(from geo.Point, begin time.Time, n int) []track.Point {
	points := make([]track.Point, n)
	for i := range points {
		points[i] = track.Point{Point: geo.Beyond(from, 0, float64(10*i)), Line: i + 2, T: begin.Add(time.Duration(i) * time.Minute),
			AccuracyM: math.NaN(), SpeedMS: math.NaN(), HeadingDeg: math.NaN()}
	}
	return points
}

// files is a folder in memory.
type files map[string][]track.Point

func (f files) open(name string) iter.Seq2[track.Point, error] {
	return func(yield func(track.Point, error) bool) {
		for _, p := range f[name] {
			if !yield(p, nil) {
				return
			}
		}
	}
}

func (f files) plan(t *testing.T, names string, devices []string, o replay.Options) *replay.Plan {
	t.Helper()
	var surveys []replay.Survey
	for _, name := range strings.Fields(names) {
		surveys = append(surveys, replay.LookAt(f.open, name)...)
	}
	p, err := replay.NewPlan(surveys, devices, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAPlanDealsTracksAndShiftsTime(t *testing.T) {
	t.Parallel()
	beijing := geo.Point{Lon: 116.3, Lat: 39.98}
	f := files{
		"a": walk(beijing, epoch, 11),                                        // 10 min
		"b": walk(beijing, epoch.Add(5*time.Hour), 11),                       // by the other device
		"c": walk(geo.Beyond(beijing, 0, 100), epoch.Add(24*time.Hour), 11),  // a day later, where a ended
		"d": walk(beijing, epoch, 1),                                         // by the other device, recorded earlier
		"e": walk(geo.Beyond(beijing, 0, 6200), epoch.Add(25*time.Hour), 11), // 6 km from where c ended
		"f": append(walk(beijing, epoch, 2), walk(beijing, epoch.Add(-time.Hour), 1)...),
	}
	for i := range f["f"] {
		f["f"][i].Device = "van-07"
	}
	start := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	anchor := geo.Point{Lon: 121.38, Lat: 28.58}
	p := f.plan(t, "a b c d e f none", []string{"one", "two"}, replay.Options{Anchor: &anchor, Start: &start, Speed: 2})
	got := map[string]string{}
	for _, tr := range p.Tracks() {
		got[tr.File] = fmt.Sprintf("%s %s-%s", tr.Device, tr.Start.Format("04:05"), tr.End().Format("04:05"))
	}
	want := map[string]string{
		"a":    "one 00:00-05:00",
		"b":    "two 00:00-05:00",
		"c":    "one 05:30-10:30", // the day between is a minute, twice as fast
		"d":    "two 05:30-05:30", // recorded before b: a minute, too
		"e":    "one 15:30-20:30", // 6,000 m at 10 m/s take 10 min, twice as fast
		"f":    "van-07 00:00-00:30",
		"none": " 00:00-00:00",
	}
	for file, w := range want {
		if got[file] != w && file != "none" {
			t.Errorf("%s: %s, want %s", file, got[file], w)
		}
	}
	if len(p.Barren) != 1 || p.Barren[0].File != "none" || p.Points() != 11*4+1+3 {
		t.Errorf("%d barren, %d points", len(p.Barren), p.Points())
	}
	if from, to := p.Span(); !from.Equal(start.Add(-30*time.Minute)) || !to.Equal(start.Add(20*time.Minute+30*time.Second)) {
		t.Errorf("from %s to %s", from, to)
	}
	var outOfOrder int64
	for _, tr := range p.Tracks() {
		outOfOrder += tr.OutOfOrder
	}
	if outOfOrder != 1 {
		t.Errorf("%d points out of order, want 1", outOfOrder)
	}
	// The same replay has the same streams, another one has others.
	same := f.plan(t, "a b c d e f none", []string{"one", "two"}, replay.Options{Anchor: &anchor, Start: &start, Speed: 2})
	later := start.Add(time.Second)
	other := f.plan(t, "a b c d e f none", []string{"one", "two"}, replay.Options{Anchor: &anchor, Start: &later, Speed: 2})
	for i, tr := range p.Tracks() {
		if tr.Points > 0 && (tr.Stream != same.Tracks()[i].Stream || tr.Stream == other.Tracks()[i].Stream) {
			t.Errorf("%s: streams %s, %s, %s", tr.File, tr.Stream, same.Tracks()[i].Stream, other.Tracks()[i].Stream)
		}
	}
	for _, o := range []replay.Options{{Speed: 2}, {Speed: 0.5, Start: &start}, {Speed: 61, Start: &start}} {
		if _, err := replay.NewPlan(nil, nil, o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

// theatre is a beacon server on a real database, its clock a step away from ours.
type theatre struct {
	db    *pgdb.DB
	units []realtimetest.Unit
	url   string
	mu    sync.Mutex // guards ahead
	ahead time.Duration
}

func (h *theatre) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Add(h.ahead).UTC().Truncate(time.Microsecond)
}

func (h *theatre) wait(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ahead += d
}

func setup(t *testing.T) *theatre {
	t.Helper()
	h := &theatre{db: pgtest.New(t)}
	h.units = realtimetest.Lay(t, h.db, 1, time.Now())
	realtimetest.Exec(t, h.db, `UPDATE devices SET simulated = true`)
	store := pgtrack.New(h.db)
	beacons, err := realtime.OpenBeacons(t.Context(), realtime.Config{Ledger: store, Rosters: store, Snapshots: store,
		Index: realtime.NewIndex(h.now), Bus: realtime.NewLocalBus(), Now: h.now, Linger: time.Millisecond, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = beacons.Run(ctx) })
	upgrader := realtime.BeaconUpgrader()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		_ = beacons.Serve(ctx, conn, realtime.Device{ID: h.units[0].Device})
	}))
	h.url = "ws" + strings.TrimPrefix(server.URL, "http")
	t.Cleanup(func() {
		stop()
		running.Wait()
		server.Close()
	})
	return h
}

func (h *theatre) player(open replay.OpenFile) *replay.Player {
	store := pgtrack.New(h.db)
	return &replay.Player{
		URL: h.url, Open: open, Now: h.now,
		Token: func(context.Context, string) (string, error) { return "", nil },
		Tally: func(ctx context.Context, ask replay.Ask) (replay.Tally, error) {
			t, err := store.Tally(ctx, realtime.StreamKey{Device: h.units[0].Device, Stream: ask.Stream}, ask.From, ask.To, ask.Above)
			return replay.Tally(t), err
		},
	}
}

func (h *theatre) rows(t *testing.T, query string, args ...any) (n int64) {
	t.Helper()
	if err := h.db.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A replay that is stopped half-way has sent what was due, and the same again sends
// the rest: every point once, none before its time.
func TestAStoppedReplayGoesOn(t *testing.T) {
	t.Parallel()
	h := setup(t)
	f := files{"walk": walk(geo.Point{Lon: 121.38, Lat: 28.58}, epoch, 60)}
	start := h.now().Add(-29*time.Minute - 30*time.Second) // 30 points are due
	plan := func() *replay.Plan { return f.plan(t, "walk", []string{"unit"}, replay.Options{Start: &start}) }

	ctx, stop := context.WithCancel(t.Context())
	var settled int64
	player := h.player(f.open)
	player.Progress = func(n int64) {
		if settled += n; settled == 30 {
			stop()
		}
	}
	a, err := player.Play(ctx, plan())
	if err != nil || !a.Stopped || a.Total.Sent != 30 || a.Total.Acked != 30 || a.Total.Unsent != 30 || a.Total.Accounted() != 60 {
		t.Fatalf("%v %+v", err, a.Total)
	}
	h.wait(time.Hour)
	a, err = h.player(f.open).Play(t.Context(), plan())
	if err != nil || a.Stopped || a.Total.Already != 30 || a.Total.Sent != 30 || a.Total.Unsent != 0 || a.Total.Lost != 0 || a.Total.Accounted() != 60 {
		t.Fatalf("%v %+v", err, a.Total)
	}
	if n := h.rows(t, `SELECT count(*) FROM tracks`); n != 60 {
		t.Errorf("%d fixes on disk", n)
	}
	if n := h.rows(t, `SELECT count(*) FROM tracks WHERE t > received_at`); n != 0 {
		t.Errorf("%d fixes came before their time", n)
	}
	if n := h.rows(t, `SELECT count(*) FROM tracks WHERE lat = (SELECT max(lat) FROM tracks) AND t = $1`, start.Add(59*time.Minute)); n != 1 {
		t.Error("the last point is not the last of the file")
	}
}

// What the ledger lacks, or has twice, is told, whatever the service acknowledged.
func TestAnAccountFindsWhatIsLost(t *testing.T) {
	t.Parallel()
	h := setup(t)
	f := files{"walk": walk(geo.Point{Lon: 121.38, Lat: 28.58}, h.now().Add(-20*time.Minute), 20)}
	player := h.player(f.open)
	tally := player.Tally
	player.Tally = func(ctx context.Context, ask replay.Ask) (replay.Tally, error) {
		realtimetest.Exec(t, h.db, `DELETE FROM tracks WHERE seq IN (3, 7)`)
		realtimetest.Exec(t, h.db, `INSERT INTO tracks SELECT district_id, device_id, stream, seq, t + interval '1 s', received_at, patrol_id, cell, lon, lat,
		  accuracy_m, speed_ms, heading_deg, battery, mock, verdict FROM tracks WHERE seq = 5`)
		return tally(ctx, ask)
	}
	a, err := player.Play(t.Context(), f.plan(t, "walk", []string{"unit"}, replay.Options{}))
	if err != nil || a.Total.Acked != 20 || a.Total.Lost != 2 || a.Total.Doubled != 1 {
		t.Errorf("%v %+v", err, a.Total)
	}
}

func TestAFileThatChangesMeanwhile(t *testing.T) {
	t.Parallel()
	h := setup(t)
	f := files{"walk": walk(geo.Point{Lon: 121.38, Lat: 28.58}, h.now().Add(-20*time.Minute), 20)}
	plan := f.plan(t, "walk", []string{"unit"}, replay.Options{})
	f["walk"] = f["walk"][:10]
	a, err := h.player(f.open).Play(t.Context(), plan)
	if err == nil || !strings.Contains(err.Error(), "the file has changed") || a.Total.Acked != 10 || a.Total.Unsent != 10 || a.Total.Lost != 0 {
		t.Errorf("%v %+v", err, a.Total)
	}
}

// The device is asked by what the service says, not by what the player believes.
func TestAServiceThatRefuses(t *testing.T) {
	t.Parallel()
	h := setup(t)
	realtimetest.Exec(t, h.db, `UPDATE devices SET simulated = false`)
	f := files{"walk": walk(geo.Point{Lon: 121.38, Lat: 28.58}, epoch, 20)}
	start := h.now().Add(-20 * time.Minute)
	a, err := h.player(f.open).Play(t.Context(), f.plan(t, "walk", []string{"unit"}, replay.Options{Start: &start, Speed: 5}))
	if err == nil || !strings.Contains(err.Error(), "not marked simulated") || a.Total.Sent != 0 || a.Total.Unsent != 20 || h.rows(t, `SELECT count(*) FROM tracks`) != 0 {
		t.Errorf("%v %+v", err, a.Total)
	}
}

func TestAnAccountReads(t *testing.T) {
	t.Parallel()
	f := files{"user/walk.gpx": walk(geo.Point{Lon: 121.38, Lat: 28.58}, epoch, 3)}
	surveys := replay.LookAt(func(name string) iter.Seq2[track.Point, error] {
		return func(yield func(track.Point, error) bool) {
			f.open(name)(func(p track.Point, err error) bool { return yield(p, err) })
			yield(track.Point{}, errors.New("line 9: the GPX cannot be read on"))
		}
	}, "user/walk.gpx")
	plan, err := replay.NewPlan(surveys, []string{"replay-01"}, replay.Options{})
	if err != nil {
		t.Fatal(err)
	}
	said := []string{"", "jump", ""}
	a := replay.Rehearse(plan, f.open, func(string, float64) replay.Judge {
		return func(b beacon.Fix, _ time.Time) (string, string) {
			if b.Seq == 3 {
				return "off_duty", ""
			}
			return "", said[b.Seq-1]
		}
	}, epoch)
	var out strings.Builder
	if err := a.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"user/walk.gpx  replay-01  3     0        3     3      0.02 km  0:02:00  0:00:00  ok 1 · jump 1 · off_duty 1",
		"tracks: 1, 0.02 km long", "3 read = 0 refused + 3 sent + 0 there already + 0 not sent",
		"jump                    1  kept, doubtful", "user/walk.gpx line 3", "user/walk.gpx line 4",
		"user/walk.gpx: line 9: the GPX cannot be read on", "dry run",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the account lacks %q:\n%s", want, out.String())
		}
	}
	if a.Total.Accounted() != 3 {
		t.Errorf("%+v", a.Total)
	}
}
