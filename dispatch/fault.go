package dispatch

import (
	"errors"
	"fmt"
)

// Kind is the handful of ways in which a request can fail that cross package
// borders. The door turns a kind into a status in one table.
type Kind string

// The kinds of fault.
const (
	Invalid     Kind = "invalid"
	NotFound    Kind = "not_found"
	Conflict    Kind = "conflict"
	Forbidden   Kind = "forbidden"
	Unavailable Kind = "unavailable"
)

// Fault is an error that a person can act on. Code is stable and names the
// problem for programs ("idempotency-mismatch"); Detail is one sentence with the
// remedy; Fields points into what was sent (RFC 6901 pointers).
type Fault struct {
	Kind   Kind
	Code   string
	Detail string
	Fields []FieldFault
	Err    error
}

// FieldFault is what is wrong with one field of what was sent.
type FieldFault struct {
	Pointer string
	Detail  string
}

func (f *Fault) Error() string {
	if f.Err != nil {
		return fmt.Sprintf("%s: %v", f.Detail, f.Err)
	}
	return f.Detail
}

func (f *Fault) Unwrap() error { return f.Err }

// KindOf finds the kind of a fault anywhere in err's chain; an error that is
// none answers the empty kind.
func KindOf(err error) Kind {
	var f *Fault
	if errors.As(err, &f) {
		return f.Kind
	}
	return ""
}

// The codes of faults that a door treats apart from their kind.
const (
	// CodeOldVersion: what was to be changed has moved on (412).
	CodeOldVersion = "old-version"
	// CodeIdempotencyMismatch: the key was used with another body (409).
	CodeIdempotencyMismatch = "idempotency-mismatch"
)
