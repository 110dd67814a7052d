package pgcluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gridpatrol/gridpatrol/durable"
)

// logLimit is the size over which the server's log is put aside at a start.
const logLimit = 16 << 20

// abandonWithin is how long a server that nobody will use may take to stop.
const abandonWithin = 30 * time.Second

// start adopts or launches the server and answers when it takes queries. The
// caller holds the start lock.
func (p place) start(ctx context.Context, log *slog.Logger) (*postmaster, error) {
	if err := p.init(ctx, log); err != nil {
		return nil, err
	}
	server, err := p.adopt(ctx, log)
	if !errors.Is(err, errNotRunning) {
		return server, err
	}
	if server, err = p.launch(ctx, log); err != nil {
		return nil, err
	}
	err = p.ready(ctx, server, log)
	if err == nil {
		err = p.makeDatabase(ctx)
	}
	if err != nil {
		// Nobody will use what was just started, so it must not stay behind.
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonWithin)
		defer cancel()
		return nil, errors.Join(err, server.stop(stopCtx))
	}
	return server, nil
}

// adopt takes a server that runs already, for another program or since one was
// killed. One that is shutting down is waited for, as it would take no more
// connections; so is one that dies while we look.
func (p place) adopt(ctx context.Context, log *slog.Logger) (*postmaster, error) {
	server, err := findPostmaster(p.data)
	if err != nil {
		return nil, err
	}
	if !stopping(p.data) {
		log.Debug("the private cluster runs already", "pid", server.pid)
		err := p.ready(ctx, server, log)
		if err == nil {
			err = p.makeDatabase(ctx)
		}
		if err == nil || server.alive() {
			return server, err
		}
	}
	if err := wait(ctx, func() bool { return !server.alive() }); err != nil {
		return nil, fmt.Errorf("wait for a server that is shutting down: %w", err)
	}
	return nil, errNotRunning
}

// stopping reads the eighth line of the pidfile, where the server says how far
// it is.
func stopping(data string) bool {
	content, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return false
	}
	lines := strings.Split(string(content), "\n")
	return len(lines) >= 8 && strings.TrimSpace(lines[7]) == "stopping"
}

