package dispatch

import (
	"crypto/sha256"
	"encoding/binary"
)

// CheckRule is what a category says beside who goes: how much of what is settled on
// the spot is checked, and when the place is visited again.
type CheckRule struct {
	CheckPercent int
	RevisitDays  []int
}

// Drawn says whether a case that was settled on the spot is checked. The lot is the
// case's number, which nobody chooses, so the same question has the same answer years
// later, and a rate of 0 or 100 holds for every one.
func Drawn(number, category string, percent int) bool {
	sum := sha256.Sum256([]byte("draw|" + category + "|" + number))
	return binary.BigEndian.Uint64(sum[:8])%100 < uint64(max(0, percent))
}
