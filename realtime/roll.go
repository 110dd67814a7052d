package realtime

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime/liveframe"
)

// rollEvery is how often totals are told at most: they are read by people.
const rollEvery = time.Second

// roll is how many one right may see, wherever they are, for the viewers who asked.
type roll struct {
	viewers map[*viewer]struct{}
	right   right
	shown   map[dispatch.PatrolID]rolled
	counts  map[rollRow]*[liveframe.Classes]uint32
	changed bool
	sentAt  time.Time
}

// rollRow is what patrols are counted apart by: those that a program plays are no strength.
type rollRow struct {
	department string
	simulated  bool
}

type rolled struct {
	rollRow
	class liveframe.Class
}

// take brings the roll up to date with one patrol.
func (r *roll) take(id dispatch.PatrolID, s *Standing) {
	was, known := r.shown[id]
	if !r.right.sees(s) {
		if known {
			delete(r.shown, id)
			r.count(was, ^uint32(0))
		}
		return
	}
	now := rolled{rollRow{s.Department, s.Simulated}, liveframe.ClassOf(s.Status, s.Presence)}
	if known && was == now {
		return
	}
	if known {
		r.count(was, ^uint32(0))
	}
	r.shown[id] = now
	r.count(now, 1)
}

// count adds one, or takes one away.
func (r *roll) count(of rolled, n uint32) {
	c := r.counts[of.rollRow]
	if c == nil {
		c = &[liveframe.Classes]uint32{}
		r.counts[of.rollRow] = c
	}
	c[of.class] += n
	if *c == ([liveframe.Classes]uint32{}) {
		delete(r.counts, of.rollRow)
	}
	r.changed = true
}

// classNames are the words of a count, in the order of its classes.
var classNames = [liveframe.Classes]string{"free", "assigned", "en_route", "on_scene", "break", "stale", "lost"}

func (r *roll) frame() frame {
	rows := slices.SortedFunc(maps.Keys(r.counts), func(a, b rollRow) int {
		if c := cmp.Compare(a.department, b.department); c != 0 || a.simulated == b.simulated {
			return c
		}
		if a.simulated {
			return 1
		}
		return -1
	})
	b := []byte(`,"departments":[`)
	for i, row := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, `{"department":"`...), row.department...), `","simulated":`...)
		b = strconv.AppendBool(b, row.simulated)
		for class, n := range r.counts[row] {
			b = append(append(append(b, `,"`...), classNames[class]...), `":`...)
			b = strconv.AppendUint(b, uint64(n), 10)
		}
		b = append(b, '}')
	}
	return frame{kind: "totals", rest: append(b, ']')}
}

// enrol tells a viewer the totals from now on, or no more, as its view asks.
func (h *hub) enrol(v *viewer, at view) {
	var key right
	if at.totals {
		key = h.rightOf(v.who)
		if r := h.rolls[key]; r != nil {
			if _, already := r.viewers[v]; already {
				return
			}
		}
	}
	h.strike(v)
	if !at.totals {
		return
	}
	r := h.rolls[key]
	if r == nil {
		r = &roll{viewers: map[*viewer]struct{}{}, right: key, shown: map[dispatch.PatrolID]rolled{}, counts: map[rollRow]*[liveframe.Classes]uint32{}}
		for _, s := range h.index.All() {
			r.take(s.Patrol, &s)
		}
		r.changed = false
		h.rolls[key] = r
	}
	r.viewers[v] = struct{}{}
	v.push(r.frame())
}

// strike takes a viewer off every roll; one that nobody asked for goes.
func (h *hub) strike(v *viewer) {
	for key, r := range h.rolls {
		delete(r.viewers, v)
		if len(r.viewers) == 0 {
			delete(h.rolls, key)
		}
	}
}

// flushRolls tells the totals where they have changed.
func (h *hub) flushRolls(now time.Time) {
	for _, r := range h.rolls {
		if !r.changed || now.Sub(r.sentAt) < rollEvery {
			continue
		}
		r.changed, r.sentAt = false, now
		f := r.frame()
		for v := range r.viewers {
			v.push(f)
		}
	}
}
