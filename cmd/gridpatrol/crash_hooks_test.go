package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// The program is killed with -9 while a webhook's receiver reads a message, and when the
// receiver took one and that is about to be noted. The next program sends the same message
// by the same id, signed anew; what was noted is not sent again, and of each case every
// step arrives.
func TestKilledBeforeItNotesWhatAWebhookTook(t *testing.T) {
	w := newCrashWorld(t)
	d := newHookDuty(w)
	for name, blow := range map[string]func(*crashProgram, heldHook){"while it is read": d.killWhileRead, "before it is noted": d.killBeforeNoted} {
		program := w.serve("GRIDPATROL_WEBHOOK_NETWORKS=127.0.0.0/8")
		d.register()
		d.hold.Store(true)
		of := d.report(name)
		d.move(of, "accept")
		held := d.await()
		d.move(of, "file") // waits behind the one that is held
		blow(program, held)
		d.twice = append(d.twice, held.id)
		program = w.serve("GRIDPATROL_WEBHOOK_NETWORKS=127.0.0.0/8")
		d.move(of, "close")
		d.awaitAllNoted()
		program.kill()
	}
	d.mustBeWhole()
}

// hookDuty moves cases on and receives what a webhook is told of them.
type hookDuty struct {
	*reporters
	admin    string
	receiver *httptest.Server
	secret   []byte
	hold     atomic.Bool // the next message is held
	held     chan heldHook
	twice    []string // the messages that were struck

	mu   sync.Mutex // guards came: the receiver writes, the test reads
	came []hookArrival
}

// heldHook is a message whose sender waits: for answer to be closed, or for ever until gone
// says that it is dead.
type heldHook struct {
	id           string
	answer, gone chan struct{}
}

// hookArrival is a message as its receiver got it.
type hookArrival struct {
	id, at, signature string
	body              []byte
}

// hookMessage is what its body says.
type hookMessage struct {
	Type string
	Data struct {
		CaseID  string `json:"case_id"`
		Stage   string
		Version int64
	}
}

func newHookDuty(w *crashWorld) *hookDuty {
	w.t.Helper()
	d := &hookDuty{reporters: newReporters(w), held: make(chan heldHook, 1)}
	var log strings.Builder
	if code := run(w.t.Context(), []string{"--data-dir", w.dir, "--database-url", "", "user", "add", "--username", "root", "--role", "admin", "--password-stdin"},
		strings.NewReader("a long password\n"), io.Discard, &log); code != exitOK {
		w.t.Fatalf("user add: exit %d\n%s", code, log.String())
	}
	d.admin = strings.TrimSpace(w.command("token", "create", "--user", "root"))
	d.receiver = httptest.NewServer(http.HandlerFunc(d.take))
	w.t.Cleanup(d.receiver.Close)
	w.t.Cleanup(d.client.CloseIdleConnections)
	return d
}

func (d *hookDuty) take(out http.ResponseWriter, in *http.Request) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return // a sender that died in the middle of it
	}
	h := in.Header
	d.mu.Lock()
	d.came = append(d.came, hookArrival{h.Get("webhook-id"), h.Get("webhook-timestamp"), h.Get("webhook-signature"), body})
	d.mu.Unlock()
	if d.hold.CompareAndSwap(true, false) {
		held := heldHook{h.Get("webhook-id"), make(chan struct{}), make(chan struct{})}
		d.held <- held
		select {
		case <-held.answer:
		case <-in.Context().Done():
			close(held.gone)
		}
	}
	out.WriteHeader(http.StatusNoContent)
}

func (d *hookDuty) await() heldHook {
	d.w.t.Helper()
	select {
	case held := <-d.held:
		return held
	case <-time.After(recoverWithin):
		d.w.t.Fatalf("nothing came to the webhook; the end of the log:\n%s", d.w.logEnd())
		return heldHook{}
	}
}

// killWhileRead: the receiver has the message, and has answered nothing.
func (d *hookDuty) killWhileRead(program *crashProgram, held heldHook) {
	program.kill()
	select {
	case <-held.gone:
	case <-time.After(recoverWithin):
		d.w.t.Fatal("the receiver does not notice that the sender is dead")
	}
	d.w.ask(d.leaseIsOver)
}

