package pgauth

import (
	"context"
	"crypto/rand"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/crypto/argon2"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// codeLetters can be read aloud and from a bad screen: no 0 O, 1 I L, 5 S, 8 B, 2 Z,
// U V. Eight of them are 36 bits, which is little, so a code lives a quarter of an
// hour, counts once, is kept as a slow hash, and wrong ones are throttled.
const codeLetters = "ACDEFGHJKMNPQRTWXY34679"

const codeLen = 8

// NewCode makes a one-time code.
func NewCode() string {
	var b strings.Builder
	random := make([]byte, 1)
	for b.Len() < codeLen {
		_, _ = rand.Read(random) // never fails (crypto/rand aborts the program instead)
		// Bytes past the last whole round of letters would favour the first ones.
		if n := int(random[0]); n < 256/len(codeLetters)*len(codeLetters) {
			b.WriteByte(codeLetters[n%len(codeLetters)])
		}
	}
	return b.String()
}

// PlainCode is a code as it was made, from what a person typed: any case, with spaces
// and dashes. What no code can be is refused.
func PlainCode(typed string) (string, bool) {
	code := strings.ToUpper(strings.NewReplacer(" ", "", "-", "", "\u00a0", "").Replace(typed))
	if len(code) != codeLen || strings.Trim(code, codeLetters) != "" {
		return "", false
	}
	return code, true
}

// HashCode is how a code is kept and found: one salt for all, since a code must be
// found by itself, and as slow as a password's, since it is short.
func (s *Store) HashCode(ctx context.Context, code string) (hash []byte, err error) {
	err = s.hasher.run(ctx, func() {
		hash = argon2.IDKey([]byte(code), []byte("gridpatrol enrolment"), s.cost.Passes, s.cost.MemoryKiB, s.cost.Lanes, keyLen)
	})
	return hash, err
}

// TakeCode counts a try to use a code against its address and altogether; giveBack
// takes it back when the code was good.
func (s *Store) TakeCode(address string) (giveBack func(), err error) {
	key := addressKey(address)
	if wait := s.codesByAddress.take(key); wait > 0 {
		return nil, &ThrottledError{RetryAfter: wait}
	}
	if wait := s.codes.take(""); wait > 0 {
		s.codesByAddress.giveBack(key)
		return nil, &ThrottledError{RetryAfter: wait}
	}
	return func() {
		s.codesByAddress.giveBack(key)
		s.codes.giveBack("")
	}, nil
}

// NewDeviceToken makes a token for a device that is enrolled, and what is kept of it.
func NewDeviceToken() (token string, kept dispatch.TokenHash) {
	token = newSecret(deviceTokenPrefix)
	return token, dispatch.TokenHash{ID: uuid.Must(uuid.NewV7()), Hash: hashSecret(token),
		Hint: token[:len(deviceTokenPrefix)+4], TTL: dispatch.DeviceTokenTTL}
}
