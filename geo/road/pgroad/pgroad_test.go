package pgroad_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// avenue is one road of some length, so that networks can be told apart.
func avenue(t testing.TB, name string, points int) *road.Network {
	t.Helper()
	line := road.Line{Class: road.Primary, Name: name, OneWay: true}
	step := 1e-4
	if points > 1000 {
		step = 1e-5 // or it would run round the world
	}
	for i := range points {
		line.Points = append(line.Points, geo.Point{Lon: 121.38 + float64(i)*step, Lat: 28.58})
	}
	lines := []road.Line{line, {
		Class: road.Footway, Name: "",
		Points: []geo.Point{line.Points[0], {Lon: 121.38, Lat: 28.581}},
	}}
	n, err := road.FromLines(context.Background(), lines, name)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestStoreAndLoad(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx := t.Context()
	if _, _, err := pgroad.Load(ctx, db); !errors.Is(err, pgroad.ErrNone) {
		t.Fatalf("load from nothing: %v", err)
	}
	revision := func() (r int64) {
		t.Helper()
		if err := db.QueryRow(ctx, "SELECT revision FROM revisions WHERE topic = 'roads'").Scan(&r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	before := revision()
	// 300,000 points take more than one chunk.
	long := avenue(t, "long", 300_000)
	first, err := pgroad.Store(ctx, db, long)
	if err != nil {
		t.Fatal(err)
	}
	if got := revision(); got != before+1 {
		t.Errorf("revision went from %d to %d", before, got)
	}
	loaded, version, err := pgroad.Load(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	if version != first || loaded.Source() != "long" || fmt.Sprint(loaded.Stats()) != fmt.Sprint(long.Stats()) {
		t.Errorf("loaded version %d, source %q, %+v", version, loaded.Source(), loaded.Stats())
	}
	second, err := pgroad.Store(ctx, db, avenue(t, "tab\tand \\ 路桥大道", 3))
	if err != nil {
		t.Fatal(err)
	}
	info, err := pgroad.Active(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	var stats road.Stats
	if err := json.Unmarshal(info.Stats, &stats); err != nil {
		t.Fatal(err)
	}
	if info.Version != second || second <= first || stats.Segments != 2 {
		t.Errorf("active %+v with %+v, first was %d", info, stats, first)
	}
	var networks, chunks int
	err = db.QueryRow(ctx, "SELECT (SELECT count(*) FROM road_networks), (SELECT count(*) FROM road_network_chunks)").Scan(&networks, &chunks)
	if err != nil {
		t.Fatal(err)
	}
	if networks != 2 || chunks != 1 {
		t.Errorf("%d networks, %d chunks are kept", networks, chunks)
	}
}

func TestSegmentsAreDrawn(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	if _, err := pgroad.Store(t.Context(), db, avenue(t, "tab\tand \\ 路桥大道", 3)); err != nil {
		t.Fatal(err)
	}
	var name, class, line string
	var along, against []string
	var length, geodesic float64
	err := db.QueryRow(t.Context(), `SELECT name, class, along, against, length_m, ST_Length(geom::geography), ST_AsText(geom)
		FROM road_segments WHERE name <> ''`).Scan(&name, &class, &along, &against, &length, &geodesic, &line)
	if err != nil {
		t.Fatal(err)
	}
	if name != "tab\tand \\ 路桥大道" || class != "primary" || line != "LINESTRING(121.38 28.58,121.3801 28.58,121.3802 28.58)" ||
		fmt.Sprint(along, against) != "[foot ebike car] [foot]" {
		t.Errorf("drawn %q %s %v %v %s", name, class, along, against, line)
	}
	if d := length - geodesic; d > 0.02 || d < -0.02 {
		t.Errorf("%.3f m long, PostGIS measures %.3f m", length, geodesic)
	}
}

func TestDamagedAndOlderRoadsAreRefusedByName(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sql  string
		want error
	}{
		"a byte changed":  {"UPDATE road_network_chunks SET data = set_byte(data, 100, get_byte(data, 100) # 1)", road.ErrCorrupt},
		"the end is gone": {"UPDATE road_network_chunks SET data = substring(data for length(data) - 7)", road.ErrCorrupt},
		"something added": {"UPDATE road_network_chunks SET data = data || 'x'::bytea", road.ErrCorrupt},
		"no bytes":        {"DELETE FROM road_network_chunks", road.ErrCorrupt},
		"another format":  {"UPDATE road_networks SET format = 0", road.ErrVersion},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			if _, err := pgroad.Store(t.Context(), db, avenue(t, "a", 3)); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(t.Context(), c.sql); err != nil {
				t.Fatal(err)
			}
			if _, _, err := pgroad.Load(t.Context(), db); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// TestImportsAtOnce leaves one whole network behind, whoever came last, and never
// shows half of one.
func TestImportsAtOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx := t.Context()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			if _, err := pgroad.Store(ctx, db, avenue(t, fmt.Sprint("avenue ", i), 3+i)); err != nil {
				t.Errorf("store %d: %v", i, err)
			}
		})
		wg.Go(func() {
			if _, _, err := pgroad.Load(ctx, db); err != nil && !errors.Is(err, pgroad.ErrNone) {
				t.Errorf("load %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	n, version, err := pgroad.Load(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	info, err := pgroad.Active(ctx, db)
	if err != nil || info.Version != version || info.Source != n.Source() {
		t.Errorf("loaded %d %q, active %+v, %v", version, n.Source(), info, err)
	}
}
