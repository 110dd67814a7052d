package pgroad

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/learn"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/proof"
	"github.com/gridpatrol/gridpatrol/proof/pgproof"
)

// MaxLearned bounds what is kept; those with the least evidence go first.
const MaxLearned = 200_000

// LearnedSpeed is a learned speed as it is stored.
type LearnedSpeed struct {
	ID int64
	learn.Speed
}

// Learning is a run that learned speeds. Simulated says that it was asked to learn from
// what programs played, too.
type Learning struct {
	BeganAt   time.Time
	EndedAt   *time.Time
	Days      int
	Trips     int
	Passes    int
	Simulated bool
}

const (
	beginLearning = `INSERT INTO road_learning (district_id, began_at) VALUES ($1, gp_now())
ON CONFLICT (district_id) DO UPDATE SET began_at = gp_now() WHERE road_learning.began_at = $2`
	startLearning = `INSERT INTO road_learning (district_id, began_at) VALUES ($1, gp_now())
ON CONFLICT (district_id) DO UPDATE SET began_at = gp_now()`
	endLearning  = `UPDATE road_learning SET ended_at = gp_now(), days = $2, trips = $3, passes = $4, simulated = $5 WHERE district_id = $1`
	lastLearning = `SELECT began_at, ended_at, coalesce(days, 0), trips, passes, simulated FROM road_learning WHERE district_id = $1`

	dropLearned    = `DELETE FROM road_learned_speeds WHERE district_id = $1`
	addLearnedRows = `INSERT INTO road_learned_speeds (district_id, way, direction, mode, bucket, factor, kmh, built_kmh, passes, patrols)
SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::smallint[], $6::double precision[], $7::double precision[], $8::double precision[], $9::integer[], $10::integer[])`
	allLearned = `SELECT id, way, direction, mode, bucket, factor, kmh, built_kmh, passes, patrols FROM road_learned_speeds
WHERE district_id = $1 AND id > $2 ORDER BY id LIMIT $3`
)

// LastLearning is the last run, zero where there was none, and the database's time.
func LastLearning(ctx context.Context, db *pgdb.DB) (last Learning, now time.Time, err error) {
	if err := db.QueryRow(ctx, "SELECT gp_now()").Scan(&now); err != nil {
		return last, now, fmt.Errorf("ask when speeds were learned: %w", err)
	}
	err = db.QueryRow(ctx, lastLearning, pgdb.District).Scan(&last.BeganAt, &last.EndedAt, &last.Days, &last.Trips, &last.Passes, &last.Simulated)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return last, now, fmt.Errorf("ask when speeds were learned: %w", err)
	}
	return last, now, nil
}

// BeginLearning takes the night's run, unless another node has since last was read.
func BeginLearning(ctx context.Context, db *pgdb.DB, last Learning) (mine bool, err error) {
	done, err := db.Exec(ctx, beginLearning, pgdb.District, last.BeganAt)
	if err != nil {
		return false, fmt.Errorf("begin to learn speeds: %w", err)
	}
	return done.RowsAffected() == 1, nil
}

// ReplaceLearned puts learned speeds in the place of those before, all at once. They
// are in force on every node as soon as that looks again.
func ReplaceLearned(ctx context.Context, db *pgdb.DB, speeds []learn.Speed, run Learning, actor proof.Actor) error {
	if len(speeds) > MaxLearned {
		speeds = slices.Clone(speeds)
		slices.SortStableFunc(speeds, func(a, b learn.Speed) int { return cmp.Compare(b.Passes, a.Passes) })
		speeds = speeds[:MaxLearned]
	}
	err := db.Tx(ctx, func(tx pgx.Tx) error {
		// The lock of speeds that are set: of two runs, and a rule between, one waits.
		if _, err := tx.Exec(ctx, bumpSpeeds, pgdb.District); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, dropLearned, pgdb.District); err != nil {
			return err
		}
		for some := range slices.Chunk(speeds, 10_000) {
			if err := addLearned(ctx, tx, some); err != nil {
				return err
			}
		}
		if run.BeganAt.IsZero() {
			if _, err := tx.Exec(ctx, startLearning, pgdb.District); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, endLearning, pgdb.District, run.Days, run.Trips, run.Passes, run.Simulated); err != nil {
			return err
		}
		return pgproof.Record(ctx, tx, proof.Entry{Kind: "speeds.learned", Actor: actor,
			Detail: map[string]any{"speeds": len(speeds), "days": run.Days, "trips": run.Trips, "passes": run.Passes, "simulated": run.Simulated}})
	})
	if err != nil {
		return fmt.Errorf("keep learned speeds: %w", err)
	}
	return nil
}

