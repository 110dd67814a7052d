package proof

import (
	"crypto/ed25519"
	"fmt"

	"github.com/google/uuid"
)

// The ways in which a chain can be found wrong.
const (
	Altered  = "altered"  // an event is not what was sealed
	Missing  = "missing"  // an event that was sealed is not there
	Inserted = "inserted" // an event that was not sealed is there
	Moved    = "moved"    // another event stands in this place: some were removed or reordered
	Rewrote  = "rewrote"  // the chain holds together and is not the one that was signed
	BadHead  = "bad_head" // a head, or a key, is not what was signed
	Broken   = "broken"   // the file is not an export as one is written
)

// Fault is the first thing that is wrong with a chain. What came before Position is
// as it was sealed. Where only a signature shows it, the change lies somewhere from
// Position to To; else To is Position.
type Fault struct {
	Kind     string `json:"kind"`
	Position int64  `json:"position"`
	To       int64  `json:"to"`
	Line     int64  `json:"line,omitempty"` // of a file
	Detail   string `json:"detail"`
}

func (f *Fault) Error() string {
	where := fmt.Sprintf("event %d", f.Position)
	if f.To > f.Position {
		where = fmt.Sprintf("events %d to %d", f.Position, f.To)
	}
	if f.Line > 0 {
		where += fmt.Sprintf(" (line %d)", f.Line)
	}
	return fmt.Sprintf("%s: %s: %s", where, f.Kind, f.Detail)
}

// Checker follows a chain event by event. It keeps a few hashes and the keys,
// however long the chain is. After its first fault it says nothing more.
type Checker struct {
	district     uuid.UUID
	next         int64
	first        int64
	prev, before Hash // of the last event, and of the one before that
	keys         map[string]ed25519.PublicKey
	trusted      map[string]bool // nil: the first key that is met
	older        map[string]bool // keys from before the first trusted one, see Key
	signedTo     int64           // by any key
	sureTo       int64           // by one that is trusted, or vouched for
	heads        int
	kept         []Head // see Expect
}

// NewChecker begins at a position with the hash of the event before it. trusted are
// the ids of keys that are known from elsewhere; with none, the first key that is met
// is believed, and those that it vouches for.
func NewChecker(district uuid.UUID, from int64, prev Hash, trusted ...string) *Checker {
	c := &Checker{district: district, next: from, first: from, prev: prev, keys: map[string]ed25519.PublicKey{}, older: map[string]bool{}, signedTo: from - 1, sureTo: from - 1}
	for _, id := range trusted {
		if c.trusted == nil {
			c.trusted = map[string]bool{}
		}
		c.trusted[id] = true
	}
	return c
}

func (c *Checker) fault(kind string, at int64, format string, args ...any) *Fault {
	return &Fault{Kind: kind, Position: at, To: at, Detail: fmt.Sprintf(format, args...)}
}

// Event checks the next event: the position, the hash before it and its own as they
// were stated, and its canonical bytes.
func (c *Checker) Event(position int64, before, hash Hash, canonical []byte) *Fault {
	if position != c.next {
		return c.misplaced(position, before)
	}
	if before == c.prev && Link(before, position, canonical) == hash {
		c.next, c.before, c.prev = position+1, c.prev, hash
		return nil
	}
	if before == c.prev {
		return c.fault(Altered, position, "its bytes do not have the hash that was sealed")
	}
	// The event says that another came before it than the one that did. Who is right?
	switch {
	case Link(c.prev, position, canonical) == hash:
		return c.fault(Altered, position, "the hash before it was changed")
	case Link(before, position+1, canonical) == hash:
		return c.fault(Missing, position, "the event that stands here was sealed as %d", position+1)
	case Link(before, position, canonical) != hash && Link(before, position-1, canonical) != hash, c.signedTo >= position-1:
		return c.fault(Altered, position, "neither its bytes nor the hash before it are what was sealed")
	case Link(before, position-1, canonical) == hash:
		return c.fault(Inserted, position-1, "the event after it was sealed in its place")
	}
	return c.fault(Altered, position-1, "it has another hash than the one that the event after it was chained to")
}

