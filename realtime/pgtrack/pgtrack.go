// Package pgtrack writes and reads tracks in PostGIS: the ledger that stands behind
// every acknowledgement, the register that fixes are judged by, and the newest
// place of each patrol for the next start.
//
// It decides nothing. A batch is one transaction; when Commit has answered nil, all
// of it is on disk.
package pgtrack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/realtime"
)

// Store is all that realtime asks of the database.
type Store struct {
	db       *pgdb.DB
	district dispatch.DistrictID

	beatsMu sync.Mutex
	beats   map[dispatch.PatrolID]beat // as they were last read
}

var (
	_ realtime.Ledger       = (*Store)(nil)
	_ realtime.RosterSource = (*Store)(nil)
	_ realtime.Snapshots    = (*Store)(nil)
	_ dispatch.Trails       = (*Store)(nil)
)

// New makes a store over the pool.
func New(db *pgdb.DB) *Store {
	return &Store{db: db, district: dispatch.DistrictID{UUID: pgdb.District}}
}

const makePartitions = `SELECT make_track_partitions(
  (gp_now() AT TIME ZONE 'UTC')::date - 8, (gp_now() AT TIME ZONE 'UTC')::date + $1::int)`

// ErrInUse is a partition that could not be made because somebody reads the tracks
// for long.
var ErrInUse = errors.New("the tracks are being read")

// partitionTries are a few seconds.
const partitionTries = 10

// EnsurePartitions makes the partitions that are missing from eight days ago, the
// oldest fix that is taken, to daysAhead days from now. It answers how many it
// made, and works as the owner of the tables.
func EnsurePartitions(ctx context.Context, db *pgdb.DB, daysAhead int) (made int, err error) {
	err = db.Owner(ctx, func(conn *pgx.Conn) error {
		// A partition is attached alone with the default one. Whoever reads that, such
		// as a backup, is not waited for, since others would queue up behind.
		if _, err := conn.Exec(ctx, "SET lock_timeout = '80ms'"); err != nil {
			return err
		}
		for try := 1; ; try++ {
			err := conn.QueryRow(ctx, makePartitions, daysAhead).Scan(&made)
			var pg *pgconn.PgError
			if err == nil || !errors.As(err, &pg) || pg.Code != "55P03" {
				return err
			}
			if try == partitionTries {
				return fmt.Errorf("%w: %w", ErrInUse, err)
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Duration(try) * 50 * time.Millisecond):
			}
		}
	})
	if err != nil {
		return 0, fmt.Errorf("make track partitions: %w", err)
	}
	return made, nil
}

// Stray is how many fixes lie outside every day's partition: more than none raises
// an alert.
func Stray(ctx context.Context, db *pgdb.DB) (fixes int64, err error) {
	if err := db.QueryRow(ctx, `SELECT count(*) FROM tracks_default`).Scan(&fixes); err != nil {
		return 0, fmt.Errorf("count stray fixes: %w", err)
	}
	return fixes, nil
}

// refusedBatch says whether the database refused the data itself (SQLSTATE classes
// 22 and 23), in which case trying again is of no use.
func refusedBatch(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (strings.HasPrefix(pg.Code, "22") || strings.HasPrefix(pg.Code, "23"))
}

func uniqueViolation(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505"
}
