package dispatch

import "github.com/gridpatrol/gridpatrol/proof"

// Canonical writes v as the one JSON text that its value has: what is signed, chained
// or compared byte for byte.
func Canonical(v any) ([]byte, error) { return proof.Canonical(v) }
