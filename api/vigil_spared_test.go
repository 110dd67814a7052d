package api

import (
	"testing"
	"time"
)

// What a lost device can still do ends within a second: what its socket may wait for, by
// the clock, leaves as much again for the question and a machine that is busy. That the
// watch ends it at its first round is told by TestAccessThatIsTakenAwayEndsItsSockets.
func TestTheWatchComesRoundInTime(t *testing.T) {
	t.Parallel()
	if waits := accessEvery + tellEndWithin; waits > 600*time.Millisecond {
		t.Errorf("a socket whose right was taken away may wait %v", waits)
	}
}

// A vigil whose socket the watch has asked for asks nobody: ten thousand sockets would be
// three hundred questions a second. Here there is nobody to ask.
func TestAVigilIsSparedByTheWatch(t *testing.T) {
	t.Parallel()
	s := &Server{vigilEvery: time.Hour, draining: t.Context()}
	v := &vigil{server: s, asked: time.Now().Add(-time.Minute)}
	v.timer = time.AfterFunc(time.Hour, func() {})
	defer v.timer.Stop()
	v.look()
	if v.over {
		t.Error("it is over")
	}
	v.asked = time.Now().Add(-2 * time.Hour)
	defer func() {
		if recover() == nil {
			t.Error("a watch that does not come round spares it too")
		}
		v.mu.Lock() // look has let go of it
		defer v.mu.Unlock()
	}()
	v.look()
}
