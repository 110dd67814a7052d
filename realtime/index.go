package realtime

import (
	"bytes"
	"math"
	"slices"
	"sync"
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
	T          time.Time
	Point      geo.Point
	Cell       cell.Cell
	AccuracyM  float64
	SpeedMS    float64
	HeadingDeg float64
}

// newer orders places of one patrol: by time, then by stream and sequence, so that
// every node comes to the same newest one.
func (p *Place) newer(q *Place) bool {
	if c := p.T.Compare(q.T); c != 0 {
		return c > 0
	}
	if c := bytes.Compare(p.Stream[:], q.Stream[:]); c != 0 {
		return c > 0
	}
	return p.Seq > q.Seq
}

// Position is a patrol as it stands now: its status and, when Placed, its newest
// place.
type Position struct {
	Place
	Placed     bool
	Department string
	Mode       dispatch.Mode
	Status     dispatch.Status
	Version    int64
	Presence   Presence
	thing      dispatch.Thing
}

// Thing is the patrol as the rule of visibility sees it.
func (p *Position) Thing() dispatch.Thing { return p.thing }

// FixAge is how old the newest fix is at now.
func (p *Position) FixAge(now time.Time) time.Duration { return max(0, now.Sub(p.T)) }

// Index holds the newest place of every patrol in memory, by department and
// availability. It may be used from many goroutines.
type Index struct {
	now func() time.Time

	mu      sync.RWMutex // guards all below; ingest and announcements write, planners and the hub read
	entries map[dispatch.PatrolID]*entry
	// available holds, for each department, the placed patrols that are free. An
	// entry knows its slot, so that joining and leaving cost no search.
	available map[string][]*entry
}

type entry struct {
	Position
	interval time.Duration // what the patrol's devices were told
	anchor   geo.Point     // where it has stayed since anchorAt
	anchorAt time.Time
	slot     int // in available, -1 outside
}

// NewIndex makes an empty index on a clock.
func NewIndex(now func() time.Time) *Index {
	return &Index{now: now, entries: map[dispatch.PatrolID]*entry{}, available: map[string][]*entry{}}
}

// SetPatrols takes the register over: new patrols appear without a place, patrols
// that are gone leave, and a status moves if its version is newer. It answers the
// positions that changed and the patrols that left.
func (x *Index) SetPatrols(patrols map[dispatch.PatrolID]*Patrol) (changed []Position, gone []dispatch.PatrolID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for id, e := range x.entries {
		if _, still := patrols[id]; !still {
			x.leave(e)
			delete(x.entries, id)
			gone = append(gone, id)
		}
	}
	for id, p := range patrols {
		e := x.entries[id]
		if e == nil {
			e = &entry{slot: -1, interval: IntervalNormal}
			e.Patrol, e.Presence = id, Lost
			x.entries[id] = e
		} else if e.Version >= p.Version && e.Department == p.Department && e.Mode == p.Mode && slices.Equal(e.thing.Areas, p.Areas) {
			continue
		}
		x.leave(e)
		e.Department, e.Mode, e.thing = p.Department, p.Mode, p.Thing()
		if p.Version > e.Version {
			x.setStatus(e, p.Status, p.Version)
		}
		x.join(e)
		changed = append(changed, e.Position)
	}
	return changed, gone
}

// Apply moves a patrol's status. An old version, or a patrol the register does not
// know yet, changes nothing.
func (x *Index) Apply(c PatrolChange) (Position, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entries[c.Patrol]
	if e == nil || c.Version <= e.Version {
		return Position{}, false
	}
	x.leave(e)
	x.setStatus(e, c.Status, c.Version)
	x.join(e)
	return e.Position, true
}

// setStatus also forgets the place of who goes off duty: off duty means not
// tracked, so the dot leaves the map at once.
func (x *Index) setStatus(e *entry, s dispatch.Status, version int64) {
	e.Status, e.Version = s, version
	e.interval = intervalFor(s)
	if s == dispatch.OffDuty {
		e.Placed, e.Presence = false, Lost
	}
}

// intervalFor is how often a patrol in this status is asked to send.
func intervalFor(s dispatch.Status) time.Duration {
	switch s {
	case dispatch.Assigned, dispatch.EnRoute, dispatch.OnScene:
		return IntervalAssigned
	}
	return IntervalNormal
}

