package mission

import (
	"flag"
	"os"
	"testing"
)

// A choice of a team is held against every team there is on 10,000 instances, each time
// the tests run: that takes a second. Who asks for another number of checks gets it.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		if err := flag.Set("rapid.checks", "10000"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
