//go:build !race

// The race detector makes pools forget at random.

package road

import (
	"math/rand/v2"
	"testing"
)

// Questions asked again and again allocate nothing, once there is memory for the
// answers. Others may allocate while this runs, so it does not run beside them.
func TestHotQuestionsAllocateNothing(t *testing.T) {
	n := LoadExtract(t, "liechtenstein")
	router, err := Prepare(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	roads := &Switch{}
	roads.Set(router, 1)
	r := rand.New(rand.NewPCG(31, 37))
	points := randomPoints(n, r, 60)
	fleet, fixes := fleetOf(t, roads, points)
	var stands []*Stand
	for _, p := range points {
		s, err := router.Stand(Car, p)
		if err != nil {
			t.Fatal(err)
		}
		stands = append(stands, s)
	}
	goals := randomPoints(n, r, 20)
	times := make([]Time, 0, len(points))
	var way Drawing
	for name, c := range map[string]struct {
		most float64
		ask  func(i int) error
	}{
		"stands to one": {0, func(i int) (err error) {
			times, err = router.StandsToOne(t.Context(), times[:0], stands, goals[i])
			return err
		}},
		"a fleet to one": {0, func(i int) (err error) {
			times, err = fleet.AppendFixesToOne(t.Context(), times[:0], Car, fixes, goals[i])
			return err
		}},
		"many to one, cold": {0, func(i int) (err error) {
			times, err = router.AppendManyToOne(t.Context(), times[:0], Car, points, goals[i])
			return err
		}},
		"a route": {0, func(i int) error { return router.Draw(t.Context(), Car, points[i], goals[i], &way) }},
		// What was made before may be in use still: a stand, its places, its label.
		"moving": {3, func(i int) (err error) {
			stands[0], err = router.Stand(Car, goals[i])
			return err
		}},
	} {
		all := func() {
			for i := range goals {
				if err := c.ask(i); err != nil {
					t.Fatal(err)
				}
			}
		}
		all() // grows what is kept
		if got := testing.AllocsPerRun(5, all) / float64(len(goals)); got > c.most {
			t.Errorf("%s: %g allocations, %g are allowed", name, got, c.most)
		}
	}
}
