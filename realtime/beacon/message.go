// Package beacon is the vocabulary of the beacon channel: the messages of the
// subprotocol gridpatrol.beacon.v1.json, their limits, and their close codes.
//
// It decodes and encodes; it judges nothing and opens nothing. Server and client
// share it, and it needs no cgo, so that a device can be built from it.
//
//	device                                server
//	  | start(stream, lowest_held)          |
//	  | ----------------------------------> |
//	  |   hello(acked, interval_s)          |
//	  | <---------------------------------- |
//	  | fixes [seq ...]                     |
//	  | ----------------------------------> |  one commit for many sockets
//	  |   reject(seq, code), ack(seq, also) |
//	  | <---------------------------------- |
//	  |   offer, recall, interval           |
//	  | <---------------------------------- |
//
// A stream is one install of a device. A fix is (device, stream, seq): the
// sequence starts at 1 and never repeats within a stream, whatever the clock does.
package beacon

import (
	"time"

	"github.com/google/uuid"
)

// Subprotocol is the name that both sides agree on in the handshake.
const Subprotocol = "gridpatrol.beacon.v1.json"

// Limits of one message and of one stream.
const (
	MaxMessageBytes = 64 << 10
	MaxFixes        = 500
	// MaxSeq is the largest integer that every JSON reader holds exactly.
	MaxSeq = 1<<53 - 1
	// MaxSpeed is how many times faster than life a simulated device may play.
	MaxSpeed = 60
)

// Close codes of the channel. After CloseToken and CloseReplaced the device does
// not come back by itself; after the others it comes back with backoff.
const (
	CloseDrain    = 1001 // the node goes away, or wants everything sent again
	CloseToken    = 4001 // the token is no longer good
	CloseSlow     = 4003 // the peer does not read
	CloseReplaced = 4004 // a newer socket speaks for the same stream
	CloseProtocol = 4008 // the message cannot be understood; the reason says why
)

// Fix is a position at a time, as the device sent it. The optional measures are
// NaN when the device did not send them.
type Fix struct {
	Seq        int64
	T          time.Time
	Lon, Lat   float64
	AccuracyM  float64
	SpeedMS    float64
	HeadingDeg float64
	Battery    float64 // 0..1
	Mock       bool
}

// Code says why a fix was rejected.
type Code string

// The codes of a reject. BadField is a measure or a time that cannot be read.
const (
	Future        Code = "future"
	NullIsland    Code = "null_island"
	BadCoordinate Code = "bad_coordinate"
	BadField      Code = "bad_field"
	TooOld        Code = "too_old"
	OffDuty       Code = "off_duty"
	UnknownDevice Code = "unknown_device"
)

// Reject names a fix that will never be stored, so that the device drops it.
type Reject struct {
	Seq    int64
	Code   Code
	Detail string
}

// Start is a device's first message on a socket: the stream it speaks for and the
// lowest sequence it still holds. It may come again when the device had to let go
// of old fixes.
//
// Speed is how many times faster than life the stream plays what was recorded; 1
// is life. Only a device that the register marks as simulated may say more than 1:
// for it the rule of jumps is that much wider.
type Start struct {
	Stream     uuid.UUID
	LowestHeld int64
	Speed      float64
}

// Fixes is one burst: the fixes that could be read and, by name, those that
// could not.
type Fixes struct {
	Good []Fix
	Bad  []Reject
}

// Range is the sequences First to Last, both included.
type Range struct{ First, Last int64 }

// Hello answers a start.
type Hello struct {
	Stream     uuid.UUID
	Acked      int64
	IntervalS  int
	ServerTime time.Time
}

// Ack says that every fix from the lowest held to Seq, and those in Also beyond a
// hole, is on disk or was rejected by name.
type Ack struct {
	Seq  int64
	Also []Range
}

// Offer asks a patrol to take an assignment. EtaS and ExpiresAt are nil where
// neither road nor clock is known, as for a first look.
type Offer struct {
	AssignmentID string     `json:"assignment_id"`
	CaseID       string     `json:"case_id"`
	Kind         string     `json:"kind,omitempty"`
	Category     string     `json:"category"`
	Lon          float64    `json:"lon"`
	Lat          float64    `json:"lat"`
	EtaS         *float64   `json:"eta_s"`
	ExpiresAt    *time.Time `json:"expires_at"`
}

// Recall takes an assignment back.
type Recall struct {
	AssignmentID string `json:"assignment_id"`
	CaseID       string `json:"case_id"`
	Reason       string `json:"reason,omitempty"`
}

// Mission says that a mission the patrol is on changed: how many of those who go are in
// place, when the last is to be, and whether it is time to go. The case at the door
// says the rest.
type Mission struct {
	CaseID  string     `json:"case_id"`
	State   string     `json:"state"`
	InPlace int        `json:"in_place"`
	Of      int        `json:"of"`
	MeetAt  *time.Time `json:"meet_at"`
}

// HandOver says to a patrol on a case that its shift ends and it is to hand over
// (shift_ends), that somebody comes to take over (relief_goes), or that it is not needed
// after all (not_needed; no EndsAt).
type HandOver struct {
	AssignmentID string     `json:"assignment_id"`
	CaseID       string     `json:"case_id"`
	Reason       string     `json:"reason"`
	EndsAt       *time.Time `json:"ends_at"`
}

// Notice tells whoever reported what became of it; the list of notices at the door
// keeps it, so one that is missed is not lost.
type Notice struct {
	CaseID   string  `json:"case_id"`
	Number   string  `json:"number"`
	ReportID *string `json:"report_id"`
	Why      string  `json:"why"`
	Text     Words   `json:"text"`
}

// Words are a sentence in both languages of the district.
type Words struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Interval tells the device how often to send.
type Interval struct {
	IntervalS int `json:"interval_s"`
}
