// Package migrations holds the schema, embedded and numbered, and takes a
// database from any earlier version to the newest, while others read and write it.
//
// A migration that has landed is never edited; each says at its top why it is
// there. The program of the release before must run on the schema of this one, so
// a program passes over versions that it does not know.
//
// # Locks
//
// A statement that changes a table waits for those who read it, and whoever comes
// later waits behind it. Such a wait is therefore cut short (lockTimeout), the
// migration is rolled back, and it is tried again after a pause, for as long as
// patience lasts. A migration marked NO TRANSACTION, such as CREATE INDEX
// CONCURRENTLY, keeps nobody waiting and may wait itself.
package migrations

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed sql/*.sql
var files embed.FS

const (
	// lockTimeout bounds how long a migration may stand in a queue for a table, and
	// so how long a reader may stand behind it: well below 200 ms.
	lockTimeout = 80 * time.Millisecond
	// patience is how long a migration is tried again before it is given up.
	patience = 10 * time.Minute
	// othersFor is how long another node's migration is waited for, in seconds.
	othersFor = 3600
)

// Step tells of one migration that was just applied.
type Step struct {
	Version int64
	Name    string
}

// Progress hears how migrations go. Any of its parts may be nil; they are called
// from several goroutines, one at a time.
type Progress struct {
	Applied func(Step)
	// Waiting hears of each try that met a table in use.
	Waiting func(Wait)
	// Working hears every few seconds of a step that takes long, and of what a data
	// migration says of itself by RAISE NOTICE.
	Working func(s Step, since time.Duration, note string)
}

// Up applies every pending migration in order, one node at a time (an advisory
// lock of the session keeps others waiting). progress may be nil.
func Up(ctx context.Context, databaseURL string, progress func(Step)) error {
	return UpWith(ctx, databaseURL, Progress{Applied: progress})
}

// UpWith is Up for those who want to hear more.
func UpWith(ctx context.Context, databaseURL string, progress Progress) error {
	m, err := newMigrator(databaseURL, "sql", files, progress)
	if err != nil {
		return err
	}
	defer m.close()
	pending, err := m.pending(ctx)
	if err != nil {
		return err
	}
	return m.apply(ctx, pending)
}

// Exactly applies these versions to an empty database, in order, whatever others
// there are: a backup is read into the schema it was made from.
func Exactly(ctx context.Context, databaseURL string, versions []int64, progress Progress) error {
	m, err := newMigrator(databaseURL, "sql", files, progress)
	if err != nil {
		return err
	}
	defer m.close()
	return m.apply(ctx, versions)
}

// migrator works on one database.
type migrator struct {
	url      string
	name     string // by which the database knows the session that migrates
	sources  fs.FS
	patience time.Duration
	progress *listeners
	dbs      []*sql.DB
	hasty    *goose.Provider // gives way to readers
	patient  *goose.Provider // for what runs outside a transaction
}

func newMigrator(databaseURL, dir string, from fs.FS, progress Progress) (*migrator, error) {
	sources, err := fs.Sub(from, dir)
	if err != nil {
		return nil, err
	}
	m := &migrator{url: databaseURL, name: "gridpatrol migrates " + rand.Text()[:6], sources: sources,
		patience: patience, progress: &listeners{Progress: progress}}
	for provider, wait := range map[**goose.Provider]time.Duration{&m.hasty: lockTimeout, &m.patient: 0} {
		if *provider, err = m.provider(wait); err != nil {
			m.close()
			return nil, err
		}
	}
	return m, nil
}

func (m *migrator) provider(lockWait time.Duration) (*goose.Provider, error) {
	config, err := pgx.ParseConfig(m.url)
	if err != nil {
		return nil, fmt.Errorf("read database url: %w", err)
	}
	config.RuntimeParams["application_name"] = m.name
	config.RuntimeParams["lock_timeout"] = fmt.Sprint(lockWait.Milliseconds())
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		// RAISE NOTICE of a migration, not the server's own remarks, such as that of DROP
		// IF EXISTS; those have the same code.
		if n.Routine == "exec_stmt_raise" && n.Severity == "NOTICE" {
			m.progress.note(n.Message)
		}
	}
	db := stdlib.OpenDB(*config)
	m.dbs = append(m.dbs, db)
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, othersFor))
	if err != nil {
		return nil, fmt.Errorf("prepare migration lock: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, m.sources, goose.WithSessionLocker(locker))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return p, nil
}

func (m *migrator) close() {
	for _, db := range m.dbs {
		db.Close()
	}
}

// pending are the versions that are here and not in the database. One that landed
// late, below the newest, is pending too; one that only the database knows is the
// matter of a newer program.
func (m *migrator) pending(ctx context.Context) ([]int64, error) {
	conn, err := pgx.Connect(ctx, m.url)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := mustBeWhole(ctx, conn); err != nil {
		return nil, err
	}
	applied, err := Applied(ctx, conn)
	if err != nil {
		return nil, err
	}
	if len(applied) == 0 {
		if err := Fit(ctx, conn); err != nil {
			return nil, err
		}
	}
	var pending []int64
	for _, source := range m.hasty.ListSources() {
		if !slices.Contains(applied, source.Version) {
			pending = append(pending, source.Version)
		}
	}
	return pending, nil
}

func (m *migrator) apply(ctx context.Context, versions []int64) error {
	if len(versions) == 0 {
		return nil
	}
	w, err := m.watch(ctx)
	if err != nil {
		return err
	}
	defer w.stop()
	for _, version := range versions {
		if err := m.applyOne(ctx, version, w); err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
	}
	return nil
}

var noTransaction = []byte("-- +goose NO TRANSACTION")

func (m *migrator) applyOne(ctx context.Context, version int64, w *watcher) error {
	step, content, err := m.source(version)
	if err != nil {
		return err
	}
	run := m.hasty
	if bytes.Contains(content, noTransaction) {
		run = m.patient
		if err := dropBrokenIndexes(ctx, m.url, content); err != nil {
			return err
		}
	}
	began := time.Now()
	for try := 1; ; try++ {
		w.begin(step)
		_, err := run.ApplyVersion(ctx, version, true)
		blockers := w.end()
		switch {
		case err == nil:
			m.progress.applied(step)
			return nil
		case errors.Is(err, goose.ErrAlreadyApplied): // by another node, just now
			return nil
		case !gaveWay(err):
			return err
		}
		since := time.Since(began)
		wait := Wait{Step: step, Try: try, Since: since, Blockers: blockers}
		if since > m.patience {
			return fmt.Errorf("%s found its tables in use for %s and gave up; it waited for %s: %w", step.Name, since.Round(time.Second), wait.Who(), err)
		}
		m.progress.waiting(wait)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause(try)):
		}
	}
}

func (m *migrator) source(version int64) (Step, []byte, error) {
	for _, s := range m.hasty.ListSources() {
		if s.Version == version {
			content, err := fs.ReadFile(m.sources, s.Path)
			return Step{Version: version, Name: s.Path}, content, err
		}
	}
	return Step{}, nil, fmt.Errorf("this program has no schema version %d", version)
}
