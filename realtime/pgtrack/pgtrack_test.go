package pgtrack_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
	"github.com/gridpatrol/gridpatrol/realtime/pgtrack"
	"github.com/gridpatrol/gridpatrol/realtime/realtimetest"
)

type bundle struct {
	db    *pgdb.DB
	store *pgtrack.Store
	unit  realtimetest.Unit
	key   realtime.StreamKey
	now   time.Time
}

func setup(t *testing.T) *bundle {
	t.Helper()
	db := pgtest.New(t)
	now := time.Now().UTC().Truncate(time.Second)
	unit := realtimetest.Lay(t, db, 1, now)[0]
	return &bundle{db: db, store: pgtrack.New(db), unit: unit, now: now,
		key: realtime.StreamKey{Device: unit.Device, Stream: uuid.New()}}
}

func (b *bundle) fix(seq int64, t time.Time) realtime.TrackFix {
	p := geo.Point{Lon: 121.38, Lat: 28.58}
	return realtime.TrackFix{
		Key: b.key, Patrol: b.unit.Patrol, District: dispatch.DistrictID{UUID: pgdb.District}, Cell: cell.At(p, cell.Res), ReceivedAt: b.now,
		Fix: beacon.Fix{Seq: seq, T: t, Lon: p.Lon, Lat: p.Lat, AccuracyM: 8, SpeedMS: math.NaN(), HeadingDeg: 90, Battery: 0.8},
	}
}

func (b *bundle) batch(t *testing.T, acked, was int64, fixes ...realtime.TrackFix) *realtime.Batch {
	t.Helper()
	revision, err := b.store.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &realtime.Batch{
		RosterRevision: revision, Track: fixes,
		Streams: []realtime.StreamUpdate{{Key: b.key, Progress: realtime.Progress{Acked: acked}, Was: was}},
	}
}

