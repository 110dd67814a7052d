package pgstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// TestTwoNodesThroughAMonth runs two nodes as the program does, each with a pool and all
// its timers at their real pace, over the rows of one database, while 31 days pass with
// cases that come in, are moved on, extended, suspended, returned and forgotten, offers
// that nobody answers, and holidays that are declared and taken back. Nodes are killed over
// their work with leases held and started again: one is a process of its own and gets
// SIGKILL, of the other all connections are cut. The clock steps ten minutes forward and back.
//
// The measure. The district's clock, gp_now(), runs at its real pace whenever anything is
// due, and steps over the hours in which nothing is. "Late" is how long a row lay there
// armed and due while that clock ran: what polls, leases, the lease of a node that died, and
// the work for all the others that are due at the same moment cost, in seconds of the real
// pace, until the commit that took the row away. Steps of the clock count for nothing: who
// leaps over a moment is late from the leap on. What the whole machine stood still, told by a pulse
// beside it that wants a hundredth of a second of it, is left out of the figure that is
// judged, and both are printed. The clock stands while the test itself acts, so that a burst of reports
// is due as one: where more than 250 are due at a moment, the last of them may take as
// long as 75 a second want besides. Nothing but triggers writes the ledger, and SQL counts the effects.
//
// A run of all tests plays three days; make test-clocks the month, with 10,000 cases.
func TestTwoNodesThroughAMonth(t *testing.T) {
	t.Parallel()
	m := &month{begins: "2026-09-29", days: 3, bursts: 2, cases: 240, autos: 1}
	if n, err := strconv.Atoi(os.Getenv("GRIDPATROL_CLOCK_CASES")); err == nil {
		m.begins, m.days, m.cases, m.bursts, m.autos = "2026-09-14", 31, n, max(9, min(30, n/300)), 2
	}
	m.play(t)
}

// month is one playing of it.
type month struct {
	begins                     string // with the holidays ahead
	days, bursts, cases, autos int

	*world
	clock   *turret
	r       *rand.Rand
	leader  dispatch.Viewer
	nodes   [2]*node
	stirs   chan struct{} // a node took up or laid down a piece of work
	tick    *time.Ticker
	open    []dispatch.CaseID
	filed   int
	moved   [32]atomic.Int64
	kills   int
	killed9 int // of these, processes by SIGKILL
	held    int // leases that the dead left behind
	starts  int
	forward int
	back    int
	holiday int
	leaps   int
}

func (m *month) play(t *testing.T) {
	w := newWorld(t)
	m.world, m.r = w, rand.New(rand.NewPCG(31, uint64(m.cases)))
	w.exec(`INSERT INTO categories (id, district_id, code, name_zh, name_en, lead, joint, urgency, dispatch_mode, valid)
		SELECT gen_random_uuid(), district_id, x.code, x.code, x.code, lead, joint, x.urgency, 'manual', valid FROM categories,
		  (VALUES ('H01', 'hard'), ('O01', 'ordinary'), ('U01', 'urgent')) AS x (code, urgency) WHERE categories.code = 'C01'`)
	w.patrol("E2", "environment", 700)
	w.ordinary("O02", "environment")
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	begin, err := time.ParseInLocation("2006-01-02 15", m.begins+" 08", zone)
	if err != nil {
		t.Fatal(err)
	}
	w.exec(`UPDATE duties SET during = tstzrange($1, $2)`, begin.Add(-time.Hour), begin.AddDate(0, 0, m.days+40))
	m.clock = newTurret(w, begin)
	m.leader = dispatch.Viewer{District: district, Account: w.operator.Account, Role: dispatch.RoleDutyLeader}
	pulse, stop := context.WithCancel(context.Background())
	var beside sync.WaitGroup
	beside.Go(func() { m.clock.pulse(pulse) })
	t.Cleanup(func() { stop(); beside.Wait() })
	m.stirs, m.tick = make(chan struct{}, 1), time.NewTicker(100*time.Millisecond)
	defer m.tick.Stop()
	m.nodes = [2]*node{m.begin(0), m.begin(1)}

	every := time.Duration(m.days) * 24 * time.Hour / time.Duration(m.bursts)
	for b := range m.bursts {
		m.act(b)
		next := begin.Add(time.Duration(b+1) * every)
		if b+1 < m.bursts { // at any time of the day, mostly by day
			next = next.Truncate(24 * time.Hour).Add(time.Duration(m.r.IntN(10*60)) * time.Minute)
		}
		m.until(next)
	}
	m.clock.end()
	stop()
	beside.Wait()
	m.prove(t)
}

