package natsbus

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/gridpatrol/gridpatrol/realtime"
)

// A message is a head and records of one size, all numbers big-endian:
//
//	0  'G' 'P'      what it is
//	2  version      of the layout; a reader takes up to its own
//	3  kind
//	4  node         16 bytes, who says it
//	20 sequence     8 bytes, counts the node's messages without holes
//	28 count        4 bytes, of records
//	32 size         2 bytes, of one record; what a later release appends to a record
//	                is passed over by a reader that does not know it
//	34 records
//
// A new field goes to the end of a record. Only a change that an older reader would
// misread takes a new version, and then a release must send the old one until no node
// of the release before is left.
const (
	version  = 1
	headSize = 34
)

type kind uint8

const (
	kindPulse  kind = 1 // I am here; no records
	kindPlaces kind = 2
	kindClaims kind = 3
	kindRing   kind = 4 // I have committed something that the outbox tells of; no records
	kindBye    kind = 5 // I go; no records
)

const (
	placeLeast = 92 // as the first release sent it
	placeSize  = 101
	claimSize  = 40
	// recordsAtOnce bounds a message: 4,096 places are 414 KB, and NATS carries 1 MB.
	recordsAtOnce = 4096
)

// Why a message was dropped.
var (
	errNotOurs   = errors.New("malformed")
	errVersion   = errors.New("version")
	errKind      = errors.New("kind")
	errBadRecord = errors.New("record")
)

// head is what every message begins with.
type head struct {
	kind kind
	node uuid.UUID
	seq  uint64
}

func appendHead(b []byte, h head, count, size int) []byte {
	b = append(b, 'G', 'P', version, byte(h.kind))
	b = append(b, h.node[:]...)
	b = binary.BigEndian.AppendUint64(b, h.seq)
	b = binary.BigEndian.AppendUint32(b, uint32(count))
	return binary.BigEndian.AppendUint16(b, uint16(size))
}

// records is the body of a message that has been found whole.
type records struct {
	count, size int
	body        []byte
}

func (r records) at(i int) []byte { return r.body[i*r.size : (i+1)*r.size] }

// openMessage reads a head and checks that the records are as long as it says.
func openMessage(b []byte) (head, records, error) {
	if len(b) < headSize || b[0] != 'G' || b[1] != 'P' {
		return head{}, records{}, errNotOurs
	}
	if b[2] == 0 || b[2] > version {
		return head{}, records{}, errVersion
	}
	h := head{kind: kind(b[3]), node: uuid.UUID(b[4:20]), seq: binary.BigEndian.Uint64(b[20:])}
	r := records{count: int(binary.BigEndian.Uint32(b[28:])), size: int(binary.BigEndian.Uint16(b[32:])), body: b[headSize:]}
	least, known := map[kind]int{kindPulse: 0, kindPlaces: placeLeast, kindClaims: claimSize, kindRing: 0, kindBye: 0}[h.kind]
	switch {
	case !known:
		return h, records{}, errKind
	case r.size < least, r.count > recordsAtOnce, r.count*r.size != len(r.body):
		return h, records{}, errNotOurs
	}
	return h, r, nil
}

func appendPlace(b []byte, p *realtime.Place) []byte {
	b = append(b, p.Patrol.UUID[:]...)
	b = append(b, p.Device.UUID[:]...)
	b = append(b, p.Stream[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(p.Seq))
	b = binary.BigEndian.AppendUint64(b, uint64(p.T.UnixMicro()))
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(p.Point.Lon))
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(p.Point.Lat))
	for _, v := range [...]float64{p.AccuracyM, p.SpeedMS, p.HeadingDeg} {
		b = binary.BigEndian.AppendUint32(b, math.Float32bits(float32(v)))
	}
	b = binary.BigEndian.AppendUint32(b, uint32(int32(p.Off/time.Millisecond)))
	b = append(b, byte(max(0, slices.Index(datums[:], p.Datum))))
	return binary.BigEndian.AppendUint32(b, math.Float32bits(float32(p.Battery)))
}

// datums are those of a place by their byte; one that is not known counts as the first.
var datums = [...]geo.CRS{"", geo.GCJ02, geo.BD09}

// readPlace takes a record of placeLeast bytes or more. The cell is worked out anew: it
// follows from the point.
func readPlace(b []byte) (realtime.Place, error) {
	p := realtime.Place{
		Patrol: dispatch.PatrolID{UUID: uuid.UUID(b[0:16])}, Device: dispatch.DeviceID{UUID: uuid.UUID(b[16:32])}, Stream: uuid.UUID(b[32:48]),
		Seq: int64(binary.BigEndian.Uint64(b[48:])), T: time.UnixMicro(int64(binary.BigEndian.Uint64(b[56:]))).UTC(),
		Point:     geo.Point{Lon: math.Float64frombits(binary.BigEndian.Uint64(b[64:])), Lat: math.Float64frombits(binary.BigEndian.Uint64(b[72:]))},
		AccuracyM: measure(b[80:]), SpeedMS: measure(b[84:]), HeadingDeg: measure(b[88:]),
		Battery: math.NaN(),
	}
	if len(b) >= placeSize {
		p.Off = time.Duration(int32(binary.BigEndian.Uint32(b[92:]))) * time.Millisecond
		if d := int(b[96]); d < len(datums) {
			p.Datum = datums[d]
		}
		p.Battery = measure(b[97:])
	}
	// Comparisons that fail for NaN too.
	if !(math.Abs(p.Point.Lon) <= 180) || !(math.Abs(p.Point.Lat) <= 90) || p.Seq < 0 || p.T.Year() < 2000 || p.T.Year() > 9999 {
		return realtime.Place{}, errBadRecord
	}
	p.Cell = cell.At(p.Point, cell.Res)
	return p, nil
}

// measure is NaN where the device did not say.
func measure(b []byte) float64 {
	v := float64(math.Float32frombits(binary.BigEndian.Uint32(b)))
	if math.IsInf(v, 0) {
		return math.NaN()
	}
	return v
}

func appendClaim(b []byte, c *realtime.Claim) []byte {
	b = append(b, c.Key.Device.UUID[:]...)
	b = append(b, c.Key.Stream[:]...)
	return binary.BigEndian.AppendUint64(b, uint64(c.At.UnixMicro()))
}

// readClaim takes a record of claimSize bytes or more.
func readClaim(b []byte) realtime.Claim {
	return realtime.Claim{
		Key: realtime.StreamKey{Device: dispatch.DeviceID{UUID: uuid.UUID(b[0:16])}, Stream: uuid.UUID(b[16:32])},
		At:  time.UnixMicro(int64(binary.BigEndian.Uint64(b[32:]))),
	}
}
