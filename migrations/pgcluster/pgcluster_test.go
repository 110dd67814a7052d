package pgcluster

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/durable/durabletest"
)

// openDir is a directory that PostgreSQL's user can reach; that of t.TempDir is
// closed to all but its owner.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgcluster")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func start(t *testing.T, dir string) *Cluster {
	t.Helper()
	c, err := Start(testContext(t), Config{Dir: dir})
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() { stop(t, c) })
	return c
}

func stop(t *testing.T, c *Cluster) {
	t.Helper()
	if err := c.Stop(testContext(t)); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func ask(t *testing.T, c *Cluster, query string) string {
	t.Helper()
	conn, err := pgx.Connect(testContext(t), c.URL())
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer conn.Close(context.Background())
	var answer string
	if err := conn.QueryRow(testContext(t), query).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return answer
}

func TestNewClusterIsDurableAndPrivate(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	c := start(t, dir)
	for setting, want := range map[string]string{
		"listen_addresses":        "",
		"unix_socket_permissions": "0700",
		"data_checksums":          "on",
		"fsync":                   "on",
		"synchronous_commit":      "on",
		"full_page_writes":        "on",
		"TimeZone":                "UTC",
		"server_encoding":         "UTF8",
		"lc_collate":              "C.UTF-8",
		"shared_buffers":          "256MB",
		"wal_writer_delay":        "10ms",
		"wal_compression":         "lz4", // of a PostgreSQL as Debian builds it
	} {
		if got := ask(t, c, "SHOW "+setting); got != want {
			t.Errorf("%s = %q, want %q", setting, got, want)
		}
	}
	if got := ask(t, c, "SELECT string_agg(DISTINCT auth_method, ' ') FROM pg_hba_file_rules"); got != "peer" {
		t.Errorf("ways to sign in: %s, want peer alone", got)
	}
	// A setting in the cluster's own file must not undo what an acknowledgement rests on.
	stop(t, c)
	if Running(dir) {
		t.Fatal("still running after Stop")
	}
	conf, err := os.OpenFile(filepath.Join(dir, "postgres", "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conf.WriteString("fsync = off\nlisten_addresses = '*'\nwork_mem = 17MB\n"); err != nil {
		t.Fatal(err)
	}
	conf.Close()
	again := start(t, dir)
	for setting, want := range map[string]string{"fsync": "on", "listen_addresses": "", "work_mem": "17MB"} {
		if got := ask(t, again, "SHOW "+setting); got != want {
			t.Errorf("after an edit, %s = %q, want %q", setting, got, want)
		}
	}
}

func TestLastUserStopsIt(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	service := start(t, dir)
	command := start(t, dir)
	stop(t, service)
	if !Running(dir) {
		t.Fatal("the service's Stop took the cluster from the command")
	}
	ask(t, command, "SELECT 'still here'")
	stop(t, command)
	if Running(dir) {
		t.Error("nobody uses the cluster and it still runs")
	}
}

func TestStartsAtOnceMakeOne(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	var group sync.WaitGroup
	clusters := make([]*Cluster, 4)
	for i := range clusters {
		group.Go(func() {
			c, err := Start(testContext(t), Config{Dir: dir})
			if err != nil {
				t.Errorf("start %d: %v", i, err)
				return
			}
			clusters[i] = c
		})
	}
	group.Wait()
	if t.Failed() {
		return
	}
	for _, c := range clusters {
		if c.server.pid != clusters[0].server.pid {
			t.Errorf("two servers on one cluster: %d and %d", c.server.pid, clusters[0].server.pid)
		}
	}
	for _, c := range clusters {
		stop(t, c)
	}
	if Running(dir) {
		t.Error("still running after everybody left")
	}
}

// holder starts the cluster in a process of its own and answers it.
func holder(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holderDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "up\n" {
		t.Fatalf("the holder said %q, %v", line, err)
	}
	return cmd
}

func TestOrphanIsAdopted(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	program := holder(t, dir)
	before, err := findPostmaster(filepath.Join(dir, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = program.Wait()
	if !before.alive() {
		t.Fatal("the server went with the killed program")
	}
	c := start(t, dir)
	if c.server.pid != before.pid {
		t.Errorf("a second server %d beside the orphan %d", c.server.pid, before.pid)
	}
	ask(t, c, "SELECT 'adopted'")
	stop(t, c)
	if Running(dir) {
		t.Error("the adopted server outlived its last user")
	}
}

// After kill -9 of the server the pidfiles stay, and the number in them may come
// to belong to anybody, even to a process of the same user.
func TestStalePidfileOfALivingNumber(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	c := start(t, dir)
	p := c.place
	if err := syscall.Kill(c.server.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-c.server.exited
	stop(t, c)

	other := p.account.command("/", "/bin/sleep", "600")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = other.Process.Kill()
		_ = other.Wait()
	}()
	for _, path := range []string{filepath.Join(p.data, "postmaster.pid"), filepath.Join(p.socket, socketFile+".lock")} {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(content), "\n")
		if err := p.writeFile(path, fmt.Sprintf("%d\n%s", other.Process.Pid, rest)); err != nil {
			t.Fatal(err)
		}
	}
	if Running(dir) {
		t.Error("a sleep was taken for the server")
	}
	again := start(t, dir)
	ask(t, again, "SELECT 'recovered'")
}

func TestZombieIsDead(t *testing.T) {
	t.Parallel()
	child := exec.Command("/bin/true")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Wait() }()
	if err := wait(testContext(t), func() bool { return dead(child.Process.Pid) }); err != nil {
		t.Fatal("an ended child that nobody collected counts as living")
	}
	if err := syscall.Kill(child.Process.Pid, 0); err != nil {
		t.Errorf("kill -0 of a zombie: %v; the test has lost its point", err)
	}
	if dead(os.Getpid()) {
		t.Error("this very process counts as dead")
	}
}

func TestUnfinishedClusterIsMadeAnew(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	half := filepath.Join(dir, "postgres.new-1")
	if err := os.MkdirAll(filepath.Join(half, "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(half, "PG_VERSION"), []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, dir)
	if _, err := os.Stat(half); !os.IsNotExist(err) {
		t.Errorf("the unfinished cluster is still there: %v", err)
	}
}

// What says who may reach the cluster, and the name that makes its folder the cluster,
// are there after a power cut too.
func TestAccessAndNameOutliveAPowerCut(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	p, err := locate(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	disk := durabletest.New()
	p.disk = disk
	if err := p.init(testContext(t), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if got, want := disk.Steps(), []string{"rename postgres", "fsync-folder"}; !slices.Equal(got, want) {
		t.Errorf("the new cluster was named by %v, want %v", got, want)
	}
	p.disk = durabletest.New()
	if err := p.writeAccess(); err != nil {
		t.Fatal(err)
	}
	lasting := p.disk.(*durabletest.Disk).Lasting()
	slices.Sort(lasting)
	if want := []string{"pg_hba.conf", "pg_ident.conf"}; !slices.Equal(lasting, want) {
		t.Errorf("%v would be there, want %v", lasting, want)
	}
	for _, name := range []string{"pg_hba.conf", "pg_ident.conf"} {
		info, err := os.Stat(filepath.Join(p.data, name))
		if err != nil {
			t.Fatal(err)
		}
		if owner := info.Sys().(*syscall.Stat_t).Uid; info.Mode().Perm() != 0o600 || p.account.switches && owner != p.account.uid {
			t.Errorf("%s is %v of user %d", name, info.Mode(), owner)
		}
	}
}

func TestRunRevivesADeadServer(t *testing.T) {
	t.Parallel()
	c := start(t, openDir(t))
	ctx, cancel := context.WithCancel(testContext(t))
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Run(ctx)
	}()
	killed := c.server
	if err := syscall.Kill(killed.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	err := wait(testContext(t), func() bool {
		conn, err := pgx.Connect(ctx, c.URL())
		if err != nil {
			return false
		}
		return conn.Close(ctx) == nil && !killed.alive()
	})
	if err != nil {
		t.Errorf("the server did not come back: %v", err)
	}
	cancel()
	<-done
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	stop(t, start(t, dir))
	ctx, cancel := context.WithCancel(testContext(t))
	cancel()
	if _, err := Start(ctx, Config{Dir: dir}); err == nil {
		t.Fatal("started although cancelled")
	}
	if Running(dir) {
		t.Error("a server nobody uses was left behind")
	}
}
