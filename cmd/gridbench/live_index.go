package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"time"
	"unsafe"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twpayne/go-geom"
	"github.com/twpayne/go-geom/encoding/ewkb"
	"golang.org/x/sys/unix"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/migrations/pgcluster"
	"github.com/gridpatrol/gridpatrol/realtime"
)

// indexFigures measures the index in this process: a move of 10 m, and the nearest
// five of a department, beside a linear scan of the same and PostGIS. The plain move is
// by the patrol's id, of a list that is itself in the order of the index, so that most
// of its places are not in the cache either. The others are as the service does it: a
// socket knows where its patrol is kept, and what comes from other nodes comes together;
// their places are read in order, as they come from a socket.
func indexFigures(ctx context.Context, n int) ([]figure, error) {
	fmt.Fprintf(os.Stderr, "an index of %d ...\n", n)
	const department = "grid"
	random := rand.New(rand.NewPCG(1, 1))
	now := time.Now()
	x := realtime.NewIndex(func() time.Time { return now })
	place := func() geo.Point {
		return geo.Point{Lon: 121.2 + 0.4*random.Float64(), Lat: 28.4 + 0.3*random.Float64()}
	}
	patrols := make(map[dispatch.PatrolID]*realtime.Patrol, n)
	places := make([]realtime.Place, n)
	for i := range places {
		id := dispatch.PatrolID{UUID: uuid.Must(uuid.NewV7())}
		patrols[id] = &realtime.Patrol{ID: id, Department: department, Status: dispatch.Free, Version: 1}
		places[i] = realtime.Place{Patrol: id, T: now.Add(-time.Minute), Point: place(), HeadingDeg: math.NaN()}
	}
	before := heap()
	x.SetPatrols(patrols)
	began := time.Now()
	for i := range places {
		x.Move(places[i])
	}
	filled := time.Since(began)
	memory := float64(heap()-before) / float64(n)
	// Everybody in another order than they came.
	order := random.Perm(n)
	rounds := max(1, 200_000/n)
	began = time.Now()
	moves := 0
	for range rounds {
		for _, i := range order[:min(n, 200_000)] {
			p := &places[i]
			p.T, p.Seq, p.Point.Lon = p.T.Add(time.Millisecond), p.Seq+1, p.Point.Lon+1e-4
			x.Move(*p)
			moves++
		}
	}
	move := float64(time.Since(began).Nanoseconds()) / float64(moves)
	at := make([]realtime.Found, min(n, 200_000)) // a socket each, that has told of its patrol before
	known := inOrder(places, order, rounds+1, func(k int, p *realtime.Place) { x.MoveFound(&at[k], *p) }, nil)
	together := inOrder(places, order, rounds, nil, func(part []realtime.Place) { x.MoveAll(part, func(realtime.Standing) {}) })
	read := randomRead(int(memory) * n)
	asks := make([]time.Duration, 20_000)
	where := make([]geo.Point, len(asks))
	for i := range where {
		where[i] = place()
	}
	for i, at := range where {
		began := time.Now()
		x.Candidates(department, at, 5)
		asks[i] = time.Since(began)
	}
	slices.Sort(asks)
	scan, scanned := linear(places, where[:max(1, min(200, 20_000_000/n))])
	same := "same_run"
	inside, err := insideFigures(x, places, where[:min(len(where), 1000)])
	if err != nil {
		return nil, err
	}
	figures := []figure{
		{Name: fmt.Sprintf("move one of %d", n), Value: move, Unit: "ns", Bar: bar(200), Peer: &read, PeerSource: &same, Runs: moves},
		{Name: fmt.Sprintf("move one of %d, by a socket that has moved it before", n), Value: known, Unit: "ns", Peer: &read, PeerSource: &same, Runs: moves},
		{Name: fmt.Sprintf("move one of %d, of 1000 that come together", n), Value: together, Unit: "ns", Peer: &read, PeerSource: &same, Runs: moves},
		{Name: fmt.Sprintf("read one line at random of as much memory, %d", n), Value: read, Unit: "ns", Runs: randomReads},
		{Name: fmt.Sprintf("memory of an index of %d, a patrol", n), Value: memory, Unit: "B", Runs: 1},
		{Name: fmt.Sprintf("nearest 5 of a department of %d, p50", n), Value: us(asks, 0.5), Unit: "us", Bar: bar(2), Peer: &scan, PeerSource: &same, Runs: len(asks)},
		{Name: fmt.Sprintf("nearest 5 of a department of %d, p99", n), Value: us(asks, 0.99), Unit: "us", Runs: len(asks)},
		{Name: fmt.Sprintf("linear scan of %d, p50", n), Value: scan, Unit: "us", Runs: scanned},
		inside.polygon, inside.ring, inside.scan,
		{Name: fmt.Sprintf("fill an index of %d", n), Value: filled.Seconds() * 1000, Unit: "ms", Runs: 1},
	}
	if n < 20_000 {
		return figures, nil
	}
	nearest, within, err := postGIS(ctx, places, where[:500], inside.corners)
	if err != nil {
		return figures, err
	}
	return append(figures, figure{Name: fmt.Sprintf("PostGIS, the nearest 5 of %d, p50", n), Value: us(nearest, 0.5), Unit: "us", Runs: len(nearest)},
		figure{Name: fmt.Sprintf("PostGIS, who is within the polygon of %d, p50", n), Value: us(within, 0.5), Unit: "us", Runs: len(within)}), nil
}