// act is what people do at a moment: they report, move cases on, send, and declare holidays.
func (m *month) act(b int) {
	m.t.Helper()
	ctx := context.Background()
	m.clock.stop()
	defer m.clock.start()
	defer m.sweep()
	now := m.clock.now()
	switch b {
	case max(1, m.bursts/3):
		for _, d := range []string{"2026-10-01", "2026-10-02", "2026-10-05", "2026-10-06", "2026-10-07"} {
			m.day(d, dispatch.DayHoliday)
		}
	case max(2, m.bursts/2): // one is worked after all
		m.day("2026-10-07", dispatch.DayWorkday)
	}
	if _, err := m.desk.Dispatch(ctx, m.operator, m.file("C04").ID, 0, dispatch.Order{}); err != nil && dispatch.KindOf(err) != dispatch.Conflict {
		m.t.Fatal(err) // nobody may be free
	}
	var g errgroup.Group
	g.SetLimit(4)
	var mu sync.Mutex // guards open while reports come in
	for last := m.cases * (b + 1) / m.bursts; m.filed < last; m.filed++ {
		category := []string{"H01", "O01", "U01"}[m.filed%3]
		if left := last - m.filed; left <= 2*m.autos {
			category = []string{"C01", "O02"}[left%2]
		}
		g.Go(func() error {
			c, err := m.desk.FileReport(ctx, m.operator, m.report(category))
			mu.Lock()
			defer mu.Unlock()
			m.open = append(m.open, c.Case.ID)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		m.t.Fatal(err)
	}
	for range 3 { // some go several steps at once
		for i := range min(max(len(m.open)/8, 60), 150) {
			among := len(m.open)
			if i%2 == 0 {
				among = min(among, max(12, among/20)) // some go far
			}
			id, dice, until := m.open[m.r.IntN(among)], m.r.Int(), now.Add(time.Duration(1+m.r.IntN(100))*time.Hour)
			g.Go(func() error { return m.move(ctx, id, dice, until) })
		}
		if err := g.Wait(); err != nil {
			m.t.Fatal(err)
		}
	}
}

// sweep does what a database at work does by itself, and that of tests does not.
func (m *month) sweep() {
	m.t.Helper()
	err := m.db.Owner(context.Background(), func(conn *pgx.Conn) error {
		_, err := conn.Exec(context.Background(), `VACUUM ANALYZE`)
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *month) day(text, kind string) {
	m.t.Helper()
	day, err := dispatch.ParseDay(text)
	if err != nil {
		m.t.Fatal(err)
	}
	if _, err := m.desk.SetDay(context.Background(), m.leader, dispatch.CalendarDay{Day: day, Kind: kind, Name: "国庆节"}); err != nil {
		m.t.Fatal(err)
	}
	m.holiday++
}

// The moves that must have happened for a month to show anything.
var monthly = []dispatch.Move{dispatch.MoveReturn, dispatch.MoveRule, dispatch.MoveGrant, dispatch.MoveAskSuspension, dispatch.MoveAskExtension, dispatch.MoveFeedback, dispatch.MoveFail}

func (m *month) move(ctx context.Context, id dispatch.CaseID, dice int, until time.Time) error {
	c, err := m.store.Case(ctx, id, "")
	if err != nil {
		return err
	}
	orders := onTheWay[c.Stage]
	if len(orders) == 0 {
		return nil
	}
	o := orders[dice%len(orders)]
	o.Until, o.Document = &until, "文号"
	who := m.leader
	if o.Move == dispatch.MoveGrant || o.Move == dispatch.MoveFail {
		who.Account = dispatch.AccountID(district) // who asked does not approve, and who did it does not check
	}
	if o.Owner != "" && slices.ContainsFunc(c.Departments, func(d dispatch.CaseDepartment) bool { return d.Part == "lead" && d.Code == o.Owner }) {
		o.Owner = "police" // it has been theirs
	}
	if _, err := m.desk.Move(ctx, who, c.ID, 0, o); err != nil {
		return settled(forbidden(err))
	}
	m.moved[0].Add(1)
	for i, kind := range monthly {
		if kind == o.Move {
			m.moved[i+1].Add(1)
		}
	}
	return nil
}

// forbidden is nil where the rules forbid what was tried.
func forbidden(err error) error {
	switch dispatch.KindOf(err) {
	case dispatch.Invalid, dispatch.Forbidden:
		return nil
	}
	return err
}

// stale says of a clock that it was counted by a calendar of before.
const stale = `(unit <> 'always' AND next_at IS NOT NULL AND counted < (SELECT max(version) FROM calendars))`

const dueNow = `SELECT gp_now(), (SELECT count(*) FROM clocks WHERE next_at <= (SELECT gp_now()) OR ` + stale + `) + (SELECT count(*) FROM deadlines WHERE due_at <= (SELECT gp_now())),
  (SELECT min(at) FROM (SELECT min(next_at) AS at FROM clocks UNION ALL SELECT min(due_at) FROM deadlines) x)`

// until lets the district's time come to a moment: over what is empty it leaps, up to
// shortly before the next time anything is due.
func (m *month) until(target time.Time) {
	m.t.Helper()
	for {
		now, next := m.settle()
		m.bury()
		if next == nil || next.After(target) {
			if target.After(now) {
				m.clock.step(target.Sub(now))
			}
			m.settle()
			m.bury()
			return
		}
		if next.Sub(now) < 300*time.Millisecond {
			m.await() // it is as good as due
			continue
		}
		m.mishap()
		m.leaps++
		m.clock.step(next.Sub(now) - time.Duration(m.r.IntN(int(100*time.Millisecond))))
		if m.leaps%24 == 9 { // somebody sets the clock, over whatever is being done
			for range m.r.IntN(5) {
				m.await()
			}
			if d := 10 * time.Minute; m.leaps%48 == 9 {
				m.forward++
				m.clock.step(d)
			} else {
				m.back++
				m.clock.step(-d)
			}
		}
	}
}

// await waits until a node takes up or lays down a piece of work. What happens without
// one, as a clock that is counted anew or a lease that ends, is looked for at each tick.
func (m *month) await() {
	select {
	case <-m.stirs:
	case <-m.tick.C:
	}
}

// settle waits until nothing is due, and answers when that is and what is next.
func (m *month) settle() (now time.Time, next *time.Time) {
	m.t.Helper()
	for begun := time.Now(); ; m.await() {
		var due int
		if err := m.db.QueryRow(context.Background(), dueNow).Scan(&now, &due, &next); err != nil {
			m.t.Fatal(err)
		}
		if due == 0 {
			return now, next
		}
		if time.Since(begun) > time.Minute {
			m.t.Errorf("%d are due and nobody does them, or they are never done", due)
			m.clock.end()
			m.prove(m.t)
			m.t.FailNow()
		}
		for i, n := range m.nodes {
			if n.dead.Load() && n.held.CompareAndSwap(0, 1) {
				m.held += ask[int](m.world, `SELECT (SELECT count(*) FROM clocks WHERE leased_until > gp_now()) + (SELECT count(*) FROM deadlines WHERE leased_until > gp_now())`)
				if m.r.IntN(3) == 0 { // it comes up again before its leases are over
					m.again(i)
				}
			}
		}
	}
}

// mishap has one of the nodes die over its next work, now and then.
func (m *month) mishap() {
	if i := m.leaps / 8 % 2; m.leaps%8 == 3 && m.nodes[1-i].strike.Load() <= 0 { // one of them lives
		n := m.nodes[i]
		n.how.Store(m.r.Int64N(1000))
		n.strike.Store(1 + m.r.Int64N(6))
	}
	if m.r.IntN(60) == 0 { // an orderly restart
		m.starts++
		i := m.r.IntN(2)
		m.nodes[i].end()
		m.nodes[i] = m.begin(i)
	}
}

func (m *month) bury() {
	for i, n := range m.nodes {
		if n.dead.Load() {
			m.again(i)
		}
	}
}

func (m *month) again(i int) {
	m.kills++
	if m.nodes[i].proc != nil {
		m.killed9++
	}
	m.nodes[i].end()
	m.nodes[i] = m.begin(i)
}

// begin starts a node: one dies with its connections, as a machine that is cut off does,
// the other is a process and is killed.
func (m *month) begin(i int) *node {
	if i == 1 {
		return m.startProgram(m.stirs)
	}
	return m.startNode(m.stirs)
}

// latestDone is the bar. Beside all other tests nobody has a machine of their own, so
// there half of it is added.
const latestDone = 2 * time.Second

func (m *month) prove(t testing.TB) {
	t.Helper()
	bar := latestDone
	if m.bursts < 9 {
		bar += latestDone / 2
	}
	v := m.clock.judge(bar)
	if said := m.said.String(); said != "" {
		t.Logf("what living nodes had to try again: %s", said[:min(len(said), 4000)])
	}
	if len(v.faults) > 0 {
		t.Errorf("%d faults, the first: %v", len(v.faults), v.faults[:min(8, len(v.faults))])
	}
	for what, query := range map[string]string{
		"rungs that were climbed twice": `SELECT count(*) FROM (SELECT FROM case_events WHERE kind IN ('clock.warned', 'clock.overdue', 'clock.district')
			GROUP BY body->'detail'->>'arming', kind HAVING count(*) > 1) x`,
		"offers that ran out or left twice": `SELECT count(*) FROM (SELECT FROM case_events WHERE kind IN ('assignment.expired', 'assignment.offer_left')
			GROUP BY body->'detail'->>'assignment', kind HAVING count(*) > 1) x`,
		"assignments that expired without a word": `SELECT count(*) FROM assignments a WHERE state = 'expired' AND NOT EXISTS (SELECT FROM case_events e
			WHERE e.case_id = a.case_id AND e.kind = 'assignment.expired' AND e.body->'detail'->>'assignment' = a.id::text)`,
		"offers whose time is over": `SELECT count(*) FROM assignments WHERE state = 'offered' AND expires_at < gp_now() - interval '3 s'`,
		"what the town's leader was told too often or too rarely": `SELECT abs((SELECT count(*) FROM notices WHERE why = 'clock_overdue')
			- (SELECT count(*) FROM case_events WHERE kind = 'clock.overdue' AND body->'detail'->>'clock' <> 'resume'))`,
		"orders of supervision for one clock at one level twice": `SELECT count(*) FROM (SELECT FROM case_events WHERE kind = 'supervised' AND body->'actor'->>'role' = 'system'
			GROUP BY case_id, at, body->'detail'->>'level' HAVING count(*) > 1) x`,
		"commits that left an open case without a clock": `SELECT count(*) FROM ledger WHERE what = 'bare'`,
		"rows that were armed outside of the transaction that called for them": `SELECT count(*) FROM ledger l WHERE what = 'armed'
			AND NOT EXISTS (SELECT FROM ledger b WHERE b.key = l.key AND b.seq < l.seq) AND NOT EXISTS (SELECT FROM case_events e WHERE e.xid = l.xid)`,
		"open cases without a clock":     `SELECT count(*) FROM cases c WHERE closed_at IS NULL AND NOT EXISTS (SELECT FROM clocks k WHERE k.case_id = c.id)`,
		"deadlines that are due":         `SELECT count(*) FROM deadlines WHERE due_at <= gp_now()`,
		"patrols that nobody set free":   `SELECT count(*) FROM patrols p WHERE (claimed_by IS NOT NULL) <> EXISTS (SELECT FROM assignments a WHERE a.patrol_id = p.id AND a.active)`,
		"days that do not count as such": fmt.Sprintf(`SELECT count(*) - %d FROM calendar_days WHERE day BETWEEN '2026-10-01' AND '2026-10-07'`, 5),
	} {
		if n := ask[int](m.world, query); n != 0 {
			t.Errorf("%s: %d", what, n)
		}
	}
	m.noOfferEndsEarly(t)
	expired := ask[int](m.world, `SELECT count(*) FROM case_events WHERE kind = 'assignment.expired'`)
	left := ask[int](m.world, `SELECT count(*) FROM case_events WHERE kind = 'assignment.offer_left'`)
	recounted := ask[int](m.world, `SELECT count(*) FROM case_events WHERE kind = 'clock.moved'`)
	moves := ""
	for i, kind := range monthly {
		n := m.moved[i+1].Load()
		moves += fmt.Sprintf(" %s %d", kind, n)
		if n == 0 && m.bursts > 9 {
			t.Errorf("there was no %s", kind)
		}
	}
	t.Logf("%d cases, %d moves (%s), %d armings, %d rungs climbed, %d deadlines done, of them %d offers that ran out and %d that left, %d clocks counted again for %d holidays",
		m.filed, m.moved[0].Load(), moves, v.armed, v.fired, v.timers, expired, left, recounted, m.holiday)
	t.Logf("%d leaps, %d nodes killed, %d of them processes by SIGKILL, with %d leases held, %d restarted, the clock set forward %d and back %d times; the latest %v late, of more than %d at a moment (%d at most) %v, %v with what the machine stood still",
		m.leaps, m.kills, m.killed9, m.held, m.starts, m.forward, m.back, v.latest.Round(time.Millisecond), crowdOf, v.crowd, v.crowded.Round(time.Millisecond), v.latestRaw.Round(time.Millisecond))
	if v.fired < m.filed || m.kills == 0 || m.killed9 == 0 || m.held == 0 || m.forward+m.back == 0 || expired == 0 || left == 0 || recounted == 0 {
		t.Error("too little happened for this to show anything")
	}
}

// noOfferEndsEarly holds what offers last against the district's clock. The clock may be
// set back while one that has run out is seen to; then its event is dated before its time,
// and the clock must have shown that time before.
func (m *month) noOfferEndsEarly(t testing.TB) {
	t.Helper()
	type early struct {
		Due      time.Time
		From, To *time.Time // of the machine: offered, ran out
	}
	rows, err := m.db.Query(context.Background(), `SELECT o.at + interval '2 min', (SELECT min(real) FROM ledger WHERE xid = o.xid), (SELECT max(real) FROM ledger WHERE xid = e.xid)
		FROM case_events e JOIN case_events o ON o.kind = 'assignment.offered' AND o.body->'detail'->>'assignment' = e.body->'detail'->>'assignment'
		WHERE e.kind = 'assignment.expired' AND e.at < o.at + interval '2 min'`)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[early])
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.From == nil || e.To == nil || !m.clock.showed(e.Due, *e.From, *e.To) {
			t.Errorf("an offer ran out before %v, which the clock had never shown", e.Due)
		}
	}
}
