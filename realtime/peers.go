package realtime

import (
	"context"
	"fmt"
	"time"
)

// Peers carries to the other nodes what may be lost: places, which the database has
// a second later, and who holds a device's socket. What is decided about cases never
// goes this way: every node reads it from the outbox. No call may block.
type Peers interface {
	// Tell says where a device of this node was; the newest of a patrol is enough.
	Tell(Place)
	// Claim says that a socket of this node speaks for a stream.
	Claim(Claim)
}

// Claim says since when a socket of a node speaks for a stream. Of two the later
// counts.
type Claim struct {
	Key StreamKey
	At  time.Time // by the clock of whoever holds it
}

type noPeers struct{}

func (noPeers) Tell(Place)  {}
func (noPeers) Claim(Claim) {}

// LinkState is what a node knows of its way to the others.
type LinkState struct {
	// Cut says that other nodes are at work and are not heard: their places come from
	// the database, some seconds late.
	Cut bool
	// Unheard is how many those are.
	Unheard int
}

// HearPlaces takes over where devices of other nodes were.
func (b *BeaconServer) HearPlaces(places []Place) {
	b.index.MoveAll(places, func(s Standing) {
		b.bus.Publish(Message{Moved: &s})
		if s.turned {
			b.retell(&s)
		}
	})
}

// HearClaims closes the sockets of streams that have moved on to another node.
func (b *BeaconServer) HearClaims(claims []Claim) {
	for _, c := range claims {
		b.mu.Lock()
		s := b.byStream[c.Key]
		over := s != nil && c.At.After(s.since)
		b.mu.Unlock()
		if over {
			s.replaced()
		}
	}
}

// Claims answers every stream that a socket of this node speaks for: what is said
// again to nodes that could not hear it.
func (b *BeaconServer) Claims() []Claim {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Claim, 0, len(b.byStream))
	for key, s := range b.byStream {
		out = append(out, Claim{Key: key, At: s.since})
	}
	return out
}

// CatchUp takes the newest places over from the database: what other nodes could not
// tell, or what was lost on the way.
func (b *BeaconServer) CatchUp(ctx context.Context) error {
	places, err := b.snapshots.Places(ctx)
	if err != nil {
		return fmt.Errorf("catch up with the other nodes: %w", err)
	}
	b.HearPlaces(places)
	return nil
}
