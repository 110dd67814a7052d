package pgtest

import "go.uber.org/goleak"

// LeftRunning excuses the goroutine that waits for the shared server to exit: the
// server outlives the test that happened to start it.
func LeftRunning() goleak.Option {
	return goleak.IgnoreAnyFunction("github.com/gridpatrol/gridpatrol/migrations/pgcluster.place.launch.func1")
}
