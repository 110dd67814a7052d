package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
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

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/migrations/pgcluster"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
	"github.com/gridpatrol/gridpatrol/realtime/beaconclient"
)

const (
	crashDevices = 12
	// recoverWithin only ends what hangs: a machine that has too much to do takes long.
	recoverWithin = 4 * time.Minute
)

// crashWorld is a district of its own on a durable cluster on disk, with devices
// on duty and a book of what they were told is safe.
type crashWorld struct {
	t       *testing.T
	dir     string
	log     string // what the program writes
	address string
	devices []*crashDevice
	others  []string      // further nodes that devices know
	acks    atomic.Int64  // grows with each acknowledgement
	burst   int           // fixes that each device makes every 10 ms; 1 if zero
	within  time.Duration // the most that anything is waited for; recoverWithin if zero

	stopMaking, stopLoad context.CancelFunc
	loaders              sync.WaitGroup
}

// crashDevice is one device and its book.
type crashDevice struct {
	code, token string
	stream      uuid.UUID

	client *beaconclient.Client // once there is load

	mu       sync.Mutex // guards all below: the client's reader writes, the test reads
	acked    map[int64]bool
	rejected map[int64]string
	upTo     int64
}

func newCrashWorld(t *testing.T) *crashWorld {
	t.Helper()
	return newCrashWorldIn(t, crashDir(t))
}

// crashDir is a folder that the server's user can reach, which that of t.TempDir is
// not.
func crashDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gridpatrol-crash")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// newCrashWorldIn keeps its data below dir and its log beside it.
func newCrashWorldIn(t *testing.T, dir string) *crashWorld {
	t.Helper()
	w := &crashWorld{t: t, dir: filepath.Join(dir, "var"), log: filepath.Join(crashDir(t), "serve.log"), address: freeAddress(t)}
	cluster, err := pgcluster.Start(t.Context(), pgcluster.Config{Dir: w.dir})
	if err != nil {
		t.Fatal(err)
	}
	// A server that a failed test left behind goes with its last user.
	t.Cleanup(func() {
		if last, err := pgcluster.Start(context.Background(), pgcluster.Config{Dir: w.dir}); err == nil {
			_ = last.Stop(context.Background())
		}
	})

	staff := "code,name,role,department,area_code,grid_code,patrol_code,patrol_mode,skills,device_id\n"
	shifts := "patrol_code,from,until\n"
	for i := range crashDevices {
		d := &crashDevice{code: fmt.Sprintf("V%02d", i), stream: uuid.New(), acked: map[int64]bool{}, rejected: map[int64]string{}}
		w.devices = append(w.devices, d)
		staff += fmt.Sprintf("S%02d,Officer %d,officer,police,D,,P%02d,car,,%s\n", i, i, i, d.code)
		shifts += fmt.Sprintf("P%02d,-2h,+12h\n", i)
	}
	for _, table := range []struct{ name, rows string }{
		{"departments", "code,name_zh,name_en\npolice,公安,Police\n"},
		{"areas", "code,name,level,parent_code\nD,示范区,district,\n"},
		{"staff", staff},
		{"shifts", shifts},
	} {
		file := filepath.Join(dir, table.name+".csv")
		if err := os.WriteFile(file, []byte(table.rows), 0o644); err != nil {
			t.Fatal(err)
		}
		w.command("import", table.name, file)
	}
	for _, d := range w.devices {
		d.token = strings.TrimSpace(w.command("token", "create", "--device", d.code))
	}
	if err := cluster.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	return w
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// command runs the program in this process and answers what it printed.
func (w *crashWorld) command(args ...string) string {
	w.t.Helper()
	var out, log strings.Builder
	if code := run(w.t.Context(), append([]string{"--data-dir", w.dir, "--database-url", ""}, args...), strings.NewReader(""), &out, &log); code != exitOK {
		w.t.Fatalf("gridpatrol %v: exit %d\n%s%s", args, code, out.String(), log.String())
	}
	return out.String()
}

// holdLogWriter stops the process that writes the log behind commits that nobody waits
// for, as a disk that is slow would. Left alone it follows within a page of 8 KB, which
// is less than the plan of one report. The process must be let go with release once the
// server is dead, or no other can start on its memory.
func (w *crashWorld) holdLogWriter() (release func()) {
	w.t.Helper()
	children, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		w.t.Fatal(err)
	}
	parent := fmt.Sprintf("PPid:\t%d\n", w.postmaster())
	for _, path := range children {
		title, err := os.ReadFile(path)
		status, statusErr := os.ReadFile(filepath.Join(filepath.Dir(path), "status"))
		if err != nil || statusErr != nil || !strings.Contains(string(title), "walwriter") || !strings.Contains(string(status), parent) {
			continue // another's, or gone meanwhile
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			w.t.Fatal(err)
		}
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			w.t.Fatalf("hold the writer of the log: %v", err)
		}
		return func() { _ = syscall.Kill(pid, syscall.SIGKILL) }
	}
	w.t.Fatal("the server has no writer of the log")
	return nil
}

