// Package pgproof keeps events in PostgreSQL and makes proof of them: it writes them
// in the transaction of what they tell of, chains them afterwards, signs the chain's
// end, and reads it all back to be verified. It knows nothing of what events mean.
//
// Every event of every package goes through Queue, the one place that inserts them;
// a test holds to that.
package pgproof

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/proof"
)

const insertEvents = `
INSERT INTO case_events (district_id, case_id, patrol_id, kind, at, canonical, body)
SELECT $1, x.case_id, x.patrol_id, x.kind, x.at, x.canonical, convert_from(x.canonical, 'UTF8')::jsonb
FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::bytea[]) WITH ORDINALITY
  AS x (case_id, patrol_id, kind, at, canonical, n) ORDER BY x.n`

const insertOpenings = `
INSERT INTO event_openings (district_id, commitment, salt, value)
SELECT $1, x.commitment, x.salt, left(x.value, 500) FROM unnest($2::bytea[], $3::bytea[], $4::text[]) AS x (commitment, salt, value)`

// Queue puts events into the batch of the transaction that makes them true.
func Queue(batch *pgx.Batch, district uuid.UUID, events []proof.Event) {
	if len(events) == 0 {
		return
	}
	n := len(events)
	cases, patrols := make([]*uuid.UUID, n), make([]*uuid.UUID, n)
	kinds, ats, canonical := make([]string, n), make([]time.Time, n), make([][]byte, n)
	var commitments, salts [][]byte
	var values []string
	for i, e := range events {
		cases[i], patrols[i] = orNull(e.Case), orNull(e.Patrol)
		kinds[i], ats[i], canonical[i] = e.Kind, e.At, e.Canonical
		for _, o := range e.Openings {
			commitments, salts, values = append(commitments, o.Commitment[:]), append(salts, o.Salt[:]), append(values, o.Value)
		}
	}
	batch.Queue(insertEvents, district, cases, patrols, kinds, ats, canonical)
	if len(values) > 0 {
		batch.Queue(insertOpenings, district, commitments, salts, values)
	}
}

// Record writes an entry in a transaction that is under way. District and time are
// filled in where they are missing.
func Record(ctx context.Context, tx pgx.Tx, entries ...proof.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	var now time.Time
	if err := tx.QueryRow(ctx, `SELECT gp_now()`).Scan(&now); err != nil {
		return fmt.Errorf("ask for the time of an event: %w", err)
	}
	batch := &pgx.Batch{}
	byDistrict := map[uuid.UUID][]proof.Event{}
	for _, e := range entries {
		if e.At.IsZero() {
			e.At = now
		}
		if e.District == uuid.Nil {
			e.District = pgdb.District
		}
		event, err := proof.Write(e)
		if err != nil {
			return err
		}
		byDistrict[e.District] = append(byDistrict[e.District], event)
	}
	for district, events := range byDistrict {
		Queue(batch, district, events)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write down what happened: %w", err)
	}
	return nil
}

func orNull(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}
