package main

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// inserted is what the same table takes when each fix is a transaction of its own.
type inserted struct {
	rate float64
	cost float64 // microseconds of PostgreSQL a fix
}

// oneEach writes fixes by one INSERT each, on 16 connections.
func oneEach(ctx context.Context, t *town, data string, span time.Duration) (inserted, error) {
	const connections = 16
	before, err := storeCPU(data)
	if err != nil {
		return inserted{}, err
	}
	begun := time.Now()
	rows := make([]int64, connections)
	var conns []*pgx.Conn
	defer func() {
		for _, c := range conns {
			_ = c.Close(context.WithoutCancel(ctx)) // measured already
		}
	}()
	var g errgroup.Group
	for i := range connections {
		conn, err := pgx.Connect(ctx, t.cluster.URL())
		if err != nil {
			return inserted{}, fmt.Errorf("connect: %w", err)
		}
		conns = append(conns, conn)
		device, stream, patrol := t.units[i%len(t.units)].patrol, uuid.New(), t.units[i%len(t.units)].patrol
		g.Go(func() error {
			for time.Since(begun) < span && ctx.Err() == nil {
				rows[i]++
				_, err := conn.Exec(ctx, `INSERT INTO tracks (district_id, device_id, stream, seq, t, received_at, patrol_id, cell, lon, lat, accuracy_m, mock)
SELECT id, $1, $2, $3, gp_now(), gp_now(), $4, 617700169958293503, 121.3, 28.5, 8, false FROM districts`, device, stream, rows[i], patrol)
				if err != nil {
					return fmt.Errorf("insert a fix: %w", err)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return inserted{}, err
	}
	took := time.Since(begun)
	after, err := storeCPU(data)
	if err != nil {
		return inserted{}, err
	}
	var n int64
	for _, r := range rows {
		n += r
	}
	return inserted{rate: float64(n) / took.Seconds(), cost: float64((after - before).Microseconds()) / float64(max(1, n))}, nil
}
