package proof

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Head is the end of a chain at a time, signed: whoever keeps one can tell later
// whether anything up to its position was changed, by whomever.
type Head struct {
	District uuid.UUID `json:"district"`
	Position int64     `json:"position"`
	Hash     HexHash   `json:"hash"`
	At       time.Time `json:"at"`
	Key      string    `json:"key"` // KeyID of who signed
	Sig      []byte    `json:"sig"` // ed25519 over headTag and the canonical text without sig
}

const headTag = "gridpatrol.head.v1\n"

func (h Head) signed() ([]byte, error) {
	text, err := Canonical(struct {
		District uuid.UUID `json:"district"`
		Position int64     `json:"position"`
		Hash     HexHash   `json:"hash"`
		At       time.Time `json:"at"`
		Key      string    `json:"key"`
	}{h.District, h.Position, h.Hash, h.At.UTC(), h.Key})
	return append([]byte(headTag), text...), err
}

// HexHash is a hash that is written in hexadecimal.
type HexHash Hash

// MarshalText implements encoding.TextMarshaler.
func (h HexHash) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h[:])), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *HexHash) UnmarshalText(text []byte) error {
	if len(text) != 64 {
		return fmt.Errorf("a hash has 64 hexadecimal digits, not %d", len(text))
	}
	_, err := hex.Decode(h[:], text)
	return err
}

// Sign is the head with a signature.
func (h Head) Sign(private ed25519.PrivateKey) (Head, error) {
	h.Key = KeyID(private.Public().(ed25519.PublicKey))
	text, err := h.signed()
	if err != nil {
		return Head{}, err
	}
	h.Sig = ed25519.Sign(private, text)
	return h, nil
}

// Good says whether the holder of a key signed exactly this head.
func (h Head) Good(public ed25519.PublicKey) bool {
	text, err := h.signed()
	return err == nil && len(public) == ed25519.PublicKeySize && h.Key == KeyID(public) && ed25519.Verify(public, text, h.Sig)
}

// KeyID names a public key: the first 8 bytes of its SHA-256.
func KeyID(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:8])
}

// Key is a public key and, but for the first one, the word of the key before it:
// whoever trusts one key can follow to those after it.
type Key struct {
	ID     string    `json:"id"`
	Public []byte    `json:"public"`
	Since  time.Time `json:"since"`
	By     string    `json:"by,omitempty"`  // KeyID of the key before
	Sig    []byte    `json:"sig,omitempty"` // its signature over keyTag, the public key and since
}

const keyTag = "gridpatrol.key.v1\n"

func (k Key) signed() []byte {
	return append(append([]byte(keyTag), k.Public...), k.Since.UTC().Format(time.RFC3339Nano)...)
}

// NewKey is the entry of a key; before is the private key that it follows, or nil.
func NewKey(public ed25519.PublicKey, since time.Time, before ed25519.PrivateKey) Key {
	k := Key{ID: KeyID(public), Public: public, Since: since}
	if before != nil {
		k.By = KeyID(before.Public().(ed25519.PublicKey))
		k.Sig = ed25519.Sign(before, k.signed())
	}
	return k
}

// Follows says whether the key before vouches for this one.
func (k Key) Follows(before ed25519.PublicKey) bool {
	return k.By == KeyID(before) && ed25519.Verify(before, k.signed(), k.Sig)
}

// Good says whether the entry names the key that it holds.
func (k Key) Good() bool { return len(k.Public) == ed25519.PublicKeySize && k.ID == KeyID(k.Public) }
