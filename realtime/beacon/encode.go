package beacon

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// Down is a message from the server to a device.
type Down interface{ appendJSON([]byte) []byte }

// Append encodes a message at the end of b.
func Append(b []byte, m Down) []byte { return m.appendJSON(b) }

func (m Hello) appendJSON(b []byte) []byte {
	b = append(b, `{"type":"hello","stream":"`...)
	b = append(b, m.Stream.String()...)
	b = append(b, `","acked":`...)
	b = strconv.AppendInt(b, m.Acked, 10)
	b = append(b, `,"interval_s":`...)
	b = strconv.AppendInt(b, int64(m.IntervalS), 10)
	b = append(b, `,"server_time":"`...)
	b = m.ServerTime.UTC().AppendFormat(b, timeFormat)
	return append(b, `"}`...)
}

func (m Ack) appendJSON(b []byte) []byte {
	b = append(b, `{"type":"ack","seq":`...)
	b = strconv.AppendInt(b, m.Seq, 10)
	if len(m.Also) > 0 {
		b = append(b, `,"also":[`...)
		for i, r := range m.Also {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, '[')
			b = strconv.AppendInt(b, r.First, 10)
			b = append(b, ',')
			b = strconv.AppendInt(b, r.Last, 10)
			b = append(b, ']')
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

func (m Reject) appendJSON(b []byte) []byte {
	b = append(b, `{"type":"reject","seq":`...)
	b = strconv.AppendInt(b, m.Seq, 10)
	b = append(b, `,"code":"`...)
	b = append(b, m.Code...)
	b = append(b, `","detail":`...)
	b = appendString(b, m.Detail)
	return append(b, '}')
}

func (m Interval) appendJSON(b []byte) []byte {
	b = append(b, `{"type":"interval","interval_s":`...)
	b = strconv.AppendInt(b, int64(m.IntervalS), 10)
	return append(b, '}')
}

func (m Offer) appendJSON(b []byte) []byte    { return appendTyped(b, "offer", m) }
func (m Recall) appendJSON(b []byte) []byte   { return appendTyped(b, "recall", m) }
func (m Mission) appendJSON(b []byte) []byte  { return appendTyped(b, "mission", m) }
func (m HandOver) appendJSON(b []byte) []byte { return appendTyped(b, "hand_over", m) }
func (m Notice) appendJSON(b []byte) []byte   { return appendTyped(b, "notice", m) }

// appendTyped puts the type first into an object that encoding/json wrote. The
// values come from the service itself and always encode.
func appendTyped(b []byte, name string, v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic("beacon: " + err.Error())
	}
	b = append(b, `{"type":"`...)
	b = append(b, name...)
	b = append(b, `",`...)
	return append(b, body[1:]...)
}

func appendString(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic("beacon: " + err.Error())
	}
	return append(b, quoted...)
}

// timeFormat is RFC 3339 with milliseconds, what a phone's clock can tell.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// AppendStart encodes a device's start.
func AppendStart(b []byte, m Start) []byte {
	b = append(b, `{"type":"start","stream":"`...)
	b = append(b, m.Stream.String()...)
	b = append(b, `","lowest_held":`...)
	b = strconv.AppendInt(b, m.LowestHeld, 10)
	if m.Speed > 1 {
		b = append(b, `,"speed":`...)
		b = strconv.AppendFloat(b, m.Speed, 'f', -1, 64)
	}
	return append(b, '}')
}

// AppendFixes encodes a burst; it stops before a fix that would carry the message
// over its limits and answers how many it took.
func AppendFixes(b []byte, fixes []Fix) ([]byte, int) {
	start := len(b)
	b = append(b, `{"type":"fixes","fixes":[`...)
	n := 0
	for _, f := range fixes {
		mark := len(b)
		if n > 0 {
			b = append(b, ',')
		}
		b = appendFix(b, f)
		if n > 0 && (n == MaxFixes || len(b)-start > MaxMessageBytes-2) {
			b = b[:mark]
			break
		}
		n++
	}
	return append(b, ']', '}'), n
}

func appendFix(b []byte, f Fix) []byte {
	b = append(b, `{"seq":`...)
	b = strconv.AppendInt(b, f.Seq, 10)
	b = append(b, `,"t":"`...)
	b = f.T.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","lon":`...)
	b = strconv.AppendFloat(b, f.Lon, 'f', -1, 64)
	b = append(b, `,"lat":`...)
	b = strconv.AppendFloat(b, f.Lat, 'f', -1, 64)
	b = appendMeasure(b, `,"accuracy_m":`, f.AccuracyM)
	b = appendMeasure(b, `,"speed_ms":`, f.SpeedMS)
	b = appendMeasure(b, `,"heading_deg":`, f.HeadingDeg)
	b = appendMeasure(b, `,"battery":`, f.Battery)
	if f.Mock {
		b = append(b, `,"mock":true`...)
	}
	return append(b, '}')
}

func appendMeasure(b []byte, key string, v float64) []byte {
	if math.IsNaN(v) {
		return b
	}
	return strconv.AppendFloat(append(b, key...), v, 'f', -1, 64)
}
