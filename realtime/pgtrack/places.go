package pgtrack

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/gridpatrol/gridpatrol/realtime"
)

// Of one install the later is newer by its own clock as well (realtime's Place.newer).
const upsertPlaces = `INSERT INTO last_positions AS l (district_id, patrol_id, device_id, stream, seq, t, off_ms, lon, lat, cell, accuracy_m, speed_ms, heading_deg, datum, battery)
SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[], $6::timestamptz[], $7::integer[], $8::float8[], $9::float8[],
  $10::bigint[], $11::real[], $12::real[], $13::real[], $14::text[], $15::real[])
ON CONFLICT (patrol_id) DO UPDATE
  SET device_id = excluded.device_id, stream = excluded.stream, seq = excluded.seq, t = excluded.t, off_ms = excluded.off_ms,
      lon = excluded.lon, lat = excluded.lat, cell = excluded.cell, accuracy_m = excluded.accuracy_m, speed_ms = excluded.speed_ms,
      heading_deg = excluded.heading_deg, datum = excluded.datum, battery = excluded.battery
  WHERE (excluded.t + coalesce(excluded.off_ms, 0) * interval '1 millisecond', excluded.stream, excluded.seq)
      > (l.t + coalesce(l.off_ms, 0) * interval '1 millisecond', l.stream, l.seq)
    OR (excluded.device_id, excluded.stream) = (l.device_id, l.stream) AND excluded.t > l.t`

// SavePlaces keeps the places that are newer than what is kept; at most one of each
// patrol may be given.
func (s *Store) SavePlaces(ctx context.Context, places []realtime.Place) error {
	var patrols, devices, streams []uuid.UUID
	var seqs, cells []int64
	var ts []time.Time
	var lons, lats []float64
	var accuracies, speeds, headings, batteries []*float32
	var datums []*string
	var offs []*int32
	for _, p := range places {
		patrols, devices, streams = append(patrols, p.Patrol.UUID), append(devices, p.Device.UUID), append(streams, p.Stream)
		seqs, cells, ts = append(seqs, p.Seq), append(cells, int64(p.Cell)), append(ts, p.T.Add(-p.Off)) // as it was sent
		offs = append(offs, offOrNil(p.Off))
		lons, lats = append(lons, p.Point.Lon), append(lats, p.Point.Lat)
		accuracies, speeds, headings = append(accuracies, realOrNil(p.AccuracyM)), append(speeds, realOrNil(p.SpeedMS)), append(headings, realOrNil(p.HeadingDeg))
		datums, batteries = append(datums, textOrNil(string(p.Datum))), append(batteries, realOrNil(p.Battery))
	}
	_, err := s.db.Exec(ctx, upsertPlaces, s.district.UUID, patrols, devices, streams, seqs, ts, offs, lons, lats, cells, accuracies, speeds, headings, datums, batteries)
	if err != nil {
		return fmt.Errorf("save last positions: %w", err)
	}
	return nil
}

const selectPlaces = `SELECT patrol_id, device_id, stream, seq, t, coalesce(off_ms, 0), lon, lat, cell, accuracy_m, speed_ms, heading_deg, coalesce(datum, ''), battery
FROM last_positions WHERE district_id = $1`

// Places is the newest place of each patrol, as of the service's clock.
func (s *Store) Places(ctx context.Context) ([]realtime.Place, error) {
	rows, err := s.db.Query(ctx, selectPlaces, s.district.UUID)
	if err != nil {
		return nil, fmt.Errorf("read last positions: %w", err)
	}
	places, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (realtime.Place, error) {
		var patrol, device, stream uuid.UUID
		var seq, h3 int64
		var t time.Time
		var offMS int32
		var point geo.Point
		var accuracy, speed, heading, battery *float32
		var datum geo.CRS
		err := row.Scan(&patrol, &device, &stream, &seq, &t, &offMS, &point.Lon, &point.Lat, &h3, &accuracy, &speed, &heading, (*string)(&datum), &battery)
		off := time.Duration(offMS) * time.Millisecond
		return realtime.Place{
			Patrol: dispatch.PatrolID{UUID: patrol}, Device: dispatch.DeviceID{UUID: device}, Stream: stream, Seq: seq,
			T: t.Add(off).UTC(), Off: off, Point: point, Cell: cell.Cell(h3),
			AccuracyM: nanOr(accuracy), SpeedMS: nanOr(speed), HeadingDeg: nanOr(heading),
			Datum: datum, Battery: nanOr(battery),
		}, err
	})
	if err != nil {
		return nil, fmt.Errorf("read last positions: %w", err)
	}
	return places, nil
}

func offOrNil(off time.Duration) *int32 {
	ms := int32(off / time.Millisecond) // a clock further off is not believed
	if ms == 0 {
		return nil
	}
	return &ms
}

func textOrNil(v string) *string {
	if v == "" {
		return nil
	}
	return &v
}
