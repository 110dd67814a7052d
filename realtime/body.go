package realtime

import (
	"encoding/binary"
	"math"
	"math/bits"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
)

// body is what every move reads of a patrol, in one line of the cache. It holds no
// pointer, so that the collector does not walk over it.
type body struct {
	id       uuid.UUID
	anchor   geo.Point // where it has stayed since anchorAt
	anchorAt int64     // nanoseconds, as t
	t        int64     // of the newest place
	where    uint32    // in its crowd: the place in a list, or the home in a raster
	crowd    uint32    // the number of its department's, from 1; 0 outside
	presence presenceCode
	placed   bool
	offDuty  bool
	taken    bool // somebody has this number
	datum    uint8
	battery  uint8 // in half percents, rounded down; noBattery if the device did not say
}

const noBattery = 255

// keepSmall is what there is room for in this line and not in the details'.
func (b *body) keepSmall(p *Place) {
	b.datum, b.battery = datumByte(p.Datum), noBattery
	if p.Battery >= 0 && p.Battery <= 1 {
		b.battery = uint8(p.Battery * 200)
	}
}

func (b *body) small(p *Place) {
	p.Datum, p.Battery = datums[b.datum], math.NaN()
	if b.battery != noBattery {
		p.Battery = float64(b.battery) / 200
	}
}

// detail is the rest, in two lines: a move writes it and reads none of it.
type detail struct {
	device     uuid.UUID
	stream     uuid.UUID
	seq        int64
	t          time.Time
	off        time.Duration
	point      geo.Point
	cell       cell.Cell
	accuracyM  float64
	speedMS    float64
	headingDeg float64
	enrolled   *Enrolled
}

func (d *detail) keep(p *Place) {
	d.device, d.stream, d.seq, d.t, d.off = p.Device.UUID, p.Stream, p.Seq, p.T, p.Off
	d.point, d.cell, d.accuracyM, d.speedMS, d.headingDeg = p.Point, p.Cell, p.AccuracyM, p.SpeedMS, p.HeadingDeg
}

func (d *detail) place(id uuid.UUID) Place {
	return Place{
		Patrol: dispatch.PatrolID{UUID: id}, Device: dispatch.DeviceID{UUID: d.device}, Stream: d.stream, Seq: d.seq, T: d.t, Off: d.off,
		Point: d.point, Cell: d.cell, AccuracyM: d.accuracyM, SpeedMS: d.speedMS, HeadingDeg: d.headingDeg,
	}
}

// judge says how present a patrol is at a moment.
func (b *body) judge(now int64) presenceCode {
	if !b.placed {
		return codeLost
	}
	// Of what devices are told the longest: it makes no difference.
	return presenceOf(time.Duration(now-b.t), time.Duration(b.t-b.anchorAt), IntervalLow)
}

// nanos is a moment in nanoseconds since 1970. What lies further off than a century and
// a half counts as that far, so that differences are right in their sign.
func nanos(t time.Time) int64 {
	const most int64 = math.MaxInt64 / 2
	if s := t.Unix(); s < most/int64(time.Second) && s > -most/int64(time.Second) {
		return t.UnixNano()
	} else if s > 0 {
		return most
	}
	return -most
}

// directory finds the number of a patrol by its id: a table with as many free places
// again, in which an id stands at its hash or in the next free place after it. A place
// holds the upper half of the hash and the number, 0 where it is free.
type directory struct {
	places []uint64
	used   int
}

func hashOf(id *uuid.UUID) uint64 {
	high, low := bits.Mul64(binary.LittleEndian.Uint64(id[:8])^0x9e3779b97f4a7c15, binary.LittleEndian.Uint64(id[8:])^0xd1b54a32d192ed03)
	return high ^ low
}

// find answers a number, from 1, or 0.
func (d *directory) find(id *uuid.UUID, bodies []body) uint32 {
	if len(d.places) == 0 {
		return 0
	}
	hash := hashOf(id)
	for i := d.start(hash); ; i = d.after(i) {
		v := d.places[i]
		if v == 0 {
			return 0
		}
		if uint32(v>>32) == uint32(hash>>32) && bodies[uint32(v)].id == *id {
			return uint32(v)
		}
	}
}

// touch fetches where the search for a hash begins; guess answers the first number there
// whose half of the hash fits, without looking at its body.
func (d *directory) touch(hash uint64) uint32 {
	if len(d.places) == 0 {
		return 0
	}
	return uint32(d.places[d.start(hash)])
}

func (d *directory) guess(hash uint64) uint32 {
	if len(d.places) == 0 {
		return 0
	}
	for i := d.start(hash); ; i = d.after(i) {
		if v := d.places[i]; v == 0 || uint32(v>>32) == uint32(hash>>32) {
			return uint32(v)
		}
	}
}

func (d *directory) start(hash uint64) int { return int(hash & uint64(len(d.places)-1)) }
func (d *directory) after(i int) int       { return (i + 1) & (len(d.places) - 1) }

// reserve makes room for so many in all.
func (d *directory) reserve(n int, bodies []body) {
	if 2*n <= len(d.places) {
		return
	}
	old := d.places
	d.places = huge[uint64](1 << bits.Len(uint(2*n-1)))
	d.used = 0
	for _, v := range old {
		if v != 0 {
			d.put(hashOf(&bodies[uint32(v)].id), uint32(v))
		}
	}
}

func (d *directory) put(hash uint64, number uint32) {
	i := d.start(hash)
	for d.places[i] != 0 {
		i = d.after(i)
	}
	d.places[i] = hash>>32<<32 | uint64(number)
	d.used++
}

// remove lets those after a free place come nearer to where they belong.
func (d *directory) remove(number uint32, bodies []body) {
	i := d.start(hashOf(&bodies[number].id))
	for uint32(d.places[i]) != number {
		i = d.after(i)
	}
	mask := len(d.places) - 1
	for j := d.after(i); d.places[j] != 0; j = d.after(j) {
		home := d.start(hashOf(&bodies[uint32(d.places[j])].id))
		if (j-home)&mask >= (j-i)&mask {
			d.places[i] = d.places[j]
			i = j
		}
	}
	d.places[i] = 0
	d.used--
}
