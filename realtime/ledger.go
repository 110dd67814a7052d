package realtime

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// StreamKey names one install of one device.
type StreamKey struct {
	Device dispatch.DeviceID
	Stream uuid.UUID
}

// StreamRecord is a stream's progress as the ledger holds it. Version 0 means that
// the ledger has no record of it yet.
type StreamRecord struct {
	Progress
	Version int64
}

// StreamUpdate is how a stream stands after a batch. Was is the version that the
// batch was made from; the ledger refuses the batch if it has moved.
type StreamUpdate struct {
	Key StreamKey
	Progress
	Was    int64
	Doubts Verdict // of the batch's fixes that are kept, those that are Mendable
}

// TrackFix is a fix that is kept.
type TrackFix struct {
	Key        StreamKey
	Patrol     dispatch.PatrolID
	District   dispatch.DistrictID
	Fix        beacon.Fix
	Cell       cell.Cell
	Verdict    Verdict
	Simulated  bool // by its device or its patrol: it is no proof
	ReceivedAt time.Time
	shown      shown // on the live map; the ledger keeps what was sent
}

// QuarantinedFix is a fix whose time cannot be believed. The ledger keeps its
// coordinates only if the device was on duty at that time.
type QuarantinedFix struct {
	Key        StreamKey
	Fix        beacon.Fix
	Code       beacon.Code
	ReceivedAt time.Time
}

// OffDutyCount is how many fixes of a device on a day were not kept.
type OffDutyCount struct {
	Device dispatch.DeviceID
	Day    time.Time // midnight UTC of the service's own calendar day
	Fixes  int64
}

// Batch is what one transaction writes. Commit is all or nothing.
type Batch struct {
	// RosterRevision is what the fixes were judged by.
	RosterRevision int64
	// RosterMayMove says that the roster was read after all of the batch had come, so that
	// it counts although the register has changed since. Whose a fix is and whether that
	// patrol was on duty is looked up at the fix's own time in the register of one moment,
	// which lies between the receipt and the acknowledgement. It stands as if it had been
	// written at that moment, before the change; and a change never goes back to what is
	// written. A register that moves all the time would otherwise keep all of it out.
	RosterMayMove bool
	Streams       []StreamUpdate
	Track         []TrackFix
	Quarantine    []QuarantinedFix
	OffDuty       []OffDutyCount
}

// Ledger is the record of what devices sent. When Commit answers nil, all of the
// batch is on disk.
type Ledger interface {
	// Streams answers a record for each key, a zero one for a stream it never saw.
	Streams(ctx context.Context, keys []StreamKey) (map[StreamKey]StreamRecord, error)
	Commit(ctx context.Context, b *Batch) error
}

// Errors of Commit that a writer answers by judging again. Any other error is
// taken to be an outage and tried again as it is, unless it wraps ErrBatch.
var (
	// ErrRosterMoved says that the register has changed since the fixes were judged.
	ErrRosterMoved = errors.New("the register has changed")
	// ErrStreamMoved says that another node has written to one of the streams.
	ErrStreamMoved = errors.New("a stream has moved")
	// ErrBatch says that the database refused what is in the batch; trying the same
	// again is of no use.
	ErrBatch = errors.New("the database refused the batch")
)

// Snapshots keeps the newest place of each patrol for the next start.
type Snapshots interface {
	SavePlaces(ctx context.Context, places []Place) error
	Places(ctx context.Context) ([]Place, error)
}
