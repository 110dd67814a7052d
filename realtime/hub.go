package realtime

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// beatEvery is the longest silence towards a viewer. A screen says how old what it
// shows is, and warns after 5 s: where nobody moves it must hear that this is so.
const beatEvery = 4 * time.Second

// hub is what Run knows. Only its goroutine touches it.
type hub struct {
	index     *Index
	viewers   map[*viewer]*audience // nil before the first snapshot, and of the binary subprotocol
	audiences map[audienceKey]*audience
	land      *land
	rolls     map[right]*roll
	dirty     map[dispatch.PatrolID]struct{} // changed since the last flush
	looks     looks                          // who saw whom, still to be handed over
	link      LinkState                      // as the viewers were told last
	covert    map[dispatch.CaseID]struct{}   // cases that were covert when they were heard of
	due       []ask                          // to be answered with the next tick, at most one of a kind from each viewer
}

// newHub makes a hub that shows whoever stands in the index now from its first flush
// on.
func newHub(x *Index) *hub {
	h := &hub{index: x, viewers: map[*viewer]*audience{}, audiences: map[audienceKey]*audience{}, rolls: map[right]*roll{}, dirty: map[dispatch.PatrolID]struct{}{}, looks: looks{}, covert: map[dispatch.CaseID]struct{}{}}
	h.land = newLand(h.looks)
	for _, s := range x.All() {
		h.dirty[s.Patrol] = struct{}{}
	}
	return h
}

// audienceKey is what makes two viewers of the JSON subprotocol see the same: their
// right, and where they look.
type audienceKey struct {
	right right
	view  view
}

// audience is viewers who see the same.
type audience struct {
	key      audienceKey
	members  map[*viewer]struct{}
	shown    map[dispatch.PatrolID]struct{}
	follow   map[dispatch.PatrolID]struct{}
	lastSent time.Time
}

func (a *audience) sees(s *Standing) bool {
	if !s.Placed || !a.key.right.sees(s) {
		return false
	}
	_, followed := a.follow[s.Patrol]
	return followed || a.key.view.box.Contains(s.Point)
}

func (h *hub) ask(a ask) {
	switch a.what {
	case askJoin:
		h.viewers[a.viewer] = nil
	case askSnapshot:
		h.put(a)
	case askView:
		if h.viewers[a.viewer] != nil {
			h.put(a)
		} else {
			h.look(a.viewer, a.view)
		}
	case askLeave:
		h.part(a.viewer)
		h.strike(a.viewer)
		delete(h.viewers, a.viewer)
		h.due = slices.DeleteFunc(h.due, func(d ask) bool { return d.viewer == a.viewer })
	}
}

// put keeps for the next tick what must be answered when everybody stands at the same
// moment: were everybody brought there for each, fifty screens that come at once would
// be fifty frames to all the others.
func (h *hub) put(a ask) {
	h.due = slices.DeleteFunc(h.due, func(d ask) bool { return d.viewer == a.viewer && d.what == a.what })
	h.due = append(h.due, a)
}

// tick sends everybody what moved, then answers who asked meanwhile.
func (h *hub) tick(now time.Time) {
	h.flush(now)
	due := h.due
	h.due = nil
	for _, a := range due {
		if a.what == askView {
			h.look(a.viewer, a.view)
		} else if _, here := h.viewers[a.viewer]; here {
			h.snapshot(a.viewer, a.cases)
		}
	}
}

// part takes a viewer out of its audience; an audience without members goes.
func (h *hub) part(v *viewer) {
	h.land.part(v)
	a := h.viewers[v]
	if a == nil {
		return
	}
	h.looks.add(v.who, a.shown)
	delete(a.members, v)
	if len(a.members) == 0 {
		delete(h.audiences, a.key)
	}
	h.viewers[v] = nil
}

// join puts a viewer into the audience of a key, which is made from the index if
// there is none. What was dirty has been flushed, so that all members of an audience
// stand at the same moment.
func (h *hub) join(v *viewer, key audienceKey) *audience {
	a := h.audiences[key]
	if a == nil {
		a = &audience{key: key, members: map[*viewer]struct{}{}, shown: map[dispatch.PatrolID]struct{}{}, follow: map[dispatch.PatrolID]struct{}{}, lastSent: time.Now()}
		for _, id := range key.view.followed() {
			a.follow[id] = struct{}{}
		}
		for _, s := range h.index.All() {
			if a.sees(&s) {
				a.shown[s.Patrol] = struct{}{}
			}
		}
		h.audiences[key] = a
	}
	a.members[v] = struct{}{}
	h.viewers[v] = a
	return a
}

// snapshot sends a viewer all that it sees, and the cases that changed while the
// others were read.
func (h *hub) snapshot(v *viewer, cases []dispatch.Case) {
	at := everywhere
	if v.asked != nil {
		at = *v.asked
	}
	var b []byte
	if v.binary {
		if h.land.windows[v] == nil {
			h.land.join(v, h.rightOf(v.who), at)
		}
	} else {
		b = h.patrolsOf(v, at)
	}
	b = append(b, `,"cases":`...)
	// What became covert while the cases were read is not told after all.
	cases = slices.DeleteFunc(append([]dispatch.Case{}, cases...), func(k dispatch.Case) bool {
		return slices.ContainsFunc(v.pending, func(c dispatch.CaseChanged) bool { return c.ID == k.ID && !dispatch.Visible(v.who, c.Scope) })
	})
	body, err := json.Marshal(cases)
	if err != nil {
		v.close(closeDrain, "the cases cannot be shown")
		return
	}
	v.push(frame{kind: "snapshot", rest: append(b, body...)})
	if h.link.Cut {
		v.push(linkFrame(h.link))
	}
	h.strike(v) // and enrolled anew, it is told the totals once more: before who is in view
	h.enrol(v, h.viewOf(v))
	if v.binary {
		h.land.windows[v].tellAll(h.land.atMS)
	}
	pending := v.pending
	v.ready, v.pending = true, nil
	for i := range pending {
		if !dispatch.Visible(v.who, pending[i].Scope) {
			continue
		}
		if f, ok := caseFrame(&pending[i]); ok {
			v.push(f)
		}
	}
}

