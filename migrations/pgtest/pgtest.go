// Package pgtest gives each test a migrated database of its own, on a real
// PostGIS, within tens of milliseconds.
//
// One cluster a machine and user lives on the RAM disk with fsync off. The first
// test process starts it, all others share it, and it survives them;
// scripts/stop-test-cluster ends it when nobody works with it. The migrated schema is
// kept as a template database, named by the fingerprint of the migrations, and a
// test's database is a file copy of it.
package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/migrations"
	"github.com/gridpatrol/gridpatrol/migrations/pgcluster"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

const (
	startTimeout = 2 * time.Minute
	// leastRoom is what the RAM disk must have free to be used.
	leastRoom = 1 << 30
	// keptTemplates is how many schemas stay, for branches that take turns.
	keptTemplates = 12
	// adminLock serialises, over all processes, what makes and drops templates.
	adminLock = 7_203_911
)

// settings of a cluster whose data nobody will miss. Change them and the cluster
// gets another folder, see folder.
var settings = map[string]string{
	"fsync":                      "off",
	"synchronous_commit":         "off",
	"full_page_writes":           "off",
	"max_connections":            "300",
	"shared_buffers":             "256MB",
	"wal_level":                  "minimal",
	"max_wal_senders":            "0",
	"autovacuum":                 "off",
	"log_min_duration_statement": "-1",
	"log_checkpoints":            "off",
}

// New opens a fresh database with every migration applied. It is dropped when
// the test ends.
func New(t testing.TB) *pgdb.DB {
	t.Helper()
	url := URL(t)
	db, err := pgdb.Open(t.Context(), pgdb.Config{URL: url, AllowUnsafeCommit: true})
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(db.Close)
	return db
}

// URL makes a fresh database with every migration applied and reaches it as its
// owner. It is dropped when the test ends.
func URL(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	m, err := theMachine()
	if err != nil {
		t.Fatalf("pgtest: %v\n(tests need PostgreSQL 15 or newer with PostGIS; on Debian and Ubuntu run scripts/setup)", err)
	}
	template, err := theTemplate()
	if err != nil {
		t.Fatalf("pgtest: make the template: %v", err)
	}
	return m.fresh(ctx, t, "TEMPLATE "+ident(template)+" STRATEGY file_copy")
}

// EmptyURL makes a database without any schema, for tests of the migrations.
func EmptyURL(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	m, err := theMachine()
	if err != nil {
		t.Fatalf("pgtest: %v\n(tests need PostgreSQL 15 or newer with PostGIS; on Debian and Ubuntu run scripts/setup)", err)
	}
	return m.fresh(ctx, t, "")
}

// SetNow moves gp_now() of the database to a moment, from which it runs on.
func SetNow(t testing.TB, db *pgdb.DB, now time.Time) {
	t.Helper()
	shift(t, db, "UPDATE clock_shift SET shift = $1::timestamptz - clock_timestamp()", now)
}

// Advance moves gp_now() of the database forward, or back by less than nothing.
func Advance(t testing.TB, db *pgdb.DB, d time.Duration) {
	t.Helper()
	shift(t, db, "UPDATE clock_shift SET shift = shift + $1::interval", d)
}

// Freeze stops gp_now() of the database at a moment: it moves by Advance and Freeze
// alone, so that how late something is does not depend on how fast the machine is.
func Freeze(t testing.TB, db *pgdb.DB, at time.Time) {
	t.Helper()
	shift(t, db, "UPDATE clock_shift SET shift = $1::timestamptz - timestamptz 'epoch'", at)
	err := db.Owner(context.Background(), func(conn *pgx.Conn) error {
		_, err := conn.Exec(context.Background(), `CREATE OR REPLACE FUNCTION gp_now() RETURNS timestamptz
			LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT timestamptz 'epoch' + shift FROM clock_shift $$`)
		return err
	})
	if err != nil {
		t.Fatalf("pgtest: stop the clock: %v", err)
	}
}

func shift(t testing.TB, db *pgdb.DB, query string, arg any) {
	t.Helper()
	err := db.Owner(context.Background(), func(conn *pgx.Conn) error {
		_, err := conn.Exec(context.Background(), query, arg)
		return err
	})
	if err != nil {
		t.Fatalf("pgtest: move the clock: %v", err)
	}
}

// machine is the cluster that the tests of this machine share. The process keeps
// its place among the cluster's users until it ends.
type machine struct {
	cluster *pgcluster.Cluster
	serial  atomic.Int64 // numbers the databases of this process
}

