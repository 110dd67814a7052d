package road

import (
	"context"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Beside a road that ends in a junction, a road that leaves there is no candidate, nor
// is its bend, which is hardly farther: who would drive to it passes the junction.
func TestABendIsNoRoadOfItsOwn(t *testing.T) {
	t.Parallel()
	const perM7 = 90 // some tenths of a microdegree a metre; a little more by longitude
	at := func(xM, yM int32) Node { return Node{Lon7: 1213800000 + xM*perM7*10/9, Lat7: 285800000 + yM*perM7} }
	s := &Survey{
		Nodes: []Node{at(-200, 0), at(0, 0), at(5, 5), at(5, 200)},
		Ways:  []Way{{Nodes: []uint32{0, 1}, Class: Residential}, {Nodes: []uint32{1, 2, 3}, Class: Residential}},
	}
	for i := range s.Ways {
		for m := range Modes {
			s.Ways[i].Travel[m] = Travel{ForwardMS: 5, BackwardMS: 5}
		}
	}
	n, err := Build(context.Background(), s, "a bend")
	if err != nil {
		t.Fatal(err)
	}
	var sn snapper
	beside := at(-10, 3).Point()
	spot := n.snapFix(Car, n.modes[Car].durationMS, &Fix{Point: geo.Point{Lon: beside.Lon, Lat: beside.Lat}}, &sn)
	if len(spot.at) != 2 || spot.at[0].arc/2 != spot.at[1].arc/2 || spot.snapM > 4 {
		t.Errorf("met %+v", spot)
	}
}
