package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// reporters send reports one after the other, each until it is answered with 201,
// and keep a book of the answers.
type reporters struct {
	w      *crashWorld
	token  string
	acked  atomic.Int64
	client *http.Client

	end    context.CancelFunc
	wait   sync.WaitGroup
	ending atomic.Bool // each ends when what it has sent is answered

	refused atomic.Int64 // answers that said: not now

	doors []string     // the nodes, tried in turn; the world's own address if none
	turn  atomic.Int64 // of the doors

	mu   sync.Mutex           // guards book; the reporters write, count reads
	book map[string]uuid.UUID // the report's id by its description
	sent map[string]string    // the key it was sent by
}

const crashReporters = 4

// newReporters makes the account and the category they need; it comes before the
// service.
func newReporters(w *crashWorld) *reporters {
	w.t.Helper()
	return &reporters{
		w: w, token: w.operator(), book: map[string]uuid.UUID{}, sent: map[string]string{},
		client: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: crashReporters}},
	}
}

func (r *reporters) run() {
	ctx, end := context.WithCancel(context.Background())
	r.end = end
	r.w.t.Cleanup(r.stop)
	for i := range crashReporters {
		r.wait.Go(func() {
			for n := 0; ctx.Err() == nil && !r.ending.Load(); n++ {
				r.report(ctx, fmt.Sprintf("reporter %d, report %d", i, n))
			}
		})
	}
}

func (r *reporters) stop() {
	if r.end == nil {
		return
	}
	r.end()
	if err := r.w.ended(&r.wait, "the reporters to end"); err != nil {
		r.w.t.Error(err)
	}
	r.client.CloseIdleConnections()
}

// finish waits until all that was sent is answered, and ends.
func (r *reporters) finish() {
	r.w.t.Helper()
	r.ending.Store(true)
	if err := r.w.ended(&r.wait, "all reports to be answered"); err != nil {
		r.w.t.Errorf("%v; the end of the log:\n%s", err, r.w.logEnd())
	}
	r.stop()
}

// awaitRefused waits for so many more reports that are not taken.
func (r *reporters) awaitRefused(more int64) {
	r.w.t.Helper()
	r.awaitMore(&r.refused, more, "reports refused")
}

// awaitMore waits until so many more were counted.
func (r *reporters) awaitMore(counted *atomic.Int64, more int64, what string) {
	r.w.t.Helper()
	if err := r.w.tryMore(counted, more, what); err != nil {
		r.w.t.Fatalf("%v; the end of the log:\n%s", err, r.w.logEnd())
	}
}

// report sends one until it is taken, by one key.
func (r *reporters) report(ctx context.Context, what string) {
	key := uuid.NewString()
	r.mu.Lock()
	r.sent[what] = key
	r.mu.Unlock()
	pause := time.NewTicker(40 * time.Millisecond)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		id, err := r.post(ctx, key, what)
		if err == nil {
			r.mu.Lock()
			r.book[what] = id
			r.mu.Unlock()
			r.acked.Add(1)
			return
		}
		var refused *refusedReport
		if errors.As(err, &refused) && ctx.Err() == nil {
			if refused.status < 500 {
				r.w.t.Errorf("%s: %v", what, err) // trying again is of no use
				return
			}
			if !refused.clear() {
				r.w.t.Errorf("%s is refused without a word: %v", what, err)
			}
			r.refused.Add(1)
		}
	}
}

type refusedReport struct {
	status int
	body   string
}

// clear says whether the answer tells that it is to be sent again, and why.
func (e *refusedReport) clear() bool {
	var problem struct{ Title, Detail string }
	return e.status == http.StatusServiceUnavailable && json.Unmarshal([]byte(e.body), &problem) == nil && problem.Title != "" && problem.Detail != ""
}

func (e *refusedReport) Error() string { return fmt.Sprintf("%d: %.300s", e.status, e.body) }

