package pgtrack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

const selectStreams = `SELECT s.device_id, s.stream, s.acked, s.beyond, s.version
FROM unnest($1::uuid[], $2::uuid[]) AS k (device_id, stream)
JOIN beacon_streams s USING (device_id, stream)`

// Streams answers a record for each key, a zero one for a stream it never saw.
func (s *Store) Streams(ctx context.Context, keys []realtime.StreamKey) (map[realtime.StreamKey]realtime.StreamRecord, error) {
	devices, streams := splitKeys(keys)
	rows, err := s.db.Query(ctx, selectStreams, devices, streams)
	if err != nil {
		return nil, fmt.Errorf("read streams: %w", err)
	}
	out := make(map[realtime.StreamKey]realtime.StreamRecord, len(keys))
	for _, k := range keys {
		out[k] = realtime.StreamRecord{}
	}
	var device, stream uuid.UUID
	var acked, version int64
	var beyond []int64
	_, err = pgx.ForEachRow(rows, []any{&device, &stream, &acked, &beyond, &version}, func() error {
		r := realtime.StreamRecord{Version: version}
		r.Acked = acked
		for i := 0; i+1 < len(beyond); i += 2 {
			r.Beyond = append(r.Beyond, beacon.Range{First: beyond[i], Last: beyond[i+1]})
		}
		out[realtime.StreamKey{Device: dispatch.DeviceID{UUID: device}, Stream: stream}] = r
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read streams: %w", err)
	}
	return out, nil
}

func splitKeys(keys []realtime.StreamKey) (devices, streams []uuid.UUID) {
	for _, k := range keys {
		devices, streams = append(devices, k.Device.UUID), append(streams, k.Stream)
	}
	return devices, streams
}

// Commit writes one batch in one transaction. A fix that is there already costs
// nothing in the normal case: the streams say what is settled, so COPY meets no
// duplicate; should it meet one all the same, the batch is written again in a way
// that passes over duplicates.
func (s *Store) Commit(ctx context.Context, b *realtime.Batch) error {
	err := s.commit(ctx, b, s.copyTrack)
	if uniqueViolation(err) {
		err = s.commit(ctx, b, s.insertTrack)
	}
	if refusedBatch(err) {
		return fmt.Errorf("%w: %w", realtime.ErrBatch, err)
	}
	return err
}

const (
	selectRevision = `SELECT revision FROM revisions WHERE topic = 'roster'`

	// Answers one row for each stream that stood as it was read. Keys come sorted, so
	// that two nodes lock them in one order.
	upsertStreams = `INSERT INTO beacon_streams AS s (district_id, device_id, stream, acked, beyond, version, written_at, doubts, doubted_at)
SELECT $1, k.device_id, k.stream, k.acked, k.beyond::bigint[], k.was + 1, n.t, k.doubts, CASE WHEN k.doubts IS NOT NULL THEN n.t END
FROM (SELECT gp_now() AS t) n,
  unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::bigint[], $7::text[]) AS k (device_id, stream, acked, beyond, was, doubts)
ON CONFLICT (device_id, stream) DO UPDATE
  SET acked = excluded.acked, beyond = excluded.beyond, version = excluded.version, written_at = excluded.written_at,
      doubts = coalesce(excluded.doubts, s.doubts), doubted_at = coalesce(excluded.doubted_at, s.doubted_at)
  WHERE s.version = excluded.version - 1`

	insertQuarantine = `INSERT INTO quarantined_fixes (district_id, device_id, stream, seq, code, t, received_at, lon, lat, accuracy_m)
SELECT $1, q.device_id, q.stream, q.seq, q.code, q.t, q.received_at,
  CASE WHEN d.kept THEN q.lon END, CASE WHEN d.kept THEN q.lat END, CASE WHEN d.kept THEN q.accuracy_m END
FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::timestamptz[], $7::timestamptz[],
            $8::float8[], $9::float8[], $10::real[])
  AS q (device_id, stream, seq, code, t, received_at, lon, lat, accuracy_m)
CROSS JOIN LATERAL (SELECT EXISTS (
  SELECT FROM device_bindings b JOIN duties ON duties.patrol_id = b.patrol_id
  WHERE b.device_id = q.device_id AND b.valid @> q.t AND duties.during @> q.t) AS kept) d
ON CONFLICT (device_id, stream, seq) DO NOTHING`

	addOffDuty = `INSERT INTO off_duty_counts AS o (district_id, device_id, day, fixes)
SELECT $1, * FROM unnest($2::uuid[], $3::date[], $4::bigint[])
ON CONFLICT (device_id, day) DO UPDATE SET fixes = o.fixes + excluded.fixes`
)

func (s *Store) commit(ctx context.Context, b *realtime.Batch, write func(context.Context, pgx.Tx, []realtime.TrackFix) error) error {
	return s.db.Tx(ctx, func(tx pgx.Tx) error {
		// One round trip for all that is small.
		var batch pgx.Batch
		var revision int64
		batch.Queue(selectRevision).QueryRow(func(row pgx.Row) error { return row.Scan(&revision) })
		if len(b.Streams) > 0 {
			batch.Queue(upsertStreams, s.streamArgs(b.Streams)...).Exec(func(tag pgconn.CommandTag) error {
				if tag.RowsAffected() != int64(len(b.Streams)) {
					return realtime.ErrStreamMoved
				}
				return nil
			})
		}
		if len(b.Quarantine) > 0 {
			batch.Queue(insertQuarantine, s.quarantineArgs(b.Quarantine)...)
		}
		if len(b.OffDuty) > 0 {
			batch.Queue(addOffDuty, s.offDutyArgs(b.OffDuty)...)
		}
		if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
			if errors.Is(err, realtime.ErrStreamMoved) {
				return err
			}
			return fmt.Errorf("write streams: %w", err)
		}
		if revision != b.RosterRevision && !b.RosterMayMove {
			return realtime.ErrRosterMoved
		}
		if len(b.Track) == 0 {
			return nil
		}
		return write(ctx, tx, b.Track)
	})
}

