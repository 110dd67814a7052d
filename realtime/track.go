package realtime

import (
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
)

// TrackPlace is one fix of a patrol's track as it is read back. A measure that the device
// did not send is NaN; Verdict is the doubts by name with commas between, empty for a
// good fix. Simulated fixes are shown, and are no proof of where anybody was.
type TrackPlace struct {
	T          time.Time // as it was sent
	Point      geo.Point
	AccuracyM  float32
	SpeedMS    float32
	HeadingDeg float32
	Verdict    string
	Simulated  bool
}