// killBeforeNoted: the receiver has answered that it took the message, and the program
// waits for the row in which it is to note that.
func (d *hookDuty) killBeforeNoted(program *crashProgram, held heldHook) {
	d.w.ask(func(ctx context.Context, conn *pgx.Conn) error {
		watch, err := pgx.ConnectConfig(ctx, conn.Config())
		if err != nil {
			return err
		}
		defer watch.Close(ctx)
		tx, err := conn.Begin(ctx)
		if err != nil {
			return err
		}
		defer tx.Rollback(ctx)
		if _, err := tx.Exec(ctx, `SELECT FROM webhook_deliveries WHERE id = $1 FOR UPDATE`, held.id); err != nil {
			return err
		}
		close(held.answer)
		// Asked by another connection: within one transaction the answer stays what it was.
		if err := until(ctx, watch, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid)))`, int32(conn.PgConn().PID())); err != nil {
			return err
		}
		program.kill()
		if err := tx.Rollback(ctx); err != nil {
			return err
		}
		return d.leaseIsOver(ctx, conn)
	})
}

// leaseIsOver moves the clock past the time for which a dead program's tries count as under way.
func (d *hookDuty) leaseIsOver(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `UPDATE clock_shift SET shift = shift + interval '1 min'`)
	return err
}

// send sends what a person asks for, and reads the answer into out.
func (d *hookDuty) send(token, path string, body map[string]any, out any) {
	d.w.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		d.w.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(d.w.t.Context(), http.MethodPost, "http://"+d.w.address+"/api/v1"+path, bytes.NewReader(text))
	if err != nil {
		d.w.t.Fatal(err)
	}
	request.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
	answer, err := d.client.Do(request)
	if err != nil {
		d.w.t.Fatal(err)
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode/100 == 2 {
		err = json.Unmarshal(said, out)
	}
	if err != nil || answer.StatusCode/100 != 2 {
		d.w.t.Fatalf("POST %s: %d %s (%v)", path, answer.StatusCode, said, err)
	}
}

// register makes the webhook, once.
func (d *hookDuty) register() {
	d.w.t.Helper()
	if d.secret != nil {
		return
	}
	var made struct{ Secret string }
	d.send(d.admin, "/webhooks", map[string]any{"name": "receiver", "url": d.receiver.URL, "kinds": []string{"case.stage", "case.closed"}}, &made)
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(made.Secret, "whsec_"))
	if err != nil {
		d.w.t.Fatal(err)
	}
	d.secret = secret
}

func (d *hookDuty) report(what string) (of uuid.UUID) {
	d.w.t.Helper()
	id, err := d.reporters.post(d.w.t.Context(), uuid.NewString(), what)
	if err != nil {
		d.w.t.Fatal(err)
	}
	d.w.ask(func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT case_id FROM reports WHERE id = $1`, id).Scan(&of)
	})
	return of
}

func (d *hookDuty) move(of uuid.UUID, move string) {
	d.w.t.Helper()
	d.send(d.token, "/cases/"+of.String()+"/moves", map[string]any{"move": move, "reason": "试验"}, new(json.RawMessage))
}

// awaitAllNoted waits until nothing waits for the webhook.
func (d *hookDuty) awaitAllNoted() {
	d.w.t.Helper()
	d.w.ask(func(ctx context.Context, conn *pgx.Conn) error {
		return until(ctx, conn, `SELECT NOT EXISTS (SELECT FROM webhook_deliveries WHERE state = 'waiting')`)
	})
}

// until asks again and again until the answer is yes.
func until(ctx context.Context, conn *pgx.Conn, query string, args ...any) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for yes := false; !yes; <-tick.C {
		if err := conn.QueryRow(ctx, query, args...).Scan(&yes); err != nil {
			return err
		}
	}
	return nil
}

// mustBeWhole compares what came with what is noted, and with the course of the cases.
func (d *hookDuty) mustBeWhole() {
	t := d.w.t
	t.Helper()
	noted := map[string]string{}
	d.w.ask(func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT id::text, state FROM webhook_deliveries`)
		if err != nil {
			return err
		}
		var id, state string
		_, err = pgx.ForEachRow(rows, []any{&id, &state}, func() error { noted[id] = state; return nil })
		return err
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	times, first := map[string]int{}, map[string]hookArrival{}
	told := map[string][]hookMessage{} // by case, each message once
	for _, a := range d.came {
		mac := hmac.New(sha256.New, d.secret)
		mac.Write([]byte(a.id + "." + a.at + "."))
		mac.Write(a.body)
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); a.signature != want {
			t.Errorf("message %s is signed %s, want %s", a.id, a.signature, want)
		}
		if times[a.id]++; times[a.id] > 1 {
			if string(first[a.id].body) != string(a.body) {
				t.Errorf("message %s says %s, and said %s before", a.id, a.body, first[a.id].body)
			}
			continue
		}
		first[a.id] = a
		var m hookMessage
		if err := json.Unmarshal(a.body, &m); err != nil {
			t.Fatalf("%v in %s", err, a.body)
		}
		told[m.Data.CaseID] = append(told[m.Data.CaseID], m)
	}
	for id, state := range noted {
		want := 1
		if slices.Contains(d.twice, id) {
			want = 2
		}
		if state != "delivered" || times[id] != want {
			t.Errorf("message %s is noted as %s and came %d times, want %d", id, state, times[id], want)
		}
	}
	for id := range times {
		if noted[id] == "" {
			t.Errorf("message %s came and was never written", id)
		}
	}
	if len(told) != 2 {
		t.Errorf("it was told of %d cases, want 2", len(told))
	}
	for of, messages := range told {
		slices.SortStableFunc(messages, func(a, b hookMessage) int { return int(a.Data.Version - b.Data.Version) })
		var steps []string
		for _, m := range messages {
			steps = append(steps, m.Type+" "+m.Data.Stage)
		}
		slices.Sort(steps[min(2, len(steps)):]) // the end is two messages of one version
		if got, want := strings.Join(steps, ", "), "case.stage accepted, case.stage filed, case.closed closed, case.stage closed"; got != want {
			t.Errorf("of case %s it was told %s, want %s", of, got, want)
		}
	}
}