// inOrder moves the first of order for some rounds, each 10 m further, and answers what
// one move took: one by one, of which the first round is not timed, or by the thousand.
func inOrder(places []realtime.Place, order []int, rounds int, one func(int, *realtime.Place), many func([]realtime.Place)) (ns float64) {
	batch := make([]realtime.Place, min(len(places), 200_000))
	var took time.Duration
	moves := 0
	for round := range rounds {
		for k := range batch {
			p := &places[order[k]]
			p.T, p.Seq, p.Point.Lon = p.T.Add(time.Millisecond), p.Seq+1, p.Point.Lon+1e-4
			batch[k] = *p
		}
		began := time.Now()
		if many != nil {
			for part := range slices.Chunk(batch, 1000) {
				many(part)
			}
		} else {
			for k := range batch {
				one(k, &batch[k])
			}
			if round == 0 {
				continue
			}
		}
		took += time.Since(began)
		moves += len(batch)
	}
	return float64(took.Nanoseconds()) / float64(moves)
}

const randomReads = 1_000_000

// randomRead is what a read costs whose place is known only after the one before: what a
// move that finds its patrol by one such read, and nothing in the cache, cannot beat.
func randomRead(size int) (ns float64) {
	const line = 8 // words
	lines := max(1, size/64)
	words := make([]uint64, lines*line)
	if b := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(words)*8); len(b) > 8<<20 {
		// The pages as the index has them.
		const page = 2 << 20
		from := -uintptr(unsafe.Pointer(&b[0])) & (page - 1)
		_ = unix.Madvise(b[from:len(b)&^(page-1)], unix.MADV_HUGEPAGE)
	}
	way := rand.New(rand.NewPCG(2, 1)).Perm(lines)
	for i, from := range way {
		words[from*line] = uint64(way[(i+1)%lines] * line)
	}
	at := uint64(0)
	began := time.Now()
	for range randomReads {
		at = words[at]
	}
	took := time.Since(began)
	runtime.KeepAlive(at)
	return float64(took.Nanoseconds()) / randomReads
}