func (p place) launch(ctx context.Context, log *slog.Logger) (*postmaster, error) {
	if err := p.clearStale(ctx, log); err != nil {
		return nil, err
	}
	if err := p.writeAccess(); err != nil {
		return nil, err
	}
	out, err := p.openLog()
	if err != nil {
		return nil, err
	}
	defer out.Close()
	settings := p.launchSettings()
	args := []string{"-D", p.data}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	cmd := p.account.command(p.data, p.install.program("postgres"), args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	server := &postmaster{pid: cmd.Process.Pid, data: p.data, exited: make(chan struct{})}
	// This goroutine ends with the server, which Stop sees to; a server that stays
	// for another program keeps it until this program ends.
	go func() {
		defer close(server.exited)
		// How it ended is in its log; that it ended is all that is asked here.
		_ = cmd.Wait()
	}()
	return server, nil
}

// launchSettings are the ones that nobody may change in the cluster's files: who
// can reach it, and that what it acknowledged is kept.
func (p place) launchSettings() map[string]string {
	settings := map[string]string{
		"listen_addresses":        "",
		"unix_socket_directories": p.socket,
		"unix_socket_permissions": "0700",
		"port":                    "5432",
		"fsync":                   "on",
		"synchronous_commit":      "on",
		"full_page_writes":        "on",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"logging_collector":       "off",
	}
	maps.Copy(settings, p.settings)
	return settings
}

func (p place) logFile() string { return filepath.Join(p.dir, "postgres.log") }

func (p place) openLog() (*os.File, error) {
	path := p.logFile()
	if info, err := os.Stat(path); err == nil && info.Size() > logLimit {
		if err := p.disk.Rename(path, path+".old"); err != nil {
			return nil, fmt.Errorf("put the server's log aside: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the server's log: %w", err)
	}
	return f, nil
}

// ready waits until the server takes queries; recovery after a crash may take
// long, so it ends only with the server, with ctx, or with an answer that will
// not change.
func (p place) ready(ctx context.Context, server *postmaster, log *slog.Logger) error {
	began := time.Now()
	told := began
	for {
		conn, err := pgx.Connect(ctx, p.url("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		if !server.alive() {
			return fmt.Errorf("PostgreSQL ended while starting; the last of %s:\n%s", p.logFile(), p.lastLog())
		}
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Code != "57P03" { // cannot_connect_now
			return fmt.Errorf("connect to the private cluster: %w", err)
		}
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			log.Info("waiting for PostgreSQL to recover", "for", time.Since(began).Round(time.Second).String(), "reason", err.Error())
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for PostgreSQL: %w (last: %v)", ctx.Err(), err)
		case <-time.After(pollEvery):
		}
	}
}

// lastLog is the end of the server's log, for a person.
func (p place) lastLog() string {
	content, err := os.ReadFile(p.logFile())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}

func (p place) makeDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, p.url("postgres"))
	if err != nil {
		return fmt.Errorf("connect to the private cluster: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var there bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", databaseName).Scan(&there); err != nil {
		return fmt.Errorf("look for the database: %w", err)
	}
	if there {
		return nil
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{databaseName}.Sanitize()); err != nil {
		return fmt.Errorf("make the database: %w", err)
	}
	return nil
}

// writeAccess lets in the service's user, the server's own, and root (for a
// command beside the service), all as the owner, by the kernel's word for who
// they are; nobody else.
func (p place) writeAccess() error {
	const hba = "# Written at each start: only by Unix socket, only these users.\nlocal all " + ownerRole + " peer map=gridpatrol\n"
	ident := "# Written at each start.\n"
	names := []string{p.account.self, p.account.name, "root"}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		ident += fmt.Sprintf("gridpatrol %q %s\n", name, ownerRole)
	}
	for name, content := range map[string]string{"pg_hba.conf": hba, "pg_ident.conf": ident} {
		if err := p.writeFile(filepath.Join(p.data, name), content); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// writeFile replaces a file of the server's user.
func (p place) writeFile(path, content string) error {
	f, err := durable.Begin(p.disk, path)
	if err != nil {
		return err
	}
	defer f.Abandon()
	if _, err := io.WriteString(f, content); err != nil {
		return err
	}
	if p.account.switches {
		if err := f.Chown(int(p.account.uid), int(p.account.gid)); err != nil {
			return err
		}
	}
	return f.Keep()
}

// init makes the cluster when there is none: beside its place first and then
// renamed, so that a start that is killed halfway leaves nothing that looks like
// a cluster.
func (p place) init(ctx context.Context, log *slog.Logger) error {
	if exists(filepath.Join(p.data, "PG_VERSION")) {
		return nil
	}
	if _, err := os.Stat(p.data); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there but is no cluster; move it away", p.data)
	}
	log.Info("making the private cluster", "dir", p.data, "postgresql", p.install.major)
	beside, err := p.emptyFolder()
	if err != nil {
		return fmt.Errorf("make the cluster's folder: %w", err)
	}
	cmd := p.account.command(beside, p.install.program("initdb"), "-D", beside, "-U", ownerRole,
		"--auth-local=peer", "--auth-host=reject", "--data-checksums", "--encoding=UTF8", "--locale=C.UTF-8")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if err := p.tune(beside); err != nil {
		return fmt.Errorf("write the cluster's settings: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	// initdb has synced all that it wrote, and tune its file.
	if err := p.disk.Rename(beside, p.data); err != nil {
		return err
	}
	return p.disk.SyncDir(p.dir)
}

// emptyFolder removes the clusters that were never finished and makes a folder
// for the next. Its name is new each time: the initdb of a killed start may
// still be at work in the old one.
func (p place) emptyFolder() (string, error) {
	unfinished, err := filepath.Glob(filepath.Join(globQuote(p.dir), "postgres.new-*"))
	if err != nil {
		return "", err
	}
	for _, dir := range unfinished {
		if err := os.RemoveAll(dir); err != nil {
			return "", err
		}
	}
	beside := fmt.Sprintf("%s.new-%d", p.data, time.Now().UnixNano())
	return beside, p.account.give(beside)
}

// globQuote keeps a folder's name from being read as a pattern.
func globQuote(path string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(path)
}

// tuned are the settings a new cluster begins with. They stand in its
// postgresql.conf, where an operator may change them. A checkpoint makes every page that
// is touched after it go into the log as a whole, so there is room for the photos of
// minutes between two, and pages are packed in the way that costs least. What is written
// back is handed to the disk little by little: else the kernel keeps half a minute of
// photos, and everybody's commit waits behind them. So is the log: a photo's 3 MB are on the
// disk for the most part before its commit, which else keeps all others waiting for them.
const tuned = `
# gridpatrol
max_connections = 100
shared_buffers = 256MB
effective_cache_size = 1GB
work_mem = 16MB
maintenance_work_mem = 128MB
max_wal_size = 6GB
min_wal_size = 256MB
wal_compression = %s
checkpoint_timeout = 15min
checkpoint_completion_target = 0.9
backend_flush_after = 256kB
bgwriter_delay = 50ms
bgwriter_lru_maxpages = 500
wal_writer_delay = 10ms
wal_writer_flush_after = 256kB
random_page_cost = 1.1
jit = off
log_min_duration_statement = 1s
log_checkpoints = on
`

func (p place) tune(data string) error {
	f, err := os.OpenFile(filepath.Join(data, "postgresql.conf"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	pack := "on"
	if p.account.command(data, p.install.program("postgres"), "-D", data, "-c", "wal_compression=lz4", "-C", "wal_compression").Run() == nil {
		pack = "lz4" // this PostgreSQL was built with it
	}
	if _, err := fmt.Fprintf(f, tuned, pack); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
