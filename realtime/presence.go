package realtime

import "time"

// Presence is what the age of a patrol's newest fix says about it. Nobody sets it.
type Presence string

// The presences of a patrol.
const (
	Online Presence = "online" // fresh and moving
	Still  Presence = "still"  // fresh, and in one place for StillAfter
	Stale  Presence = "stale"  // the newest fix is no longer fresh
	Lost   Presence = "lost"   // nothing for LostAfter, or never a fix
)

// The ages that decide presence.
const (
	FreshAtLeast = 2 * time.Minute
	LostAfter    = 10 * time.Minute
	StillAfter   = 3 * time.Minute
	StillWithinM = 30.0
)

// The intervals that a device is told to send at.
const (
	IntervalNormal   = 5 * time.Second
	IntervalAssigned = 2 * time.Second
)

// FreshFor is how old a fix may be and still count as fresh, given the interval
// the device was told.
func FreshFor(interval time.Duration) time.Duration {
	return max(FreshAtLeast, 2*interval)
}

// presenceOf judges a newest fix by its age and by how long the patrol has stayed
// where it is. A clock that runs ahead (age below zero) is fresh.
func presenceOf(age, unmoved, interval time.Duration) Presence {
	switch {
	case age >= LostAfter:
		return Lost
	case age > FreshFor(interval):
		return Stale
	case unmoved >= StillAfter:
		return Still
	}
	return Online
}
