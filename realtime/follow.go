package realtime

import (
	"slices"

	"github.com/gridpatrol/gridpatrol/realtime/liveframe"
)

// Whoever is followed is told of wherever they are and at every zoom: in the cell where
// they stand as long as the window looks at it, else in a pane of the window's own whose
// cell is 0, which is no cell of the map. Nobody shares its bytes; those followed are few.

// refollow brings a window up to date after its view has changed.
func (l *land) refollow(w *window) {
	want := w.view.followed()
	if w.apart == nil && len(want) > 0 {
		w.apart = &pane{right: w.right, shown: map[*unit]told{}, windows: []*window{w},
			spot: &spot{res: dotRes, ground: liveframe.Ground{}}}
		w.apart.spot.panes = []*pane{w.apart}
		w.panes = append(w.panes, w.apart)
	}
	for _, id := range w.follow {
		if slices.Contains(want, id) {
			continue
		}
		if u := l.units[id]; u != nil {
			l.hide(w.apart, u)
		}
		if rest := without(l.followers[id], w); len(rest) > 0 {
			l.followers[id] = rest
		} else {
			delete(l.followers, id)
		}
	}
	for _, id := range want {
		if !slices.Contains(w.follow, id) {
			l.followers[id] = append(l.followers[id], w)
		}
		if u := l.units[id]; u != nil {
			l.keepUp(w, u)
		}
	}
	w.follow = want
}

// keepUp tells a window of a patrol that it follows, unless a cell that it looks at does.
func (l *land) keepUp(w *window, u *unit) {
	if u.spot == nil || w.needs(u.spot) {
		l.hide(w.apart, u)
		return
	}
	l.show(w.apart, u)
}
