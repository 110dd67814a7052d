// Package pgnode is a running program as the database knows it: it says every few
// seconds that it is there, and asks whether the database can serve it.
//
// A beat is one small row, written and committed; that it can be is part of being
// ready, since a database that answers questions need not take writes.
package pgnode

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gridpatrol/gridpatrol/migrations"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// Node is this program. It is safe for concurrent use.
type Node struct {
	db     *pgdb.DB
	id     uuid.UUID
	host   string
	schema int64
}

// New names this program; host is where it runs, for a person.
func New(db *pgdb.DB, host string) (*Node, error) {
	versions, err := migrations.Versions()
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	return &Node{db: db, id: id, host: host, schema: slices.Max(versions)}, nil
}

// Pulse is what a node says of itself. A nil measure is not known yet.
type Pulse struct {
	ClockAhead *time.Duration // before the database's clock
	TimersLate *time.Duration // since the slowest timer last came round
}

const beat = `INSERT INTO nodes AS n (id, district_id, host, schema, clock_ahead_s, timers_late_s) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (id) DO UPDATE SET beat_at = gp_now(), clock_ahead_s = coalesce($5, n.clock_ahead_s), timers_late_s = $6`

// Beat says that the node is there. It answers when that is on disk.
func (n *Node) Beat(ctx context.Context, p Pulse) error {
	if _, err := n.db.Exec(ctx, beat, n.id, pgdb.District, n.host, n.schema, seconds(p.ClockAhead), seconds(p.TimersLate)); err != nil {
		return fmt.Errorf("write the node's pulse: %w", err)
	}
	return nil
}

func seconds(d *time.Duration) *float64 {
	if d == nil {
		return nil
	}
	s := d.Seconds()
	return &s
}

const forget = `DELETE FROM nodes WHERE id = $1 OR beat_at < gp_now() - interval '1 day'`

// Leave takes the node out, and with it those that died a day ago.
func (n *Node) Leave(ctx context.Context) error {
	if _, err := n.db.Exec(ctx, forget, n.id); err != nil {
		return fmt.Errorf("take the node out: %w", err)
	}
	return nil
}

// ClockAhead measures how far this machine's clock is before the database's, and
// how far off that may be: half of the way there and back.
func (n *Node) ClockAhead(ctx context.Context) (ahead, give time.Duration, err error) {
	var theirs time.Time
	began := time.Now()
	if err := n.db.QueryRow(ctx, `SELECT gp_now()`).Scan(&theirs); err != nil {
		return 0, 0, fmt.Errorf("ask the database for its time: %w", err)
	}
	give = time.Since(began) / 2
	return began.Add(give).Sub(theirs), give, nil
}

// Fault is what keeps the database from serving this program.
type Fault struct {
	// What was looked at: database, schema or write.
	What string
	Err  error
}

func (f *Fault) Error() string { return f.What + ": " + f.Err.Error() }
func (f *Fault) Unwrap() error { return f.Err }

// Look asks whether the database can be reached, has the schema that this program
// needs, and takes a write. It names everything that is wrong; where the database
// is away, that alone. each bounds one of the three.
func (n *Node) Look(ctx context.Context, each time.Duration, p Pulse) error {
	asking, cancel := context.WithTimeout(ctx, each)
	defer cancel()
	pending, _, err := migrations.Pending(asking, n.db)
	var faults []error
	switch {
	case err == nil && len(pending) > 0:
		err = fmt.Errorf("migrations %v are pending; this program needs %d", pending, n.schema)
		faults = append(faults, &Fault{What: "schema", Err: err})
	case noSuchTable(err):
		faults = append(faults, &Fault{What: "schema", Err: err})
	case err != nil:
		return &Fault{What: "database", Err: err}
	}
	writing, cancel := context.WithTimeout(ctx, each)
	defer cancel()
	if err := n.Beat(writing, p); err != nil && !(noSuchTable(err) && len(faults) > 0) {
		faults = append(faults, &Fault{What: "write", Err: err})
	}
	return errors.Join(faults...)
}

// noSuchTable is what a question to an older schema, or to none, is answered with.
func noSuchTable(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "42P01" || pg.Code == "42501" || pg.Code == "42703")
}
