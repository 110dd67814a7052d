package realtime

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
)

// Index holds the newest place of every patrol in memory, by department. It may be
// used from many goroutines, and is dispatch's port for live positions.
//
// With very many patrols nearly all its time is waiting for memory. So a patrol has a
// number for as long as it is in the register, its body and its details lie at that
// number in two arrays, and the squares that questions read hold the places themselves:
// a move looks at the body and the square, a question at squares side by side, and at
// the details of the few that it answers.
type Index struct {
	now func() time.Time

	mu      sync.RWMutex // guards all below; ingest and announcements write, planners and the hub read
	numbers directory
	bodies  []body // by number, the first one unused
	details []detail
	free    []uint32 // numbers that were given back
	// crowds are each department's patrols that have a place; the first is none.
	crowds  []*crowd
	crowdOf map[string]uint32
	// secrets are those of covert cases, and the versions of cases that were released.
	secrets map[dispatch.CaseID]kept
	touched uint32 // keeps the first looks, which fetch, from being left out
}

var _ dispatch.Live = (*Index)(nil)

// NewIndex makes an empty index on a clock.
func NewIndex(now func() time.Time) *Index {
	return &Index{now: now, bodies: make([]body, 1), details: make([]detail, 1), crowds: []*crowd{nil}, crowdOf: map[string]uint32{},
		secrets: map[dispatch.CaseID]kept{}}
}

// SetPatrols takes the register over: new patrols appear without a place, patrols
// that are gone leave, and a status moves if its version is newer. It answers the
// positions that changed and the patrols that left.
func (x *Index) SetPatrols(patrols map[dispatch.PatrolID]*Patrol) (changed []Standing, gone []dispatch.PatrolID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for number := range x.all() {
		id := dispatch.PatrolID{UUID: x.bodies[number].id}
		if _, still := patrols[id]; !still {
			x.leave(number)
			x.strike(number)
			gone = append(gone, id)
		}
	}
	x.reserve(len(patrols))
	for id, p := range patrols {
		number := x.numberOf(id)
		if number == 0 {
			number = x.enter(id)
		} else if e := x.details[number].enrolled; e.Version >= p.Version && e.Department == p.Department && e.Mode == p.Mode && e.Simulated == p.Simulated && slices.Equal(e.thing.Areas, p.Areas) {
			continue
		}
		was := x.details[number].enrolled
		e := &Enrolled{Department: p.Department, Mode: p.Mode, Status: was.Status, Version: was.Version, Simulated: p.Simulated, thing: p.Thing()}
		if e.Department != was.Department {
			x.leave(number)
		}
		if p.Version > was.Version {
			e.Status, e.Version = p.Status, p.Version
		}
		x.enrol(number, e)
		x.join(number)
		changed = append(changed, x.standing(number))
	}
	return changed, gone
}

// Apply moves a patrol's status. An old version, or a patrol the register does not
// know yet, changes nothing.
func (x *Index) Apply(c dispatch.PatrolChanged) (Standing, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	number := x.numberOf(c.ID)
	if number == 0 || c.Version <= x.details[number].enrolled.Version {
		return Standing{Enrolled: &nobody}, false
	}
	e := *x.details[number].enrolled
	e.Status, e.Version = c.Status, c.Version
	x.enrol(number, &e)
	return x.standing(number), true
}

// enrol also forgets the place of who goes off duty: off duty means not tracked, so
// the dot leaves the map at once.
func (x *Index) enrol(number uint32, e *Enrolled) {
	b, d := &x.bodies[number], &x.details[number]
	renewed := e.Version > d.enrolled.Version
	d.enrolled = e
	b.offDuty = e.Status == dispatch.OffDuty
	if renewed && b.offDuty {
		x.leave(number)
		b.placed, b.presence = false, codeLost
	}
}

// Move takes a place over if it is the patrol's newest.
func (x *Index) Move(p Place) (Standing, bool) { return x.moveOne(&Found{}, &p) }

// MoveFound is Move for whoever tells of the same patrol again and again: at is where it
// was found the last time, and is brought up to date.
func (x *Index) MoveFound(at *Found, p Place) (Standing, bool) { return x.moveOne(at, &p) }

