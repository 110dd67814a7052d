package road_test

import (
	"errors"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo/road"
)

func TestModesAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	for set := range road.AllModes + 1 {
		if got, err := road.ParseModes(set.Strings()); err != nil || got != set {
			t.Errorf("%v came back as %v, %v", set.Strings(), got.Strings(), err)
		}
	}
	if got, err := road.ParseModes([]string{"car", "boat"}); !errors.Is(err, road.ErrMode) || got != 0 {
		t.Errorf("a boat: %v, %v", got.Strings(), err)
	}
}
