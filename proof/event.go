package proof

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Actor is who did something. Nothing in it is personal: ids, and words of ours.
type Actor struct {
	// Name is "account:ID", "device:ID", "command" for whoever has the database in
	// hand, "resident" for whoever holds a follow-up code, or "system": rules and clocks.
	Name string
	Role string
	// OnBehalf is for whom, where that is another than the actor: "patrol:ID" of a
	// device or a member, "staff:ID" of an account, "resident".
	OnBehalf string
	// Address is where the request came from. It leads to a person, so the event says a
	// commitment to it, and the address itself stands beside, where it can be deleted.
	Address string
	// Simulated actors are played by a program: what they do is no proof.
	Simulated bool
}

// System is who acts when nobody does, and Command whoever has the database in hand.
var (
	System  = Actor{Name: "system"}
	Command = Actor{Name: "command"}
)

// Entry is one event before it is written. Before and After are what it changed, and
// only that.
type Entry struct {
	Kind     string
	At       time.Time // by the database's clock
	District uuid.UUID
	Case     uuid.UUID // zero: of no case
	Patrol   uuid.UUID // zero: of no patrol
	Actor    Actor
	Why      string
	Detail   any
	Before   any
	After    any
}

// Event is one line of proof. Canonical is what counts; the rest is derived from it.
type Event struct {
	Kind      string
	At        time.Time
	Case      uuid.UUID
	Patrol    uuid.UUID
	Canonical []byte
	Openings  []Opening
}

// Opening is a personal value that an event commits to: SHA-256 of salt and value.
// Once it is deleted nobody can tell the value from the event, and the chain holds.
type Opening struct {
	Commitment [32]byte
	Salt       [16]byte
	Value      string
}

// Commit makes a commitment with a fresh salt.
func Commit(value string) Opening {
	o := Opening{Value: value}
	_, _ = rand.Read(o.Salt[:]) // never fails (crypto/rand aborts the program instead)
	o.Commitment = o.sum()
	return o
}

func (o Opening) sum() [32]byte { return sha256.Sum256(append(o.Salt[:], o.Value...)) }

// Opens says whether salt and value are what was committed to.
func (o Opening) Opens() bool { return o.Commitment == o.sum() }

// body is what the canonical bytes say.
type body struct {
	Kind      string     `json:"kind"`
	At        time.Time  `json:"at"`
	District  uuid.UUID  `json:"district"`
	Case      *uuid.UUID `json:"case"`
	Patrol    *uuid.UUID `json:"patrol"`
	Actor     string     `json:"actor"`
	Role      string     `json:"role"`
	OnBehalf  string     `json:"on_behalf,omitempty"`
	From      string     `json:"from,omitempty"`
	Simulated bool       `json:"simulated,omitempty"`
	Why       string     `json:"why,omitempty"`
	Detail    any        `json:"detail"`
	Before    any        `json:"before,omitempty"`
	After     any        `json:"after,omitempty"`
}

// Write makes an event of an entry.
func Write(e Entry) (Event, error) {
	b := body{Kind: e.Kind, At: e.At.UTC(), District: e.District, Case: orNull(e.Case), Patrol: orNull(e.Patrol), Actor: e.Actor.Name,
		Role: e.Actor.Role, OnBehalf: e.Actor.OnBehalf, Simulated: e.Actor.Simulated, Why: e.Why, Detail: e.Detail, Before: e.Before, After: e.After}
	if b.Detail == nil {
		b.Detail = struct{}{}
	}
	if b.Actor == "" {
		b.Actor = System.Name
	}
	out := Event{Kind: e.Kind, At: e.At, Case: e.Case, Patrol: e.Patrol}
	if e.Actor.Address != "" {
		o := Commit(e.Actor.Address)
		b.From = "sha256:" + hex.EncodeToString(o.Commitment[:])
		out.Openings = append(out.Openings, o)
	}
	var err error
	if out.Canonical, err = Canonical(b); err != nil {
		return Event{}, fmt.Errorf("write event %s: %w", e.Kind, err)
	}
	return out, nil
}

func orNull(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}