func (x *Index) moveOne(at *Found, p *Place) (s Standing, newest bool) {
	now := nanos(x.now())
	x.mu.Lock()
	defer x.mu.Unlock()
	newest = x.move(p, x.look(at, p), false, now, &s)
	return s, newest
}

// look answers the number of a patrol, 0 for none. If it was found before, all that its
// move will touch is asked for at once, since each of these waits for memory.
func (x *Index) look(at *Found, p *Place) uint32 {
	if number := at.number; number != 0 && int(number) < len(x.bodies) {
		x.touched += x.touch(*at, p.Point)
		if b := &x.bodies[number]; b.id == p.Patrol.UUID && b.taken {
			at.crowd = b.crowd
			return number
		}
	}
	*at = Found{}
	if at.number = x.numberOf(p.Patrol); at.number != 0 {
		at.crowd = x.bodies[at.number].crowd
	}
	return at.number
}

// touch looks at the details, and at the square that the patrol goes to if it is still
// of the same department.
func (x *Index) touch(at Found, to geo.Point) uint32 {
	d := &x.details[at.number]
	sum := uint32(d.seq) + uint32(d.cell)
	if at.crowd != 0 && int(at.crowd) < len(x.crowds) {
		if r := x.crowds[at.crowd].raster; r != nil {
			if home, known := r.find(r.squareOf(to)); known {
				sum += r.block(home).load
			}
		}
	}
	return sum
}

// move is Move of a patrol that was found, or of those on duty alone, under the lock.
func (x *Index) move(p *Place, number uint32, onDuty bool, now int64, s *Standing) bool {
	b, d, t := &x.bodies[number], &x.details[number], nanos(p.T)
	if number == 0 || onDuty && b.offDuty || b.placed && t <= b.t && !x.newerThanKept(p, number) {
		s.Enrolled = &nobody
		return false
	}
	slack := StillWithinM
	if p.AccuracyM > slack {
		slack = p.AccuracyM
	}
	if !b.placed || strays(b.anchor, p.Point, slack) {
		b.anchor, b.anchorAt = p.Point, t
	}
	b.t = t
	b.keepSmall(p)
	if b.placed {
		x.crowds[b.crowd].moved(x.bodies, number, d.point, p.Point)
		d.keep(p)
	} else {
		b.placed = true
		d.keep(p)
		x.join(number)
	}
	was := b.presence
	b.presence = b.judge(now)
	s.turned = was != b.presence
	s.Place, s.Placed, s.Presence, s.Enrolled = *p, true, presences[b.presence], d.enrolled
	return true
}

// newerThanKept compares two places in full: that of the earlier time may be the newer
// one, of a clock that was found out to be wrong in between.
func (x *Index) newerThanKept(p *Place, number uint32) bool {
	kept := x.details[number].place(p.Patrol.UUID)
	return p.newer(&kept)
}

// strays says whether two places are further apart than some metres. Whoever stands
// still or has gone on is told without the trigonometry of the exact distance.
func strays(a, b geo.Point, metres float64) bool {
	const degreeM = math.Pi / 180 * geo.EarthRadiusM
	dLat := math.Abs(a.Lat-b.Lat) * degreeM
	if dLat > 1.01*metres {
		return true
	}
	// A degree of longitude is never longer than one of latitude.
	if dLon := math.Abs(a.Lon-b.Lon) * degreeM; dLat*dLat+dLon*dLon < 0.98*metres*metres {
		return false
	}
	return geo.DistanceM(a, b) > metres
}

// Sweep brings every presence up to date with the clock and answers those that
// changed.
func (x *Index) Sweep() []Standing {
	now := nanos(x.now())
	x.mu.Lock()
	defer x.mu.Unlock()
	var changed []Standing
	for number := range x.bodies {
		if b := &x.bodies[number]; b.taken {
			if p := b.judge(now); p != b.presence {
				b.presence = p
				changed = append(changed, x.standing(uint32(number)))
			}
		}
	}
	return changed
}

