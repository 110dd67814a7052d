package realtime

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
)

// A register that grows and shrinks by thousands, whose numbers go to others, is asked
// as a list is: what devices remember of it may be of anybody.
func TestARegisterOfThousandsThatComesAndGoes(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 1))
	departments := []string{"grid", "police"}
	x, _ := fleet(0, "grid")
	in := map[dispatch.PatrolID]*Patrol{}
	places := map[dispatch.PatrolID]Place{}
	found := map[dispatch.PatrolID]*Found{}
	somewhere := func() geo.Point {
		return geo.Point{Lon: 121 + rnd.Float64()*0.1, Lat: 28 + rnd.Float64()*0.1}
	}
	for turn, n := range []int{300, 3000, 2500, 90, 5000, 5000, 700} {
		for id, p := range in {
			switch {
			case len(in) > n || rnd.IntN(5) == 0:
				delete(in, id)
				delete(places, id)
			case rnd.IntN(5) == 0:
				other := *p
				other.Department = departments[rnd.IntN(2)]
				in[id] = &other
			}
		}
		for len(in) < n {
			id := dispatch.PatrolID{UUID: uuid.UUID{byte(rnd.IntN(4)), byte(rnd.IntN(256)), 8: byte(rnd.IntN(256))}}
			in[id] = &Patrol{ID: id, Department: departments[rnd.IntN(2)], Status: dispatch.Free, Version: 1}
		}
		x.SetPatrols(in)
		var all []Place
		for id := range in {
			all = append(all, Place{Patrol: id, T: indexNow, Seq: 1000 * int64(turn), Point: somewhere()})
		}
		slices.SortFunc(all, func(a, b Place) int { return slices.Compare(a.Patrol.UUID[:], b.Patrol.UUID[:]) })
		rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		half := len(all) / 2
		moved := 0
		x.MoveAll(all[:half], func(Standing) { moved++ })
		for i, p := range all[half:] {
			at := found[p.Patrol]
			if at == nil || rnd.IntN(10) == 0 {
				at = &Found{number: rnd.Uint32N(6000), crowd: rnd.Uint32N(4)}
			}
			if _, newest := x.MoveFound(at, p); newest {
				moved++
			}
			if found[p.Patrol] = at; i%3 == 0 {
				p.Point, p.Seq = somewhere(), p.Seq+100
				if _, newest := x.MoveFound(at, p); !newest {
					t.Fatal("a second move is not taken")
				}
			}
			places[p.Patrol] = p
		}
		for _, p := range all[:half] {
			places[p.Patrol] = p
		}
		if moved != len(all) {
			t.Fatalf("%d of %d moved", moved, len(all))
		}
		for range 100 {
			near, department := somewhere(), append(departments, "")[rnd.IntN(3)]
			n := newNearest(x.bodies, near, 7)
			for number := range x.all() {
				b := &x.bodies[number]
				p, placed := places[dispatch.PatrolID{UUID: b.id}]
				if placed && (department == "" || in[p.Patrol].Department == department) {
					n.look(p.Point, number)
				}
			}
			n.end()
			got := x.Candidates(department, near, 7)
			if len(got) != len(n.best) {
				t.Fatalf("turn %d: %d, want %d", turn, len(got), len(n.best))
			}
			for i, h := range n.best {
				want := places[dispatch.PatrolID{UUID: x.bodies[h.who].id}]
				if got[i].PatrolID != want.Patrol || got[i].Point != want.Point || got[i].Department != in[want.Patrol].Department {
					t.Fatalf("turn %d, %d of %q: %+v, want %+v", turn, i, department, got[i], want)
				}
			}
		}
		if all := x.All(); len(all) != len(in) {
			t.Fatalf("%d in all, want %d", len(all), len(in))
		}
	}
}
