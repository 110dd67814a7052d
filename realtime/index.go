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
	T          time.Time     // by the service's clock
	Off        time.Duration // T less what the device sent: how far its clock is behind
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

// Standing is a patrol as it stands now: its status and, when Placed, its newest
// place.
type Standing struct {
	Place
	Placed     bool
	Department string
	Mode       dispatch.Mode
	Status     dispatch.Status
	Version    int64
	Presence   dispatch.Presence
	Simulated  bool
	thing      dispatch.Thing
}

// Thing is the patrol's place as the rule of visibility sees it. What a covert case
// hides of it is as the index knew when it answered the standing.
func (s *Standing) Thing() dispatch.Thing { return s.thing }

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

// Index holds the newest place of every patrol in memory, by department. It may be
// used from many goroutines, and is dispatch's port for live positions.
type Index struct {
	now func() time.Time

	mu      sync.RWMutex // guards all below; ingest and announcements write, planners and the hub read
	entries map[dispatch.PatrolID]*entry
	// placed holds each department's patrols that have a place. An entry knows its
	// slot, so that joining and leaving cost no search.
	placed map[string]*crowd
	// secrets are those of covert cases, and the versions of cases that were released.
	secrets map[dispatch.CaseID]kept
}

// kept is a secret as one version of its case has it, nil where the case has none.
type kept struct {
	version int64
	secret  *dispatch.Secret
	heard   time.Time
}

var _ dispatch.Live = (*Index)(nil)

type entry struct {
	Standing
	interval time.Duration // what the patrol's devices were told
	anchor   geo.Point     // where it has stayed since anchorAt
	anchorAt time.Time
	crowd    *crowd // of its department, once it had a place there
	slot     int    // in its crowd, -1 outside
	lot      *lot   // in the raster of its crowd
	seat     int    // in its lot
}

// NewIndex makes an empty index on a clock.
func NewIndex(now func() time.Time) *Index {
	return &Index{now: now, entries: map[dispatch.PatrolID]*entry{}, placed: map[string]*crowd{}, secrets: map[dispatch.CaseID]kept{}}
}

// SetPatrols takes the register over: new patrols appear without a place, patrols
// that are gone leave, and a status moves if its version is newer. It answers the
// positions that changed and the patrols that left.
func (x *Index) SetPatrols(patrols map[dispatch.PatrolID]*Patrol) (changed []Standing, gone []dispatch.PatrolID) {
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
			e.Patrol, e.Presence = id, dispatch.Lost
			x.entries[id] = e
		} else if e.Version >= p.Version && e.Department == p.Department && e.Mode == p.Mode && e.Simulated == p.Simulated && slices.Equal(e.thing.Areas, p.Areas) {
			continue
		}
		x.leave(e)
		e.Department, e.Mode, e.Simulated, e.thing = p.Department, p.Mode, p.Simulated, p.Thing()
		if p.Version > e.Version {
			x.setStatus(e, p.Status, p.Version)
		}
		x.join(e)
		changed = append(changed, e.Standing)
	}
	return changed, gone
}

// Apply moves a patrol's status. An old version, or a patrol the register does not
// know yet, changes nothing.
func (x *Index) Apply(c dispatch.PatrolChanged) (Standing, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entries[c.ID]
	if e == nil || c.Version <= e.Version {
		return Standing{}, false
	}
	x.leave(e)
	x.setStatus(e, c.Status, c.Version)
	x.join(e)
	return e.Standing, true
}