// join brings a patrol that has a place to its department's crowd, if it is not there.
func (x *Index) join(number uint32) {
	b, d := &x.bodies[number], &x.details[number]
	if !b.placed || b.crowd != 0 {
		return
	}
	crowdNumber := x.crowdOf[d.enrolled.Department]
	if crowdNumber == 0 {
		crowdNumber = uint32(len(x.crowds))
		x.crowds = append(x.crowds, &crowd{department: d.enrolled.Department})
		x.crowdOf[d.enrolled.Department] = crowdNumber
	}
	b.crowd = crowdNumber
	x.crowds[crowdNumber].add(x.bodies, number, d.point)
}

func (x *Index) leave(number uint32) {
	if b := &x.bodies[number]; b.crowd != 0 {
		x.crowds[b.crowd].remove(x.bodies, number, x.details[number].point)
		b.crowd = 0
	}
}

// numberOf is 0 for whoever is not in the register.
func (x *Index) numberOf(id dispatch.PatrolID) uint32 { return x.numbers.find(&id.UUID, x.bodies) }

// all is the numbers that are taken.
func (x *Index) all() func(func(uint32) bool) {
	return func(yield func(uint32) bool) {
		for number := range x.bodies {
			if x.bodies[number].taken && !yield(uint32(number)) {
				return
			}
		}
	}
}

// reserve makes room for so many patrols, and somewhat more whenever it must move them.
func (x *Index) reserve(n int) {
	x.numbers.reserve(n, x.bodies)
	if n < cap(x.bodies) {
		return
	}
	room := n + n/8 + 1
	x.bodies, x.details = grown(x.bodies, room), grown(x.details, room)
}

func grown[T any](s []T, room int) []T {
	out := huge[T](room)
	return out[:copy(out, s)]
}

// enter gives a patrol a number; there is room for it.
func (x *Index) enter(id dispatch.PatrolID) uint32 {
	var number uint32
	if last := len(x.free) - 1; last >= 0 {
		number = x.free[last]
		x.free = x.free[:last]
	} else {
		number = uint32(len(x.bodies))
		x.bodies, x.details = x.bodies[:number+1], x.details[:number+1]
	}
	x.bodies[number] = body{id: id.UUID, taken: true, battery: noBattery}
	x.details[number] = detail{enrolled: &nobody}
	x.numbers.put(hashOf(&id.UUID), number)
	return number
}

// strike takes a patrol's number back.
func (x *Index) strike(number uint32) {
	x.numbers.remove(number, x.bodies)
	x.bodies[number], x.details[number] = body{}, detail{}
	x.free = append(x.free, number)
}

// standing is a patrol with its presence as it was judged last.
func (x *Index) standing(number uint32) Standing {
	b, d := &x.bodies[number], &x.details[number]
	s := Standing{Place: d.place(b.id), Placed: b.placed, Presence: presences[b.presence], Enrolled: d.enrolled}
	b.small(&s.Place)
	return s
}

// at is the standing with its presence judged at now: the sweep may be a moment old.
func (x *Index) at(number uint32, now int64) Standing {
	s := x.standing(number)
	s.Presence = presences[x.bodies[number].judge(now)]
	return s
}

// Standing is one patrol of the register.
func (x *Index) Standing(id dispatch.PatrolID) (Standing, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	number := x.numberOf(id)
	if number == 0 {
		return Standing{Enrolled: &nobody}, false
	}
	return x.hide(x.at(number, nanos(x.now()))), true
}

// Position answers where one patrol was last seen, if ever.
func (x *Index) Position(id dispatch.PatrolID) (dispatch.Position, bool) {
	s, known := x.Standing(id)
	return s.Position(), known && s.Placed
}

// All is every patrol of the register, in no order.
func (x *Index) All() []Standing {
	x.mu.RLock()
	defer x.mu.RUnlock()
	now := nanos(x.now())
	out := make([]Standing, 0, len(x.bodies)-1-len(x.free))
	for number := range x.all() {
		out = append(out, x.hide(x.at(number, now)))
	}
	return out
}