// patrolsOf are the patrols of a viewer's first snapshot, or of another one.
func (h *hub) patrolsOf(v *viewer, at view) []byte {
	a := h.viewers[v]
	if a == nil {
		a = h.join(v, audienceKey{right: h.rightOf(v.who), view: at})
	}
	b := append([]byte(nil), `,"patrols":[`...)
	first := true
	for id := range a.shown {
		if s, known := h.index.Standing(id); known && s.Placed {
			if !first {
				b = append(b, ',')
			}
			first = false
			b = appendPatrol(b, &s)
		}
	}
	return append(b, ']')
}

// look moves a viewer to another part of the map: what is new there comes as moved,
// what is there no more as gone.
func (h *hub) look(v *viewer, at view) {
	old, here := h.viewers[v]
	if !here {
		return
	}
	if v.ready {
		h.enrol(v, at)
	}
	if w := h.land.windows[v]; w != nil {
		w.next = &at // with the next tick: one message a tick, however often a map is dragged
		return
	}
	if old == nil {
		v.asked = &at // the first snapshot is on its way
		return
	}
	key := audienceKey{right: h.rightOf(v.who), view: at}
	if key == old.key {
		return
	}
	before := old.shown
	h.part(v)
	a := h.join(v, key)
	var d delta
	for id := range a.shown {
		if _, already := before[id]; already {
			continue
		}
		if s, known := h.index.Standing(id); known && s.Placed {
			d.move(encodePatrol(&s))
		}
	}
	for id := range before {
		if _, still := a.shown[id]; !still {
			d.leave(id)
		}
	}
	if !d.empty() {
		v.push(d.frame())
	}
}

// viewOf is what a viewer asked for last.
func (h *hub) viewOf(v *viewer) view {
	if w := h.land.windows[v]; w != nil {
		if w.next != nil {
			return *w.next
		}
		return w.view
	}
	if a := h.viewers[v]; a != nil {
		return a.key.view
	}
	return everywhere
}

// handOver gives the recorder what was seen, unless it is still busy with the last.
func (h *hub) handOver(recorder chan<- looks) {
	for v, a := range h.viewers {
		if a != nil {
			h.looks.add(v.who, a.shown)
		}
	}
	for _, w := range h.land.windows {
		w.look(h.looks)
	}
	if len(h.looks) == 0 {
		return
	}
	select {
	case recorder <- h.looks:
		h.looks = looks{}
		h.land.looks = h.looks
	default:
	}
}

// hear takes news from the bus.
func (h *hub) hear(news News) {
	for id := range news.Moved {
		h.dirty[id] = struct{}{}
	}
	if news.Link != nil && *news.Link != h.link {
		h.link = *news.Link
		for v := range h.viewers {
			if v.ready {
				v.push(linkFrame(h.link))
			}
		}
	}
	if news.Gap {
		// Cases were dropped. A viewer who comes back gets them all.
		for v := range h.viewers {
			v.close(closeDrain, "cases were missed; come back")
		}
		return
	}
	for i := range news.Cases {
		h.tellCase(&news.Cases[i])
		h.commanders(&news.Cases[i])
	}
	for i := range news.Notices {
		h.tellNotice(&news.Notices[i])
	}
}

// flush sends everybody what moved since the last time. What is shown is read from the
// index now: two changes of a patrol at once may come over the bus in either order.
func (h *hub) flush(now time.Time) {
	h.land.atMS = h.index.now().UnixMilli()
	for id := range h.dirty {
		s, _ := h.index.Standing(id)
		h.land.take(id, &s)
		for _, r := range h.rolls {
			r.take(id, &s)
		}
	}
	h.land.glaze(now)
	h.flushAudiences(now)
	h.flushRolls(now)
	clear(h.dirty)
}

// flushAudiences makes the frames of the JSON subprotocol: each patrol is encoded once,
// each audience's frame is put together once.
func (h *hub) flushAudiences(now time.Time) {
	if len(h.audiences) == 0 {
		return
	}
	standings := make(map[dispatch.PatrolID]Standing, len(h.dirty))
	for id := range h.dirty {
		standings[id], _ = h.index.Standing(id)
	}
	encoded := make(map[dispatch.PatrolID][]byte, len(h.dirty))
	for _, a := range h.audiences {
		var d delta
		for id, s := range standings {
			_, was := a.shown[id]
			switch sees := a.sees(&s); {
			case sees:
				body := encoded[id]
				if body == nil {
					body = encodePatrol(&s)
					encoded[id] = body
				}
				a.shown[id] = struct{}{}
				d.move(body)
			case was:
				for v := range a.members {
					h.looks.add(v.who, map[dispatch.PatrolID]struct{}{id: {}})
				}
				delete(a.shown, id)
				d.leave(id)
			}
		}
		if d.empty() && now.Sub(a.lastSent) < beatEvery {
			continue
		}
		a.lastSent = now
		f := d.frame()
		for v := range a.members {
			v.push(f)
		}
	}
}
