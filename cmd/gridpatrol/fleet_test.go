package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/realtime"
)

// Registered with the roads are those who are free and not lost, and of a department
// that is too large those who sent last.
func TestWhoIsRegisteredWithTheRoads(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 3, 21, 40, 0, 0, time.UTC)
	number := byte(0)
	standing := func(change func(*realtime.Standing)) realtime.Standing {
		number++
		s := realtime.Standing{Placed: true, Presence: dispatch.Online,
			Enrolled: &realtime.Enrolled{Department: "police", Mode: dispatch.Car, Status: dispatch.Free}}
		s.Patrol, s.Point, s.T = dispatch.PatrolID{UUID: uuid.UUID{number}}, geo.Point{Lon: 121.38, Lat: 28.58}, now
		change(&s)
		return s
	}
	all := []realtime.Standing{
		standing(func(*realtime.Standing) {}),
		standing(func(s *realtime.Standing) { s.Status = dispatch.EnRoute }),
		standing(func(s *realtime.Standing) { s.Presence = dispatch.Lost }),
		standing(func(s *realtime.Standing) { s.Placed = false }),
		standing(func(s *realtime.Standing) { s.Presence, s.Mode = dispatch.Stale, dispatch.Foot }),
	}
	got := map[road.Mover]road.Mode{}
	for _, m := range dispatchable(all, now) {
		got[m.Who] = m.Mode
	}
	if len(got) != 2 || got[road.Mover{1}] != road.Car || got[road.Mover{5}] != road.Foot {
		t.Errorf("registered are %v", got)
	}
	var many []realtime.Standing
	for i := range maxOfDepartment + 5 {
		s := standing(func(*realtime.Standing) {})
		s.Patrol.UUID = uuid.UUID{1, byte(i >> 8), byte(i)}
		s.T = now.Add(-time.Duration(i) * time.Second)
		many = append(many, s)
	}
	other := standing(func(s *realtime.Standing) { s.Department = "water" })
	moving := dispatchable(append(many, other), now)
	if len(moving) != maxOfDepartment+1 {
		t.Fatalf("%d are registered of one that is too large and another", len(moving))
	}
	for _, m := range moving {
		if i := int(m.Who[1])<<8 | int(m.Who[2]); m.Who[0] == 1 && i >= maxOfDepartment {
			t.Errorf("number %d sent before all others and is registered", i)
		}
	}
}

func TestWaitingPatrolsAreLoggedWhenItBeginsAndEnds(t *testing.T) {
	t.Parallel()
	var told bytes.Buffer
	k := fleetKeeper{env: &Env{Log: slog.New(slog.NewTextHandler(&told, nil))}}
	for _, waiting := range []int{0, 40, 50, 0, 0, 3} {
		k.tell(waiting)
	}
	lines := strings.Split(strings.TrimSpace(told.String()), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], "waiting=40") || !strings.Contains(lines[1], "again") || !strings.Contains(lines[2], "waiting=3") {
		t.Errorf("%s", told.String())
	}
}