// Move takes a place over if it is the patrol's newest.
func (x *Index) Move(p Place) (Position, bool) {
	now := x.now()
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entries[p.Patrol]
	if e == nil || (e.Placed && !p.newer(&e.Place)) {
		return Position{}, false
	}
	slack := StillWithinM
	if p.AccuracyM > slack {
		slack = p.AccuracyM
	}
	if !e.Placed || geo.DistanceM(e.anchor, p.Point) > slack {
		e.anchor, e.anchorAt = p.Point, p.T
	}
	x.leave(e)
	e.Place, e.Placed = p, true
	e.Presence = e.presence(now)
	x.join(e)
	return e.Position, true
}

func (e *entry) presence(now time.Time) Presence {
	if !e.Placed {
		return Lost
	}
	return presenceOf(now.Sub(e.T), e.T.Sub(e.anchorAt), e.interval)
}

// Sweep brings every presence up to date with the clock and answers those that
// changed.
func (x *Index) Sweep() []Position {
	now := x.now()
	x.mu.Lock()
	defer x.mu.Unlock()
	var changed []Position
	for _, e := range x.entries {
		if p := e.presence(now); p != e.Presence {
			e.Presence = p
			changed = append(changed, e.Position)
		}
	}
	return changed
}

func (x *Index) join(e *entry) {
	if !e.Placed || e.Status != dispatch.Free {
		return
	}
	list := x.available[e.Department]
	e.slot = len(list)
	x.available[e.Department] = append(list, e)
}

func (x *Index) leave(e *entry) {
	if e.slot < 0 {
		return
	}
	list := x.available[e.Department]
	last := list[len(list)-1]
	list[e.slot], last.slot = last, e.slot
	list[len(list)-1] = nil
	x.available[e.Department] = list[:len(list)-1]
	e.slot = -1
}

// Position is one patrol.
func (x *Index) Position(id dispatch.PatrolID) (Position, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	e := x.entries[id]
	if e == nil {
		return Position{}, false
	}
	return e.at(x.now()), true
}

// at is the position with its presence judged at now: the sweep may be a moment old.
func (e *entry) at(now time.Time) Position {
	p := e.Position
	p.Presence = e.presence(now)
	return p
}

// All is every patrol of the register, in no order.
func (x *Index) All() []Position {
	x.mu.RLock()
	defer x.mu.RUnlock()
	now := x.now()
	all := make([]Position, 0, len(x.entries))
	for _, e := range x.entries {
		all = append(all, e.at(now))
	}
	return all
}

// Department is every patrol of a department whatever its status, in no order: what
// a planner needs to say why nobody could come.
func (x *Index) Department(code string) []Position {
	x.mu.RLock()
	defer x.mu.RUnlock()
	now := x.now()
	var all []Position
	for _, e := range x.entries {
		if e.Department == code {
			all = append(all, e.at(now))
		}
	}
	return all
}

// Candidates is the free patrols of a department that are nearest to a point as the
// crow flies, nearest first, at most limit, lost ones left out. Ties go to the
// patrol that was registered first.
func (x *Index) Candidates(department string, near geo.Point, limit int) []Position {
	return x.Nearest(department, near, limit, nil)
}

// Nearest is Candidates with a filter; a nil filter takes all.
//
// It scans the department's free patrols: below a few hundred, a scan beats every
// index, and one district has 622 in its largest department.
func (x *Index) Nearest(department string, near geo.Point, limit int, filter func(*Position) bool) []Position {
	if limit <= 0 {
		return nil
	}
	now := x.now()
	cosLat := math.Cos(near.Lat * math.Pi / 180)
	type hit struct {
		d2 float64
		e  *entry
	}
	before := func(a, b hit) bool {
		if a.d2 != b.d2 {
			return a.d2 < b.d2
		}
		return bytes.Compare(a.e.Patrol.UUID[:], b.e.Patrol.UUID[:]) < 0
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	list := x.available[department]
	best := make([]hit, 0, min(limit, len(list)))
	for _, e := range list {
		dx, dy := lonGap(e.Point.Lon-near.Lon)*cosLat, e.Point.Lat-near.Lat
		h := hit{d2: dx*dx + dy*dy, e: e}
		if len(best) == limit && !before(h, best[limit-1]) {
			continue
		}
		if now.Sub(e.T) >= LostAfter || (filter != nil && !filter(&e.Position)) {
			continue
		}
		if len(best) < limit {
			best = append(best, h)
		} else {
			best[limit-1] = h
		}
		for i := len(best) - 1; i > 0 && before(best[i], best[i-1]); i-- {
			best[i], best[i-1] = best[i-1], best[i]
		}
	}
	out := make([]Position, len(best))
	for i, h := range best {
		out[i] = h.e.at(now)
	}
	return out
}

// lonGap is a difference of longitudes the short way round.
func lonGap(d float64) float64 {
	switch {
	case d > 180:
		return d - 360
	case d < -180:
		return d + 360
	}
	return d
}
