package realtime

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/gridpatrol/gridpatrol/realtime/liveframe"
)

// batch is the bytes of one flush, which many viewers share. It is used again when the
// last of them has sent or dropped its part.
type batch struct {
	serial  uint64 // of each use another
	bytes   []byte
	parts   [][]byte // of one viewer after the other
	holders atomic.Int32
}

var (
	batches = sync.Pool{New: func() any { return new(batch) }}
	serials atomic.Uint64
)

func newBatch() *batch {
	b := batches.Get().(*batch)
	b.serial = serials.Add(1)
	b.holders.Store(1)
	return b
}

func (b *batch) release() {
	if b != nil && b.holders.Add(-1) == 0 {
		clear(b.parts)
		b.bytes, b.parts = b.bytes[:0], b.parts[:0]
		batches.Put(b)
	}
}

// cut answers what was added to the bytes since a point. What comes later may move
// them elsewhere; the old place stays as it is.
func (b *batch) cut(from int) []byte { return b.bytes[from:len(b.bytes):len(b.bytes)] }

// add gives the viewer whose turn it is a section.
func (b *batch) add(section []byte) {
	if section != nil {
		b.parts = append(b.parts, section)
	}
}

// glaze makes the sections of what is new and gives every window its share of them.
func (l *land) glaze(now time.Time) {
	b := newBatch()
	defer b.release()
	for _, w := range l.windows {
		if w.next != nil {
			w.view, w.next, w.turned = *w.next, nil, true
			l.refollow(w)
		}
	}
	for _, p := range l.changed {
		p.seal(b)
	}
	for _, w := range l.windows {
		l.fill(w, b, now)
	}
	for _, p := range l.changed {
		p.changed, p.section = false, nil
	}
	l.flush++
	clear(l.changed)
	clear(l.fresh)
	l.changed, l.fresh = l.changed[:0], l.fresh[:0]
	l.sweep()
}

// seal makes the section of what is new.
func (p *pane) seal(b *batch) {
	from := len(b.bytes)
	switch {
	case p.spot.res != dotRes:
		b.bytes = liveframe.AppendCounts(b.bytes, p.spot.ground, &p.counts)
	case p.mixed:
		p.appendWhole(b)
	default:
		b.bytes = liveframe.AppendSection(b.bytes, liveframe.Changes, p.spot.ground, p.lefts, p.fulls, p.left, p.full, p.moved)
	}
	p.section = b.cut(from)
	p.left, p.full, p.moved, p.lefts, p.fulls, p.mixed = p.left[:0], p.full[:0], p.moved[:0], 0, 0, false
}

// all is the section of everything in the cell, made once a batch; nothing where the
// right sees nobody: that somebody is there is no business of who may not see them.
func (p *pane) all(b *batch) []byte {
	if len(p.shown) == 0 {
		return nil
	}
	if p.wholeIn == b.serial {
		return p.whole
	}
	from := len(b.bytes)
	if p.spot.res != dotRes {
		b.bytes = liveframe.AppendCounts(b.bytes, p.spot.ground, &p.counts)
	} else {
		p.appendWhole(b)
	}
	p.whole, p.wholeIn = b.cut(from), b.serial
	return p.whole
}

// appendWhole adds everybody in a cell that shows dots.
func (p *pane) appendWhole(b *batch) {
	var full []byte
	for u := range p.shown {
		wire := u.wire()
		full = liveframe.AppendFull(full, &wire)
	}
	b.bytes = liveframe.AppendSection(b.bytes, liveframe.Whole, p.spot.ground, 0, uint32(len(p.shown)), nil, full, nil)
}

// fill sends a window what is new in its panes, and what its view has come to or left.
func (l *land) fill(w *window, b *batch, now time.Time) {
	moved := w.turned
	w.turned = false
	afresh := false
	switch w.viewer.room() {
	case noRoom:
		// It will have all afresh, by the view that it has then.
		if moved {
			l.reopen(w, b, false)
		} else {
			l.openFresh(w, b, false)
		}
		return
	case roomAgain:
		afresh = true
	}
	from := len(b.parts)
	switch {
	case moved:
		l.reopen(w, b, !afresh)
	default:
		for _, p := range w.panes {
			if !afresh {
				b.add(p.section)
			}
		}
		l.openFresh(w, b, !afresh)
	}
	if afresh {
		for _, p := range w.panes {
			b.add(p.all(b))
		}
	}
	if len(b.parts) == from && !afresh && now.Sub(w.sentAt) < beatEvery {
		return
	}
	w.sentAt = now
	w.send(b, from, l.atMS, afresh)
}

// openFresh gives a window the cells that somebody came into just now.
func (l *land) openFresh(w *window, b *batch, tell bool) {
	for _, s := range l.fresh {
		if !w.needs(s) {
			continue
		}
		if p, had := l.open(w, s); tell && !had {
			b.add(p.all(b))
		}
	}
}

// reopen gives a window the panes of its new view.
func (l *land) reopen(w *window, b *batch, tell bool) {
	for i := len(w.panes) - 1; i >= 0; i-- {
		p := w.panes[i]
		switch {
		case !w.needs(p.spot):
			l.shut(w, p)
			if tell && (len(p.shown) > 0 || p.section != nil) {
				at := len(b.bytes)
				b.bytes = liveframe.AppendClosed(b.bytes, p.spot.ground.Cell)
				b.parts = append(b.parts, b.cut(at))
			}
		case tell:
			b.add(p.section)
		}
	}
	for _, s := range l.spots[resOf(w.view.zoom)] {
		if !w.needs(s) {
			continue
		}
		if p, had := l.open(w, s); tell && !had {
			b.add(p.all(b))
		}
	}
}

// send queues the parts from a point on.
func (w *window) send(b *batch, from int, atMS int64, afresh bool) {
	b.holders.Add(1)
	w.viewer.push(frame{batch: b, parts: b.parts[from:len(b.parts):len(b.parts)], atMS: atMS, afresh: afresh})
}

// tellAll sends a window everything in its panes.
func (w *window) tellAll(atMS int64) {
	b := newBatch()
	defer b.release()
	for _, p := range w.panes {
		b.add(p.all(b))
	}
	w.send(b, 0, atMS, true)
}
