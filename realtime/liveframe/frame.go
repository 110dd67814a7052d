// Package liveframe is the binary form of what moves on the live channel: the bytes
// of one cell of the map, made once and shared by everybody who sees the same of it,
// and what a program needs to read them. docs/live.md has the layout with test
// vectors.
package liveframe

import (
	"encoding/binary"
	"math"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
)

// Subprotocol is the channel whose positions are binary messages; all else is the
// JSON text of gridpatrol.live.v1.json.
const Subprotocol = "gridpatrol.live.v1.bin"

// The bounds of the layout. All numbers are big-endian.
const (
	HeadBytes = 14 // of a message
	MoveBytes = 12 // of a patrol that moved
	LeftBytes = 4  // of a patrol that left its cell
	fullBytes = 45 // of a patrol that is told in full, without its department

	sectionHead = 10 // its kind, its steps and its cell
	groundHead  = sectionHead + 8 + 12
	countBytes  = sectionHead + 8 + 4*Classes
)

const kindPositions = 1 // the first byte of a message

// Flags of a message.
const flagAfresh = 1 // whatever was shown before is no more

// SectionKind says what a section tells of its cell.
type SectionKind uint8

// What a section may be.
const (
	Changes SectionKind = 0 // what is new in the cell
	Whole   SectionKind = 1 // all that is in the cell
	Closed  SectionKind = 2 // the cell is looked at no more: whoever stood in it is gone
	Counts  SectionKind = 3 // how many are in the cell, by state
)

const (
	unknownHeading     = 255
	unknownHeadingFull = math.MaxUint16
	headingStep        = 1.5 // degrees, of a move
	flagSimulated      = 1
	unit               = 1e7 // degrees to the whole numbers of the wire
)

// Class is what patrols are counted by: who was heard of lately by status, everybody
// else by presence.
type Class uint8

// Classes of a count, in their order on the wire.
const (
	Free Class = iota
	Assigned
	EnRoute
	OnScene
	Break
	Stale
	Lost
	Classes = 7
)

// ClassOf is how a patrol is counted.
func ClassOf(s dispatch.Status, p dispatch.Presence) Class {
	switch p {
	case dispatch.Stale:
		return Stale
	case dispatch.Lost:
		return Lost
	}
	switch s {
	case dispatch.Assigned:
		return Assigned
	case dispatch.EnRoute:
		return EnRoute
	case dispatch.OnScene:
		return OnScene
	case dispatch.Break:
		return Break
	}
	return Free
}

var (
	statuses  = [...]dispatch.Status{dispatch.OffDuty, dispatch.Free, dispatch.Assigned, dispatch.EnRoute, dispatch.OnScene, dispatch.Break}
	presences = [...]dispatch.Presence{dispatch.Online, dispatch.Still, dispatch.Stale, dispatch.Lost}
)

// stateOf packs status and presence; a word that the layout does not know becomes the
// first of its kind.
func stateOf(s dispatch.Status, p dispatch.Presence) (b uint8) {
	switch s {
	case dispatch.Free:
		b = 1
	case dispatch.Assigned:
		b = 2
	case dispatch.EnRoute:
		b = 3
	case dispatch.OnScene:
		b = 4
	case dispatch.Break:
		b = 5
	}
	switch p {
	case dispatch.Still:
		b |= 1 << 3
	case dispatch.Stale:
		b |= 2 << 3
	case dispatch.Lost:
		b |= 3 << 3
	}
	return b
}

// Patrol is a patrol as the channel shows it.
type Patrol struct {
	Number     uint32 // names it in moves, as long as the node runs
	ID         uuid.UUID
	Point      geo.Point
	HeadingDeg float64 // NaN if unknown
	Status     dispatch.Status
	Presence   dispatch.Presence
	TMS        int64 // time of the fix, milliseconds since 1970
	Version    int64
	Department string
	Simulated  bool
}

// Ground is where a cell lies and how finely places in it are told.
type Ground struct {
	Cell     cell.Cell
	Lon, Lat int32 // of its middle, 1e-7 degrees
	Step     uint8 // an offset counts 2^Step of 1e-7 degrees
}

// coarsest is the largest step: 2^6 of 1e-7 degrees, some 70 cm.
const coarsest = 6

// GroundOf makes offsets as fine as 16 bits allow within the box around a cell. A
// place that does not fit is told in full, so that any cell will do.
func GroundOf(c cell.Cell, middle geo.Point, around geo.Box) Ground {
	g := Ground{Cell: c, Lon: int32(math.Round(middle.Lon * unit)), Lat: int32(math.Round(middle.Lat * unit))}
	far := max(around.East-middle.Lon, middle.Lon-around.West, around.North-middle.Lat, middle.Lat-around.South) * unit
	for g.Step < coarsest && far > math.MaxInt16*float64(int(1)<<g.Step) {
		g.Step++
	}
	return g
}