func (r *reporters) post(ctx context.Context, key, what string) (id uuid.UUID, err error) {
	body, err := json.Marshal(map[string]any{
		"category": "A01", "location": map[string]any{"lon": 121.38, "lat": 28.58, "accuracy_m": 10}, "description": what,
	})
	if err != nil {
		return id, err
	}
	address := r.w.address
	if len(r.doors) > 0 {
		address = r.doors[int(r.turn.Add(1))%len(r.doors)]
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/api/v1/reports", bytes.NewReader(body))
	if err != nil {
		return id, err
	}
	request.Header = http.Header{"Authorization": {"Bearer " + r.token}, "Content-Type": {"application/json"}, "Idempotency-Key": {key}}
	response, err := r.client.Do(request)
	if err != nil {
		return id, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return id, err
	}
	if response.StatusCode != http.StatusCreated {
		return id, &refusedReport{response.StatusCode, string(text)}
	}
	var answer struct {
		ReportID uuid.UUID `json:"report_id"`
	}
	return answer.ReportID, json.Unmarshal(text, &answer)
}

// await waits for so many more answers.
func (r *reporters) await(more int64) {
	r.w.t.Helper()
	r.awaitMore(&r.acked, more, reportsAnswered)
}

const reportsAnswered = "reports answered"

func (r *reporters) try(more int64) error { return r.w.tryMore(&r.acked, more, reportsAnswered) }

// count compares the book with the database: what was answered must stand there once,
// under the id that was told, with a case, and be found by its key; what was not
// answered, once at most.
func (r *reporters) count() (a account) {
	r.w.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	there, byKey := map[string][]uuid.UUID{}, map[string]uuid.UUID{}
	r.w.ask(func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT r.description, r.id FROM reports r JOIN cases c ON c.id = r.case_id`)
		if err != nil {
			return err
		}
		var what string
		var id uuid.UUID
		_, err = pgx.ForEachRow(rows, []any{&what, &id}, func() error {
			there[what] = append(there[what], id)
			return nil
		})
		if err != nil {
			return err
		}
		if rows, err = conn.Query(ctx, `SELECT key, report_id FROM idempotency_keys`); err != nil {
			return err
		}
		_, err = pgx.ForEachRow(rows, []any{&what, &id}, func() error {
			byKey[what] = id
			return nil
		})
		return err
	})
	a.acked = len(r.book)
	for what, id := range r.book {
		if ids := there[what]; len(ids) == 0 || ids[0] != id || byKey[r.sent[what]] != id {
			a.missing++
		}
	}
	for what, ids := range there {
		a.rows += len(ids)
		a.doubled += len(ids) - 1
		if r.sent[what] == "" {
			a.unsent++
		}
	}
	return a
}

// chaosOutEnv is the file that the figures of make chaos go to.
const chaosOutEnv = "GRIDPATROL_CHAOS_OUT"

// chaosFigure is a measured value in the form of every var/bench file.
type chaosFigure struct {
	Name       string   `json:"name"`
	Value      float64  `json:"value"`
	Unit       string   `json:"unit"`
	Bar        *float64 `json:"bar"`
	Peer       *float64 `json:"peer"`
	PeerSource *string  `json:"peer_source"`
	Runs       int      `json:"runs"`
	Spread     float64  `json:"spread"`
	atLeast    bool
	notRun     string // why, of a part that could not be played
	failed     string // what was waited for in vain, of a part that did not come to its end
}

var chaosAll []chaosFigure // of the tests so far, which run one after the other

// TestMain prints one table of all that make chaos did, when all is over.
func TestMain(m *testing.M) {
	code := m.Run()
	for _, f := range chaosAll {
		fmt.Println(f)
	}
	os.Exit(code)
}

// String is the figure's line of the table.
func (f chaosFigure) String() string {
	if f.notRun != "" {
		return fmt.Sprintf("%-70s not run: %s", f.Name, f.notRun)
	}
	if f.failed != "" {
		return fmt.Sprintf("%-70s FAILED: %s", f.Name, f.failed)
	}
	verdict := ""
	if f.Bar != nil {
		verdict = fmt.Sprintf("<= %g", *f.Bar)
		missed := f.Value > *f.Bar
		if f.atLeast {
			verdict, missed = fmt.Sprintf(">= %g", *f.Bar), f.Value < *f.Bar
		}
		if missed {
			verdict += "  MISSED"
		}
	}
	return fmt.Sprintf("%-70s %10.6g %-8s %s", f.Name, f.Value, f.Unit, verdict)
}

// chaosAsked says whether make chaos runs, and this machine can play a part of it; where
// it cannot, the table says so.
func chaosAsked(t *testing.T, part string, programs ...string) bool {
	t.Helper()
	if os.Getenv(chaosOutEnv) == "" {
		t.Log("left to make chaos")
		return false
	}
	missing := ""
	if os.Getuid() != 0 {
		missing = "needs root"
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			missing += " needs " + p
		}
	}
	if missing != "" {
		chaosFigures(t, chaosFigure{Name: part + ": parts not run", Value: 1, Unit: "parts", Bar: new(float64), notRun: strings.TrimSpace(missing)})
	}
	return missing == ""
}

// chaosFigures keeps figures for the table and the file, where that is asked.
func chaosFigures(t *testing.T, figures ...chaosFigure) {
	t.Helper()
	path := os.Getenv(chaosOutEnv)
	if path == "" {
		return
	}
	for _, f := range figures {
		f.Runs = 1
		chaosAll = append(chaosAll, f)
	}
	text, err := json.MarshalIndent(chaosAll, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path, append(text, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
