package pgauth

import "time"

// Guesses keeps strangers from trying secrets that are shorter than ours: so many
// wrong ones for a thing, and so many from an address. A right one costs nothing.
// It is safe for concurrent use.
type Guesses struct{ byThing, byAddress *throttle }

// NewGuesses makes a Guesses; now is time.Now when nil. A thing takes 60 wrong
// guesses and then one every 10 s, so that a stranger hardly keeps its owner out; an
// address 20 and then one every 5 s.
func NewGuesses(now func() time.Time) *Guesses {
	if now == nil {
		now = time.Now
	}
	return &Guesses{byThing: newThrottle(now, 60, 10*time.Second), byAddress: newThrottle(now, 20, 5*time.Second)}
}

// Take counts a guess before it is looked at, so parallel ones count too. It answers
// what to call when the guess was right, or how long to wait.
func (g *Guesses) Take(thing, address string) (right func(), wait time.Duration) {
	address = addressKey(address)
	if wait = g.byAddress.take(address); wait > 0 {
		return nil, wait
	}
	if wait = g.byThing.take(thing); wait > 0 {
		g.byAddress.giveBack(address)
		return nil, wait
	}
	return func() { g.byThing.giveBack(thing); g.byAddress.giveBack(address) }, 0
}