func (c *Checker) misplaced(position int64, before Hash) *Fault {
	switch {
	case position == c.next-1 && before == c.before && c.next > c.first:
		return c.fault(Inserted, position, "two events claim this position")
	case position > c.next:
		return c.fault(Moved, c.next, "event %d stands in its place", position)
	}
	return c.fault(Moved, c.next, "event %d stands here, which has been already", position)
}

// Key takes a key over, if it is trusted or a trusted one vouches for it. One from before
// the first trusted one is taken on trial: whoever knows the newest key alone believes what
// the older ones signed once a head of that one stands behind it; see Vouched.
func (c *Checker) Key(k Key) *Fault {
	bad := func(format string, args ...any) *Fault {
		f := c.fault(BadHead, c.signedTo+1, format, args...)
		f.To = max(f.Position, c.next-1)
		return f
	}
	switch {
	case !k.Good():
		return bad("key %.16q is not the key that its id names", k.ID)
	case c.keys[k.ID] != nil: // met before, and good
	case c.trusted[k.ID], c.trusted == nil && len(c.keys) == 0:
	case c.keys[k.By] != nil && !c.older[k.By] && k.Follows(c.keys[k.By]):
	case c.trusted != nil && len(c.older) == len(c.keys):
		c.older[k.ID] = true
	default:
		return bad("no trusted key vouches for key %s", k.ID)
	}
	c.keys[k.ID] = k.Public
	return nil
}

// Head checks a signed head against the chain, whose last event it must be about.
func (c *Checker) Head(h Head) *Fault {
	bad := func(kind, format string, args ...any) *Fault {
		f := c.fault(kind, c.signedTo+1, format, args...)
		f.To = max(f.Position, c.next-1)
		return f
	}
	public := c.keys[h.Key]
	switch {
	case public == nil:
		return bad(BadHead, "a head is signed by key %.16q, which nobody vouches for", h.Key)
	case h.District != c.district || !h.Good(public):
		return bad(BadHead, "the signature of the head at %d does not fit", h.Position)
	case h.Position < c.next-1 && h.Position <= c.signedTo, h.Position == c.signedTo && Hash(h.Hash) == c.prev:
		return nil // of a position that a head covers already
	case h.Position > c.next-1:
		f := c.fault(Missing, c.next, "a head is signed for position %d, and the chain is at %d there", h.Position, c.next-1)
		f.To = h.Position
		return f
	case h.Position != c.next-1:
		return bad(BadHead, "a head is signed for position %d, and stands after event %d", h.Position, c.next-1)
	case Hash(h.Hash) != c.prev:
		return bad(Rewrote, "at %d the chain is not the one that was signed at %s: events were changed and chained anew", h.Position, h.At.UTC().Format("2006-01-02 15:04Z"))
	}
	c.signedTo, c.heads = h.Position, c.heads+1
	if !c.older[h.Key] {
		c.sureTo = h.Position
	}
	return nil
}

// Vouched checks at the end that what older keys signed stands under a head of a key that
// is trusted.
func (c *Checker) Vouched() *Fault {
	switch {
	case c.trusted != nil && len(c.keys) > 0 && len(c.older) == len(c.keys):
		f := c.fault(BadHead, c.first, "none of the keys is a trusted one")
		f.To = max(c.first, c.next-1)
		return f
	case c.signedTo > c.sureTo:
		f := c.fault(BadHead, c.sureTo+1, "what signs them is an older key, and no head of a trusted one comes after it")
		f.To = c.signedTo
		return f
	}
	return nil
}

// End checks where the chain was said to end.
func (c *Checker) End(position int64, hash Hash) *Fault {
	switch last := c.next - 1; {
	case position > last:
		return c.fault(Missing, c.next, "the chain goes on to %d", position)
	case position < last:
		return c.fault(Inserted, position+1, "the chain ended before it")
	case hash != c.prev:
		return c.fault(Altered, max(last, c.first), "it does not have the hash that the chain ended with")
	}
	return nil
}

// Last is the position and hash of the last good event, and SignedTo up to where a
// signed head vouches for the chain.
func (c *Checker) Last() (int64, Hash) { return c.next - 1, c.prev }

// SignedTo is the position of the last good head of a key that is trusted; what comes after
// is chained, and only the next head will show that it was not made anew.
func (c *Checker) SignedTo() int64 { return c.sureTo }

// Heads is how many heads were good.
func (c *Checker) Heads() int { return c.heads }
