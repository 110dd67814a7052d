package realtime

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
)

var indexNow = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func fleet(n int, departments ...string) (*Index, []dispatch.PatrolID) {
	x := NewIndex(func() time.Time { return indexNow })
	patrols := map[dispatch.PatrolID]*Patrol{}
	ids := make([]dispatch.PatrolID, n)
	for i := range ids {
		ids[i] = dispatch.PatrolID{UUID: uuid.Must(uuid.NewV7())}
		patrols[ids[i]] = &Patrol{ID: ids[i], Department: departments[i%len(departments)], Status: dispatch.Free, Version: 1}
	}
	x.SetPatrols(patrols)
	return x, ids
}

// The slow twin is a list of every place ever told of, searched from end to end.
func TestIndexAgainstAList(t *testing.T) {
	t.Parallel()
	departments := []string{"police", "market", "fire"}
	rapid.Check(t, func(t *rapid.T) {
		x, ids := fleet(12, departments...)
		stream := [2]uuid.UUID{{1}, {2}}
		newest := map[dispatch.PatrolID]Place{}
		version := map[dispatch.PatrolID]int64{}
		status := map[dispatch.PatrolID]dispatch.Status{}
		of := map[dispatch.PatrolID]string{}
		for i, id := range ids {
			version[id], status[id], of[id] = 1, dispatch.Free, departments[i%len(departments)]
		}
		at := make([]Found, 3) // what devices remember; each tells of one patrol or another
		for step := range rapid.IntRange(1, 60).Draw(t, "steps") {
			id := rapid.SampledFrom(ids).Draw(t, "patrol")
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0, 1:
				c := dispatch.PatrolChanged{ID: id, Version: rapid.Int64Range(1, 6).Draw(t, "version"),
					Status: rapid.SampledFrom([]dispatch.Status{dispatch.Free, dispatch.EnRoute, dispatch.OffDuty}).Draw(t, "status")}
				_, changed := x.Apply(c)
				if want := of[id] != "" && c.Version > version[id]; changed != want {
					t.Fatalf("%+v applied: %v", c, changed)
				} else if want {
					version[id], status[id] = c.Version, c.Status
					if c.Status == dispatch.OffDuty {
						delete(newest, id)
					}
				}
			case 2:
				patrols := map[dispatch.PatrolID]*Patrol{}
				for _, id := range ids {
					if rapid.IntRange(0, 3).Draw(t, "gone") == 0 {
						delete(newest, id)
						delete(of, id)
						continue
					}
					if of[id] == "" {
						version[id], status[id] = 1, dispatch.Free
					}
					of[id] = rapid.SampledFrom(departments).Draw(t, "department")
					patrols[id] = &Patrol{ID: id, Department: of[id], Status: dispatch.Free, Version: 1}
				}
				x.SetPatrols(patrols)
			default:
				var places []Place
				for range rapid.IntRange(1, 40).Draw(t, "places") {
					places = append(places, Place{Patrol: rapid.SampledFrom(ids).Draw(t, "patrol"), Stream: rapid.SampledFrom(stream[:]).Draw(t, "stream"), Seq: int64(step),
						T:     indexNow.Add(-time.Duration(rapid.IntRange(0, 9).Draw(t, "age")) * time.Second),
						Point: geo.Point{Lon: 121 + rapid.Float64Range(0, 1).Draw(t, "lon"), Lat: 28 + rapid.Float64Range(0, 1).Draw(t, "lat")}})
				}
				onDuty := rapid.Bool().Draw(t, "together")
				var want, got []Place
				for _, p := range places {
					was, any := newest[p.Patrol]
					if of[p.Patrol] != "" && !(onDuty && status[p.Patrol] == dispatch.OffDuty) &&
						(!any || p.T.After(was.T) || (p.T.Equal(was.T) && (bytes.Compare(p.Stream[:], was.Stream[:]) > 0 || (p.Stream == was.Stream && p.Seq > was.Seq)))) {
						newest[p.Patrol] = p
						want = append(want, p)
					}
				}
				take := func(s Standing) {
					if !s.Placed || s.Department != of[s.Patrol] || s.Status != status[s.Patrol] {
						t.Fatalf("%+v of %s, %s", s, of[s.Patrol], status[s.Patrol])
					}
					got = append(got, s.Place)
				}
				if onDuty {
					x.MoveAll(places, take)
				} else {
					for _, p := range places {
						if s, moved := x.MoveFound(&at[rapid.IntRange(0, 2).Draw(t, "device")], p); moved {
							take(s)
						}
					}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("moved %+v, want %+v", got, want)
				}
			}
		}
		near := geo.Point{Lon: 121 + rapid.Float64Range(0, 1).Draw(t, "lon"), Lat: 28 + rapid.Float64Range(0, 1).Draw(t, "lat")}
		department := rapid.SampledFrom(append(departments, "")).Draw(t, "department")
		limit := rapid.IntRange(0, 14).Draw(t, "limit")
		var want []Place
		for _, id := range ids {
			if p, placed := newest[id]; placed && (department == "" || of[id] == department) {
				want = append(want, p)
			}
			if pos, seen := x.Position(id); seen != (newest[id] != Place{}) || (seen && pos.Point != newest[id].Point) {
				t.Fatalf("position of %s: %+v, %v", id, pos, seen)
			}
		}
		slices.SortFunc(want, func(a, b Place) int {
			if geo.DistanceM(near, a.Point) < geo.DistanceM(near, b.Point) {
				return -1
			}
			return 1
		})
		want = want[:min(limit, len(want))]
		got := x.Candidates(department, near, limit)
		if len(got) != len(want) {
			t.Fatalf("%d candidates, want %d", len(got), len(want))
		}
		for i := range got {
			// The plane's order may differ from the sphere's by a hair.
			g, w := geo.DistanceM(near, got[i].Point), geo.DistanceM(near, want[i].Point)
			if got[i].PatrolID != want[i].Patrol && (g-w > 0.01*w || w-g > 0.01*w) {
				t.Fatalf("candidate %d is %.1f m away, want %.1f", i, g, w)
			}
		}
	})
}

