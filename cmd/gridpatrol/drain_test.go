package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/migrations/pgcluster"
)

// drainedWithin is how long a program that was told to stop may take.
const drainedWithin = 30 * time.Second

// A program that is told to stop under load says so, finishes what it has begun,
// loses nothing that it acknowledged, and ends well.
func TestDrainFinishesWhatWasBegun(t *testing.T) {
	w := newCrashWorld(t)
	token := w.operator()
	program := w.serve()
	w.load()
	w.awaitAcks(acksBetween)
	viewer := w.watch(token)
	report := w.beginReport(token)

	if code := w.doctorSays("durability"); code != "ok" {
		t.Errorf("doctor on a durable database: durability is %s", code)
	}
	if code := w.doctorSays("service"); code != "ok" {
		t.Errorf("doctor beside a running service: service is %s", code)
	}
	if err := program.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	code, reason := closedWith(t, viewer)
	if code != websocket.CloseGoingAway || reason == "" {
		t.Errorf("the viewer was closed with %d %q, want 1001 and a reason", code, reason)
	}
	if status := w.readyStatus(); status == http.StatusOK {
		t.Error("/readyz is 200 after the sockets were told to go")
	}
	status, body := report.finish()
	if status != http.StatusCreated {
		t.Errorf("the report under way was answered with %d: %s", status, body)
	}
	if err := program.wait(drainedWithin); err != nil {
		t.Errorf("the program ended with %v; the end of its log:\n%s", err, w.logEnd())
	}
	kept := w.settle()
	t.Logf("%d acknowledged, %d of them missing", kept.acked, kept.missing)
	w.mustBeWhole(kept)
	w.ask(func(ctx context.Context, conn *pgx.Conn) error {
		var cases, nodes int
		err := conn.QueryRow(ctx, `SELECT (SELECT count(*) FROM cases), (SELECT count(*) FROM nodes)`).Scan(&cases, &nodes)
		if cases != 1 || nodes != 0 {
			t.Errorf("%d cases, want the one that was answered; %d nodes, want none left in the book", cases, nodes)
		}
		return err
	})
}

// Who cannot wait says so twice.
func TestASecondSignalEndsAtOnce(t *testing.T) {
	w := newCrashWorld(t)
	token := w.operator()
	program := w.serve()
	viewer := w.watch(token)
	w.beginReport(token) // and never finished, so that draining takes its time
	for range 2 {
		if err := program.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if viewer != nil {
			closedWith(t, viewer) // it drains
			viewer = nil
		}
	}
	err := program.wait(drainedWithin)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 128+int(syscall.SIGTERM) {
		t.Errorf("the program ended with %v, want by the second signal", err)
	}
}

// /readyz follows a database that goes and comes back; /livez does not care.
func TestReadyFollowsTheDatabase(t *testing.T) {
	w := newCrashWorld(t)
	elsewhere := func() *pgcluster.Cluster {
		cluster, err := pgcluster.Start(t.Context(), pgcluster.Config{Dir: w.dir})
		if err != nil {
			t.Fatal(err)
		}
		return cluster
	}
	stop := func(c *pgcluster.Cluster) {
		if err := c.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	cluster := elsewhere()
	w.serve("DATABASE_URL=" + cluster.URL())
	w.awaitReady(http.StatusOK)
	stop(cluster)
	if body := w.awaitReady(http.StatusServiceUnavailable); !strings.Contains(body, `"pointer":"/database"`) || strings.Contains(body, w.dir) {
		t.Errorf("what is wrong is not named, or too much is: %s", body)
	}
	if status, _ := get(t, "http://"+w.address+"/livez"); status != http.StatusOK {
		t.Errorf("/livez is %d while the database is away", status)
	}
	cluster = elsewhere()
	defer stop(cluster)
	w.awaitReady(http.StatusOK)
}

// operator makes an account and a category to report in, and answers a token.
func (w *crashWorld) operator() string {
	w.t.Helper()
	file := filepath.Join(filepath.Dir(w.dir), "categories.csv")
	rows := "code,name_zh,name_en,lead,joint,optional,urgency,dispatch_mode\nA01,出租房,Rental house,police,,,ordinary,manual\n"
	if err := os.WriteFile(file, []byte(rows), 0o644); err != nil {
		w.t.Fatal(err)
	}
	w.command("import", "categories", file)
	var out, log strings.Builder
	if code := run(w.t.Context(), []string{"--data-dir", w.dir, "--database-url", "", "user", "add", "--username", "wang", "--role", "operator", "--password-stdin"},
		strings.NewReader("a long password\n"), &out, &log); code != exitOK {
		w.t.Fatalf("user add: exit %d\n%s", code, log.String())
	}
	return strings.TrimSpace(w.command("token", "create", "--user", "wang"))
}

// watch opens the live channel and waits for its first picture.
func (w *crashWorld) watch(token string) *websocket.Conn {
	w.t.Helper()
	conn, response, err := websocket.DefaultDialer.DialContext(w.t.Context(), "ws://"+w.address+"/ws/live",
		http.Header{"Authorization": {"Bearer " + token}})
	if err != nil {
		w.t.Fatalf("%v (%v)", err, response)
	}
	w.t.Cleanup(func() { conn.Close() })
	if _, message, err := conn.ReadMessage(); err != nil || !strings.Contains(string(message), `"snapshot"`) {
		w.t.Fatalf("the first picture: %s, %v", message, err)
	}
	return conn
}

// closedWith reads until the socket is closed by the service.
func closedWith(t *testing.T, conn *websocket.Conn) (int, string) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(drainedWithin))
	for {
		_, _, err := conn.ReadMessage()
		var closed *websocket.CloseError
		switch {
		case errors.As(err, &closed):
			return closed.Code, closed.Text
		case err != nil:
			t.Fatalf("the socket ended without a close frame: %v", err)
		}
	}
}