// addLearned adds rows by their columns: COPY knows no row security.
func addLearned(ctx context.Context, tx pgx.Tx, speeds []learn.Speed) error {
	var ways []int64
	var directions, modes []string
	var buckets []int16
	var factors, kmh, builtKMH []float64
	var passes, patrols []int32
	for _, s := range speeds {
		direction := "along"
		if s.Against {
			direction = "against"
		}
		ways, directions, modes, buckets = append(ways, s.Way), append(directions, direction), append(modes, s.Mode.String()), append(buckets, int16(s.Bucket))
		factors, kmh, builtKMH = append(factors, s.Factor), append(kmh, s.KMH), append(builtKMH, s.BuiltKMH)
		passes, patrols = append(passes, int32(s.Passes)), append(patrols, int32(s.Patrols))
	}
	_, err := tx.Exec(ctx, addLearnedRows, pgdb.District, ways, directions, modes, buckets, factors, kmh, builtKMH, passes, patrols)
	return err
}

func learnedOf(ctx context.Context, db *pgdb.DB, after int64, limit int) ([]LearnedSpeed, error) {
	rows, err := db.Query(ctx, allLearned, pgdb.District, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read learned speeds: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s LearnedSpeed, err error) {
		var direction, mode string
		if err = row.Scan(&s.ID, &s.Way, &direction, &mode, &s.Bucket, &s.Factor, &s.KMH, &s.BuiltKMH, &s.Passes, &s.Patrols); err != nil {
			return s, err
		}
		s.Against = direction == "against"
		s.Mode, err = road.ParseMode(mode)
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("read learned speeds: %w", err)
	}
	return list, nil
}

// Learned lists learned speeds behind the id of one, and the run they came of. A public
// matter like closures: there is nobody in them.
func (w *Works) Learned(ctx context.Context, after int64, limit int) ([]LearnedSpeed, Learning, error) {
	list, err := learnedOf(ctx, w.db, after, limit)
	if err != nil {
		return nil, Learning{}, err
	}
	last, _, err := LastLearning(ctx, w.db)
	return list, last, err
}

// BucketInForce is the stretch of the week this node has learned speeds in force for.
func (w *Works) BucketInForce() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.force.learnedIn.bucket
}

// learnedIn says which learned speeds are in force.
type learnedIn struct {
	run    time.Time // when it ended; zero where nothing was learned
	bucket int
}

// lookAtLearned reads the learned speeds again. Its caller holds the lock.
func (w *Works) lookAtLearned(ctx context.Context) error {
	last, _, err := LastLearning(ctx, w.db)
	if err != nil {
		return err
	}
	run := time.Time{}
	if last.EndedAt != nil {
		run = *last.EndedAt
	}
	if run.Equal(w.learnedRun) {
		return nil
	}
	list, err := learnedOf(ctx, w.db, 0, MaxLearned)
	if err != nil {
		return err
	}
	w.learned, w.learnedRun = list, run
	return nil
}

// learnedNow are the learned speeds of a stretch of the week. Its caller holds the lock.
func (w *Works) learnedNow(bucket int) []road.Pace {
	var paces []road.Pace
	for _, s := range w.learned {
		if s.Bucket == bucket {
			paces = append(paces, road.Pace{Origin: s.Way, Along: !s.Against, Against: s.Against, Modes: road.SetOf(s.Mode), Factor: s.Factor, Learned: true})
		}
	}
	return paces
}