// AppendHead begins a message: its number, and the moment that ages count from. Afresh
// means that nothing shown before is shown any more.
func AppendHead(b []byte, seq uint32, atMS int64, afresh bool) []byte {
	flags := byte(0)
	if afresh {
		flags = flagAfresh
	}
	b = append(b, kindPositions, flags)
	b = binary.BigEndian.AppendUint32(b, seq)
	return binary.BigEndian.AppendUint64(b, uint64(atMS))
}

// AppendSection adds what is new in a cell, or all of it: who left it, who is told in
// full, who moved. The parts are what AppendLeft, AppendFull and AppendMove made.
func AppendSection(b []byte, kind SectionKind, g Ground, lefts, fulls uint32, left, full, moved []byte) []byte {
	b = append(b, byte(kind), g.Step)
	b = binary.BigEndian.AppendUint64(b, uint64(g.Cell))
	b = binary.BigEndian.AppendUint32(b, uint32(g.Lon))
	b = binary.BigEndian.AppendUint32(b, uint32(g.Lat))
	b = binary.BigEndian.AppendUint32(b, lefts)
	b = binary.BigEndian.AppendUint32(b, fulls)
	b = binary.BigEndian.AppendUint32(b, uint32(len(moved)/MoveBytes))
	return append(append(append(b, left...), full...), moved...)
}

// AppendClosed says that a cell is looked at no more.
func AppendClosed(b []byte, c cell.Cell) []byte {
	return binary.BigEndian.AppendUint64(append(b, byte(Closed), 0), uint64(c))
}

// AppendCounts says how many are in a cell.
func AppendCounts(b []byte, g Ground, n *[Classes]uint32) []byte {
	b = binary.BigEndian.AppendUint64(append(b, byte(Counts), 0), uint64(g.Cell))
	b = binary.BigEndian.AppendUint32(b, uint32(g.Lon))
	b = binary.BigEndian.AppendUint32(b, uint32(g.Lat))
	for _, v := range n {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

// AppendLeft says that a patrol stands in the cell no more.
func AppendLeft(b []byte, number uint32) []byte { return binary.BigEndian.AppendUint32(b, number) }

// AppendFull tells a patrol with all there is to know of it.
func AppendFull(b []byte, p *Patrol) []byte {
	heading := uint16(unknownHeadingFull)
	if !math.IsNaN(p.HeadingDeg) {
		heading = uint16(max(0, min(math.Round(p.HeadingDeg*100), 36000)))
	}
	flags := byte(0)
	if p.Simulated {
		flags = flagSimulated
	}
	department := p.Department[:min(len(p.Department), 255)]
	b = binary.BigEndian.AppendUint32(b, p.Number)
	b = append(b, p.ID[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(int32(math.Round(p.Point.Lon*unit))))
	b = binary.BigEndian.AppendUint32(b, uint32(int32(math.Round(p.Point.Lat*unit))))
	b = binary.BigEndian.AppendUint64(b, uint64(p.TMS))
	b = binary.BigEndian.AppendUint32(b, uint32(max(0, min(p.Version, math.MaxUint32))))
	b = binary.BigEndian.AppendUint16(b, heading)
	b = append(b, stateOf(p.Status, p.Presence), flags, byte(len(department)))
	return append(b, department...)
}

// AppendMove tells where a patrol that is known already has got to, unless a short
// record cannot hold it: the place is too far from the middle of the cell, or the fix
// is of the future or over a minute old.
func AppendMove(b []byte, g Ground, p *Patrol, atMS int64) ([]byte, bool) {
	age := atMS - p.TMS
	dx := (int64(math.Round(p.Point.Lon*unit)) - int64(g.Lon)) >> g.Step
	dy := (int64(math.Round(p.Point.Lat*unit)) - int64(g.Lat)) >> g.Step
	if age < 0 || age > math.MaxUint16 || dx != int64(int16(dx)) || dy != int64(int16(dy)) {
		return b, false
	}
	heading := byte(unknownHeading)
	if !math.IsNaN(p.HeadingDeg) {
		heading = byte(int(math.Round(p.HeadingDeg/headingStep)) % int(360/headingStep))
	}
	n := p.Number
	return append(b, byte(n>>24), byte(n>>16), byte(n>>8), byte(n), byte(dx>>8), byte(dx), byte(dy>>8), byte(dy),
		heading, stateOf(p.Status, p.Presence), byte(age>>8), byte(age)), true
}
