package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTripsThatAreNoneAreRefusedWithWhatToWrite(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		text, says string
		trips      int
	}{
		"one":         {"a,b,c,d,e,f\n1,2,3,4,5,6\n", "", 1},
		"empty":       {"", "from_lon,from_lat", 0},
		"header only": {"a,b,c,d,e,f\n", "from_lon,from_lat", 0},
		"narrow":      {"a,b\n1,2\n", "from_lon,from_lat", 0},
		"a word":      {"a,b,c,d,e,f\n1,2,3,4,5,six\n", "line 2", 0},
	} {
		file := filepath.Join(t.TempDir(), "trips.csv")
		if err := os.WriteFile(file, []byte(row.text), 0o600); err != nil {
			t.Fatal(err)
		}
		trips, err := readTrips(file)
		if len(trips) != row.trips || (err == nil) != (row.says == "") || err != nil && !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v, %v", name, trips, err)
		}
	}
}
