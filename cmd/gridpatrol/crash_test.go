package main

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// How much the tests here do: little in make test, all of it in make chaos.
const (
	crashRoundsEnv  = "GRIDPATROL_CRASH_ROUNDS"
	crashFixesEnv   = "GRIDPATROL_CRASH_FIXES"   // acknowledged between two blows
	crashReportsEnv = "GRIDPATROL_CRASH_REPORTS" // acknowledged between two blows
	acksBetween     = 400
)

func asked(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// blow is what is killed.
type blow int

const (
	theService blow = iota
	thePostgres
	both
)

func (b blow) String() string { return [...]string{"the service", "PostgreSQL", "both"}[b] }

// Nothing that a device or a reporter was told is safe may be missing or stand there
// twice after kill -9 of the program, of the database, or of both.
func TestKilledUnderLoadLosesNothing(t *testing.T) {
	rounds, fixes, reports := asked(t, crashRoundsEnv, 4), asked(t, crashFixesEnv, acksBetween), asked(t, crashReportsEnv, 10)
	w := newCrashWorld(t)
	r := newReporters(w)
	if fixes > acksBetween {
		w.burst = 5
	}
	program := w.serve()
	w.load()
	r.run()
	blows := struckTable{t: t}
	for round := range rounds {
		w.awaitAcks(int64(fixes))
		r.await(int64(reports))
		struck := blow(round % 3)
		blows.begin(struck, w, r)
		program = w.strike(program, struck, func() {})
		w.awaitAcks(1)
		r.await(1)
		blows.back()
	}
	// All went on working after the last blow.
	w.awaitAcks(int64(fixes))
	r.await(int64(reports))
	r.stop()
	w.stopLoad()
	w.loaders.Wait()
	program.kill()
	kept, told := w.count(), r.count()
	t.Logf("%d rounds: %d fixes acknowledged, %d missing, %d doubled; %d reports acknowledged, %d missing, %d doubled",
		rounds, kept.acked, kept.missing, kept.doubled, told.acked, told.missing, told.doubled)
	w.mustBeWhole(kept)
	if told.missing > 0 || told.doubled > 0 {
		t.Errorf("of %d acknowledged reports %d are missing and %d stand twice", told.acked, told.missing, told.doubled)
	}
	leastFixes, leastReports := 100_000.0, 1_000.0 // what make chaos is to be worth
	for b := theService; b <= both; b++ {
		n, back := blows.of(b)
		chaosFigures(t,
			chaosFigure{Name: "kill -9 of " + b.String() + ": rounds", Value: float64(n), Unit: "rounds"},
			chaosFigure{Name: "kill -9 of " + b.String() + ": longest until fixes and reports are acknowledged again", Value: back.Seconds(), Unit: "s"})
	}
	chaosFigures(t,
		chaosFigure{Name: "kill -9: fixes acknowledged", Value: float64(kept.acked), Unit: "fixes", Bar: &leastFixes, atLeast: true},
		chaosFigure{Name: "kill -9: fixes acknowledged and missing", Value: float64(kept.missing), Unit: "fixes", Bar: new(float64)},
		chaosFigure{Name: "kill -9: fixes there twice", Value: float64(kept.doubled), Unit: "fixes", Bar: new(float64)},
		chaosFigure{Name: "kill -9: reports acknowledged", Value: float64(told.acked), Unit: "reports", Bar: &leastReports, atLeast: true},
		chaosFigure{Name: "kill -9: reports acknowledged and missing", Value: float64(told.missing), Unit: "reports", Bar: new(float64)},
		chaosFigure{Name: "kill -9: reports there twice", Value: float64(told.doubled), Unit: "reports", Bar: new(float64)},
	)
}

// The same with a database that acknowledges before it has written must lose
// something, or the test above proves nothing.
func TestKilledUnderLoadLosesWithUnsafeCommit(t *testing.T) {
	rounds, fixes, reports := max(3, asked(t, crashRoundsEnv, 3)), asked(t, crashFixesEnv, acksBetween), asked(t, crashReportsEnv, 0)
	whole := os.Getenv(crashRoundsEnv) != "" // all rounds, and reports too
	w := newCrashWorld(t)
	r := newReporters(w)
	if fixes > acksBetween {
		w.burst = 5
	}
	program := w.serve()
	w.makeCommitUnsafe()
	w.load()
	if whole {
		r.run()
	}
	var kept account
	for round := range rounds {
		w.awaitAcks(int64(fixes))
		struck := thePostgres
		if whole {
			r.await(int64(reports))
			struck = blow(round % 3)
		}
		release := func() {}
		if struck != theService {
			release = w.holdLogWriter()
			w.awaitAcks(100)
			if whole {
				r.await(1)
			}
		}
		program = w.strike(program, struck, release, takeUnsafe)
		if !whole {
			if kept = w.count(); kept.missing > 0 {
				break
			}
		}
	}
	w.awaitAcks(1)
	r.stop()
	w.stopLoad()
	w.loaders.Wait()
	program.kill()
	kept, told := w.count(), r.count()
	t.Logf("commits that are not waited for: %d fixes acknowledged, %d missing; %d reports acknowledged, %d missing", kept.acked, kept.missing, told.acked, told.missing)
	if kept.missing == 0 || whole && told.missing == 0 {
		t.Error("nothing was lost although commits were not waited for; this harness would not notice a loss")
	}
	one := 1.0
	chaosFigures(t,
		chaosFigure{Name: "commits not waited for: fixes acknowledged", Value: float64(kept.acked), Unit: "fixes"},
		chaosFigure{Name: "commits not waited for: fixes missing", Value: float64(kept.missing), Unit: "fixes", Bar: &one, atLeast: true},
		chaosFigure{Name: "commits not waited for: reports acknowledged", Value: float64(told.acked), Unit: "reports"},
		chaosFigure{Name: "commits not waited for: reports missing", Value: float64(told.missing), Unit: "reports", Bar: &one, atLeast: true},
	)
}

// strike kills, and answers the program that serves afterwards. What was held for it
// is released when the server is dead.
func (w *crashWorld) strike(program *crashProgram, b blow, release func(), settings ...string) *crashProgram {
	w.t.Helper()
	switch b {
	case theService:
		program.kill()
	case thePostgres:
		w.killPostgres()
		release()
		return program
	case both:
		w.killPostgres()
		release()
		program.kill()
	}
	return w.serve(settings...)
}

// struckTable is what the rounds looked like.
type struckTable struct {
	t    *testing.T
	rows []struckRow
	at   time.Time
}

type struckRow struct {
	struck         blow
	fixes, reports int64 // acknowledged before the blow
	back           time.Duration
}

func (s *struckTable) begin(b blow, w *crashWorld, r *reporters) {
	s.rows, s.at = append(s.rows, struckRow{struck: b, fixes: w.acks.Load(), reports: r.acked.Load()}), time.Now()
}

func (s *struckTable) back() {
	n := len(s.rows)
	s.rows[n-1].back = time.Since(s.at)
	s.t.Logf("round %d: %s killed after %d fixes and %d reports, acknowledged again after %.1f s",
		n, s.rows[n-1].struck, s.rows[n-1].fixes, s.rows[n-1].reports, s.rows[n-1].back.Seconds())
}

// of is how many rounds struck b, and the longest until all went on after one.
func (s *struckTable) of(b blow) (n int, longest time.Duration) {
	for _, r := range s.rows {
		if r.struck == b {
			n, longest = n+1, max(longest, r.back)
		}
	}
	return n, longest
}
