package liveframe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
)

// Message is a binary message as it stands on the wire.
type Message struct {
	Seq      uint32
	AtMS     int64
	Afresh   bool
	Sections []Section
}

// Section is what a message tells of one cell.
type Section struct {
	Kind SectionKind
	Cell cell.Cell
	// Middle is where the counts of the cell are shown.
	Middle geo.Point
	Left   []uint32
	Full   []Patrol
	Moved  []Move
	Counts [Classes]uint32
}

// Move is what is new of a patrol that is known already.
type Move struct {
	Number     uint32
	Point      geo.Point
	HeadingDeg float64
	Status     dispatch.Status
	Presence   dispatch.Presence
	TMS        int64
}

var errShort = errors.New("the message ends within a record")

// Decode reads a message. It takes no more memory than some six times the message.
func Decode(b []byte) (Message, error) {
	if len(b) < HeadBytes || b[0] != kindPositions || b[1]&^flagAfresh != 0 {
		return Message{}, errors.New("not a message of positions")
	}
	m := Message{Afresh: b[1]&flagAfresh != 0, Seq: binary.BigEndian.Uint32(b[2:]), AtMS: int64(binary.BigEndian.Uint64(b[6:]))}
	for b = b[HeadBytes:]; len(b) > 0; {
		var s Section
		var err error
		if s, b, err = decodeSection(b, m.AtMS); err != nil {
			return Message{}, fmt.Errorf("section %d: %w", len(m.Sections), err)
		}
		m.Sections = append(m.Sections, s)
	}
	return m, nil
}

func decodeSection(b []byte, atMS int64) (s Section, rest []byte, err error) {
	if len(b) < sectionHead {
		return s, nil, errShort
	}
	step := b[1]
	s.Kind, s.Cell = SectionKind(b[0]), cell.Cell(binary.BigEndian.Uint64(b[2:]))
	switch {
	case s.Kind > Counts || step > coarsest:
		return s, nil, fmt.Errorf("kind %d with steps of 2^%d is not known", s.Kind, step)
	case s.Kind == Closed:
		return s, b[sectionHead:], nil
	case s.Kind == Counts && len(b) < countBytes, s.Kind != Counts && len(b) < groundHead:
		return s, nil, errShort
	}
	lon, lat := int32(binary.BigEndian.Uint32(b[10:])), int32(binary.BigEndian.Uint32(b[14:]))
	s.Middle = geo.Point{Lon: float64(lon) / unit, Lat: float64(lat) / unit}
	if s.Kind == Counts {
		for i := range s.Counts {
			s.Counts[i] = binary.BigEndian.Uint32(b[18+4*i:])
		}
		return s, b[countBytes:], nil
	}
	lefts, fulls, moves := uint64(binary.BigEndian.Uint32(b[18:])), uint64(binary.BigEndian.Uint32(b[22:])), uint64(binary.BigEndian.Uint32(b[26:]))
	b = b[groundHead:]
	if lefts*LeftBytes+fulls*fullBytes+moves*MoveBytes > uint64(len(b)) {
		return s, nil, errShort
	}
	for range lefts {
		s.Left, b = append(s.Left, binary.BigEndian.Uint32(b)), b[LeftBytes:]
	}
	for range fulls {
		if len(b) < fullBytes || len(b) < fullBytes+int(b[fullBytes-1]) {
			return s, nil, errShort
		}
		p, err := decodeFull(b)
		if err != nil {
			return s, nil, err
		}
		s.Full, b = append(s.Full, p), b[fullBytes+int(b[fullBytes-1]):]
	}
	for range moves {
		if len(b) < MoveBytes {
			return s, nil, errShort
		}
		m, err := decodeMove(b, lon, lat, step, atMS)
		if err != nil {
			return s, nil, err
		}
		s.Moved, b = append(s.Moved, m), b[MoveBytes:]
	}
	return s, b, nil
}