func (w *crashWorld) postmaster() int {
	w.t.Helper()
	pid, err := w.tryPostmaster()
	if err != nil {
		w.t.Fatal(err)
	}
	return pid
}

// tryPostmaster is the process of the server, as that has written it down.
func (w *crashWorld) tryPostmaster() (pid int, err error) {
	content, err := os.ReadFile(filepath.Join(w.dir, "postgres", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(content), "\n")
	return strconv.Atoi(first)
}

// load lets every device send, each some fixes every few milliseconds, until settle.
func (w *crashWorld) load() {
	ctx, cancel := context.WithCancel(context.Background())
	w.stopLoad = cancel
	making, rest := context.WithCancel(ctx)
	w.stopMaking = rest
	w.t.Cleanup(func() {
		if err := w.endLoad(); err != nil {
			w.t.Error(err)
		}
	})
	for i, d := range w.devices {
		client, err := beaconclient.New(beaconclient.Config{
			URL: "ws://" + w.address + "/ws/beacon", Others: w.others, Token: d.token, Stream: d.stream, Hold: 100_000,
			OnAck:      func(a beacon.Ack) { w.acks.Add(d.note(a)) },
			OnReject:   d.refuse,
			FirstPause: 20 * time.Millisecond, LongestPause: 200 * time.Millisecond,
		})
		if err != nil {
			w.t.Fatal(err)
		}
		w.loaders.Go(func() {
			if err := client.Run(ctx); err != nil && !errors.Is(err, context.Canceled) && ctx.Err() == nil {
				w.t.Errorf("device %s: %v", d.code, err)
			}
		})
		d.client = client
		w.loaders.Go(func() { w.drive(making, i, client) })
	}
}

// heldMost bounds what a device has under way, so that the load after a blow is that
// before it, and nothing is let go that a later acknowledgement would seem to cover.
const heldMost = 5000

// drive makes a device's fixes: it moves to and fro by centimetres.
func (w *crashWorld) drive(ctx context.Context, i int, client *beaconclient.Client) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	burst := max(1, w.burst)
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for k := range burst {
				if client.Stats().Held >= heldMost {
					break
				}
				client.Add(beacon.Fix{T: now.UTC().Add(time.Duration(k-burst) * time.Millisecond), Lon: 121.3 + float64(i)*0.01 + float64(n%100)*1e-6, Lat: 28.5,
					AccuracyM: 8, SpeedMS: 1, HeadingDeg: 90, Battery: 0.8})
			}
		}
	}
}

// note writes an acknowledgement into the book and answers how much is new.
func (d *crashDevice) note(a beacon.Ack) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := len(d.acked)
	for ; d.upTo < a.Seq; d.upTo++ {
		d.acked[d.upTo+1] = true
	}
	for _, r := range a.Also {
		for seq := r.First; seq <= r.Last; seq++ {
			d.acked[seq] = true
		}
	}
	return int64(len(d.acked) - before)
}

func (d *crashDevice) refuse(r beacon.Reject) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rejected[r.Seq] = string(r.Code)
}

