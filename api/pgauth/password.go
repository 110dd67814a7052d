package pgauth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
)

// cost of a password hash: 19 MiB and two passes, OWASP's choice for argon2id
// with one lane; about 30 ms here.
type cost struct {
	MemoryKiB, Passes uint32
	Lanes             uint8
}

var standardCost = cost{MemoryKiB: 19 * 1024, Passes: 2, Lanes: 1}

// Bounds on what a stored string may ask of this machine.
const (
	maxMemoryKiB = 256 * 1024
	maxPasses    = 16
	maxLanes     = 8
	keyLen       = 32
	saltLen      = 16
)

var errHashFormat = errors.New("not an argon2id string")

// hasher lets only so many hashes run at once, so that a flood of sign-ins takes
// neither the memory nor the cores from dispatching.
type hasher struct {
	slots chan struct{}
	wait  time.Duration
}

func newHasher() *hasher {
	return &hasher{slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)), wait: 3 * time.Second}
}

// run calls fn in a slot, or answers ErrBusy when none comes free in time.
func (h *hasher) run(ctx context.Context, fn func()) error {
	timer := time.NewTimer(h.wait)
	defer timer.Stop()
	select {
	case h.slots <- struct{}{}:
	case <-timer.C:
		return ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-h.slots }()
	fn()
	return nil
}

// hashPassword makes the PHC string of a password.
func hashPassword(password string, c cost) string {
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // never fails (crypto/rand aborts the program instead)
	key := argon2.IDKey([]byte(password), salt, c.Passes, c.MemoryKiB, c.Lanes, keyLen)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.MemoryKiB, c.Passes, c.Lanes,
		b64.EncodeToString(salt), b64.EncodeToString(key))
}

// parseHash reads a PHC string, refusing one that would cost too much.
func parseHash(phc string) (c cost, salt, key []byte, err error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return cost{}, nil, nil, errHashFormat
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.MemoryKiB, &c.Passes, &c.Lanes); err != nil {
		return cost{}, nil, nil, errHashFormat
	}
	if c.Passes < 1 || c.Passes > maxPasses || c.Lanes < 1 || c.Lanes > maxLanes || c.MemoryKiB > maxMemoryKiB {
		return cost{}, nil, nil, fmt.Errorf("%w: cost out of bounds", errHashFormat)
	}
	if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil || len(salt) < 8 || len(salt) > 64 {
		return cost{}, nil, nil, errHashFormat
	}
	if key, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil || len(key) < 16 || len(key) > 64 {
		return cost{}, nil, nil, errHashFormat
	}
	return c, salt, key, nil
}

// checkPassword says whether the password made the hash. A hash that cannot be
// read costs as much as one that can, and is never right.
func checkPassword(phc, password string) bool {
	c, salt, key, err := parseHash(phc)
	if err != nil {
		c, salt, key = standardCost, make([]byte, saltLen), make([]byte, keyLen)
	}
	got := argon2.IDKey([]byte(password), salt, c.Passes, c.MemoryKiB, c.Lanes, uint32(len(key)))
	return subtle.ConstantTimeCompare(got, key) == 1 && err == nil
}
