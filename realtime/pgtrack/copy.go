package pgtrack

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/gridpatrol/gridpatrol/realtime"
)

// appendCopy writes fixes in PostgreSQL's binary COPY form, in the column order of
// copyTracks. Written by hand it costs a fifth of what a generic encoder does.
func appendCopy(b []byte, fixes []realtime.TrackFix) []byte {
	const bytesAFix = 216
	if b == nil {
		b = make([]byte, 0, 32+bytesAFix*len(fixes))
	}
	b = append(b, "PGCOPY\n\xff\r\n\x00"...)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0) // flags, length of the header's extension
	for i := range fixes {
		f := &fixes[i]
		b = binary.BigEndian.AppendUint16(b, 17) // columns
		b = appendUUID(b, f.District.UUID)
		b = appendUUID(b, f.Key.Device.UUID)
		b = appendUUID(b, f.Key.Stream)
		b = appendInt8(b, f.Fix.Seq)
		b = appendTime(b, f.Fix.T)
		b = appendTime(b, f.ReceivedAt)
		b = appendUUID(b, f.Patrol.UUID)
		b = appendInt8(b, int64(f.Cell))
		b = appendInt8(b, int64(math.Float64bits(f.Fix.Lon)))
		b = appendInt8(b, int64(math.Float64bits(f.Fix.Lat)))
		b = appendReal(b, f.Fix.AccuracyM)
		b = appendReal(b, f.Fix.SpeedMS)
		b = appendReal(b, f.Fix.HeadingDeg)
		b = appendReal(b, f.Fix.Battery)
		b = append(b, 0, 0, 0, 1, 0)
		if f.Fix.Mock {
			b[len(b)-1] = 1
		}
		b = appendVerdict(b, f.Verdict)
		if f.Simulated {
			b = append(b, 0, 0, 0, 1, 1)
		} else {
			b = append(b, null...)
		}
	}
	return append(b, 0xff, 0xff)
}

func appendUUID(b []byte, u [16]byte) []byte {
	b = append(b, 0, 0, 0, 16)
	return append(b, u[:]...)
}

func appendInt8(b []byte, v int64) []byte {
	b = append(b, 0, 0, 0, 8)
	return binary.BigEndian.AppendUint64(b, uint64(v))
}

var epoch2000 = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// appendTime writes microseconds since 2000. Both ends are within the years 1970
// to 9999, where they fit.
func appendTime(b []byte, t time.Time) []byte {
	return appendInt8(b, t.UnixMicro()-epoch2000.UnixMicro())
}

var null = []byte{0xff, 0xff, 0xff, 0xff}

func appendReal(b []byte, v float64) []byte {
	if math.IsNaN(v) {
		return append(b, null...)
	}
	b = append(b, 0, 0, 0, 4)
	return binary.BigEndian.AppendUint32(b, math.Float32bits(float32(v)))
}

func appendVerdict(b []byte, v realtime.Verdict) []byte {
	if v == 0 {
		return append(b, null...)
	}
	s := v.String()
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

func realOrNil(v float64) *float32 {
	if math.IsNaN(v) {
		return nil
	}
	f := float32(v)
	return &f
}

func nanOr(v *float32) float64 {
	if v == nil {
		return math.NaN()
	}
	return float64(*v)
}
