package realtime

import (
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// The ages that decide presence: online is fresh and moving, still is fresh and in
// one place for StillAfter, lost is nothing for LostAfter, and stale lies between.
const (
	FreshAtLeast = 2 * time.Minute
	LostAfter    = 10 * time.Minute
	StillAfter   = 3 * time.Minute
	StillWithinM = 30.0
)

// The intervals that a device is told to send at. Whoever stands and waits costs less,
// but is heard often enough for a device that begins to send in another datum to be
// found out by the step (datumStillWithin).
const (
	IntervalNormal   = 5 * time.Second
	IntervalAssigned = 2 * time.Second
	IntervalStill    = 15 * time.Second
	IntervalLow      = 30 * time.Second
	LowBattery       = 0.2 // of 1; below it IntervalLow
)

// intervalFor is how often a device is asked to send whose patrol is in this status and
// presence. The battery is the device's own, NaN if it does not say.
func intervalFor(status dispatch.Status, presence dispatch.Presence, battery float64) time.Duration {
	switch {
	case status == dispatch.Assigned, status == dispatch.EnRoute, status == dispatch.OnScene:
		return IntervalAssigned // it is waited for, at whatever price
	case battery < LowBattery:
		return IntervalLow
	case presence == dispatch.Still:
		return IntervalStill
	}
	return IntervalNormal
}

// FreshFor is how old a fix may be and still count as fresh, given the interval
// the device was told.
func FreshFor(interval time.Duration) time.Duration {
	return max(FreshAtLeast, 2*interval)
}

// presenceCode is a presence in one byte.
type presenceCode uint8

const (
	codeLost presenceCode = iota
	codeStale
	codeStill
	codeOnline
)

var presences = [...]dispatch.Presence{dispatch.Lost, dispatch.Stale, dispatch.Still, dispatch.Online}

// presenceOf judges a newest fix by its age and by how long the patrol has stayed
// where it is. A clock that runs ahead (age below zero) is fresh.
func presenceOf(age, unmoved, interval time.Duration) presenceCode {
	switch {
	case age >= LostAfter:
		return codeLost
	case age > FreshFor(interval):
		return codeStale
	case unmoved >= StillAfter:
		return codeStill
	}
	return codeOnline
}
