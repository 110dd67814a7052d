package whatif

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// The things that happen, in the order in which they do at one instant.
const (
	freed  = iota // a patrol is done, or its shift begins
	came          // a report
	closed        // a window
	tired         // a part has waited too long
)

type event struct {
	at   time.Time
	kind int
	seq  int // keeps the order of what was planned first
	unit *unit
	part *wait
}

type timeline []event

func (l timeline) Len() int { return len(l) }
func (l timeline) Less(i, j int) bool {
	return cmp.Or(l[i].at.Compare(l[j].at), cmp.Compare(l[i].kind, l[j].kind), cmp.Compare(l[i].seq, l[j].seq)) < 0
}
func (l timeline) Swap(i, j int) { l[i], l[j] = l[j], l[i] }
func (l *timeline) Push(x any)   { *l = append(*l, x.(event)) }
func (l *timeline) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}

// unit is a patrol in the play.
type unit struct {
	Patrol
	busy   bool
	freeAt time.Time
	last   *geo.Point // where it was sent last
}

// onDutyFor says whether a unit that is on duty now stays so for that long: shifts that
// follow each other are one, and one without an end ends never.
func (u *unit) onDutyFor(now time.Time, long time.Duration) bool {
	i := slices.IndexFunc(u.Duty, func(d dispatch.Span) bool { return d.Holds(now) })
	if i < 0 {
		return false
	}
	until := u.Duty[i].Until
	for _, next := range u.Duty[i+1:] {
		if until.IsZero() || next.From.After(until) {
			break
		}
		if next.Until.IsZero() || next.Until.After(until) {
			until = next.Until
		}
	}
	return until.IsZero() || !now.Add(long).After(until)
}

// wait is a part that waits for a patrol, or waited.
type wait struct {
	report, part int
	Report       *Report
	at           time.Time
	windowed     bool // it waits for its window to close
	settled      bool
	unit         *unit // who goes, since when
	sent         time.Time
	arrivedS     *float64
}

func (w *wait) department() string { return w.Report.Parts[w.part].Department }

// play is one column: a policy, patrols, and how far it has come.
type play struct {
	setup   Setup
	roads   Roads
	stays   map[string]time.Duration
	slack   time.Duration
	units   []*unit
	of      map[string][]*unit // by department, in the order of units
	waiting []*wait            // in the order they came
	all     []*wait
	events  timeline
	planned int
	shut    time.Time // when the open window closes; zero: none is open
	tracks  *trails
}

func newPlay(setup Setup, patrols []Patrol, reports []Report, from time.Time, p *play) *play {
	p.setup, p.of = setup, map[string][]*unit{}
	for _, patrol := range patrols {
		u := &unit{Patrol: patrol}
		p.units = append(p.units, u)
		p.of[u.Department] = append(p.of[u.Department], u)
		for _, d := range patrol.Duty {
			if d.From.After(from) {
				p.plan(event{at: d.From, kind: freed, unit: u})
			}
		}
	}
	for i := range reports {
		for k := range reports[i].Parts {
			w := &wait{report: i, part: k, Report: &reports[i], at: reports[i].At}
			p.all = append(p.all, w)
			p.plan(event{at: w.at, kind: came, part: w})
		}
	}
	return p
}

func (p *play) plan(e event) {
	e.seq = p.planned
	p.planned++
	heap.Push(&p.events, e)
}

// until plays what happens before a time.
func (p *play) until(ctx context.Context, end time.Time) error {
	for len(p.events) > 0 && p.events[0].at.Before(end) {
		now := p.events[0].at
		var fresh []*wait                // those that may be given a patrol for the first time
		departments := map[string]bool{} // those for which somebody new can go
		for len(p.events) > 0 && p.events[0].at.Equal(now) {
			e := heap.Pop(&p.events).(event)
			switch e.kind {
			case freed:
				if !e.unit.busy || !e.unit.freeAt.After(now) {
					e.unit.busy = false
					departments[e.unit.Department] = true
				}
			case came:
				p.waiting = append(p.waiting, e.part)
				p.plan(event{at: now.Add(GiveUp), kind: tired, part: e.part})
				if p.setup.joins(e.part) {
					e.part.windowed = true
					if p.shut.IsZero() {
						p.shut = now.Add(p.setup.Window)
						p.plan(event{at: p.shut, kind: closed})
					}
					continue
				}
				fresh = append(fresh, e.part)
			case closed:
				p.shut = time.Time{}
				for _, w := range p.waiting {
					if w.windowed {
						w.windowed = false
						fresh = append(fresh, w)
					}
				}
			case tired:
				e.part.settled = true
			}
		}
		p.waiting = slices.DeleteFunc(p.waiting, func(w *wait) bool { return w.settled })
		var ready []*wait
		for _, w := range p.waiting {
			if !w.windowed && (departments[w.department()] || slices.Contains(fresh, w)) {
				ready = append(ready, w)
			}
		}
		if len(ready) == 0 {
			continue
		}
		if err := p.give(ctx, now, ready); err != nil {
			return err
		}
		p.waiting = slices.DeleteFunc(p.waiting, func(w *wait) bool { return w.settled })
	}
	return nil
}

