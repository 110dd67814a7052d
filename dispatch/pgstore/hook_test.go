package pgstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// mailbox takes what webhooks are sent, and answers what it is told to.
type mailbox struct {
	mu     sync.Mutex // guards all; the desk writes, tests read
	answer dispatch.HookAnswer
	bodies []dispatch.HookBody
}

func (*mailbox) AddressFault(address string) string {
	if !strings.HasPrefix(address, "https://") {
		return "must begin with https://"
	}
	return ""
}

func (m *mailbox) Post(_ context.Context, _ string, id dispatch.HookCallID, secret, body []byte) dispatch.HookAnswer {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b dispatch.HookBody
	mustJSON(body, &b)
	if b.ID != id || len(secret) != 32 {
		return dispatch.HookAnswer{Status: 400, Text: "wrong id or secret"}
	}
	m.bodies = append(m.bodies, b)
	return m.answer
}

// hookWorld is a world with a mailbox, and the administrator who registers webhooks.
type hookWorld struct {
	*world
	box   *mailbox
	admin dispatch.Viewer
}

func newHookWorld(t *testing.T) *hookWorld {
	t.Helper()
	w := &hookWorld{world: newWorld(t), box: &mailbox{answer: dispatch.HookAnswer{Status: 204}}}
	w.open(func(c *dispatch.Config) { c.Post = w.box })
	w.admin = dispatch.Viewer{District: district, Account: dispatch.AccountID{UUID: uuid.Must(uuid.NewV7())}, Role: dispatch.RoleAdmin}
	return w
}

func (w *hookWorld) hook(h dispatch.Hook) dispatch.Hook {
	w.t.Helper()
	if h.Name == "" {
		h.Name, h.URL = "大数据局", "https://example.org/hooks?key=secret"
	}
	if h.Kinds == nil {
		h.Kinds = dispatch.HookKinds
	}
	made, secret, err := w.desk.MakeHook(context.Background(), w.admin, h)
	if err != nil || len(secret) != 32 {
		w.t.Fatalf("register: %v, a secret of %d bytes", err, len(secret))
	}
	return made
}

