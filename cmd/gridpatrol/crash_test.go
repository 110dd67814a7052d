package main

import (
	"os"
	"strconv"
	"testing"
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

// Nothing that a device or a reporter was told is safe may be missing or stand there
// twice after kill -9 of the program, of the database, or of both.
func TestKilledUnderLoadLosesNothing(t *testing.T) {
	rounds, fixes, reports := asked(t, crashRoundsEnv, 4), asked(t, crashFixesEnv, acksBetween), asked(t, crashReportsEnv, 10)
	w := newCrashWorld(t)
	r := newReporters(w)
	if fixes > acksBetween {
		w.burst = 5
	}
	b := blows{t: t, w: w, r: r, program: w.serve(), fixes: int64(fixes), reports: int64(reports)}
	w.load()
	r.run()
	for round := range rounds {
		if !b.play(blow(round % 3)) {
			break
		}
	}
	// All went on working after the last blow.
	if b.program != nil {
		if err := b.goOn(b.fixes, b.reports); err != nil {
			t.Errorf("after the last blow: %v; the end of the log:\n%s", err, w.logEnd())
		}
	}
	b.end()
	kept, told := w.count(), r.count()
	t.Logf("%d rounds: %d fixes acknowledged, %d missing, %d doubled; %d reports acknowledged, %d missing, %d doubled",
		len(b.rows), kept.acked, kept.missing, kept.doubled, told.acked, told.missing, told.doubled)
	w.mustBeWhole(kept)
	if told.missing > 0 || told.doubled > 0 {
		t.Errorf("of %d acknowledged reports %d are missing and %d stand twice", told.acked, told.missing, told.doubled)
	}
	b.figures(rounds)
	leastFixes, leastReports := 100_000.0, 1_000.0 // what make chaos is to be worth
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
	b := blows{t: t, w: w, r: r, program: w.serve(), fixes: int64(fixes), held: true, settings: []string{takeUnsafe}}
	w.makeCommitUnsafe()
	w.load()
	if whole {
		b.reports = int64(reports)
		r.run()
	}
	for round := range rounds {
		struck := thePostgres
		if whole {
			struck = blow(round % 3)
		}
		if !b.play(struck) || !whole && w.count().missing > 0 {
			break
		}
	}
	b.end()
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
