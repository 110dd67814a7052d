package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	dayFixes = 24 * 60 * 60 / 5 // at the usual interval
	dayReads = 40
)

func dayFigures(read []time.Duration, cpu time.Duration) []figure {
	return []figure{
		{Name: "a patrol's track of a day, 17,280 fixes, read, p50", Value: quantileMS(read, 0.5), Unit: "ms", Bar: bar(50), Runs: len(read)},
		{Name: "a patrol's track of a day, 17,280 fixes, read, p95", Value: quantileMS(read, 0.95), Unit: "ms", Runs: len(read)},
		{Name: "CPU of the service for it", Value: cpu.Seconds() * 1e3 / float64(len(read)), Unit: "ms", Runs: len(read)},
	}
}

// day keeps a patrol's fixes of a whole day and reads them through the door, many times
// over. It answers how long each read took, to the last byte, and what
// all took of the service's processors.
func day(ctx context.Context, t *town, server *server) (took []time.Duration, cpu time.Duration, err error) {
	u := t.units[0]
	err = t.db.Owner(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `INSERT INTO tracks (district_id, patrol_id, device_id, stream, seq, t, received_at, cell, lon, lat, accuracy_m, speed_ms, heading_deg, mock)
			SELECT p.district_id, p.id, b.device_id, s.id, n + 1, date_trunc('day', gp_now()) + n * interval '5 s', gp_now(),
			  0, 121.3 + n * 1e-6, 28.5 + n * 1e-6, 8, 10, mod(n, 360), false
			FROM patrols p JOIN device_bindings b ON b.patrol_id = p.id, (SELECT gen_random_uuid() AS id) s, generate_series(0, $2 - 1) n WHERE p.id = $1`, u.patrol, dayFixes)
		if err != nil {
			return err
		}
		// A day that fills as days do is looked over by autovacuum on its way.
		_, err = conn.Exec(ctx, `ANALYZE tracks`)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("lay out a day's track: %w", err)
	}
	midnight := time.Now().UTC().Truncate(24 * time.Hour)
	ask := url.Values{"from": {midnight.Format(time.RFC3339)}, "to": {midnight.Add(24 * time.Hour).Format(time.RFC3339)}, "limit": {"20000"}}
	before, err := server.cpu()
	if err != nil {
		return nil, 0, err
	}
	for range dayReads {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.url+"/api/v1/patrols/"+u.patrol.String()+"/track?"+ask.Encode(), nil)
		if err != nil {
			return nil, 0, err
		}
		r.Header.Set("Authorization", "Bearer "+t.viewer)
		began := time.Now()
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return nil, 0, err
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		took = append(took, time.Since(began))
		var track struct {
			Items []json.RawMessage `json:"items"`
		}
		if err == nil && answer.StatusCode == http.StatusOK {
			err = json.Unmarshal(text, &track)
		}
		if err != nil || len(track.Items) < dayFixes {
			return nil, 0, fmt.Errorf("a day's track: %s, %d fixes of %d, %w: %.300s", answer.Status, len(track.Items), dayFixes, err, text)
		}
	}
	after, err := server.cpu()
	return took, after - before, err
}
