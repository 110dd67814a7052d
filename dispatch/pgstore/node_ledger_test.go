package pgstore_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// The district's clock of a test of nodes: it runs, and steps to where it is set, and
// stands still where it is told to. Beside it a ledger of what is armed, when it is gone
// and what it did, written by the database itself with the time of the machine.
const ledgerSQL = `
ALTER TABLE clock_shift ADD COLUMN still boolean NOT NULL DEFAULT false;
GRANT UPDATE ON clock_shift TO gp_app;
CREATE OR REPLACE FUNCTION gp_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT CASE WHEN still THEN timestamptz 'epoch' ELSE now() END + shift FROM clock_shift $$;
CREATE TABLE ledger (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, real timestamptz NOT NULL DEFAULT clock_timestamp(),
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(), what text NOT NULL, key uuid NOT NULL, name text NOT NULL DEFAULT '', rung text NOT NULL DEFAULT '', due timestamptz[] NOT NULL DEFAULT '{}', at timestamptz);
GRANT INSERT, SELECT ON ledger TO gp_app;
CREATE FUNCTION log_clock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF TG_OP <> 'INSERT' AND (TG_OP = 'DELETE' OR OLD.id <> NEW.id) THEN INSERT INTO ledger (what, key, name) VALUES ('gone', OLD.id, OLD.name); END IF;
  IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND (OLD.id, OLD.rung, OLD.warn_at, OLD.due_at, OLD.district_at, OLD.paused, OLD.next_at) IS DISTINCT FROM
    (NEW.id, NEW.rung, NEW.warn_at, NEW.due_at, NEW.district_at, NEW.paused, NEW.next_at) THEN
    INSERT INTO ledger (what, key, name, rung, due) VALUES (CASE WHEN NEW.paused THEN 'paused' ELSE 'armed' END, NEW.id, NEW.name, NEW.rung, ARRAY[NEW.warn_at, NEW.due_at, NEW.district_at]); END IF;
  RETURN NULL; END $$;
CREATE TRIGGER log_clock AFTER INSERT OR UPDATE OR DELETE ON clocks FOR EACH ROW EXECUTE FUNCTION log_clock();
CREATE FUNCTION log_deadline() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF TG_OP <> 'INSERT' AND (TG_OP = 'DELETE' OR OLD.id <> NEW.id) THEN INSERT INTO ledger (what, key, name) VALUES ('gone', OLD.id, OLD.step); END IF;
  IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND (OLD.id, OLD.due_at) IS DISTINCT FROM (NEW.id, NEW.due_at) THEN
    INSERT INTO ledger (what, key, name, due) VALUES ('armed', NEW.id, NEW.step, ARRAY[NEW.due_at]); END IF;
  RETURN NULL; END $$;
CREATE TRIGGER log_deadline AFTER INSERT OR UPDATE OR DELETE ON deadlines FOR EACH ROW EXECUTE FUNCTION log_deadline();
CREATE FUNCTION log_event() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.kind LIKE 'clock.%' AND NEW.body->'detail'->>'arming' IS NOT NULL THEN
    INSERT INTO ledger (what, key, rung, at) VALUES ('fired', (NEW.body->'detail'->>'arming')::uuid, substr(NEW.kind, 7), NEW.at); END IF;
  RETURN NULL; END $$;
CREATE TRIGGER log_event AFTER INSERT ON case_events FOR EACH ROW EXECUTE FUNCTION log_event();
CREATE FUNCTION log_bare() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF EXISTS (SELECT FROM cases c WHERE c.id = NEW.id AND closed_at IS NULL AND NOT EXISTS (SELECT FROM clocks k WHERE k.case_id = c.id)) THEN
    INSERT INTO ledger (what, key) VALUES ('bare', NEW.id); END IF;
  RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER log_bare AFTER INSERT OR UPDATE ON cases DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION log_bare()`

// span is a stretch of the machine's time in which the district's clock only ran, or
// only stood.
type span struct {
	from, to time.Time // of the machine
	begins   time.Time // of the district, at from
	runs     bool
}

// turret is the clock of a district, set by the test, and what it showed when.
type turret struct {
	w     *world
	spans []span

	mu     sync.Mutex // guards stalls; the pulse writes
	stalls []span     // in which the machine itself stood still
}

func newTurret(w *world, at time.Time) *turret {
	w.t.Helper()
	if err := w.db.Owner(context.Background(), func(conn *pgx.Conn) error { _, err := conn.Exec(context.Background(), ledgerSQL); return err }); err != nil {
		w.t.Fatal(err)
	}
	c := &turret{w: w}
	c.set(`shift = $1::timestamptz - now()`, at)
	return c
}

// set changes the clock. What is read back is what it shows from then on.
func (c *turret) set(change string, args ...any) {
	c.w.t.Helper()
	before := time.Now()
	if n := len(c.spans); n > 0 {
		c.spans[n-1].to = before
	}
	c.w.exec(`UPDATE clock_shift SET `+change, args...)
	s := span{from: before}
	var real time.Time
	var still bool
	if err := c.w.db.QueryRow(context.Background(), `SELECT gp_now(), now(), still FROM clock_shift`).Scan(&s.begins, &real, &still); err != nil {
		c.w.t.Fatal(err)
	}
	if s.runs = !still; s.runs {
		s.begins = s.begins.Add(before.Sub(real))
	}
	c.spans = append(c.spans, s)
}