var theMachine = sync.OnceValues(func() (*machine, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	dir, err := folder()
	if err != nil {
		return nil, err
	}
	cluster, err := pgcluster.Start(ctx, pgcluster.Config{Dir: dir, Settings: settings})
	if err != nil {
		return nil, err
	}
	m := &machine{cluster: cluster}
	return m, m.sweep(ctx)
})

// folder of the cluster: on the RAM disk where that has room, and else among the
// temporary files.
func folder() (string, error) {
	root := os.TempDir()
	var disk syscall.Statfs_t
	if err := syscall.Statfs("/dev/shm", &disk); err == nil && disk.Bavail*uint64(disk.Bsize) >= leastRoom {
		root = "/dev/shm"
	}
	dir := filepath.Join(root, fmt.Sprintf("gridpatrol-test-%d-%s", os.Getuid(), settingsMark()))
	if err := os.Mkdir(dir, 0o755); err != nil && !os.IsExist(err) {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	if !info.IsDir() || int(info.Sys().(*syscall.Stat_t).Uid) != os.Getuid() {
		return "", fmt.Errorf("%s belongs to somebody else", dir)
	}
	return dir, nil
}

// admin runs fn on a connection to the cluster's own database, alone among all
// test processes when locked.
func (m *machine) admin(ctx context.Context, locked bool, fn func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, m.cluster.URL())
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if locked {
		if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", adminLock); err != nil {
			return err
		}
	}
	return fn(conn)
}

// fresh makes a database and has it dropped when the test ends.
func (m *machine) fresh(ctx context.Context, t testing.TB, from string) string {
	t.Helper()
	name := fmt.Sprintf("t_%d_%d_%s", os.Getpid(), m.serial.Add(1), strings.ToLower(rand.Text()[:4]))
	err := m.admin(ctx, false, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "CREATE DATABASE "+ident(name)+" "+from)
		return err
	})
	if err != nil {
		t.Fatalf("pgtest: make a database: %v", err)
	}
	t.Cleanup(func() {
		err := m.admin(context.Background(), false, func(conn *pgx.Conn) error {
			_, err := conn.Exec(context.Background(), "DROP DATABASE IF EXISTS "+ident(name)+" WITH (FORCE)")
			return err
		})
		if err != nil {
			t.Errorf("pgtest: drop the database: %v", err)
		}
	})
	return m.url(name)
}

func (m *machine) url(database string) string {
	return strings.Replace(m.cluster.URL(), "/gridpatrol?", "/"+database+"?", 1)
}

// sweep drops the databases of test processes that were killed.
func (m *machine) sweep(ctx context.Context) error {
	return m.admin(ctx, true, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT datname FROM pg_database WHERE datname ~ '^t_[0-9]+_'`)
		if err != nil {
			return err
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, name := range names {
			pid, err := strconv.Atoi(strings.Split(name, "_")[1])
			if err != nil {
				return err
			}
			if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err == nil {
				continue
			}
			if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+ident(name)+" WITH (FORCE)"); err != nil {
				return err
			}
		}
		return nil
	})
}

// theTemplate answers the name of the migrated template, made by whichever
// process comes first.
var theTemplate = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	m, err := theMachine()
	if err != nil {
		return "", err
	}
	mark, err := migrations.Fingerprint()
	if err != nil {
		return "", err
	}
	name := "template_" + mark[:16]
	return name, m.admin(ctx, true, func(conn *pgx.Conn) error {
		var there bool
		err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there)
		if err != nil || there {
			return err
		}
		return m.makeTemplate(ctx, conn, name)
	})
})

// makeTemplate migrates under another name first: a process that is killed here
// must not leave half a schema behind under the name that others trust.
func (m *machine) makeTemplate(ctx context.Context, conn *pgx.Conn, name string) error {
	const draft = "draft"
	for _, statement := range []string{"DROP DATABASE IF EXISTS " + draft + " WITH (FORCE)", "CREATE DATABASE " + draft} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	if err := migrations.Up(ctx, m.url(draft), nil); err != nil {
		return err
	}
	if err := m.dropOldTemplates(ctx, conn); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, "ALTER DATABASE "+draft+" RENAME TO "+ident(name))
	return err
}

func (m *machine) dropOldTemplates(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `SELECT datname FROM pg_database WHERE datname LIKE 'template\_%' AND oid >= 16384
		ORDER BY oid DESC OFFSET $1`, keptTemplates-1)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+ident(name)); err != nil {
			return err
		}
	}
	return nil
}

func ident(name string) string { return pgx.Identifier{name}.Sanitize() }

// settingsMark changes with the settings, so that a cluster with the old ones is
// left alone.
func settingsMark() string {
	sum := fnv.New32a()
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(sum, "%s=%s\n", name, settings[name])
	}
	return fmt.Sprintf("%08x", sum.Sum32())
}