// slowReport is a report whose second half is still to be sent.
type slowReport struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	rest string
}

// beginReport sends the first half of a report, once the service asks for it.
func (w *crashWorld) beginReport(token string) *slowReport {
	w.t.Helper()
	const body = `{"category":"A01","location":{"lon":121.38,"lat":28.58,"accuracy_m":10},"description":"slow line"}`
	conn, err := net.Dial("tcp", w.address)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(drainedWithin + time.Minute))
	fmt.Fprintf(conn, "POST /api/v1/reports HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", w.address, token, len(body))
	r := &slowReport{t: w.t, conn: conn, in: bufio.NewReader(conn), rest: body[40:]}
	// The service says so when its handler begins to read.
	line, err := r.in.ReadString('\n')
	if err != nil || !strings.Contains(line, "100 Continue") {
		w.t.Fatalf("the report is not under way: %q, %v", line, err)
	}
	if _, err := r.in.ReadString('\n'); err != nil {
		w.t.Fatal(err)
	}
	fmt.Fprint(conn, body[:40])
	return r
}

// finish sends the rest and answers what the service said.
func (r *slowReport) finish() (int, string) {
	r.t.Helper()
	fmt.Fprint(r.conn, r.rest)
	response, err := http.ReadResponse(r.in, nil)
	if err != nil {
		r.t.Fatalf("the report under way got no answer: %v", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// wait answers how the program ended.
func (p *crashProgram) wait(within time.Duration) error {
	err := errors.New("it was killed before")
	p.dead.Do(func() {
		late := time.AfterFunc(within, func() { _ = p.cmd.Process.Kill() })
		err = p.cmd.Wait()
		late.Stop()
	})
	return err
}

// readyStatus asks on a connection of its own; 0 is no answer at all.
func (w *crashWorld) readyStatus() int {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	response, err := client.Get("http://" + w.address + "/readyz")
	if err != nil {
		return 0
	}
	response.Body.Close()
	return response.StatusCode
}

// awaitReady waits until /readyz has a status and answers what it says.
func (w *crashWorld) awaitReady(status int) string {
	w.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	late := time.After(recoverWithin)
	for {
		got, body := get(w.t, "http://"+w.address+"/readyz")
		if got == status {
			return body
		}
		select {
		case <-tick.C:
		case <-late:
			w.t.Fatalf("/readyz is %d: %s, want %d; the end of the log:\n%s", got, body, status, w.logEnd())
		}
	}
}

// doctorSays answers the severity of one finding.
func (w *crashWorld) doctorSays(check string) string {
	w.t.Helper()
	env := &Env{Common: Common{DataDir: w.dir}, Log: slog.New(slog.DiscardHandler)}
	for _, f := range (doctorCmd{}).findings(w.t.Context(), env) {
		if f.Check == check {
			return string(f.Severity)
		}
	}
	return "not made"
}
