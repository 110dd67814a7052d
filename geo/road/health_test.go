package road

import (
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
)

// A town with each fault once: an island, a one-way street into nothing, one out of
// nothing, and a road that ends two metres beside another.
func TestHealthFindsEachFaultOnce(t *testing.T) {
	t.Parallel()
	at := func(x, y float64) geo.Point { return geo.Point{Lon: 121.38 + 0.002*x, Lat: 28.58 + 0.0018*y} }
	street := func(name string, oneWay bool, points ...geo.Point) Line {
		return Line{Class: Residential, Name: name, OneWay: oneWay, Points: points}
	}
	sound := []Line{
		street("南街", false, at(0, 0), at(1, 0), at(2, 0)), street("北街", false, at(0, 2), at(1, 2), at(2, 2)),
		street("西街", false, at(0, 0), at(0, 2)), street("中街", false, at(1, 0), at(1, 2)), street("东街", false, at(2, 0), at(2, 2)),
	}
	faulty := append(append([]Line{}, sound...),
		street("孤岛", false, at(6, 6), at(7, 6)),
		street("只进", true, at(2, 2), at(3, 3)),
		street("只出", true, at(-1, -1), at(0, 0)),
		street("差两米", false, geo.Point{Lon: at(0.5, 0).Lon, Lat: at(0.5, 0).Lat + 2/111_000.0}, at(0.5, 1)),
	)
	look := func(lines []Line, m Mode) Health {
		t.Helper()
		n, err := FromLines(t.Context(), lines, "test")
		if err != nil {
			t.Fatal(err)
		}
		h, err := n.Health(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	if h := look(sound, Car); len(h.Islands)+len(h.Traps)+len(h.Sources)+len(h.Gaps)+h.DeadEnds != 0 {
		t.Errorf("a sound town: %+v", h)
	}
	h := look(faulty, Car)
	if len(h.Islands) != 2 || h.Islands[0].Names[0] != "差两米" || h.Islands[1].Names[0] != "孤岛" {
		t.Errorf("islands %+v", h.Islands)
	}
	if len(h.Traps) != 1 || h.Traps[0].Names[0] != "只进" || len(h.Sources) != 1 || h.Sources[0].Names[0] != "只出" {
		t.Errorf("traps %+v, sources %+v", h.Traps, h.Sources)
	}
	if len(h.Gaps) != 1 || h.Gaps[0].Name != "差两米" || h.Gaps[0].To != "南街" || h.Gaps[0].WideM < 1.5 || h.Gaps[0].WideM > 2.5 || h.DeadEnds != 6 {
		t.Errorf("%d dead ends, gaps %+v", h.DeadEnds, h.Gaps)
	}
	// On foot nobody heeds a one-way street.
	if h := look(faulty, Foot); len(h.Traps) != 0 || len(h.Sources) != 0 || len(h.Islands) != 2 {
		t.Errorf("on foot %+v", h)
	}
}
