package beacon

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/google/uuid"
)

// ProtocolError is a message that cannot be understood; its text is the reason
// of the close frame and names the field.
type ProtocolError struct{ Reason string }

func (e *ProtocolError) Error() string { return e.Reason }

func protocolf(format string, args ...any) error {
	return &ProtocolError{Reason: fmt.Sprintf(format, args...)}
}

type upMessage struct {
	Type       string            `json:"type"`
	Stream     *string           `json:"stream"`
	LowestHeld *int64            `json:"lowest_held"`
	Speed      *float64          `json:"speed"`
	Fixes      []json.RawMessage `json:"fixes"`
}

// DecodeUp reads one message of a device: a Start or a Fixes. A message that is
// no message at all is a *ProtocolError; a fix whose sequence can be read but
// whose values cannot is rejected by name and costs no other fix anything.
// Unknown fields are ignored.
func DecodeUp(message []byte) (any, error) {
	if len(message) > MaxMessageBytes {
		return nil, protocolf("a message is at most %d bytes", MaxMessageBytes)
	}
	if fixes, ok := scanFixes(message); ok {
		return fixes, nil
	}
	return decodeUp(message)
}

// decodeUp is DecodeUp for any message, however it is written.
func decodeUp(message []byte) (any, error) {
	var m upMessage
	if err := json.Unmarshal(message, &m); err != nil {
		return nil, protocolf("not a beacon message: %s", jsonFault(err))
	}
	switch m.Type {
	case "start":
		return decodeStart(m)
	case "fixes":
		return decodeFixes(m.Fixes)
	case "":
		return nil, protocolf("type: missing")
	default:
		return nil, protocolf("type: %q is not start or fixes", clip(m.Type))
	}
}

func decodeStart(m upMessage) (any, error) {
	if m.Stream == nil {
		return nil, protocolf("stream: missing")
	}
	stream, err := uuid.Parse(*m.Stream)
	if err != nil || stream == uuid.Nil || len(*m.Stream) != 36 {
		return nil, protocolf("stream: %q is not a UUID", clip(*m.Stream))
	}
	if m.LowestHeld == nil {
		return nil, protocolf("lowest_held: missing")
	}
	if *m.LowestHeld < 1 || *m.LowestHeld > MaxSeq {
		return nil, protocolf("lowest_held: must be 1 to %d", int64(MaxSeq))
	}
	speed := 1.0
	if m.Speed != nil {
		speed = *m.Speed
	}
	if !(speed >= 1 && speed <= MaxSpeed) {
		return nil, protocolf("speed: must be 1 to %d", MaxSpeed)
	}
	return Start{Stream: stream, LowestHeld: *m.LowestHeld, Speed: speed}, nil
}

func decodeFixes(raw []json.RawMessage) (any, error) {
	if len(raw) == 0 {
		return nil, protocolf("fixes: missing or empty")
	}
	if len(raw) > MaxFixes {
		return nil, protocolf("fixes: %d, at most %d in a message", len(raw), MaxFixes)
	}
	out := Fixes{Good: make([]Fix, 0, len(raw))}
	for i, r := range raw {
		fix, reject, err := decodeFix(r)
		switch {
		case err != nil:
			return nil, protocolf("fixes[%d].%s", i, err)
		case reject != nil:
			out.Bad = append(out.Bad, *reject)
		default:
			out.Good = append(out.Good, fix)
		}
	}
	return out, nil
}

// What a measure can be at most, so that it says something.
const (
	maxAccuracyM = 1e7 // larger than the earth
	maxSpeedMS   = 1e4
)

type fixFields struct {
	T          string   `json:"t"`
	Lon        *float64 `json:"lon"`
	Lat        *float64 `json:"lat"`
	AccuracyM  *float64 `json:"accuracy_m"`
	SpeedMS    *float64 `json:"speed_ms"`
	HeadingDeg *float64 `json:"heading_deg"`
	Battery    *float64 `json:"battery"`
	Mock       bool     `json:"mock"`
}

// decodeFix answers a fix, or a reject by its name, or an error when it has no
// name to be rejected by.
func decodeFix(raw json.RawMessage) (Fix, *Reject, error) {
	var name struct {
		Seq *int64 `json:"seq"`
	}
	if err := json.Unmarshal(raw, &name); err != nil {
		return Fix{}, nil, fmt.Errorf("seq: %s", jsonFault(err))
	}
	if name.Seq == nil {
		return Fix{}, nil, errors.New("seq: missing")
	}
	seq := *name.Seq
	if seq < 1 || seq > MaxSeq {
		return Fix{}, nil, fmt.Errorf("seq: must be 1 to %d", int64(MaxSeq))
	}
	refuse := func(code Code, format string, args ...any) (Fix, *Reject, error) {
		return Fix{}, &Reject{Seq: seq, Code: code, Detail: fmt.Sprintf(format, args...)}, nil
	}
	var f fixFields
	if err := json.Unmarshal(raw, &f); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && (wrong.Field == "lon" || wrong.Field == "lat") {
			return refuse(BadCoordinate, "%s", jsonFault(err))
		}
		return refuse(BadField, "%s", jsonFault(err))
	}
	if f.T == "" {
		return refuse(BadField, "t: missing")
	}
	t, err := time.Parse(time.RFC3339Nano, f.T)
	if err != nil {
		return refuse(BadField, "t: %q is not RFC 3339 with a zone", clip(f.T))
	}
	if y := t.UTC().Year(); y < 1970 || y > 9999 {
		return refuse(BadField, "t: the year %d cannot be", y)
	}
	if f.Lon == nil || f.Lat == nil {
		return refuse(BadCoordinate, "lon and lat: missing")
	}
	fix := Fix{
		Seq: seq, T: t.UTC().Truncate(time.Microsecond), Lon: *f.Lon, Lat: *f.Lat, Mock: f.Mock,
		AccuracyM: measure(f.AccuracyM), SpeedMS: measure(f.SpeedMS), HeadingDeg: measure(f.HeadingDeg), Battery: measure(f.Battery),
	}
	switch {
	case fix.AccuracyM < 0:
		return refuse(BadField, "accuracy_m: must not be negative")
	case fix.AccuracyM > maxAccuracyM:
		return refuse(BadField, "accuracy_m: larger than the earth")
	case fix.SpeedMS < 0 || fix.SpeedMS > maxSpeedMS:
		return refuse(BadField, "speed_ms: must be 0 to 10000")
	case fix.HeadingDeg < 0 || fix.HeadingDeg > 360:
		return refuse(BadField, "heading_deg: must be 0 to 360")
	case fix.Battery < 0 || fix.Battery > 1:
		return refuse(BadField, "battery: must be 0 to 1")
	}
	return fix, nil, nil
}

// measure turns an absent measure into NaN, which no comparison refuses.
func measure(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

// jsonFault says what is wrong with the bytes, without quoting what they hold.
func jsonFault(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		if wrong.Field == "" {
			return "must be an object"
		}
		return fmt.Sprintf("%s: a %s cannot stand here", wrong.Field, strings.Fields(wrong.Value)[0])
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Sprintf("broken JSON at byte %d", syntax.Offset)
	}
	return "broken JSON"
}

// clip keeps what a stranger sent short enough for a close frame (123 bytes).
func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "..."
	}
	return strings.ToValidUTF8(s, "")
}
