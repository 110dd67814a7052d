package beacon

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// SubprotocolBinary is the channel for devices that send much or have little: the
// same messages with the same meaning, where a burst of fixes goes up, and an
// acknowledgement comes down, as a binary message; all else is the JSON text of
// Subprotocol. docs/beacon.md has the layout with test vectors.
const SubprotocolBinary = "gridpatrol.beacon.v1.bin"

// RecordBytes is one fix in a binary burst. All numbers are big-endian.
//
//	 0  uint64  seq
//	 8  int64   t, milliseconds since 1970-01-01T00:00:00Z
//	16  int32   lon, 1e-7 degrees
//	20  int32   lat, 1e-7 degrees
//	24  uint16  accuracy, decimetres; 65535 unknown
//	26  uint16  speed, centimetres a second; 65535 unknown
//	28  uint16  heading, hundredths of a degree, 0 to 36000; 65535 unknown
//	30  uint8   battery, half percents, 0 to 200; 255 unknown
//	31  uint8   flags: 1 mock; the others are 0
const RecordBytes = 32

const (
	unknown16 = math.MaxUint16
	unknown8  = math.MaxUint8
	flagMock  = 1
	// lastMS is the end of the year 9999, as far as a JSON fix may say.
	lastMS = 253402300799999
)

// DecodeFixesBinary reads a burst. What it cannot read at all is a *ProtocolError; a
// record whose values cannot be is rejected by its sequence and costs no other
// anything. Whether a place or a time is plausible is not looked at, as with JSON.
func DecodeFixesBinary(message []byte) (Fixes, error) {
	n := len(message) / RecordBytes
	switch {
	case n == 0 || len(message)%RecordBytes != 0:
		return Fixes{}, protocolf("a binary message is whole records of %d bytes, not %d", RecordBytes, len(message))
	case n > MaxFixes:
		return Fixes{}, protocolf("fixes: %d, at most %d in a message", n, MaxFixes)
	}
	out := Fixes{Good: make([]Fix, 0, n)}
	for i := range n {
		r := message[i*RecordBytes:][:RecordBytes]
		seq := binary.BigEndian.Uint64(r)
		if seq < 1 || seq > MaxSeq {
			return Fixes{}, protocolf("fixes[%d].seq: must be 1 to %d", i, int64(MaxSeq))
		}
		f, fault := decodeRecord(r)
		f.Seq = int64(seq)
		if fault != "" {
			out.Bad = append(out.Bad, Reject{Seq: f.Seq, Code: BadField, Detail: fault})
			continue
		}
		out.Good = append(out.Good, f)
	}
	return out, nil
}

func decodeRecord(r []byte) (f Fix, fault string) {
	ms := int64(binary.BigEndian.Uint64(r[8:]))
	heading, battery, flags := binary.BigEndian.Uint16(r[28:]), r[30], r[31]
	switch {
	case ms < 0 || ms > lastMS:
		return f, "t: must be from the year 1970 to 9999, in milliseconds"
	case heading > 36000 && heading != unknown16:
		return f, "heading: must be 0 to 36000, or 65535"
	case battery > 200 && battery != unknown8:
		return f, "battery: must be 0 to 200, or 255"
	case flags&^flagMock != 0:
		return f, fmt.Sprintf("flags: %d has bits that mean nothing", flags)
	}
	f = Fix{
		T:          time.UnixMilli(ms).UTC(),
		Lon:        float64(int32(binary.BigEndian.Uint32(r[16:]))) / 1e7,
		Lat:        float64(int32(binary.BigEndian.Uint32(r[20:]))) / 1e7,
		AccuracyM:  measure16(binary.BigEndian.Uint16(r[24:]), 10),
		SpeedMS:    measure16(binary.BigEndian.Uint16(r[26:]), 100),
		HeadingDeg: measure16(heading, 100),
		Battery:    math.NaN(),
		Mock:       flags&flagMock != 0,
	}
	if battery != unknown8 {
		f.Battery = float64(battery) / 200
	}
	return f, ""
}

func measure16(v uint16, unit float64) float64 {
	if v == unknown16 {
		return math.NaN()
	}
	return float64(v) / unit
}

// AppendFixesBinary encodes a burst and answers how many fixes it took, at most
// MaxFixes. Places are rounded to a centimetre, times down to a millisecond; a measure
// beyond what its field holds becomes the largest that it holds.
func AppendFixesBinary(b []byte, fixes []Fix) ([]byte, int) {
	n := min(len(fixes), MaxFixes)
	for _, f := range fixes[:n] {
		b = binary.BigEndian.AppendUint64(b, uint64(f.Seq))
		b = binary.BigEndian.AppendUint64(b, uint64(f.T.UnixMilli()))
		b = binary.BigEndian.AppendUint32(b, uint32(int32(math.Round(f.Lon*1e7))))
		b = binary.BigEndian.AppendUint32(b, uint32(int32(math.Round(f.Lat*1e7))))
		b = appendMeasure16(b, f.AccuracyM, 10)
		b = appendMeasure16(b, f.SpeedMS, 100)
		b = appendMeasure16(b, f.HeadingDeg, 100)
		battery, flags := byte(unknown8), byte(0)
		if !math.IsNaN(f.Battery) {
			battery = byte(math.Round(max(0, min(f.Battery, 1)) * 200))
		}
		if f.Mock {
			flags = flagMock
		}
		b = append(b, battery, flags)
	}
	return b, n
}

func appendMeasure16(b []byte, v, unit float64) []byte {
	if math.IsNaN(v) {
		return binary.BigEndian.AppendUint16(b, unknown16)
	}
	return binary.BigEndian.AppendUint16(b, uint16(max(0, min(math.Round(v*unit), unknown16-1))))
}

// AppendAckBinary encodes an acknowledgement: the sequence up to which all is safe,
// then for each range beyond a hole its first and its last, each a uint64.
func AppendAckBinary(b []byte, m Ack) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(m.Seq))
	for _, r := range m.Also {
		b = binary.BigEndian.AppendUint64(b, uint64(r.First))
		b = binary.BigEndian.AppendUint64(b, uint64(r.Last))
	}
	return b
}

// DecodeAckBinary reads what AppendAckBinary wrote, as a device does.
func DecodeAckBinary(message []byte) (Ack, error) {
	if len(message) < 8 || len(message)%16 != 8 {
		return Ack{}, fmt.Errorf("an acknowledgement of %d bytes", len(message))
	}
	m := Ack{Seq: int64(binary.BigEndian.Uint64(message))}
	for r := message[8:]; len(r) > 0; r = r[16:] {
		m.Also = append(m.Also, Range{First: int64(binary.BigEndian.Uint64(r)), Last: int64(binary.BigEndian.Uint64(r[8:]))})
	}
	return m, nil
}
