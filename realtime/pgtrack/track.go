package pgtrack

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgscope"
	"github.com/gridpatrol/gridpatrol/geo/cell"
)

// MaxTrackFixes bounds one answer of Track: a day at one fix every two seconds.
const MaxTrackFixes = 43200

// TrackPoint is one fix of a patrol's track. An absent measure is nil; Verdict is
// the doubts by name with commas between, empty for a good fix. Simulated fixes are
// shown, and are no proof of where anybody was.
type TrackPoint struct {
	DeviceID   dispatch.DeviceID `json:"device_id"`
	Seq        int64             `json:"seq"`
	T          time.Time         `json:"t"`
	ReceivedAt time.Time         `json:"received_at"`
	Lon        float64           `json:"lon"`
	Lat        float64           `json:"lat"`
	Cell       cell.Cell         `json:"cell"`
	AccuracyM  *float32          `json:"accuracy_m"`
	SpeedMS    *float32          `json:"speed_ms"`
	HeadingDeg *float32          `json:"heading_deg"`
	Verdict    string            `json:"verdict"`
	Simulated  bool              `json:"simulated"`
}

// The devices that spoke for the patrol then are asked, since a track's key leads
// with the device; what those sent for another patrol is left out.
const selectTrack = `SELECT t.device_id, t.seq, t.t, t.received_at, t.lon, t.lat, t.cell, t.accuracy_m, t.speed_ms, t.heading_deg, coalesce(t.verdict, ''), coalesce(t.simulated, false)
FROM tracks_seen t
WHERE t.device_id IN (SELECT device_id FROM device_bindings WHERE patrol_id = $1 AND valid && tstzrange($2, $3))
  AND t.t >= $2 AND t.t < $3 AND t.patrol_id = $1
ORDER BY t.t, t.stream, t.seq
LIMIT $4`

// scanTrack reads all rows. A day has thousands: what is absent or not is kept in one
// piece for all of them, since a small one for each is what reading would spend its time on.
func scanTrack(rows pgx.Rows) ([]TrackPoint, error) {
	defer rows.Close()
	var points []TrackPoint
	var measures []float32
	var device uuid.UUID
	var h3 int64
	var accuracy, speed, heading pgtype.Float4
	keep := func(f pgtype.Float4) *float32 {
		if !f.Valid {
			return nil
		}
		if len(measures) == cap(measures) {
			measures = make([]float32, 0, 1024) // those before live on in their points
		}
		measures = append(measures, f.Float32)
		return &measures[len(measures)-1]
	}
	for rows.Next() {
		points = append(points, TrackPoint{})
		p := &points[len(points)-1]
		err := rows.Scan(&device, &p.Seq, &p.T, &p.ReceivedAt, &p.Lon, &p.Lat, &h3, &accuracy, &speed, &heading, &p.Verdict, &p.Simulated)
		if err != nil {
			return nil, err
		}
		p.DeviceID, p.Cell, p.T, p.ReceivedAt = dispatch.DeviceID{UUID: device}, cell.Cell(h3), p.T.UTC(), p.ReceivedAt.UTC()
		p.AccuracyM, p.SpeedMS, p.HeadingDeg = keep(accuracy), keep(speed), keep(heading)
	}
	return points, rows.Err()
}

// Track is where a patrol was from one time to another (not included), by the sent
// time, at most limit fixes (0: MaxTrackFixes). Whoever wants more asks again from
// the last one's time. A viewer who may not see the patrol gets nothing.
func (s *Store) Track(ctx context.Context, v dispatch.Viewer, patrol dispatch.PatrolID, from, to time.Time, limit int) ([]TrackPoint, error) {
	if limit <= 0 || limit > MaxTrackFixes {
		limit = MaxTrackFixes
	}
	var points []TrackPoint
	err := s.db.As(ctx, pgscope.Of(v), func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectTrack, patrol.UUID, from, to, limit)
		if err != nil {
			return err
		}
		points, err = scanTrack(rows)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read track: %w", err)
	}
	return points, nil
}
