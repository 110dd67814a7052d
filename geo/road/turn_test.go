package road

import (
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
)

// A way round three sides of a block turns left twice, and says where.
func TestStepsSayWhereToTurn(t *testing.T) {
	t.Parallel()
	at := func(x, y float64) geo.Point { return geo.Point{Lon: 121.38 + 0.002*x, Lat: 28.58 + 0.0018*y} }
	street := func(name string, points ...geo.Point) Line {
		return Line{Class: Residential, Name: name, Points: points}
	}
	n, err := FromLines(t.Context(), []Line{street("南街", at(0, 0), at(1, 0), at(2, 0)), street("东街", at(2, 0), at(2, 1)), street("北街", at(2, 1), at(1, 1), at(0, 1))}, "test")
	if err != nil {
		t.Fatal(err)
	}
	router, err := Prepare(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	off := at(0.5, 0)
	off.Lat -= 0.0001
	told := func(e Engine, from, to geo.Point) string {
		way, err := e.Route(t.Context(), Car, from, to)
		if err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, s := range way.Steps {
			words = append(words, string(s.Turn)+" "+s.Name)
		}
		return strings.Join(words, ", ")
	}
	for _, e := range []Engine{n, router} {
		if got := told(e, off, at(0.5, 1)); got != "walk , depart 南街, left 东街, left 北街" {
			t.Errorf("there: %s", got)
		}
		if got := told(e, at(0.5, 1), at(0.5, 0)); got != "depart 北街, right 东街, right 南街" {
			t.Errorf("back: %s", got)
		}
	}
	for turn, want := range map[Turn]string{TurnLeft: "左转，进入", RoundTurn: "掉头，沿", "nonsense": "nonsense"} {
		if got := turn.Words(true); got != want {
			t.Errorf("%s is called %s", turn, got)
		}
	}
	for _, c := range []struct {
		in, out float64
		want    Turn
	}{{0, 10, Ahead}, {352, 10, Ahead}, {0, 90, TurnRight}, {0, 270, TurnLeft}, {90, 135, SlightRight}, {0, 140, SharpRight}, {0, 220, SharpLeft}, {0, 180, RoundTurn}, {-172, 170, Ahead}} {
		if got := turnOf(c.in, c.out); got != c.want {
			t.Errorf("from %g to %g is %s, not %s", c.in, c.out, got, c.want)
		}
	}
}
