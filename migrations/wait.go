package migrations

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Wait tells of a migration that met a table in use and is tried again.
type Wait struct {
	Step
	Try      int
	Since    time.Duration // since the first try
	Blockers []Blocker
}

// Blocker is a session that a migration waited for.
type Blocker struct {
	PID         int32
	Application string
	User        string
	State       string
	Since       time.Duration // how long it was in its transaction when the migration met it
}

func (b Blocker) String() string {
	return fmt.Sprintf("%s of %s (pid %d, %s, in its transaction for %s)", b.Application, b.User, b.PID, b.State, b.Since.Round(time.Second))
}

// Who names the sessions that were waited for.
func (w Wait) Who() string {
	if len(w.Blockers) == 0 {
		return "a session that was gone before it could be named"
	}
	names := make([]string, len(w.Blockers))
	for i, b := range w.Blockers {
		names[i] = b.String()
	}
	return strings.Join(names, "; ")
}

func (w Wait) String() string {
	return fmt.Sprintf("%s waits for %s; try %d", w.Name, w.Who(), w.Try)
}

// pause grows from a fifth of a second to three, and differs from node to node.
func pause(try int) time.Duration {
	d := min(200*time.Millisecond<<min(try-1, 4), 3*time.Second)
	return d/2 + rand.N(d)
}

// gaveWay says whether a migration was rolled back for the sake of others: a lock
// timeout or a deadlock.
func gaveWay(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "55P03" || pg.Code == "40P01")
}

// listeners calls the parts of a Progress one at a time.
type listeners struct {
	Progress
	mu      sync.Mutex // guards calls, and the two below
	current Step
	began   time.Time
}

func (l *listeners) applied(s Step) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Applied != nil {
		l.Applied(s)
	}
}

func (l *listeners) waiting(w Wait) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Waiting != nil {
		l.Waiting(w)
	}
}

func (l *listeners) note(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Working != nil && l.current.Version != 0 {
		l.Working(l.current, time.Since(l.began), text)
	}
}

func (l *listeners) set(s Step) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current, l.began = s, time.Now()
}

const (
	// watchEvery is short against lockTimeout, or a wait would pass unseen.
	watchEvery = 20 * time.Millisecond
	tellEvery  = 5 * time.Second
)

// watcher looks, on a connection of its own, for whom a step waits.
type watcher struct {
	m      *migrator
	conn   *pgx.Conn
	cancel context.CancelFunc
	done   chan struct{}

	mu       sync.Mutex // guards the rest: the looks write, applyOne reads
	working  bool
	blockers []Blocker
}

func (m *migrator) watch(ctx context.Context) (*watcher, error) {
	conn, err := pgx.Connect(ctx, m.url)
	if err != nil {
		return nil, fmt.Errorf("connect to watch the migrations: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &watcher{m: m, conn: conn, cancel: cancel, done: make(chan struct{})}
	go w.run(ctx)
	return w, nil
}

func (w *watcher) stop() {
	w.cancel()
	<-w.done
	w.conn.Close(context.Background())
}

func (w *watcher) begin(s Step) {
	w.m.progress.set(s)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.working, w.blockers = true, nil
}

func (w *watcher) end() []Blocker {
	w.m.progress.set(Step{})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.working = false
	return w.blockers
}

const whoBlocks = `SELECT b.pid, b.application_name, coalesce(b.usename, ''), coalesce(b.state, ''),
  coalesce(extract(epoch FROM a.query_start - b.xact_start), 0)::float8
FROM pg_stat_activity a CROSS JOIN LATERAL unnest(pg_blocking_pids(a.pid)) AS blocking (pid)
JOIN pg_stat_activity b ON b.pid = blocking.pid
WHERE a.application_name = $1 AND a.wait_event_type = 'Lock'`

func (w *watcher) run(ctx context.Context) {
	defer close(w.done)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	told := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		w.mu.Lock()
		working := w.working
		w.mu.Unlock()
		if !working {
			told = time.Now()
			continue
		}
		found, err := w.look(ctx)
		if err != nil {
			return // who blocks is then not known; the step itself tells of a database that is away
		}
		if len(found) > 0 {
			w.mu.Lock()
			w.blockers = found
			w.mu.Unlock()
		}
		if time.Since(told) > tellEvery {
			told = time.Now()
			note := ""
			if len(found) > 0 {
				note = "waits for " + Wait{Blockers: found}.Who()
			}
			w.m.progress.note(note)
		}
	}
}

func (w *watcher) look(ctx context.Context) ([]Blocker, error) {
	rows, err := w.conn.Query(ctx, whoBlocks, w.m.name)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (b Blocker, err error) {
		var seconds float64
		err = row.Scan(&b.PID, &b.Application, &b.User, &b.State, &seconds)
		b.Since = time.Duration(seconds * float64(time.Second))
		return b, err
	})
}

var concurrentIndex = regexp.MustCompile(`(?i)CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?"?([a-z0-9_]+)"?`)

const brokenIndexes = `SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND NOT i.indisvalid AND c.relname = ANY ($1)`

// dropBrokenIndexes removes what a CREATE INDEX CONCURRENTLY that was broken off
// left behind: it costs every write and serves no read, and IF NOT EXISTS would
// take it for the index.
func dropBrokenIndexes(ctx context.Context, url string, migration []byte) error {
	var names []string
	for _, found := range concurrentIndex.FindAllSubmatch(migration, -1) {
		names = append(names, string(found[1]))
	}
	if len(names) == 0 {
		return nil
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("look for broken indexes: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, brokenIndexes, names)
	if err != nil {
		return fmt.Errorf("look for broken indexes: %w", err)
	}
	broken, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for broken indexes: %w", err)
	}
	for _, name := range broken {
		if _, err := conn.Exec(ctx, "DROP INDEX CONCURRENTLY "+pgx.Identifier{name}.Sanitize()); err != nil {
			return fmt.Errorf("drop the broken index %s: %w", name, err)
		}
	}
	return nil
}