// carry brings what is due, as a node does, and answers the kinds that arrived.
func (w *hookWorld) carry() string {
	w.t.Helper()
	w.box.bodies = nil
	for {
		due, err := w.desk.DueCalls(context.Background(), 100, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(due) == 0 {
			break
		}
		for _, c := range due {
			if err := w.desk.Call(context.Background(), c); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	var kinds []string
	for _, b := range w.box.bodies {
		kinds = append(kinds, string(b.Type))
	}
	slices.Sort(kinds)
	return strings.Join(kinds, " ")
}

func (w *hookWorld) calls(h dispatch.Hook) []dispatch.HookCallSeen {
	w.t.Helper()
	page, err := w.desk.HookCalls(context.Background(), w.admin, h.ID, dispatch.PageAsk{Limit: 200})
	if err != nil {
		w.t.Fatal(err)
	}
	return page.Items
}

// later moves the clock on.
func (w *hookWorld) later(d time.Duration) {
	w.t.Helper()
	pgtest.SetNow(w.t.(*testing.T), w.db, ask[time.Time](w.world, `SELECT gp_now()`).Add(d))
}

// What a webhook is told stands with the change that it tells of, once for each kind, and
// leaves once; where the change fails there is nothing.
func TestNewsStandsWithItsChange(t *testing.T) {
	t.Parallel()
	w := newHookWorld(t)
	all, town := w.hook(dispatch.Hook{}), w.hook(dispatch.Hook{AreaCode: "T1", Kinds: []dispatch.HookKind{dispatch.HookOpened}})
	w.hook(dispatch.Hook{AreaCode: "T2"})
	w.hook(dispatch.Hook{Department: "market"})
	c := w.file("C01")
	eq(t, "waiting", ask[int](w.world, `SELECT count(*)::int FROM webhook_deliveries WHERE state = 'waiting'`), 4)
	eq(t, "of a case that was filed", w.carry(), "case.opened case.opened case.sent case.stage")
	for _, b := range w.box.bodies {
		is := w.see(c.ID)
		if b.Data == nil || *b.Data != (dispatch.HookCase{CaseID: c.ID, Number: c.Number, Stage: is.Stage, Urgency: "urgent", Category: "C01", Version: is.Version}) || b.Timestamp.IsZero() {
			t.Errorf("says %+v", b.Data)
		}
	}
	eq(t, "again", w.carry(), "")
	w.mustAnswer(c, "P1", "accept", "en_route", "on_scene")
	eq(t, "somebody arrives", strings.Contains(w.carry(), "case.on_scene"), true)
	eq(t, "to the town", len(w.calls(town)), 1)
	for _, x := range w.calls(all) {
		if x.State != dispatch.CallDelivered || x.Status == nil || *x.Status != 204 || x.Tries != 1 || x.EndedAt == nil {
			t.Errorf("%+v", x)
		}
	}
	broken := errors.New("no")
	before := ask[int](w.world, `SELECT count(*)::int FROM webhook_deliveries`)
	err := w.store.Change(t.Context(), c.ID, nil, func(d dispatch.Docket) (dispatch.Turn, error) {
		if len(d.Hooks) != 4 {
			t.Errorf("%d webhooks lie with the case", len(d.Hooks))
		}
		return dispatch.Turn{Case: d.Case, News: []dispatch.HookNews{{ID: dispatch.HookCallID{UUID: uuid.New()}, Hook: all.ID, Kind: "case.stage", Case: c.ID}}}, broken
	})
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	eq(t, "after a change that failed", ask[int](w.world, `SELECT count(*)::int FROM webhook_deliveries`), before)
}

// No webhook hears of a covert case: not when it comes in, nor what follows; what was
// written before it became covert is withheld, and emptied. After its release it is told on.
func TestNoWebhookHearsOfACovertCase(t *testing.T) {
	t.Parallel()
	w := newHookWorld(t)
	h := w.hook(dispatch.Hook{})
	draft := w.report("C01")
	draft.Covert = &dispatch.CoverOrder{Reason: "a raid"}
	filed, err := w.desk.FileReport(t.Context(), w.operator, draft)
	if err != nil {
		t.Fatal(err)
	}
	w.mustAnswer(filed.Case, "P1", "accept", "en_route", "on_scene")
	eq(t, "of a case that was covert from birth", len(w.calls(h)), 0)
	if _, err := w.desk.Release(t.Context(), w.operator, filed.Case.ID, 0, "over"); err != nil {
		t.Fatal(err)
	}
	eq(t, "of its release", len(w.calls(h)), 0)
	w.mustAnswer(filed.Case, "P1", "done")
	w.carry()

	w.setStatus("P2", "free")
	open := w.file("C01")
	waiting := ask[int](w.world, `SELECT count(*)::int FROM webhook_deliveries WHERE state = 'waiting'`)
	if waiting == 0 {
		t.Fatal("nothing waits")
	}
	if _, err := w.desk.Cover(t.Context(), w.operator, open.ID, 0, dispatch.CoverOrder{Reason: "a raid"}); err != nil {
		t.Fatal(err)
	}
	eq(t, "sent once it is covert", w.carry(), "")
	eq(t, "withheld and emptied", ask[int](w.world, `SELECT count(*)::int FROM webhook_deliveries WHERE state = 'withheld' AND body = '' AND case_id = $1`, open.ID), waiting)
	if got, err := w.desk.Hook(t.Context(), w.admin, h.ID); err != nil || got.FailingSince != nil {
		t.Errorf("a webhook fails by what is withheld: %+v %v", got, err)
	}
}

// A webhook that takes nothing is tried again, later each time, and disabled after three
// days; what waits is given up then, and said so. Enabled again it is told on.
func TestAWebhookThatTakesNothingIsDisabled(t *testing.T) {
	t.Parallel()
	w := newHookWorld(t)
	pgtest.SetNow(t, w.db, time.Now())
	h := w.hook(dispatch.Hook{Kinds: []dispatch.HookKind{dispatch.HookOpened}})
	w.box.answer = dispatch.HookAnswer{Status: 502, Text: "bad gateway"}
	w.file("C01")
	eq(t, "first", w.carry(), "case.opened")
	eq(t, "at once again", w.carry(), "")
	w.later(7 * time.Second)
	eq(t, "after 5 s", w.carry(), "case.opened")
	eq(t, "and at once again", w.carry(), "")
	for range 9 {
		w.later(29 * time.Hour)
		w.carry()
	}
	got, err := w.desk.Hook(t.Context(), w.admin, h.ID)
	if err != nil || got.DisabledBecause != dispatch.HookOffFailing || got.FailingSince == nil || got.LastFault != "502 bad gateway" {
		t.Fatalf("%+v %v", got, err)
	}
	x := w.calls(h)[0]
	if x.State != dispatch.CallGivenUp || x.Tries < 4 || x.Tries > 10 {
		t.Errorf("the message: %+v", x)
	}
	eq(t, "recorded", ask[string](w.world, `SELECT body #>> '{detail,because}' FROM case_events WHERE kind = 'webhook.disabled'`), "failing")
	eq(t, "the key in its address is not", ask[int](w.world, `SELECT count(*)::int FROM case_events WHERE body::text LIKE '%key=secret%'`), 0)

	w.box.answer = dispatch.HookAnswer{Status: 200}
	seen, err := w.desk.PingHook(t.Context(), w.admin, h.ID)
	if err != nil || seen.State != dispatch.CallDelivered || seen.Kind != dispatch.HookPing {
		t.Fatalf("a ping while it is disabled: %+v %v", seen, err)
	}
	on := true
	if got, err = w.desk.ChangeHook(t.Context(), w.admin, h.ID, dispatch.HookChange{Enabled: &on}); err != nil || got.DisabledBecause != "" || got.FailingSince != nil {
		t.Fatalf("enabled: %+v %v", got, err)
	}
	w.setStatus("P2", "free")
	w.file("C01")
	eq(t, "after that", w.carry(), "case.opened")

	w.box.answer = dispatch.HookAnswer{Status: 410}
	w.file("A05")
	w.carry()
	if got, err = w.desk.Hook(t.Context(), w.admin, h.ID); err != nil || got.DisabledBecause != dispatch.HookOffGone {
		t.Errorf("one that is gone: %+v %v", got, err)
	}
}

// A node that dies in a try leaves the message to whoever looks after the lease.
func TestWhatADeadNodeLeftIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newHookWorld(t)
	pgtest.SetNow(t, w.db, time.Now())
	h := w.hook(dispatch.Hook{Kinds: []dispatch.HookKind{dispatch.HookOpened}})
	w.file("C01")
	due, err := w.desk.DueCalls(t.Context(), 10, nil)
	if err != nil || len(due) != 1 {
		t.Fatalf("%d due, %v", len(due), err)
	}
	eq(t, "while it is under way", w.carry(), "")
	w.later(46 * time.Second)
	eq(t, "after the lease", w.carry(), "case.opened")
	// The dead one comes back: its word counts no more.
	w.box.answer = dispatch.HookAnswer{Status: 500}
	if err := w.desk.Call(t.Context(), due[0]); err != nil {
		t.Fatal(err)
	}
	x := w.calls(h)[0]
	if x.State != dispatch.CallDelivered || x.Tries != 2 {
		t.Errorf("%+v", x)
	}
	if got, err := w.desk.Hook(t.Context(), w.admin, h.ID); err != nil || got.FailingSince != nil {
		t.Errorf("%+v %v", got, err)
	}
}

// One that has much to take keeps no other waiting, and more than it may have disables it.
func TestAWebhookHasItsShare(t *testing.T) {
	t.Parallel()
	w := newHookWorld(t)
	slow, other := w.hook(dispatch.Hook{}), w.hook(dispatch.Hook{})
	fill := func(h dispatch.Hook, n int) {
		w.exec(`INSERT INTO webhook_deliveries (id, district_id, webhook_id, kind, body, due_at) SELECT gen_random_uuid(), $1, $2, 'ping', '{}', gp_now() FROM generate_series(1, $3)`, district, h.ID, n)
	}
	fill(slow, 100)
	fill(other, 1)
	due, err := w.desk.DueCalls(t.Context(), 16, nil)
	if err != nil || len(due) != 5 {
		t.Errorf("%d due, %v; want four of one and one of the other", len(due), err)
	}
	fill(other, 1)
	due, err = w.desk.DueCalls(t.Context(), 16, []dispatch.HookID{slow.ID})
	if err != nil || len(due) != 1 || due[0].Hook.ID != other.ID {
		t.Errorf("while one is busy: %d due, %v", len(due), err)
	}
	if err := w.desk.TidyHooks(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := w.desk.Hook(t.Context(), w.admin, slow.ID); err != nil || got.DisabledBecause != "" {
		t.Errorf("disabled with %d: %+v %v", 100, got, err)
	}
	fill(slow, dispatch.MostHookWaiting)
	if err := w.desk.TidyHooks(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := w.desk.Hook(t.Context(), w.admin, slow.ID); err != nil || got.DisabledBecause != dispatch.HookOffOverfull {
		t.Errorf("overfull: %+v %v", got, err)
	}
	eq(t, "still waits", ask[int](w.world, `SELECT count(*)::int FROM webhook_deliveries WHERE webhook_id = $1 AND due_at IS NOT NULL`, slow.ID), 0)
}

// Another node remembers no webhook that was changed or deleted, and knows a new one.
func TestAnotherNodeKnowsOfWebhooks(t *testing.T) {
	t.Parallel()
	w := newHookWorld(t)
	other := pgstore.New(w.db)
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	other.InZone(zone)
	c := w.file("C01")
	known := func() (n int) {
		t.Helper()
		err := other.Change(t.Context(), c.ID, nil, func(d dispatch.Docket) (dispatch.Turn, error) {
			n = len(d.Hooks)
			return dispatch.Turn{}, errors.New("only looked")
		})
		if err == nil || err.Error() != "only looked" {
			t.Fatal(err)
		}
		return n
	}
	eq(t, "at first", known(), 0)
	h := w.hook(dispatch.Hook{})
	eq(t, "registered", known(), 1)
	if err := w.desk.DropHook(t.Context(), w.admin, h.ID); err != nil {
		t.Fatal(err)
	}
	eq(t, "deleted", known(), 0)
	eq(t, "its secret", ask[int](w.world, `SELECT count(*)::int FROM webhook_secrets`), 0)
	if _, err := w.desk.Hook(t.Context(), w.admin, h.ID); code(err) != "not-found" {
		t.Errorf("a deleted one: %v", err)
	}
}

// What cannot be is said by field; an administrator of a town registers for it alone.
func TestWhatAWebhookCannotBe(t *testing.T) {
	t.Parallel()
	w := newHookWorld(t)
	fine := dispatch.Hook{Name: "x", URL: "https://example.org/", Kinds: []dispatch.HookKind{dispatch.HookStage}}
	for field, spoil := range map[string]func(*dispatch.Hook){
		"/name":       func(h *dispatch.Hook) { h.Name = " " },
		"/url":        func(h *dispatch.Hook) { h.URL = "http://example.org/" },
		"/kinds":      func(h *dispatch.Hook) { h.Kinds = nil },
		"/kinds/0":    func(h *dispatch.Hook) { h.Kinds = []dispatch.HookKind{"case.position"} },
		"/kinds/1":    func(h *dispatch.Hook) { h.Kinds = []dispatch.HookKind{dispatch.HookStage, dispatch.HookStage} },
		"/area_code":  func(h *dispatch.Hook) { h.AreaCode = "T9" },
		"/department": func(h *dispatch.Hook) { h.Department = "moon" },
	} {
		bad := fine
		spoil(&bad)
		_, _, err := w.desk.MakeHook(t.Context(), w.admin, bad)
		var f *dispatch.Fault
		if !errors.As(err, &f) || f.Kind != dispatch.Invalid || len(f.Fields) != 1 || f.Fields[0].Pointer != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	town := w.admin
	town.AreaCode = "T1"
	if _, _, err := w.desk.MakeHook(t.Context(), town, fine); dispatch.KindOf(err) != dispatch.Invalid {
		t.Errorf("the whole district by an administrator of a town: %v", err)
	}
	village := fine
	village.AreaCode = "T1V1"
	if _, _, err := w.desk.MakeHook(t.Context(), town, village); err != nil {
		t.Errorf("a village by an administrator of its town: %v", err)
	}
	w.hook(fine)
	if all, err := w.desk.Hooks(t.Context(), town); err != nil || len(all) != 1 || all[0].AreaCode != "T1V1" {
		t.Errorf("an administrator of a town sees %+v, %v", all, err)
	}
	if _, _, err := w.desk.MakeHook(t.Context(), w.operator, fine); code(err) != "forbidden" {
		t.Errorf("an operator: %v", err)
	}
	for range dispatch.MostHooks - 2 {
		w.hook(fine)
	}
	if _, _, err := w.desk.MakeHook(t.Context(), w.admin, fine); code(err) != "too-many-webhooks" {
		t.Errorf("one too many: %v", err)
	}
}

// What is due is found by its index, however much was delivered.
func TestWhatIsDueIsFoundByItsIndex(t *testing.T) {
	t.Parallel()
	w := newHookWorld(t)
	h := w.hook(dispatch.Hook{})
	w.exec(`INSERT INTO webhook_deliveries (id, district_id, webhook_id, kind, body, state, ended_at)
		SELECT gen_random_uuid(), $1, $2, 'ping', '{}', 'delivered', gp_now() FROM generate_series(1, 20000)`, district, h.ID)
	w.exec(`INSERT INTO webhook_deliveries (id, district_id, webhook_id, kind, body, due_at) SELECT gen_random_uuid(), $1, $2, 'ping', '{}', gp_now() FROM generate_series(1, 3)`, district, h.ID)
	var read float64
	plan := ask[[]byte](w.world, `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) `+pgstore.LeaseCalls, district, []uuid.UUID{}, 16, 4, 45*time.Second)
	var out []struct {
		Plan struct {
			Hit  float64 `json:"Shared Hit Blocks"`
			Read float64 `json:"Shared Read Blocks"`
		}
	}
	if err := json.Unmarshal(plan, &out); err != nil {
		t.Fatal(err)
	}
	if read = out[0].Plan.Hit + out[0].Plan.Read; read > 200 {
		t.Errorf("%v blocks are looked at\n%s", read, plan)
	}
	t.Logf("%v blocks", read)
}