// free answers who of a department could be sent now, and from where.
func (p *play) free(ctx context.Context, department string, now time.Time) ([]*unit, []geo.Point, error) {
	var units []*unit
	var from []geo.Point
	for _, u := range p.of[department] {
		if u.busy || !slices.ContainsFunc(u.Duty, func(d dispatch.Span) bool { return d.Holds(now) }) {
			continue
		}
		at, ok, err := p.place(ctx, u, now)
		if err != nil {
			return nil, nil, err
		}
		if ok {
			units, from = append(units, u), append(from, at)
		}
	}
	return units, from, nil
}

// place is where a unit that nobody sent is.
func (p *play) place(ctx context.Context, u *unit, now time.Time) (geo.Point, bool, error) {
	own, ok := geo.Point{}, false
	if u.Post != nil {
		own, ok = *u.Post, true
	} else if fix, seen := p.tracks.at(u.ID, now); seen && now.Sub(fix.T) <= LostAfter {
		own, ok = fix.Point, true
	}
	if u.last == nil {
		return own, ok, nil
	}
	if !ok {
		return *u.last, true, nil
	}
	back, err := road.Straight{}.ManyToOne(ctx, u.Mode, []geo.Point{*u.last}, own)
	if err != nil {
		return geo.Point{}, false, fmt.Errorf("way back of patrol %s: %w", u.Code, err)
	}
	if now.Sub(u.freeAt).Seconds() < back[0].DurationS {
		return *u.last, true, nil
	}
	u.last = nil
	return own, true, nil
}

// ways answers how long each of the units takes to a place, in seconds; negative is
// never. Whose shift ends before it would be there does not go, as no plan sends them.
func (p *play) ways(ctx context.Context, now time.Time, units []*unit, from []geo.Point, to geo.Point) ([]float64, error) {
	out := make([]float64, len(units))
	for m := range road.Mode(road.Modes) {
		var points []geo.Point
		var which []int
		for i, u := range units {
			if u.Mode == m {
				points, which = append(points, from[i]), append(which, i)
			}
		}
		if len(points) == 0 {
			continue
		}
		times, err := p.roads.ManyToOne(ctx, m, points, to)
		if err != nil {
			return nil, fmt.Errorf("ask for ways by %v: %w", m, err)
		}
		for k, i := range which {
			out[i] = -1
			if times[k].Reachable && units[i].onDutyFor(now, seconds(times[k].DurationS)) {
				out[i] = times[k].DurationS
			}
		}
	}
	return out, nil
}

// send gives a unit to a part.
func (p *play) send(w *wait, u *unit, wayS float64, now time.Time) {
	arrives := now.Add(p.slack + seconds(wayS))
	took := arrives.Sub(w.at).Seconds()
	w.settled, w.arrivedS, w.unit, w.sent = true, &took, u, now
	stay := p.stays[w.department()]
	if stay == 0 {
		stay = usualStay
	}
	if s := w.Report.Parts[w.part].StayS; s != nil {
		stay = seconds(*s)
	}
	place := w.Report.Place
	u.busy, u.freeAt, u.last = true, arrives.Add(stay), &place
	p.plan(event{at: u.freeAt, kind: freed, unit: u})
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// trails are the tracks around the hour that is played. All plays read them.
type trails struct {
	before map[dispatch.PatrolID]Fix
	hour   map[dispatch.PatrolID][]Fix
}

func (t *trails) turn(fixes []Fix) {
	if t.before == nil {
		t.before = map[dispatch.PatrolID]Fix{}
	}
	for id, list := range t.hour {
		t.before[id] = list[len(list)-1]
	}
	t.hour = map[dispatch.PatrolID][]Fix{}
	for _, f := range fixes {
		t.hour[f.Patrol] = append(t.hour[f.Patrol], f)
	}
}

// at is the last fix of a patrol at a time.
func (t *trails) at(id dispatch.PatrolID, now time.Time) (Fix, bool) {
	list := t.hour[id]
	i, _ := slices.BinarySearchFunc(list, now, func(f Fix, now time.Time) int {
		if f.T.After(now) {
			return 1
		}
		return -1
	})
	if i > 0 {
		return list[i-1], true
	}
	f, ok := t.before[id]
	return f, ok
}
