package city

import (
	"context"

	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// Radio is one device's line to the service. Send never waits: what cannot go
// out now is kept, within bounds, and goes out in a burst when it can.
type Radio interface {
	// Run keeps the line open until ctx ends.
	Run(ctx context.Context) error
	// Send hands over a fix; its sequence is the radio's business.
	Send(beacon.Fix)
	// Signal cuts the line and lets it come back.
	Signal(on bool)
	// Heard brings beacon.Offer, beacon.Recall and beacon.Interval.
	Heard() <-chan any
}