func (c *turret) now() time.Time { return ask[time.Time](c.w, `SELECT gp_now()`) }

// step sets a clock that runs forward, or back by less than nothing.
func (c *turret) step(d time.Duration) { c.set(`shift = shift + $1::interval`, d) }

// stop lets it stand, start lets it run on from there.
func (c *turret) stop() {
	c.set(`still = true, shift = shift + (now() - timestamptz 'epoch')`)
}
func (c *turret) start() { c.set(`still = false, shift = shift - (now() - timestamptz 'epoch')`) }

// end closes the book.
func (c *turret) end() { c.spans[len(c.spans)-1].to = time.Now() }

// pulse notes when the machine, or its database, stands still for longer than a pause
// that nobody would notice. It runs until ctx ends.
func (c *turret) pulse(ctx context.Context) {
	const every, notice = 20 * time.Millisecond, 100 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	last := time.Now()
	for ctx.Err() == nil {
		if _, err := c.w.db.Exec(ctx, `SELECT gp_now()`); err != nil && ctx.Err() == nil {
			c.w.t.Error(err)
			return
		}
		now := time.Now()
		if now.Sub(last) > notice {
			c.mu.Lock()
			c.stalls = append(c.stalls, span{from: last.Add(every), to: now})
			c.mu.Unlock()
		}
		last = now
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// waited is the longest that something lay there due: armed from a to b, and due at a
// moment of the district. Only what its clock ran counts, so neither a step over the
// moment nor a stop; and it counts anew when the clock is set back before it. The second
// figure leaves out what the machine stood still. since is when that began, of the machine.
func (c *turret) waited(a, b, due time.Time) (longest, without time.Duration, since time.Time) {
	var ran, stood time.Duration
	var began time.Time
	i, _ := slices.BinarySearchFunc(c.spans, a, func(s span, t time.Time) int { return s.to.Compare(t) })
	for ; i < len(c.spans) && c.spans[i].from.Before(b); i++ {
		s := c.spans[i]
		from, to := latest(s.from, a), earliest(s.to, b)
		switch {
		case s.runs && s.begins.Before(due):
			ran, stood = 0, 0 // it is not due at its beginning
			from = latest(from, s.from.Add(due.Sub(s.begins)))
		case !s.runs && s.begins.Before(due):
			ran, stood = 0, 0
			continue
		}
		if s.runs && to.After(from) {
			ran += to.Sub(from)
			if ran == to.Sub(from) {
				began = from
			}
			stood += c.stood(from, to)
		}
		if longest = max(longest, ran); ran-stood > without {
			without, since = ran-stood, began
		}
	}
	return longest, without, since
}

// showed is whether the clock came to a moment of the district between a and b.
func (c *turret) showed(moment, a, b time.Time) bool {
	return slices.ContainsFunc(c.spans, func(s span) bool {
		last := s.begins
		if s.runs {
			last = last.Add(earliest(s.to, b).Sub(s.from))
		}
		return s.to.After(a) && s.from.Before(b) && !last.Before(moment)
	})
}

func (c *turret) stood(a, b time.Time) (d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, _ := slices.BinarySearchFunc(c.stalls, a, func(s span, t time.Time) int { return s.to.Compare(t) })
	for ; i < len(c.stalls) && c.stalls[i].from.Before(b); i++ {
		d += max(0, earliest(c.stalls[i].to, b).Sub(latest(c.stalls[i].from, a)))
	}
	return d
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// entry is a line of the ledger.
type entry struct {
	Seq  int64
	Real time.Time
	XID  string
	What string
	Key  uuid.UUID
	Name string
	Rung string
	Due  []time.Time
	At   *time.Time
}

// verdict is what the ledger proves.
type verdict struct {
	armed, fired, timers int // armings of clocks, rungs climbed, deadlines done at or after their time
	latest, latestRaw    time.Duration
	crowd                int           // the most that were due at about one moment
	crowded              time.Duration // the latest where that was more than crowdOf
	lay                  []lain
	faults               []string
}

// lain is something that lay there due for a while.
type lain struct {
	what         string
	due, since   time.Time
	raw, without time.Duration
}

func (v *verdict) fault(format string, args ...any) {
	v.faults = append(v.faults, fmt.Sprintf(format, args...))
}

// climb is the rung after which each waits, and which of its times it waits for.
var climb = []string{"running", "warned", "overdue", "district"}

// judge goes through the ledger: what was due was done, once, not before its time by the
// district's clock, and not later than may be after it.
func (c *turret) judge(may time.Duration) (v verdict) {
	rows, err := c.w.db.Query(context.Background(), `SELECT seq, real, xid::text, what, key, name, rung, due, at FROM ledger WHERE what <> 'bare' ORDER BY seq`)
	if err != nil {
		c.w.t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[entry])
	if err != nil {
		c.w.t.Fatal(err)
	}
	by := map[uuid.UUID][]entry{}
	var keys []uuid.UUID
	for _, e := range all {
		if by[e.Key] == nil {
			keys = append(keys, e.Key)
		}
		by[e.Key] = append(by[e.Key], e)
	}
	end := c.spans[len(c.spans)-1].to
	for _, key := range keys {
		lines := inOrder(by[key])
		if lines[0].Rung == "" && len(lines[0].Due) == 1 {
			c.deadline(&v, lines, end)
		} else {
			c.arming(&v, key, lines, end)
		}
	}
	v.times(may)
	return v
}

// A crowd is more than crowdOf that are due within a few seconds: nobody sees to all of
// them at once, and the last of them may take as long as so many a second want.
const (
	crowdOf     = 250
	crowdWithin = 3 * time.Second
	crowdRate   = 75
)

// times judges how late each was, with those in mind that were due just before it and
// at the same moment.
func (v *verdict) times(may time.Duration) {
	slices.SortFunc(v.lay, func(a, b lain) int { return a.since.Compare(b.since) })
	first, last := 0, 0
	for _, l := range v.lay {
		for v.lay[first].since.Before(l.since.Add(-crowdWithin)) {
			first++
		}
		for last < len(v.lay) && !v.lay[last].since.After(l.since.Add(100*time.Millisecond)) {
			last++
		}
		crowd := last - first
		v.crowd, v.latestRaw = max(v.crowd, crowd), max(v.latestRaw, l.raw)
		bar := may
		if crowd > crowdOf {
			bar += time.Duration(crowd-crowdOf) * time.Second / crowdRate
			v.crowded = max(v.crowded, l.without)
		} else {
			v.latest = max(v.latest, l.without)
		}
		if l.without > bar {
			v.fault("%s lay %v after its time (%v of the machine's), one of %d, due %v", l.what, l.without, l.raw, crowd, l.due)
		}
	}
}

// inOrder puts what one commit did to a clock into the order in which it is meant: it is
// counted again, climbs, and is gone.
func inOrder(lines []entry) []entry {
	for i := 0; i < len(lines); {
		n := i
		for n < len(lines) && lines[n].XID == lines[i].XID {
			n++
		}
		slices.SortStableFunc(lines[i:n], func(a, b entry) int {
			order := []string{"armed", "paused", "fired", "gone"}
			return slices.Index(order, a.What) - slices.Index(order, b.What)
		})
		i = n
	}
	return lines
}

// late notes a stretch in which something was armed for a moment.
func (c *turret) late(v *verdict, what string, a, b, due time.Time) {
	if raw, without, since := c.waited(a, b, due); raw > 0 {
		v.lay = append(v.lay, lain{what: what, due: due, since: since, raw: raw, without: without})
	}
}

func (c *turret) deadline(v *verdict, lines []entry, end time.Time) {
	for i, e := range lines {
		if e.What != "armed" {
			continue
		}
		until := end
		if i+1 < len(lines) {
			until = lines[i+1].Real
			v.timers++
		}
		c.late(v, "deadline "+e.Name, e.Real, until, e.Due[0])
	}
}

func (c *turret) arming(v *verdict, key uuid.UUID, lines []entry, end time.Time) {
	v.armed++
	fired := map[string]int{}
	var now *entry         // as it stands armed
	var since [4]time.Time // since when each rung's time is what it is
	for i := range lines {
		e := &lines[i]
		switch e.What {
		case "fired":
			v.fired++
			if fired[e.Rung]++; fired[e.Rung] > 1 {
				v.fault("clock %s was %s %d times", key, e.Rung, fired[e.Rung])
			}
			r := slices.Index(climb, e.Rung)
			if now == nil || r < 1 {
				v.fault("clock %s was %s when it was not armed", key, e.Rung)
				continue
			}
			if e.At.Before(now.Due[r-1]) {
				v.fault("clock %s was %s at %v, before its time %v", key, e.Rung, e.At, now.Due[r-1])
			}
		}
		if e.What == "fired" {
			continue
		}
		if now != nil && now.What == "armed" { // it stood so until this line
			r := slices.Index(climb, now.Rung) + 1
			if r < len(climb) && (now.Name != "resume" || r < 3) {
				c.late(v, "clock "+now.Name+" "+climb[r], since[r], e.Real, now.Due[r-1])
			}
		}
		if e.What == "gone" {
			now = nil
			continue
		}
		for r := 1; r < len(climb); r++ {
			if now == nil || now.What != "armed" || !now.Due[r-1].Equal(e.Due[r-1]) {
				since[r] = e.Real
			}
		}
		now = e
	}
	if now != nil && now.What == "armed" {
		r := slices.Index(climb, now.Rung) + 1
		if r < len(climb) && (now.Name != "resume" || r < 3) {
			c.late(v, "clock "+now.Name+" "+climb[r], since[r], end, now.Due[r-1])
		}
		for _, below := range climb[1:r] {
			if fired[below] != 1 {
				v.fault("clock %s stands at %s and was %s %d times", key, now.Rung, below, fired[below])
			}
		}
	}
}
