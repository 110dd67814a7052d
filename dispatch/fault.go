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

func faultCode(err error) string {
	var f *Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}

func invalid(pointer, detail string) error {
	return &Fault{Kind: Invalid, Code: "invalid", Detail: "What was sent cannot be used: " + detail + ".",
		Fields: []FieldFault{{Pointer: pointer, Detail: detail}}}
}

// allow refuses what the viewer's role is not granted.
func allow(v Viewer, a Action) error {
	if May(v, a) {
		return nil
	}
	return &Fault{Kind: Forbidden, Code: "forbidden", Detail: "Your role may not do this; ask an administrator for another role."}
}

// hidden is what a viewer hears of something outside their scope: the same as of
// something that does not exist.
func hidden(what string) error {
	return &Fault{Kind: NotFound, Code: "not-found", Detail: "There is no such " + what + " within your scope."}
}
