package realtime

import (
	"bytes"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
)

// Place is where a patrol was at T. Measures that the device did not send are NaN.
type Place struct {
	Patrol     dispatch.PatrolID
	Device     dispatch.DeviceID
	Stream     uuid.UUID
	Seq        int64
	T          time.Time     // by the service's clock
	Off        time.Duration // T less what the device sent: how far its clock is behind
	Point      geo.Point     // in WGS-84
	Cell       cell.Cell
	Datum      geo.CRS // that the device sent it in; empty for the one it began with
	AccuracyM  float64
	SpeedMS    float64
	HeadingDeg float64
	Battery    float64 // of the device, of 1; an index keeps it to half a percent
}

// Found is where an index keeps a patrol; the zero value is not known. Whoever gives it
// back with the next place of the same patrol spares the search by id; an old or a wrong
// one costs that search, and nothing else.
type Found struct {
	number uint32 // of its body, from 1
	crowd  uint32
}

// newer orders places of one patrol: by time, then by stream and sequence, so that
// every node comes to the same newest one. Of one install the later is newer by its own
// clock as well: what the service knows of that clock changes in between.
func (p *Place) newer(q *Place) bool {
	c := p.T.Compare(q.T)
	if c <= 0 && p.Stream == q.Stream && p.Device == q.Device {
		own := p.T.Add(-p.Off).Compare(q.T.Add(-q.Off))
		return own > 0 || own == 0 && c == 0 && p.Seq > q.Seq
	}
	if c != 0 {
		return c > 0
	}
	if c := bytes.Compare(p.Stream[:], q.Stream[:]); c != 0 {
		return c > 0
	}
	return p.Seq > q.Seq
}

// Enrolled is what the register says of a patrol, and its status. What an index has
// answered is never changed: what is new stands in another one.
type Enrolled struct {
	Department string
	Mode       dispatch.Mode
	Status     dispatch.Status
	Version    int64
	Simulated  bool
	thing      dispatch.Thing
}

// nobody is what the register says of a patrol that is not in it.
var nobody Enrolled

// Standing is a patrol as it stands now: its status and, when Placed, its newest
// place. Enrolled is never nil in what an index answers.
type Standing struct {
	Place
	Placed   bool
	Presence dispatch.Presence
	*Enrolled
	turned  bool // in what a move answered: the presence is another one by it
	secrets []dispatch.Secret
}

// Thing is the patrol's place as the rule of visibility sees it. What a covert case
// hides of it is as the index knew when it answered the standing.
func (s *Standing) Thing() dispatch.Thing {
	t := s.thing
	t.Secrets = s.secrets
	return t
}

// Position is the standing as dispatch asks for it; an absent measure is 0 there.
func (s *Standing) Position() dispatch.Position {
	return dispatch.Position{
		PatrolID: s.Patrol, Department: s.Department, Point: s.Point, T: s.T, Presence: s.Presence,
		AccuracyM: orZero(s.AccuracyM), SpeedMS: orZero(s.SpeedMS), HeadingDeg: orZero(s.HeadingDeg),
		Headed: !math.IsNaN(s.HeadingDeg),
	}
}

func orZero(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}
