// Package pgnode is a running program as the database knows it: it says every few
// seconds that it is there, and asks whether the database can serve it.
//
// A beat is one small row, written and committed; that it can be is part of being
// ready, since a database that answers questions need not take writes.
package pgnode

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gridpatrol/gridpatrol/migrations"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// Node is this program. It is safe for concurrent use.
type Node struct {
	db     *pgdb.DB
	id     uuid.UUID
	host   string
	bus    string
	schema int64
}

// New names this program; host is where it runs, for a person, and bus how it speaks
// with other nodes: none, inside or outside.
func New(db *pgdb.DB, host, bus string) (*Node, error) {
	versions, err := migrations.Versions()
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	return &Node{db: db, id: id, host: host, bus: bus, schema: slices.Max(versions)}, nil
}

// ID names this run of the program.
func (n *Node) ID() uuid.UUID { return n.id }

// Pulse is what a node says of itself. A nil measure is not known yet.
type Pulse struct {
	ClockAhead *time.Duration // before the database's clock
	TimersLate *time.Duration // since the slowest timer last came round
}

const beat = `INSERT INTO nodes AS n (id, district_id, host, schema, clock_ahead_s, timers_late_s, bus) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (id) DO UPDATE SET beat_at = gp_now(), clock_ahead_s = coalesce($5, n.clock_ahead_s), timers_late_s = $6`

// Beat says that the node is there. It answers when that is on disk.
func (n *Node) Beat(ctx context.Context, p Pulse) error {
	if _, err := n.db.Exec(ctx, beat, n.id, pgdb.District, n.host, n.schema, seconds(p.ClockAhead), seconds(p.TimersLate), n.bus); err != nil {
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

// Other is another node that was at work lately.
type Other struct {
	ID   uuid.UUID
	Host string
	Bus  string
	// BeatAgo is how long ago it last said, by the database's clock, that it is there.
	BeatAgo time.Duration
}

// aliveFor is how long a node that says nothing more counts as being at work: it beats
// every two seconds.
const aliveFor = 12 * time.Second

// mostOthers bounds the book of nodes that are looked at.
const mostOthers = 64

const selectOthers = `SELECT id, host, bus, extract(epoch FROM gp_now() - beat_at)::float8 FROM nodes
WHERE district_id = $1 AND id <> $2 AND beat_at > gp_now() - make_interval(secs => $3) ORDER BY beat_at DESC LIMIT $4`

// Others answers which other nodes are at work on this database.
func (n *Node) Others(ctx context.Context) ([]Other, error) {
	rows, err := n.db.Query(ctx, selectOthers, pgdb.District, n.id, aliveFor.Seconds(), mostOthers)
	if err != nil {
		return nil, fmt.Errorf("read which other nodes there are: %w", err)
	}
	others, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o Other, err error) {
		var ago float64
		err = row.Scan(&o.ID, &o.Host, &o.Bus, &ago)
		o.BeatAgo = time.Duration(ago * float64(time.Second))
		return o, err
	})
	if err != nil {
		return nil, fmt.Errorf("read which other nodes there are: %w", err)
	}
	return others, nil
}

// Realm names the database among all that nodes may serve, so that districts which
// share a server of messages do not hear each other. A standby that takes over keeps
// it; a restore elsewhere has another.
func Realm(ctx context.Context, db *pgdb.DB) (string, error) {
	var cluster, database string
	if err := db.QueryRow(ctx, `SELECT system_identifier::text, current_database() FROM pg_control_system()`).Scan(&cluster, &database); err != nil {
		return "", fmt.Errorf("ask which database this is: %w", err)
	}
	sum := sha256.Sum256([]byte(cluster + "/" + database))
	return hex.EncodeToString(sum[:8]), nil
}

// ClockAhead measures how far this machine's clock is before the clock of the database's
// machine, and how far off that may be: half of the way there and back. By how much the
// time of a story or a test was moved does not count.
func (n *Node) ClockAhead(ctx context.Context, local func() time.Time) (ahead, give time.Duration, err error) {
	var theirs time.Time
	began := local()
	if err := n.db.QueryRow(ctx, `SELECT gp_now() - shift FROM clock_shift`).Scan(&theirs); err != nil {
		return 0, 0, fmt.Errorf("ask the database for its time: %w", err)
	}
	give = local().Sub(began) / 2
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