// awaitAcks waits for so many more acknowledged fixes.
func (w *crashWorld) awaitAcks(more int64) {
	w.t.Helper()
	if err := w.tryAcks(more); err != nil {
		w.t.Fatalf("%v; the end of the log:\n%s", err, w.logEnd())
	}
}

func (w *crashWorld) tryAcks(more int64) error { return w.tryMore(&w.acks, more, "fixes acknowledged") }

// makeCommitUnsafe lets the running service's next connections commit without
// waiting for the disk. A service refuses to start on such a database, unless it is
// this test's and was told to (takeUnsafe).
func (w *crashWorld) makeCommitUnsafe() {
	w.t.Helper()
	w.ask(func(ctx context.Context, conn *pgx.Conn) error {
		for _, statement := range []string{
			"ALTER DATABASE gridpatrol SET synchronous_commit = off",
			"ALTER SYSTEM SET wal_writer_delay = '10s'",
			"ALTER SYSTEM SET wal_writer_flush_after = '1GB'",
			"SELECT pg_reload_conf()",
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gridpatrol'",
		} {
			if _, err := conn.Exec(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
}

// ask runs fn on the cluster's database, starting it again when it was killed.
func (w *crashWorld) ask(fn func(context.Context, *pgx.Conn) error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), recoverWithin)
	defer cancel()
	cluster, err := pgcluster.Start(ctx, pgcluster.Config{Dir: w.dir})
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() {
		soon, cancel := context.WithTimeout(context.Background(), recoverWithin)
		defer cancel()
		if err := cluster.Stop(soon); err != nil {
			w.t.Error(err)
		}
	}()
	conn, err := pgx.Connect(ctx, cluster.URL())
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := fn(ctx, conn); err != nil {
		w.t.Fatal(err)
	}
}

// account is how the devices' books stand against the database.
type account struct {
	acked   int // acknowledged to a device
	missing int // of them, not in the database
	doubled int // in the database more than once
	unsent  int // in the database, and never made by a device
	rows    int // in the database
}

// settle stops the load and counts for the last time.
func (w *crashWorld) settle() account {
	w.t.Helper()
	if err := w.endLoad(); err != nil {
		w.t.Error(err)
	}
	return w.count()
}

// count compares the devices' books with what stands in the database. The books
// are read first: what is acknowledged after that must not count.
func (w *crashWorld) count() (a account) {
	w.t.Helper()
	told := map[uuid.UUID][]int64{}
	for _, d := range w.devices {
		d.mu.Lock()
		for _, seq := range slices.Sorted(maps.Keys(d.rejected)) {
			w.t.Errorf("device %s: fix %d was rejected: %s", d.code, seq, d.rejected[seq])
		}
		told[d.stream] = slices.Collect(maps.Keys(d.acked))
		a.acked += len(d.acked)
		d.mu.Unlock()
	}
	w.ask(func(ctx context.Context, conn *pgx.Conn) error {
		for stream, seqs := range told {
			var lost, rows, different, highest int
			const query = `WITH kept AS MATERIALIZED (SELECT seq FROM tracks WHERE stream = $1)
				SELECT (SELECT count(*) FROM unnest($2::bigint[]) AS told (seq) WHERE NOT EXISTS (SELECT FROM kept WHERE kept.seq = told.seq)),
				       count(*), count(DISTINCT seq), coalesce(max(seq), 0) FROM kept`
			if err := conn.QueryRow(ctx, query, stream, seqs).Scan(&lost, &rows, &different, &highest); err != nil {
				return err
			}
			a.missing, a.doubled, a.rows = a.missing+lost, a.doubled+rows-different, a.rows+rows
			for _, d := range w.devices {
				if d.stream == stream && d.client != nil {
					a.unsent += max(0, highest-int(d.client.Stats().Added))
				}
			}
		}
		return nil
	})
	return a
}

// mustBeWhole fails the test where the books and the database differ.
func (w *crashWorld) mustBeWhole(a account) {
	w.t.Helper()
	if a.missing > 0 || a.doubled > 0 || a.unsent > 0 {
		w.t.Errorf("of %d acknowledged fixes %d are missing, %d stand twice, and %d were never sent", a.acked, a.missing, a.doubled, a.unsent)
	}
}
