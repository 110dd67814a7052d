package dispatch

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// Config is what a Service is made of. The ports and the zone are required.
type Config struct {
	District DistrictID
	Store    Store
	Live     Live
	Roads    Roads
	Grids    Grids
	// Trails is optional: without it nobody has been anywhere.
	Trails Trails
	// Promise is what past arrivals say about times; nil knows nothing.
	Promise *Promise
	// Vault keeps the bytes of photos outside the store; nil means that the store keeps
	// them, originals in the transaction of their report.
	Vault OutsideVault
	// Copier makes what is shown of photos; nil leaves that to other nodes.
	Copier Copier
	// Post carries messages to webhooks; nil sends none and takes no new ones.
	Post HookPost
	// Zone is the district's time zone: case numbers count by its days.
	Zone *time.Location
	// Wake is called after each commit that has something to announce, so that it
	// leaves at once and not with the next poll. It must not block.
	Wake func()
	// Planned hears of each new case, once: how its plan ended and how long that took
	// from the report's receipt to the commit. It must not block; nil is not called.
	Planned func(end DispatchState, took time.Duration)
	// Log hears of what is put off; nil means nobody does.
	Log *slog.Logger
	// PlanWithin is how long a report waits for its plan before it is answered
	// without one; 0 means 2 s.
	PlanWithin time.Duration
	// AnswerWithin is how long a patrol has to answer an offer; 0 means 2 min.
	AnswerWithin time.Duration
	// BatchWindow is how long a report that is not urgent waits for others to be planned
	// with, see Together; 0 means 2 s, less than that not at all.
	BatchWindow time.Duration
	// UndoWithin is how long an operator's dispatch can be taken back before its
	// offers leave; 0 means 5 s.
	UndoWithin time.Duration
}

// Service is the duty desk. It is safe for concurrent use and holds no state of
// its own, but which photos are being copied, coverages of the last seconds and where
// towns lie:
// everything is in the store.
type Service struct {
	Config
	vault  Vault              // Config.Vault, or else the store
	making singleflight.Group // by photo

	coverages *coverages
	towns     towns
	toGather  chan CaseID // missions that were just made, for GatherAsked

	planned atomic.Int64 // unix nanoseconds of the last report that this node sent somebody to
}

// New checks the configuration.
func New(c Config) (*Service, error) {
	var faults []error
	require := func(missing bool, what string) {
		if missing {
			faults = append(faults, fmt.Errorf("dispatch needs %s", what))
		}
	}
	require(c.District.IsZero(), "a district")
	require(c.Store == nil, "a store")
	require(c.Live == nil, "live positions")
	require(c.Roads == nil, "roads")
	require(c.Grids == nil, "grids")
	require(c.BatchWindow > MostWindow, "a batch window of at most 10 s")
	require(c.Zone == nil || c.Zone == time.Local, "a named time zone")
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	if c.Wake == nil {
		c.Wake = func() {}
	}
	if c.Planned == nil {
		c.Planned = func(DispatchState, time.Duration) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.PlanWithin == 0 {
		c.PlanWithin = 2 * time.Second
	}
	if c.AnswerWithin == 0 {
		c.AnswerWithin = 2 * time.Minute
	}
	if c.BatchWindow == 0 {
		c.BatchWindow = 2 * time.Second
	}
	if c.UndoWithin == 0 {
		c.UndoWithin = 5 * time.Second
	}
	c.Store.InZone(c.Zone)
	s := &Service{Config: c, vault: c.Store, coverages: newCoverages(), toGather: make(chan CaseID, mostToGather)}
	if c.Vault != nil {
		s.vault = c.Vault
	}
	return s, nil
}
