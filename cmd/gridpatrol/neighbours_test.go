package main

import (
	"testing"
	"time"
)

// A place that the bus lost is in the database a while later: whoever reads at once reads
// what was there before, and must read again.
func TestWhatWasMissedIsReadUntilItMustBeThere(t *testing.T) {
	t.Parallel()
	begun := time.Date(2026, 5, 3, 21, 0, 0, 0, time.UTC)
	for saved := time.Duration(0); saved < settledAfter; saved += 500 * time.Millisecond {
		var a arrears
		a.miss(begun)
		read, readings := false, 0
		for at := time.Duration(0); at < time.Minute; at += 500 * time.Millisecond {
			if !a.due(begun.Add(at), false) {
				continue
			}
			readings++
			read = read || at >= saved
			if at != 2*catchUpEvery { // the third reading fails
				a.paid(begun.Add(at))
			}
		}
		if !read {
			t.Errorf("what is saved %v later is never read", saved)
		}
		if most := int(settledAfter/catchUpEvery) + 1; readings > most {
			t.Errorf("%d readings for one miss, want %d at most", readings, most)
		}
	}
	var a arrears
	if a.due(begun, false) {
		t.Error("it reads though nothing is missing")
	}
	if !a.due(begun, true) || a.due(begun.Add(catchUpEvery/2), true) || !a.due(begun.Add(catchUpEvery), true) {
		t.Error("who is not heard is read each catchUpEvery")
	}
}