func (s *Store) streamArgs(updates []realtime.StreamUpdate) []any {
	var devices, streams []uuid.UUID
	var acked, was []int64
	var beyond []string
	var doubts []*string
	for _, u := range updates {
		devices, streams = append(devices, u.Key.Device.UUID), append(streams, u.Key.Stream)
		acked, was = append(acked, u.Acked), append(was, u.Was)
		beyond, doubts = append(beyond, rangesText(u.Beyond)), append(doubts, textOrNil(u.Doubts.String()))
	}
	return []any{s.district.UUID, devices, streams, acked, beyond, was, doubts}
}

// rangesText is a one-dimensional array in PostgreSQL's text form: an array of
// arrays of different lengths has no other way in.
func rangesText(ranges []beacon.Range) string {
	b := []byte{'{'}
	for i, r := range ranges {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, "%d,%d", r.First, r.Last)
	}
	return string(append(b, '}'))
}

func (s *Store) quarantineArgs(fixes []realtime.QuarantinedFix) []any {
	var devices, streams []uuid.UUID
	var seqs []int64
	var codes []string
	var ts, received []time.Time
	var lons, lats []float64
	var accuracies []*float32
	for _, q := range fixes {
		devices, streams = append(devices, q.Key.Device.UUID), append(streams, q.Key.Stream)
		seqs, codes = append(seqs, q.Fix.Seq), append(codes, string(q.Code))
		ts, received = append(ts, q.Fix.T), append(received, q.ReceivedAt)
		lons, lats = append(lons, q.Fix.Lon), append(lats, q.Fix.Lat)
		accuracies = append(accuracies, realOrNil(q.Fix.AccuracyM))
	}
	return []any{s.district.UUID, devices, streams, seqs, codes, ts, received, lons, lats, accuracies}
}

func (s *Store) offDutyArgs(counts []realtime.OffDutyCount) []any {
	var devices []uuid.UUID
	var days []time.Time
	var fixes []int64
	for _, c := range counts {
		devices, days, fixes = append(devices, c.Device.UUID), append(days, c.Day), append(fixes, c.Fixes)
	}
	return []any{s.district.UUID, devices, days, fixes}
}

const copyTracks = `COPY tracks (district_id, device_id, stream, seq, t, received_at, patrol_id, cell,
  lon, lat, accuracy_m, speed_ms, heading_deg, battery, mock, verdict, simulated) FROM STDIN (FORMAT binary)`

func (s *Store) copyTrack(ctx context.Context, tx pgx.Tx, fixes []realtime.TrackFix) error {
	_, err := tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(appendCopy(nil, fixes)), copyTracks)
	if err != nil {
		return fmt.Errorf("copy %d fixes: %w", len(fixes), err)
	}
	return nil
}

const (
	stageTracks = `CREATE TEMP TABLE staged_tracks (LIKE tracks) ON COMMIT DROP`
	copyStaged  = `COPY staged_tracks (district_id, device_id, stream, seq, t, received_at, patrol_id, cell,
  lon, lat, accuracy_m, speed_ms, heading_deg, battery, mock, verdict, simulated) FROM STDIN (FORMAT binary)`
	insertStaged = `INSERT INTO tracks SELECT * FROM staged_tracks ON CONFLICT DO NOTHING`
)

// insertTrack writes fixes of which some are there already.
func (s *Store) insertTrack(ctx context.Context, tx pgx.Tx, fixes []realtime.TrackFix) error {
	if _, err := tx.Exec(ctx, stageTracks); err != nil {
		return fmt.Errorf("stage fixes: %w", err)
	}
	if _, err := tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(appendCopy(nil, fixes)), copyStaged); err != nil {
		return fmt.Errorf("stage %d fixes: %w", len(fixes), err)
	}
	if _, err := tx.Exec(ctx, insertStaged); err != nil {
		return fmt.Errorf("insert %d fixes: %w", len(fixes), err)
	}
	return nil
}