// setStatus also forgets the place of who goes off duty: off duty means not
// tracked, so the dot leaves the map at once.
func (x *Index) setStatus(e *entry, s dispatch.Status, version int64) {
	e.Status, e.Version = s, version
	e.interval = intervalFor(s)
	if s == dispatch.OffDuty {
		e.Placed, e.Presence = false, dispatch.Lost
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
func (x *Index) Move(p Place) (Standing, bool) { return x.move(p, false) }

// moveOnDuty is Move for places that come late, or from elsewhere: whoever went off
// duty meanwhile does not come back onto the map by them.
func (x *Index) moveOnDuty(p Place) (Standing, bool) { return x.move(p, true) }

func (x *Index) move(p Place, onDuty bool) (Standing, bool) {
	now := x.now()
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entries[p.Patrol]
	if e == nil || (e.Placed && !p.newer(&e.Place)) || (onDuty && e.Status == dispatch.OffDuty) {
		return Standing{}, false
	}
	slack := StillWithinM
	if p.AccuracyM > slack {
		slack = p.AccuracyM
	}
	if !e.Placed || strays(e.anchor, p.Point, slack) {
		e.anchor, e.anchorAt = p.Point, p.T
	}
	e.Place, e.Placed = p, true
	e.Presence = e.presence(now)
	if e.slot < 0 {
		x.join(e)
	} else {
		e.crowd.moved(e)
	}
	return e.Standing, true
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

func (e *entry) presence(now time.Time) dispatch.Presence {
	if !e.Placed {
		return dispatch.Lost
	}
	return presenceOf(now.Sub(e.T), e.T.Sub(e.anchorAt), e.interval)
}

// Sweep brings every presence up to date with the clock and answers those that
// changed.
func (x *Index) Sweep() []Standing {
	now := x.now()
	x.mu.Lock()
	defer x.mu.Unlock()
	var changed []Standing
	for _, e := range x.entries {
		if p := e.presence(now); p != e.Presence {
			e.Presence = p
			changed = append(changed, e.Standing)
		}
	}
	return changed
}

func (x *Index) join(e *entry) {
	if !e.Placed {
		return
	}
	c := x.placed[e.Department]
	if c == nil {
		c = &crowd{}
		x.placed[e.Department] = c
	}
	e.crowd = c
	c.add(e)
}

func (x *Index) leave(e *entry) {
	if e.slot >= 0 {
		e.crowd.remove(e)
	}
}

// Standing is one patrol of the register.
func (x *Index) Standing(id dispatch.PatrolID) (Standing, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	e := x.entries[id]
	if e == nil {
		return Standing{}, false
	}
	return x.hide(e.at(x.now())), true
}

// Position answers where one patrol was last seen, if ever.
func (x *Index) Position(id dispatch.PatrolID) (dispatch.Position, bool) {
	s, known := x.Standing(id)
	return s.Position(), known && s.Placed
}

// at is the standing with its presence judged at now: the sweep may be a moment old.
func (e *entry) at(now time.Time) Standing {
	s := e.Standing
	s.Presence = e.presence(now)
	return s
}

// hide adds the secrets that hide where a patrol is. Almost always there are none.
func (x *Index) hide(s Standing) Standing {
	if len(x.secrets) == 0 || !s.Placed {
		return s
	}
	s.thing.Secrets = nil
	for _, k := range x.secrets {
		if k.secret != nil && k.secret.HidesNow(s.Patrol, s.Point) {
			s.thing.Secrets = append(s.thing.Secrets, *k.secret)
		}
	}
	return s
}

// SetSecrets takes over what was secret when the record was asked; SetSecret what one
// change of a case makes of it. An older version than the one known changes nothing, nor
// does the record what was heard of after it was asked. Both answer the patrols whose
// place others may see now, or no more.
func (x *Index) SetSecrets(all []Secret, asked time.Time) (changed []Standing) {
	for i := range all {
		changed = append(changed, x.SetSecret(all[i].Case, all[i].Version, &all[i].Secret)...)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for id, k := range x.secrets {
		if k.heard.Before(asked) && !slices.ContainsFunc(all, func(s Secret) bool { return s.Case == id }) {
			delete(x.secrets, id)
			changed = append(changed, x.sent(k.secret)...)
		}
	}
	return changed
}

// sent answers the patrols of a secret.
func (x *Index) sent(secret *dispatch.Secret) (out []Standing) {
	if secret == nil {
		return nil
	}
	for _, errand := range secret.Sent {
		if e := x.entries[errand.Patrol]; e != nil {
			out = append(out, e.at(x.now()))
		}
	}
	return out
}

// SetSecret is described with SetSecrets; a nil secret is a case that is not covert.
func (x *Index) SetSecret(id dispatch.CaseID, version int64, secret *dispatch.Secret) (changed []Standing) {
	x.mu.Lock()
	defer x.mu.Unlock()
	was, known := x.secrets[id]
	if known && version <= was.version || !known && secret == nil {
		return nil
	}
	x.secrets[id] = kept{version, secret, x.now()}
	return append(x.sent(was.secret), x.sent(secret)...)
}

// Commands says whether an account commands a covert case.
func (x *Index) Commands(v dispatch.Viewer) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, k := range x.secrets {
		if k.secret != nil && k.secret.CommandedBy(v) {
			return true
		}
	}
	return false
}

// All is every patrol of the register, in no order.
func (x *Index) All() []Standing {
	x.mu.RLock()
	defer x.mu.RUnlock()
	now := x.now()
	all := make([]Standing, 0, len(x.entries))
	for _, e := range x.entries {
		all = append(all, x.hide(e.at(now)))
	}
	return all
}

// Candidates answers the last positions of a department's patrols, whatever their
// status or presence, nearest to a place by air first, at most limit; ties go to
// the patrol that was registered first. An empty department is every one.
func (x *Index) Candidates(department string, near geo.Point, limit int) []dispatch.Position {
	if limit <= 0 {
		return nil
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	n := nearest{limit: limit, near: near, cosLat: math.Cos(near.Lat * math.Pi / 180)}
	if department == "" {
		for _, c := range x.placed {
			c.search(&n)
		}
	} else if c := x.placed[department]; c != nil {
		c.search(&n)
	}
	if len(n.best) < limit {
		n.sort()
	}
	now := x.now()
	out := make([]dispatch.Position, len(n.best))
	for i, h := range n.best {
		out[i] = h.e.Position() // of the few, without copying all that stands with them
		out[i].Presence = h.e.presence(now)
	}
	return out
}

// nearest keeps the best few of what it scans. It compares squared lengths on the
// plane that touches the earth at near: the order is that of the true distances
// wherever a patrol could come from.
type nearest struct {
	limit  int
	near   geo.Point
	cosLat float64
	best   []hit // sorted once it is full
}

type hit struct {
	d2 float64
	e  *entry
}

func (h hit) before(o hit) bool {
	if h.d2 != o.d2 {
		return h.d2 < o.d2
	}
	return bytes.Compare(h.e.Patrol.UUID[:], o.e.Patrol.UUID[:]) < 0
}

func (n *nearest) scan(l *lot) {
	for i := range l.stands {
		n.look(l.stands[i].point, l.stands[i].e)
	}
}

func (n *nearest) look(at geo.Point, e *entry) {
	dx, dy := lonGap(at.Lon-n.near.Lon)*n.cosLat, at.Lat-n.near.Lat
	d2 := dx*dx + dy*dy
	if len(n.best) < n.limit {
		n.best = append(n.best, hit{d2, e})
		if len(n.best) == n.limit {
			n.sort()
		}
		return
	}
	if d2 > n.best[n.limit-1].d2 {
		return
	}
	h := hit{d2, e}
	if !h.before(n.best[n.limit-1]) {
		return
	}
	n.best[n.limit-1] = h
	for i := len(n.best) - 1; i > 0 && n.best[i].before(n.best[i-1]); i-- {
		n.best[i], n.best[i-1] = n.best[i-1], n.best[i]
	}
}

func (n *nearest) sort() {
	slices.SortFunc(n.best, func(a, b hit) int {
		if a.before(b) {
			return -1
		}
		return 1
	})
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
