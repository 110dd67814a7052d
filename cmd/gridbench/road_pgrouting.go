package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/migrations/pgcluster"
)

// pgRoutingRounds is how often pgRouting is asked: a question takes it a tenth of a
// second and more.
const pgRoutingRounds = 15

// pgRouting asks pgRouting for the same kinds of ways on the same roads, in a cluster of
// its own, where it is installed: junctions as they are, without what turns cost and
// forbid, so it has the easier job. Its answers are therefore not compared.
//
// It is the calibration kernel too: pace is how long it takes here for what took 1 on the
// machine where OSRM was recorded, on the same extract; 0 where it is not installed.
func (b *roadBench) pgRouting() (pace float64, err error) {
	if found, _ := filepath.Glob("/usr/share/postgresql/*/extension/pgrouting.control"); len(found) == 0 {
		fmt.Println("pgRouting is not installed here (postgresql-NN-pgrouting): nothing was asked of it in this run.")
		return 0, nil
	}
	dir, err := os.MkdirTemp("", "gridbench")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // the database's own user must reach it
		return 0, err
	}
	cluster, err := pgcluster.Start(b.ctx, pgcluster.Config{Dir: dir})
	if err != nil {
		return 0, fmt.Errorf("start a cluster for pgRouting: %w", err)
	}
	defer func() { err = errors.Join(err, cluster.Stop(context.WithoutCancel(b.ctx))) }()
	db, err := pgx.Connect(b.ctx, cluster.URL())
	if err != nil {
		return 0, err
	}
	defer db.Close(b.ctx)
	for _, sql := range []string{
		`CREATE EXTENSION IF NOT EXISTS postgis`, `CREATE EXTENSION IF NOT EXISTS pgrouting`,
		`CREATE TABLE edge (id bigint, source bigint, target bigint, cost float8, reverse_cost float8)`,
	} {
		if _, err := db.Exec(b.ctx, sql); err != nil {
			return 0, fmt.Errorf("prepare pgRouting: %w", err)
		}
	}
	nodes, err := b.copyEdges(db)
	if err != nil {
		return 0, err
	}
	const edges = `SELECT id, source, target, cost, reverse_cost FROM edge`
	// With every road turned round it searches once, from the one.
	const reversed = `SELECT id, source, target, reverse_cost AS cost, cost AS reverse_cost FROM edge`
	product, kinds := 1.0, 0
	for _, q := range []struct {
		name, sql, edges string
		from             int
		recordedUS       float64 // on Porto, beside OSRM
	}{
		{"300 places to one", `SELECT count(*) FROM pgr_dijkstraCost($1, $3::bigint, $2::bigint[])`, reversed, fleetSize, 172_000},
		{"a route", `SELECT count(*) FROM pgr_dijkstra($1, $2::bigint[], $3::bigint)`, edges, 1, 164_000},
	} {
		var took []time.Duration
		for range pgRoutingRounds {
			from := make([]int64, q.from)
			for i := range from {
				from[i] = nodes[b.random.IntN(len(nodes))]
			}
			began := time.Now()
			var rows int
			if err := db.QueryRow(b.ctx, q.sql, q.edges, from, nodes[b.random.IntN(len(nodes))]).Scan(&rows); err != nil {
				return 0, fmt.Errorf("ask pgRouting: %w", err)
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		b.add(figure{Name: "pgRouting, same run: " + q.name, Value: us(took, 0.5), Unit: "us", Runs: len(took)})
		product, kinds = product*us(took, 0.5)/q.recordedUS, kinds+1
	}
	return math.Pow(product, 1/float64(kinds)), nil
}

// copyEdges writes every road as an edge, its length the cost, -1 where a car may not
// go, and answers its junctions.
func (b *roadBench) copyEdges(db *pgx.Conn) ([]int64, error) {
	number := map[geo.Point]int64{}
	var nodes []int64
	node := func(p geo.Point) int64 {
		n, ok := number[p]
		if !ok {
			n = int64(len(nodes))
			number[p], nodes = n, append(nodes, n)
		}
		return n
	}
	cost := func(s road.Segment, who road.ModeSet) float64 {
		if who.Has(road.Car) {
			return s.LengthM
		}
		return -1
	}
	_, err := db.CopyFrom(b.ctx, pgx.Identifier{"edge"}, []string{"id", "source", "target", "cost", "reverse_cost"},
		pgx.CopyFromSlice(b.net.Segments(), func(i int) ([]any, error) {
			s := b.net.Segment(i)
			return []any{int64(i), node(s.Points[0]), node(s.Points[len(s.Points)-1]), cost(s, s.Along), cost(s, s.Against)}, nil
		}))
	if err != nil {
		return nil, fmt.Errorf("give pgRouting the roads: %w", err)
	}
	_, err = db.Exec(b.ctx, `ANALYZE edge`)
	return nodes, err
}