// heap is the bytes that are in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// linear is the plain way to the nearest five.
func linear(places []realtime.Place, where []geo.Point) (p50US float64, runs int) {
	took := make([]time.Duration, len(where))
	for i, at := range where {
		began := time.Now()
		cosLat := math.Cos(at.Lat * math.Pi / 180)
		var best [5]float64
		for k := range best {
			best[k] = math.Inf(1)
		}
		for k := range places {
			dx, dy := (places[k].Point.Lon-at.Lon)*cosLat, places[k].Point.Lat-at.Lat
			d := dx*dx + dy*dy
			for j := 4; j >= 0 && d < best[j]; j-- {
				if j < 4 {
					best[j+1] = best[j]
				}
				best[j] = d
			}
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return us(took, 0.5), len(took)
}

// postGIS asks a table with a GiST index for the same, on one connection.
func postGIS(ctx context.Context, places []realtime.Place, where []geo.Point, corners [][]float64) (nearest, within []time.Duration, err error) {
	dir, err := os.MkdirTemp("", "gridbench")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // the database's own user must reach it
		return nil, nil, err
	}
	cluster, err := pgcluster.Start(ctx, pgcluster.Config{Dir: dir})
	if err != nil {
		return nil, nil, fmt.Errorf("start a cluster for PostGIS: %w", err)
	}
	defer func() { err = errors.Join(err, cluster.Stop(context.WithoutCancel(ctx))) }()
	db, err := pgx.Connect(ctx, cluster.URL())
	if err != nil {
		return nil, nil, err
	}
	defer db.Close(ctx)
	for _, sql := range []string{
		`CREATE EXTENSION IF NOT EXISTS postgis`, `CREATE TABLE live (id uuid PRIMARY KEY, department text NOT NULL, at geometry(Point, 4326) NOT NULL)`,
	} {
		if _, err := db.Exec(ctx, sql); err != nil {
			return nil, nil, fmt.Errorf("prepare PostGIS: %w", err)
		}
	}
	ids, lons, lats := make([]uuid.UUID, len(places)), make([]float64, len(places)), make([]float64, len(places))
	for i, p := range places {
		ids[i], lons[i], lats[i] = p.Patrol.UUID, p.Point.Lon, p.Point.Lat
	}
	if _, err := db.Exec(ctx, `INSERT INTO live SELECT id, 'grid', ST_SetSRID(ST_MakePoint(lon, lat), 4326) FROM unnest($1::uuid[], $2::float8[], $3::float8[]) AS p(id, lon, lat)`, ids, lons, lats); err != nil {
		return nil, nil, fmt.Errorf("fill PostGIS: %w", err)
	}
	for _, sql := range []string{`CREATE INDEX ON live USING gist (at)`, `VACUUM ANALYZE live`} {
		if _, err := db.Exec(ctx, sql); err != nil {
			return nil, nil, fmt.Errorf("prepare PostGIS: %w", err)
		}
	}
	ask := func(query string, args ...any) (time.Duration, error) {
		began := time.Now()
		rows, err := db.Query(ctx, query, args...)
		if err != nil {
			return 0, fmt.Errorf("ask PostGIS: %w", err)
		}
		if _, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID]); err != nil {
			return 0, fmt.Errorf("ask PostGIS: %w", err)
		}
		return time.Since(began), nil
	}
	for _, at := range where {
		took, err := ask(`SELECT id FROM live WHERE department = 'grid' ORDER BY at <-> ST_SetSRID(ST_MakePoint($1, $2), 4326) LIMIT 5`, at.Lon, at.Lat)
		if err != nil {
			return nil, nil, err
		}
		nearest = append(nearest, took)
	}
	for _, flat := range corners {
		shape, err := ewkb.Marshal(geom.NewPolygonFlat(geom.XY, flat, []int{len(flat)}).SetSRID(4326), ewkb.NDR)
		if err != nil {
			return nil, nil, err
		}
		took, err := ask(`SELECT id FROM live WHERE department = 'grid' AND ST_Covers($1::bytea::geometry, at)`, shape)
		if err != nil {
			return nil, nil, err
		}
		within = append(within, took)
	}
	return nearest, within, nil
}
