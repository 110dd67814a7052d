package natsbus

import (
	"errors"
	"sync/atomic"
)

// Stats counts what a Bus has said and heard since it was opened.
type Stats struct {
	Others         int   // nodes heard lately
	Sent, Received int64 // messages
	Unsent         int64 // messages that could not be said
	PlacesSent     int64
	PlacesReceived int64
	Holes          int64 // in the messages of another node
	// Dropped are what could not be read, by why: malformed, version, kind, record.
	Dropped map[string]int64
}

type stats struct {
	sent, received, unsent, placesSent, placesReceived, holes atomic.Int64
	dropped                                                   [len(whys)]atomic.Int64
}

var whys = [...]error{errNotOurs, errVersion, errKind, errBadRecord}

func (s *stats) drop(err error) {
	for i, why := range whys {
		if errors.Is(err, why) {
			s.dropped[i].Add(1)
		}
	}
}

// None are the figures of a node without a bus.
func None() Stats { return new(Bus).Stats() }

// Stats answers the counts so far.
func (b *Bus) Stats() Stats {
	out := Stats{
		Sent: b.stats.sent.Load(), Received: b.stats.received.Load(), Unsent: b.stats.unsent.Load(),
		PlacesSent: b.stats.placesSent.Load(), PlacesReceived: b.stats.placesReceived.Load(), Holes: b.stats.holes.Load(), Dropped: map[string]int64{},
	}
	for i, why := range whys {
		out.Dropped[why.Error()] = b.stats.dropped[i].Load()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	out.Others = len(b.others)
	return out
}