func TestThePatrolThatLeftTheRegister(t *testing.T) {
	t.Parallel()
	x, ids := fleet(3, "police")
	for _, id := range ids {
		x.Move(Place{Patrol: id, T: indexNow, Point: geo.Point{Lon: 121, Lat: 28}})
	}
	_, gone := x.SetPatrols(map[dispatch.PatrolID]*Patrol{ids[0]: {ID: ids[0], Department: "fire", Status: dispatch.Free, Version: 1}})
	if len(gone) != 2 || len(x.Candidates("police", geo.Point{}, 9)) != 0 || len(x.Candidates("fire", geo.Point{}, 9)) != 1 {
		t.Errorf("gone %v, police %v, fire %v", gone, x.Candidates("police", geo.Point{}, 9), x.Candidates("fire", geo.Point{}, 9))
	}
}

func TestStillIsWithinACircleForAWhile(t *testing.T) {
	t.Parallel()
	x, ids := fleet(1, "police")
	for _, c := range []struct {
		agoS   int
		metres float64
		want   dispatch.Presence
	}{{400, 0, dispatch.Stale}, {119, 20, dispatch.Still}, {60, 29, dispatch.Still}, {50, 100, dispatch.Online}, {0, 100, dispatch.Online}} {
		s, _ := x.Move(Place{Patrol: ids[0], T: indexNow.Add(-time.Duration(c.agoS) * time.Second), Point: geo.Point{Lon: 121, Lat: 28 + c.metres/111195}})
		if s.Presence != c.want {
			t.Errorf("%+v: %s", c, s.Presence)
		}
	}
}

func TestTheBusKeepsTheNewestAndTellsOfAGap(t *testing.T) {
	t.Parallel()
	bus := NewLocalBus()
	sub := bus.Subscribe()
	_, ids := fleet(2, "police")
	for seq := range int64(10) {
		bus.Publish(Message{Moved: &Standing{Place: Place{Patrol: ids[seq%2], Seq: seq}}})
		bus.Publish(Message{Case: &dispatch.CaseChanged{Version: seq}})
	}
	news, err := sub.Receive(t.Context())
	if err != nil || len(news.Moved) != 2 || news.Moved[ids[0]].Seq != 8 || news.Moved[ids[1]].Seq != 9 || len(news.Cases) != 10 || news.Gap {
		t.Errorf("%v %+v", err, news)
	}
	for range mailboxCases + 1 {
		bus.Publish(Message{Case: &dispatch.CaseChanged{}})
	}
	if news, err := sub.Receive(t.Context()); err != nil || !news.Gap || len(news.Cases) != 1 {
		t.Errorf("%v, gap %v, %d cases", err, news.Gap, len(news.Cases))
	}
	sub.Close()
	bus.Publish(Message{Case: &dispatch.CaseChanged{}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sub.Receive(ctx); err == nil {
		t.Error("a closed subscription hears news")
	}
}

func BenchmarkMove(b *testing.B) {
	x, ids := fleet(622, "grid")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		x.Move(Place{Patrol: ids[i%len(ids)], Seq: int64(i), T: indexNow.Add(time.Duration(i)), Point: geo.Point{Lon: 121 + float64(i%1000)*1e-3, Lat: 28}})
	}
}

func BenchmarkCandidates(b *testing.B) {
	for _, n := range []int{60, 622} {
		x, ids := fleet(n, "grid")
		for i, id := range ids {
			x.Move(Place{Patrol: id, T: indexNow, Point: geo.Point{Lon: 121 + float64(i*7919%1000)*1e-3, Lat: 28 + float64(i*104729%1000)*1e-3}})
		}
		b.Run(fmt.Sprintf("5of%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.Candidates("grid", geo.Point{Lon: 121.5, Lat: 28.5}, 5)
			}
		})
	}
}