func (b *bundle) count(t *testing.T, query string, args ...any) (n int64) {
	t.Helper()
	if err := b.db.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCommitKeepsWhatItWasGiven(t *testing.T) {
	t.Parallel()
	b := setup(t)
	doubtful := b.fix(2, b.now.Add(-time.Minute))
	doubtful.Verdict, doubtful.Fix.Mock = realtime.Jump|realtime.Mock, true
	batch := b.batch(t, 2, 0, b.fix(1, b.now.Add(-2*time.Minute)), doubtful)
	batch.Streams[0].Beyond = []beacon.Range{{First: 5, Last: 7}, {First: 9, Last: 9}}
	if err := b.store.Commit(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	auditor := dispatch.Viewer{District: dispatch.DistrictID{UUID: pgdb.District}, Role: dispatch.RoleAuditor}
	read := func(v dispatch.Viewer, limit int) (track []realtime.TrackPlace) {
		err := b.store.Track(t.Context(), v, b.unit.Patrol, b.now.Add(-time.Hour), b.now, limit, func(p *realtime.TrackPlace) { track = append(track, *p) })
		if err != nil {
			t.Fatal(err)
		}
		return track
	}
	track := read(auditor, 0)
	stranger := auditor
	stranger.AreaCode = "elsewhere"
	if track := read(stranger, 0); len(track) != 0 {
		t.Errorf("whoever may not see the patrol reads %d fixes of its track", len(track))
	}
	nan := float32(math.NaN())
	good := realtime.TrackPlace{T: b.now.Add(-2 * time.Minute), Point: geo.Point{Lon: 121.38, Lat: 28.58}, AccuracyM: 8, SpeedMS: nan, HeadingDeg: 90}
	bad := good
	bad.T, bad.Verdict = b.now.Add(-time.Minute), "jump,mock"
	if d := cmp.Diff([]realtime.TrackPlace{good, bad}, track, cmpopts.EquateNaNs()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(track[:1], read(auditor, 1), cmpopts.EquateNaNs()); d != "" {
		t.Error(d)
	}
	records, err := b.store.Streams(t.Context(), []realtime.StreamKey{b.key, {Device: b.unit.Device, Stream: uuid.New()}})
	if err != nil || len(records) != 2 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	wantRecord := realtime.StreamRecord{Progress: batch.Streams[0].Progress, Version: 1}
	if d := cmp.Diff(wantRecord, records[b.key]); d != "" {
		t.Error(d)
	}
	if n, err := pgtrack.Stray(t.Context(), b.db); err != nil || n != 0 {
		t.Errorf("%d fixes outside every day, %v", n, err)
	}
}

// Two telephones in one car are one track, in the order of time; what one of them told
// for another patrol is not of it.
func TestATrackOfTwoDevices(t *testing.T) {
	t.Parallel()
	b := setup(t)
	second := realtime.StreamKey{Device: dispatch.DeviceID{UUID: uuid.New()}, Stream: uuid.New()}
	other := uuid.New()
	if _, err := b.db.Exec(t.Context(), `INSERT INTO patrols (id, district_id, code, name, department, mode, area_code, status)
		SELECT $1, district_id, 'other', 'other', department, mode, area_code, status FROM patrols WHERE id = $2`, other, b.unit.Patrol.UUID); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		`INSERT INTO devices (id, district_id, code) SELECT $1, district_id, 'second' FROM patrols WHERE id = $2`,
		`INSERT INTO device_bindings (device_id, patrol_id, valid) SELECT $1, id, tstzrange(gp_now() - interval '1 day', NULL) FROM patrols WHERE id = $2`,
	} {
		if _, err := b.db.Exec(t.Context(), query, second.Device.UUID, b.unit.Patrol.UUID); err != nil {
			t.Fatal(err)
		}
	}
	var fixes []realtime.TrackFix
	var want []time.Time
	for i := range 6 {
		f := b.fix(int64(i)+1, b.now.Add(time.Duration(i-10)*time.Minute))
		if i%2 == 1 {
			f.Key = second
		}
		if i == 3 {
			f.Patrol = dispatch.PatrolID{UUID: other}
		} else {
			want = append(want, f.Fix.T)
		}
		fixes = append(fixes, f)
	}
	batch := b.batch(t, 6, 0, fixes...)
	batch.Streams = append(batch.Streams, realtime.StreamUpdate{Key: second, Progress: realtime.Progress{Acked: 6}})
	if err := b.store.Commit(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	auditor := dispatch.Viewer{District: dispatch.DistrictID{UUID: pgdb.District}, Role: dispatch.RoleAuditor}
	var got []time.Time
	err := b.store.Track(t.Context(), auditor, b.unit.Patrol, b.now.Add(-time.Hour), b.now, 0, func(p *realtime.TrackPlace) { got = append(got, p.T) })
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Error(err, d)
	}
}

// What was last doubtful about a stream stays until something else is.
func TestCommitKeepsTheLastDoubts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i, c := range []struct {
		said realtime.Verdict
		want string
	}{{0, ""}, {realtime.GCJ02 | realtime.Mock, "mock,gcj02"}, {0, "mock,gcj02"}, {realtime.Frozen, "frozen"}} {
		batch := b.batch(t, int64(i)+1, int64(i), b.fix(int64(i)+1, b.now.Add(time.Duration(i)*time.Second)))
		batch.Streams[0].Doubts = c.said
		if err := b.store.Commit(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		if n := b.count(t, `SELECT count(*) FROM beacon_streams WHERE coalesce(doubts, '') = $1 AND (doubted_at IS NULL) = ($1 = '')`, c.want); n != 1 {
			t.Errorf("after %d batches the doubts are not %q", i+1, c.want)
		}
	}
}

func TestCommitPassesOverDuplicates(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if err := b.store.Commit(t.Context(), b.batch(t, 1, 0, b.fix(1, b.now))); err != nil {
		t.Fatal(err)
	}
	if err := b.store.Commit(t.Context(), b.batch(t, 2, 1, b.fix(1, b.now), b.fix(2, b.now))); err != nil {
		t.Fatal(err)
	}
	if n := b.count(t, `SELECT count(*) FROM tracks`); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

func TestCommitRefusesWhatWasMadeFromAnOldState(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if err := b.store.Commit(t.Context(), b.batch(t, 1, 0, b.fix(1, b.now))); err != nil {
		t.Fatal(err)
	}
	for _, was := range []int64{0, 2} {
		if err := b.store.Commit(t.Context(), b.batch(t, 2, was, b.fix(2, b.now))); !errors.Is(err, realtime.ErrStreamMoved) {
			t.Errorf("from version %d: %v, want ErrStreamMoved", was, err)
		}
	}
	batch := b.batch(t, 2, 1, b.fix(2, b.now))
	realtimetest.Exec(t, b.db, `UPDATE duties SET during = tstzrange(lower(during), $1)`, b.now.Add(-time.Minute))
	if err := b.store.Commit(t.Context(), batch); !errors.Is(err, realtime.ErrRosterMoved) {
		t.Errorf("after a duty ended: %v, want ErrRosterMoved", err)
	}
	if n := b.count(t, `SELECT count(*) FROM tracks`); n != 1 {
		t.Errorf("%d rows, want 1: a refused batch leaves nothing", n)
	}
	batch.RosterMayMove = true
	if err := b.store.Commit(t.Context(), batch); err != nil {
		t.Errorf("judged by what was read after it had come: %v", err)
	}
}

func TestCommitSaysThatABatchIsBad(t *testing.T) {
	t.Parallel()
	b := setup(t)
	bad := b.fix(1, b.now)
	bad.Fix.Lon = 181
	if err := b.store.Commit(t.Context(), b.batch(t, 1, 0, bad)); !errors.Is(err, realtime.ErrBatch) {
		t.Errorf("%v, want ErrBatch", err)
	}
}

func TestQuarantineKeepsNoPlaceOfWhoIsOffDuty(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch := b.batch(t, 2, 0)
	for seq, at := range []time.Time{b.now.Add(time.Hour), b.now.Add(24 * time.Hour)} {
		f := b.fix(int64(seq)+1, at)
		batch.Quarantine = append(batch.Quarantine, realtime.QuarantinedFix{Key: b.key, Fix: f.Fix, Code: beacon.Future, ReceivedAt: b.now})
	}
	day := time.Date(b.now.Year(), b.now.Month(), b.now.Day(), 0, 0, 0, 0, time.UTC)
	batch.OffDuty = []realtime.OffDutyCount{{Device: b.unit.Device, Day: day, Fixes: 3}}
	if err := b.store.Commit(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	batch = b.batch(t, 3, 1)
	batch.OffDuty = []realtime.OffDutyCount{{Device: b.unit.Device, Day: day, Fixes: 2}}
	if err := b.store.Commit(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if n := b.count(t, `SELECT count(*) FROM quarantined_fixes WHERE seq = 1 AND lon = 121.38 AND accuracy_m = 8`); n != 1 {
		t.Error("the place of a quarantined fix on duty is not kept")
	}
	if n := b.count(t, `SELECT count(*) FROM quarantined_fixes WHERE seq = 2 AND lon IS NULL AND lat IS NULL AND accuracy_m IS NULL`); n != 1 {
		t.Error("the place of a quarantined fix off duty is kept")
	}
	if n := b.count(t, `SELECT fixes FROM off_duty_counts WHERE device_id = $1 AND day = $2`, b.unit.Device.UUID, day); n != 5 {
		t.Errorf("%d counted off duty, want 5", n)
	}
}

func TestRoster(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before, err := b.store.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	realtimetest.Exec(t, b.db, `UPDATE devices SET revoked_at = gp_now() WHERE id = $1`, b.unit.Device.UUID)
	realtimetest.Exec(t, b.db, `INSERT INTO duties (id, patrol_id, during, source) VALUES (gen_random_uuid(), $1, tstzrange($2, 'infinity'), 'manual')`,
		b.unit.Patrol.UUID, b.now.Add(13*time.Hour))
	r, err := b.store.Roster(t.Context(), b.now.AddDate(0, 0, -8))
	if err != nil {
		t.Fatal(err)
	}
	if r.Revision <= before {
		t.Errorf("revision %d did not move from %d", r.Revision, before)
	}
	want := &realtime.Patrol{ID: b.unit.Patrol, District: dispatch.DistrictID{UUID: pgdb.District}, Department: realtimetest.Department,
		Mode: dispatch.Car, Areas: []string{realtimetest.Area, "district"}, Status: dispatch.Free, Version: 1}
	if d := cmp.Diff(want, r.Patrols[b.unit.Patrol]); d != "" {
		t.Error(d)
	}
	if !r.Revoked[b.unit.Device] {
		t.Error("a revoked device is not told")
	}
	for _, c := range []struct {
		at   time.Duration
		duty bool
	}{{0, true}, {-12 * time.Hour, true}, {-12*time.Hour - 1, false}, {12 * time.Hour, false}, {13 * time.Hour, true}, {999 * time.Hour, true}} {
		at := b.now.Add(c.at)
		if p := r.PatrolAt(b.unit.Device, at); p == nil || p.ID != b.unit.Patrol {
			t.Errorf("no patrol at %s", c.at)
		}
		if got := r.OnDuty(b.unit.Patrol, at); got != c.duty {
			t.Errorf("on duty at %s: %v", c.at, got)
		}
	}
	if p := r.PatrolAt(b.unit.Device, b.now.AddDate(0, 0, -31)); p != nil {
		t.Error("the device spoke for a patrol before it was bound")
	}
}

func TestPlacesKeepTheNewest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	place := func(seq int64, at time.Time) realtime.Place {
		return realtime.Place{Patrol: b.unit.Patrol, Device: b.unit.Device, Stream: b.key.Stream, Seq: seq, T: at,
			Point: geo.Point{Lon: 121.38, Lat: 28.58}, Cell: 1, AccuracyM: 8, SpeedMS: 1.5, HeadingDeg: 90, Datum: geo.GCJ02, Battery: 0.25}
	}
	before := place(2, b.now.Add(-time.Minute))
	before.Datum, before.Battery = geo.BD09, math.NaN()
	kept := func(want realtime.Place, saved ...realtime.Place) {
		t.Helper()
		for _, p := range saved {
			if err := b.store.SavePlaces(t.Context(), []realtime.Place{p}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := b.store.Places(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]realtime.Place{want}, got); d != "" {
			t.Error(d)
		}
	}
	kept(place(5, b.now), before, place(5, b.now), place(4, b.now.Add(-time.Second)), place(3, b.now))

	// T is by the service's clock, whatever was sent. Of one install the later by its own
	// clock is newer as well; of another phone, the later by the service's.
	off := func(p realtime.Place, by time.Duration) realtime.Place {
		p.Off = by
		return p
	}
	foundOut := off(place(6, b.now.Add(-89*time.Second)), -90*time.Second)
	kept(foundOut, foundOut)
	other := place(1, foundOut.T.Add(-time.Second))
	other.Stream, other.Device.UUID = uuid.New(), uuid.New()
	kept(foundOut, other, off(other, 12*time.Minute))
	other = off(place(2, foundOut.T.Add(time.Second)), 12*time.Minute)
	other.Stream = uuid.New()
	kept(other, other, off(place(7, foundOut.T), -2*time.Hour))
}

func TestPartitionsTakeStraysOver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	at := b.now.AddDate(0, 0, 20)
	if err := b.store.Commit(t.Context(), b.batch(t, 1, 0, b.fix(1, at))); err != nil {
		t.Fatal(err)
	}
	if n, err := pgtrack.Stray(t.Context(), b.db); err != nil || n != 1 {
		t.Fatalf("%d strays, %v, want 1", n, err)
	}
	if made, err := pgtrack.EnsurePartitions(t.Context(), b.db, 20); err != nil || made != 13 {
		t.Fatalf("%d partitions made, %v, want 13", made, err)
	}
	if made, err := pgtrack.EnsurePartitions(t.Context(), b.db, 20); err != nil || made != 0 {
		t.Fatalf("%d partitions made again, %v", made, err)
	}
	if n, err := pgtrack.Stray(t.Context(), b.db); err != nil || n != 0 {
		t.Errorf("%d strays left, %v", n, err)
	}
	if n := b.count(t, `SELECT count(*) FROM tracks`); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}
