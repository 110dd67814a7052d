package city

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
)

// way is a line to travel, with the distance of each point from its start.
type way struct {
	points []geo.Point
	alongM []float64
}

func newWay(points []geo.Point) way {
	w := way{points: points, alongM: make([]float64, len(points))}
	for i := 1; i < len(points); i++ {
		w.alongM[i] = w.alongM[i-1] + geo.DistanceM(points[i-1], points[i])
	}
	return w
}

func (w way) lengthM() float64 {
	if len(w.alongM) == 0 {
		return 0
	}
	return w.alongM[len(w.alongM)-1]
}

// at is the place so many metres along the way and where one looks there,
// degrees clockwise from north; the ends beyond the ends.
func (w way) at(m float64) (geo.Point, float64) {
	if len(w.points) == 1 {
		return w.points[0], 0
	}
	i := 1
	for i < len(w.points)-1 && w.alongM[i] < m {
		i++
	}
	a, b := w.points[i-1], w.points[i]
	share := 0.0
	if l := w.alongM[i] - w.alongM[i-1]; l > 0 {
		share = math.Max(0, math.Min(1, (m-w.alongM[i-1])/l))
	}
	return geo.Point{Lon: a.Lon + (b.Lon-a.Lon)*share, Lat: a.Lat + (b.Lat-a.Lat)*share}, bearing(a, b)
}

// bearing is the heading from a to b, degrees clockwise from north. It is flat,
// as a street is.
func bearing(a, b geo.Point) float64 {
	east := (b.Lon - a.Lon) * math.Cos(a.Lat*math.Pi/180)
	deg := math.Atan2(east, b.Lat-a.Lat) * 180 / math.Pi
	return math.Mod(deg+360, 360)
}

// Mover is somebody on the way: where they are, where they look, how fast they
// go. It has no clock; Advance is told how much time has passed.
type Mover struct {
	rng        *rand.Rand
	at         geo.Point
	headingDeg float64
	speedMS    float64

	way    way
	alongM float64
	planMS float64 // what the way's duration amounts to
	paceMS float64 // that, or slower for who need not be there so soon
	mood   float64 // slower or faster than that, drifting

	errEast, errNorth float64 // how wrong the phone is, metres
}

// NewMover stands at a place.
func NewMover(at geo.Point, rng *rand.Rand) *Mover {
	return &Mover{rng: rng, at: at, headingDeg: 360 * rng.Float64(), mood: 1}
}

// Follow sets off along a line that takes so long. The line should begin where the
// mover stands.
func (m *Mover) Follow(points []geo.Point, durationS float64) {
	m.way, m.alongM = newWay(points), 0
	m.planMS = 0
	if durationS > 0 {
		m.planMS = m.way.lengthM() / durationS
	}
	m.paceMS = m.planMS
}

// Spread makes what is left of the way take so long, but no less than at the pace that
// Follow was told: who would be early drives slower, who is late does not race.
func (m *Mover) Spread(left time.Duration) {
	m.paceMS = m.planMS
	if restM := m.way.lengthM() - m.alongM; left > 0 && restM > 0 {
		m.paceMS = min(m.planMS, restM/left.Seconds())
	}
}

// Stop ends the way where the mover is.
func (m *Mover) Stop() { m.way, m.alongM, m.speedMS = way{}, 0, 0 }

// Arrived says whether there is no way left to go.
func (m *Mover) Arrived() bool {
	return len(m.way.points) == 0 || m.alongM >= m.way.lengthM() || m.paceMS <= 0
}

// Advance moves on for so long and says whether that ended the way.
func (m *Mover) Advance(d time.Duration) (arrived bool) {
	if m.Arrived() {
		m.speedMS = 0
		return false
	}
	m.drift(d)
	m.speedMS = m.paceMS * m.mood
	m.alongM += m.speedMS * d.Seconds()
	m.at, m.headingDeg = m.way.at(m.alongM)
	if m.alongM < m.way.lengthM() {
		return false
	}
	m.Stop()
	return true
}

// drift makes the mover slower or faster as traffic and tiredness do: around the planned
// pace, between 0.8 and 1.15 of it, forgotten after a minute or so. It goes by the time
// that has passed, as an Ornstein-Uhlenbeck process does, so that a drive takes as long
// on a machine that takes a hundred steps for it as on one that takes ten.
func (m *Mover) drift(d time.Duration) {
	const forgetS, spread = 60, 0.07
	keep := math.Exp(-d.Seconds() / forgetS)
	m.mood = 1 + (m.mood-1)*keep + spread*math.Sqrt(1-keep*keep)*m.rng.NormFloat64()
	m.mood = math.Max(0.8, math.Min(1.15, m.mood))
}

// At is where the mover really is.
func (m *Mover) At() geo.Point { return m.at }

// Reading is what the phone says about it.
type Reading struct {
	Point      geo.Point
	AccuracyM  float64
	SpeedMS    float64
	HeadingDeg float64
}

// Read looks at the phone. Its error drifts, as that of a real receiver does, and
// it says honestly how large it may be.
func (m *Mover) Read() Reading {
	const keep, spreadM = 0.9, 4.0
	fresh := spreadM * math.Sqrt(1-keep*keep)
	m.errEast = keep*m.errEast + fresh*m.rng.NormFloat64()
	m.errNorth = keep*m.errNorth + fresh*m.rng.NormFloat64()
	const mPerDeg = geo.EarthRadiusM * math.Pi / 180
	return Reading{
		Point: geo.Point{
			Lon: round(m.at.Lon+m.errEast/(mPerDeg*math.Cos(m.at.Lat*math.Pi/180)), 7),
			Lat: round(m.at.Lat+m.errNorth/mPerDeg, 7),
		},
		AccuracyM:  round(5+math.Abs(m.errEast)+math.Abs(m.errNorth)+3*m.rng.Float64(), 1),
		SpeedMS:    round(m.speedMS, 2),
		HeadingDeg: round(m.headingDeg, 1),
	}
}

func round(v float64, digits int) float64 {
	f := math.Pow10(digits)
	return math.Round(v*f) / f
}
