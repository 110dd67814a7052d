package city

import (
	"testing"
	"time"
)

var (
	noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	task = Task{CaseID: "case", AssignmentID: "a1"}
)

// until asks every second what to do, for at most ten minutes.
func until(d *duty, now *time.Time) string {
	for range 600 {
		if action := d.Next(*now); action != "" {
			return action
		}
		*now = now.Add(time.Second)
	}
	return ""
}

func TestDutyPlaysToTheEnd(t *testing.T) {
	t.Parallel()
	d, now := &duty{rng: testRNG(1)}, noon
	if !d.Offer(now, task) || d.Offer(now, Task{AssignmentID: "a2"}) {
		t.Fatal("one offer at a time is taken")
	}
	for _, want := range []string{"accept", "en_route"} {
		if got := until(d, &now); got != want {
			t.Fatalf("says %q, want %q", got, want)
		}
		if d.Next(now.Add(time.Hour)) != "" {
			t.Fatal("says it twice while the answer is out")
		}
		if setOff := d.Answered(now, "a1", agreed); setOff != (want == "en_route") {
			t.Fatalf("after %s sets off: %t", want, setOff)
		}
	}
	if got := until(d, &now); got != "" {
		t.Fatalf("says %q before it has arrived", got)
	}
	d.Arrive(now)
	for _, want := range []string{"on_scene", "done"} {
		if got := until(d, &now); got != want {
			t.Fatalf("says %q, want %q", got, want)
		}
		d.Answered(now, "a1", agreed)
	}
	if d.step != beat || !d.Offer(now, Task{AssignmentID: "a2"}) {
		t.Fatal("not free for the next task")
	}
}

func TestDutyWhenTheServiceSaysNo(t *testing.T) {
	t.Parallel()
	d, now := &duty{rng: testRNG(1)}, noon
	d.Offer(now, task)
	until(d, &now)
	d.Answered(now, "a1", again)
	if got := until(d, &now); got != "accept" {
		t.Fatalf("after a failed call it says %q, want accept again", got)
	}
	d.Answered(now, "a1", refused)
	if d.step != beat {
		t.Fatal("keeps a task that the service refused")
	}
}

func TestDutyRecalled(t *testing.T) {
	t.Parallel()
	d, now := &duty{rng: testRNG(1)}, noon
	d.Offer(now, task)
	if d.Recall("another") || d.step == beat {
		t.Fatal("somebody else's recall counts")
	}
	until(d, &now) // the call is out
	if !d.Recall("a1") || !d.Offer(now, Task{AssignmentID: "a2"}) {
		t.Fatal("not free after a recall")
	}
	if d.Answered(now, "a1", agreed); d.step != deciding {
		t.Fatal("the late answer to a recalled task moves the new one")
	}
}

func TestDutyResumes(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]string{"offered": "accept", "accepted": "en_route", "en_route": "", "on_scene": "done"} {
		d, now := &duty{rng: testRNG(1)}, noon
		if !d.Resume(now, task, state) {
			t.Errorf("does not resume from %s", state)
		}
		if got := until(d, &now); got != want {
			t.Errorf("resumed from %s it says %q, want %q", state, got, want)
		}
	}
	d := &duty{rng: testRNG(1)}
	if d.Resume(noon, task, "expired") || d.step != beat {
		t.Error("resumes what is over")
	}
}

func TestBackoffGrowsAndIsBounded(t *testing.T) {
	t.Parallel()
	rng := testRNG(2)
	for tries := range 40 {
		if d := backoff(rng, tries); d < 250*time.Millisecond || d > 30*time.Second {
			t.Errorf("try %d waits %v", tries, d)
		}
	}
}
