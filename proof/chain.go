package proof

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/google/uuid"
)

// Hash is a SHA-256.
type Hash [32]byte

func (h Hash) String() string { return fmt.Sprintf("%x", h[:]) }

// linkTag begins what is hashed, so that no hash of ours is one of anything else.
const linkTag = "gridpatrol.event.v1\n"

// Genesis is what the first event of a district is chained to.
func Genesis(district uuid.UUID) Hash {
	return sha256.Sum256(append([]byte("gridpatrol.chain.v1\n"), district[:]...))
}

// Link is the hash of an event at a position (the first is 1) of a chain whose event
// before it has the hash prev: SHA-256 over the tag, the position as 8 bytes, the
// highest first, prev, and the SHA-256 of the canonical bytes.
func Link(prev Hash, position int64, canonical []byte) Hash {
	content := sha256.Sum256(canonical)
	var in [len(linkTag) + 8 + 32 + 32]byte
	at := copy(in[:], linkTag)
	binary.BigEndian.PutUint64(in[at:], uint64(position))
	copy(in[at+8:], prev[:])
	copy(in[at+40:], content[:])
	return sha256.Sum256(in[:])
}
