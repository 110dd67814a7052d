package pgtrack

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgscope"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/realtime"
)

// MaxTrackFixes bounds one answer of Track: a day at one fix every two seconds.
const MaxTrackFixes = 43200

// A track is thousands of rows of one device out of very many: a worker beside the
// server's own process takes longer to start than it would spare, and the rows of more
// than one must be sorted again.
const trackAlone = `SET LOCAL max_parallel_workers_per_gather = 0`

// The devices that spoke for the patrol then are asked, since a track's key leads
// with the device; what those sent for another patrol is left out.
const selectTrackDevices = `SELECT DISTINCT device_id FROM device_bindings WHERE patrol_id = $1 AND valid && tstzrange($2, $3)`

// A patrol has one device, nearly always: then the key has its rows in the order that is
// asked for, and the planner knows how many they are. Of what it must guess it makes a
// plan that looks at the patrol again for every row.
const (
	selectTrack = `SELECT t.t, t.lon, t.lat, t.accuracy_m, t.speed_ms, t.heading_deg, t.verdict, t.simulated FROM tracks_seen t
WHERE t.device_id = %s AND t.t >= $2 AND t.t < $3 AND t.patrol_id = $1
ORDER BY t.t, t.stream, t.seq
LIMIT $4`
	trackColumns = 8
)

var (
	selectTrackOfOne  = fmt.Sprintf(selectTrack, "$5")
	selectTrackOfMany = fmt.Sprintf(selectTrack, "ANY ($5)")
)

// Track visits where a patrol was from one time to another (not included), by the sent
// time, at most limit fixes (0: MaxTrackFixes). Whoever wants more asks again from
// the last one's time. A viewer who may not see the patrol gets nothing. The fix that is
// shown is used again for the next one.
func (s *Store) Track(ctx context.Context, v dispatch.Viewer, patrol dispatch.PatrolID, from, to time.Time, limit int, visit func(*realtime.TrackPlace)) error {
	if limit <= 0 || limit > MaxTrackFixes {
		limit = MaxTrackFixes
	}
	err := s.db.As(ctx, pgscope.Of(v), func(tx pgx.Tx) error {
		devices, err := trackDevices(ctx, tx, patrol, from, to)
		if err != nil || len(devices) == 0 {
			return err
		}
		query, of := selectTrackOfMany, any(devices)
		if len(devices) == 1 {
			query, of = selectTrackOfOne, devices[0]
		}
		rows, err := tx.Query(ctx, query, pgx.QueryResultFormats{pgx.BinaryFormatCode}, patrol.UUID, from, to, limit, of)
		if err != nil {
			return err
		}
		defer rows.Close()
		var p realtime.TrackPlace
		for rows.Next() {
			if err := readTrackPlace(rows.RawValues(), &p); err != nil {
				return err
			}
			visit(&p)
		}
		return rows.Err()
	})
	if err != nil {
		return fmt.Errorf("read track: %w", err)
	}
	return nil
}

func trackDevices(ctx context.Context, tx pgx.Tx, patrol dispatch.PatrolID, from, to time.Time) (devices []uuid.UUID, err error) {
	var b pgx.Batch
	b.Queue(trackAlone)
	b.Queue(selectTrackDevices, patrol.UUID, from, to).Query(func(rows pgx.Rows) error {
		devices, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		return err
	})
	return devices, tx.SendBatch(ctx, &b).Close()
}

// readTrackPlace takes the columns of selectTrack as the server sends them, in binary. A
// day has thousands of rows, and what a general scan must find out anew for every value
// of them is most of what reading them costs.
func readTrackPlace(row [][]byte, p *realtime.TrackPlace) error {
	if len(row) != trackColumns || len(row[0]) != 8 || len(row[1]) != 8 || len(row[2]) != 8 {
		return fmt.Errorf("a row of %d columns that are not a track's", len(row))
	}
	*p = realtime.TrackPlace{
		T:     timeOf(int64(binary.BigEndian.Uint64(row[0]))),
		Point: geo.Point{Lon: math.Float64frombits(binary.BigEndian.Uint64(row[1])), Lat: math.Float64frombits(binary.BigEndian.Uint64(row[2]))},
	}
	for i, to := range [...]*float32{&p.AccuracyM, &p.SpeedMS, &p.HeadingDeg} {
		switch v := row[3+i]; {
		case v == nil:
			*to = float32(math.NaN())
		case len(v) == 4:
			*to = math.Float32frombits(binary.BigEndian.Uint32(v))
		default:
			return fmt.Errorf("a measure of %d bytes", len(v))
		}
	}
	p.Verdict = string(row[6])
	p.Simulated = len(row[7]) == 1 && row[7][0] == 1
	return nil
}

// timeOf is a time as the server sends it: microseconds since the year 2000 began.
func timeOf(us int64) time.Time {
	const epochS = 946_684_800
	return time.Unix(epochS+us/1e6, us%1e6*1e3).UTC()
}