func decodeFull(b []byte) (p Patrol, err error) {
	p = Patrol{
		Number:     binary.BigEndian.Uint32(b),
		ID:         uuid.UUID(b[4:20]),
		Point:      geo.Point{Lon: float64(int32(binary.BigEndian.Uint32(b[20:]))) / unit, Lat: float64(int32(binary.BigEndian.Uint32(b[24:]))) / unit},
		TMS:        int64(binary.BigEndian.Uint64(b[28:])),
		Version:    int64(binary.BigEndian.Uint32(b[36:])),
		HeadingDeg: math.NaN(),
		Simulated:  b[43]&flagSimulated != 0,
		Department: string(b[fullBytes : fullBytes+int(b[44])]),
	}
	if h := binary.BigEndian.Uint16(b[40:]); h != unknownHeadingFull {
		p.HeadingDeg = float64(h) / 100
	}
	p.Status, p.Presence, err = decodeState(b[42])
	return p, err
}

func decodeMove(b []byte, lon, lat int32, step uint8, atMS int64) (m Move, err error) {
	// The middle of what the offset stands for: nobody is moved south-west by rounding.
	half := float64(int(1)<<step-1) / 2
	dx, dy := int64(int16(binary.BigEndian.Uint16(b[4:])))<<step, int64(int16(binary.BigEndian.Uint16(b[6:])))<<step
	m = Move{
		Number:     binary.BigEndian.Uint32(b),
		Point:      geo.Point{Lon: (float64(int64(lon)+dx) + half) / unit, Lat: (float64(int64(lat)+dy) + half) / unit},
		HeadingDeg: math.NaN(),
		TMS:        atMS - int64(binary.BigEndian.Uint16(b[10:])),
	}
	if b[8] != unknownHeading {
		m.HeadingDeg = float64(b[8]) * headingStep
	}
	m.Status, m.Presence, err = decodeState(b[9])
	return m, err
}

func decodeState(b uint8) (dispatch.Status, dispatch.Presence, error) {
	if b>>5 != 0 || int(b&7) >= len(statuses) {
		return "", "", fmt.Errorf("state %d is not known", b)
	}
	return statuses[b&7], presences[b>>3], nil
}

// Picture is what a program that follows the channel knows: the patrols that it was
// told of, and the counts.
type Picture struct {
	Patrols map[uint32]Patrol
	Counts  map[cell.Cell][Classes]uint32

	in      map[uint32]cell.Cell
	numbers map[cell.Cell]map[uint32]struct{}
}

// NewPicture is an empty one.
func NewPicture() *Picture {
	return &Picture{Patrols: map[uint32]Patrol{}, Counts: map[cell.Cell][Classes]uint32{}, in: map[uint32]cell.Cell{}, numbers: map[cell.Cell]map[uint32]struct{}{}}
}

// Apply takes a message over. A patrol that goes from one cell to another may be told
// in the one before it has left the other, or after: it stands where it was told last.
func (p *Picture) Apply(m Message) error {
	if m.Afresh {
		*p = *NewPicture()
	}
	for i := range m.Sections {
		s := &m.Sections[i]
		switch s.Kind {
		case Counts:
			p.Counts[s.Cell] = s.Counts
			continue
		case Closed, Whole:
			delete(p.Counts, s.Cell)
			for n := range p.numbers[s.Cell] {
				p.drop(n, s.Cell)
			}
		}
		for _, n := range s.Left {
			p.drop(n, s.Cell)
		}
		for _, full := range s.Full {
			if from, known := p.in[full.Number]; known {
				delete(p.numbers[from], full.Number)
			}
			if p.numbers[s.Cell] == nil {
				p.numbers[s.Cell] = map[uint32]struct{}{}
			}
			p.numbers[s.Cell][full.Number] = struct{}{}
			p.in[full.Number], p.Patrols[full.Number] = s.Cell, full
		}
		for _, move := range s.Moved {
			known, ok := p.Patrols[move.Number]
			if !ok || p.in[move.Number] != s.Cell {
				return fmt.Errorf("patrol %d moves in %v and was never told of there", move.Number, s.Cell)
			}
			known.Point, known.HeadingDeg, known.TMS = move.Point, move.HeadingDeg, move.TMS
			known.Status, known.Presence = move.Status, move.Presence
			p.Patrols[move.Number] = known
		}
	}
	return nil
}

func (p *Picture) drop(n uint32, from cell.Cell) {
	if p.in[n] == from {
		delete(p.Patrols, n)
		delete(p.in, n)
		delete(p.numbers[from], n)
	}
}

// T is the time of a fix.
func (p *Patrol) T() time.Time { return time.UnixMilli(p.TMS).UTC() }
