package match

import (
	"math"
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// link is a column of the chain that won, and where on the way it is.
type link struct {
	c     *column
	foot  int
	atM   float64
	share []float64 // how likely each footing is, in the light of the whole track
}

// draw makes a part of the likeliest chain that ends at a column.
func (w *work) draw(last *column) {
	best := 0
	for k, v := range last.cost {
		if v < last.cost[best] {
			best = k
		}
	}
	var links []link
	for c, k := last, best; c != nil; {
		links = append(links, link{c: c, foot: k})
		next := c.prev
		if next == nil {
			break
		}
		c, k = next, int(c.from[k])
	}
	slices.Reverse(links)
	if len(links) == 1 && w.seen[last.seen].end-w.seen[last.seen].first < 2 {
		w.drop(w.kept[w.seen[last.seen].first:w.seen[last.seen].end], Alone)
		return
	}
	weigh(links)
	p := Part{}
	w.trace(&p, links)
	number := len(w.result.Parts)
	w.settle(&p, links, number)
	w.clock(&p, links)
	for _, s := range p.Spans {
		p.Line = w.net.AppendArc(p.Line, s.Arc, s.FromCM, s.ToCM)
	}
	if len(p.Line) == 2 {
		p.Line = append(p.Line, p.Line...)
	}
	w.result.LengthM += p.LengthM
	w.result.Parts = append(w.result.Parts, p)
}

// trace follows the roads from link to link.
func (w *work) trace(p *Part, links []link) {
	at := w.seen[links[0].c.seen].feet[links[0].foot]
	p.Spans = append(p.Spans, Span{Arc: at.Arc, FromCM: at.AtCM, ToCM: at.AtCM})
	lengthCM := uint64(0)
	for i := 1; i < len(links); i++ {
		to := w.seen[links[i].c.seen].feet[links[i].foot]
		switch {
		case at.Arc == to.Arc && to.AtCM >= at.AtCM:
			p.Spans[len(p.Spans)-1].ToCM = to.AtCM
			lengthCM += uint64(to.AtCM - at.AtCM)
		case at.Arc == to.Arc && w.slid(links[i-1], links[i]):
			links[i].atM = float64(lengthCM) / 100
			continue // and goes on from where the farthest fix was
		default:
			w.follow.Search(w.net, w.mode, at, []road.Footing{to}, math.MaxInt32)
			leg, ok := w.follow.To(to)
			if !ok {
				break
			}
			w.arcs = w.follow.Path(w.arcs[:0], to)
			if leg.Round {
				p.Rounds++
				from := w.net.ArcCM(at.Arc) - at.AtCM
				p.Spans = append(p.Spans, Span{Arc: at.Arc ^ 1, FromCM: from, ToCM: from})
			}
			for _, arc := range w.arcs[1:] {
				last := &p.Spans[len(p.Spans)-1]
				last.ToCM = w.net.ArcCM(last.Arc)
				p.Spans = append(p.Spans, Span{Arc: arc})
			}
			p.Spans[len(p.Spans)-1].ToCM = to.AtCM
			lengthCM += uint64(leg.LengthCM)
		}
		at = to
		links[i].atM = float64(lengthCM) / 100
	}
	p.LengthM = float64(lengthCM) / 100
	p.Spans = slices.DeleteFunc(p.Spans, func(s Span) bool { return s.FromCM == s.ToCM && len(p.Spans) > 1 })
	if len(p.Spans) == 0 {
		p.Spans = []Span{{Arc: at.Arc, FromCM: at.AtCM, ToCM: at.AtCM}}
	}
}

// slid says that a step did not leave its road and went on no farther than the fixes
// scatter: what came out behind the farthest place before is no way back.
func (w *work) slid(a, b link) bool {
	from, to := w.seen[a.c.seen].feet[a.foot], w.seen[b.c.seen].feet[b.foot]
	noise := w.seen[a.c.seen].meanSigmaM + w.seen[b.c.seen].meanSigmaM
	return from.Arc == to.Arc && (to.AtCM >= from.AtCM || w.stays(from, to, noise))
}

// weigh finds how likely each footing of the links is, given all of them: forward and
// backward over the chain.
func weigh(links []link) {
	ahead := make([][]float64, len(links))
	for i, l := range links {
		c := l.c
		ahead[i] = make([]float64, len(c.cost))
		for k := range ahead[i] {
			sum := 1.0
			if i > 0 {
				sum = 0
				for j, p := range ahead[i-1] {
					if p > 0 && c.step[j] != nil {
						sum += p * math.Exp(-c.step[j][k])
					}
				}
			}
			ahead[i][k] = sum * math.Exp(-c.emission[k])
		}
		level(ahead[i], l.foot)
	}
	behind := make([]float64, len(links[len(links)-1].c.cost))
	for k := range behind {
		behind[k] = 1
	}
	for i := len(links) - 1; i >= 0; i-- {
		share := make([]float64, len(ahead[i]))
		for k := range share {
			share[k] = ahead[i][k] * behind[k]
		}
		level(share, links[i].foot)
		links[i].share = share
		if i == 0 {
			break
		}
		c := links[i].c
		before := make([]float64, len(ahead[i-1]))
		for j := range before {
			if c.step[j] == nil {
				continue
			}
			for k := range behind {
				before[j] += math.Exp(-c.step[j][k]-c.emission[k]) * behind[k]
			}
		}
		level(before, links[i-1].foot)
		behind = before
	}
}

// level makes shares of weights; where all vanish the one that was chosen has it.
func level(v []float64, chosen int) {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	if sum == 0 || math.IsNaN(sum) || math.IsInf(sum, 0) {
		clear(v)
		v[chosen] = 1
		return
	}
	for i := range v {
		v[i] /= sum
	}
}

// settle puts every fix of a part on its way.
func (w *work) settle(p *Part, links []link, number int) {
	starts := make([]float64, len(p.Spans)) // of the spans, along the way
	at := 0.0
	for i, s := range p.Spans {
		starts[i] = at
		at += float64(s.ToCM-s.FromCM) / 100
	}
	p.First = w.kept[w.seen[links[0].c.seen].first]
	total, count := 0.0, 0
	span := 0
	for i, l := range links {
		o := &w.seen[l.c.seen]
		foot := o.feet[l.foot]
		confidence := 0.0
		for k, f := range o.feet {
			if f.Segment() == foot.Segment() {
				confidence += l.share[k]
			}
		}
		low, high := links[max(i-1, 0)].atM, links[min(i+1, len(links)-1)].atM
		for span > 0 && starts[span] > low {
			span--
		}
		for span+1 < len(p.Spans) && starts[span+1] <= low {
			span++
		}
		for _, k := range w.kept[o.first:o.end] {
			pl := w.nearest(p, starts, span, low, high, w.fixes[k].Point)
			pl.State, pl.Part, pl.Confidence = Matched, number, min(confidence, 1)
			w.result.Places[k] = pl
			p.Last = k
			total, count = total+pl.Confidence, count+1
		}
	}
	p.Confidence = total / float64(count)
}

// nearest is the place nearest to a point on a stretch of the way.
func (w *work) nearest(p *Part, starts []float64, span int, low, high float64, at geo.Point) Place {
	local := geo.NewLocal(at)
	best := Place{AwayM: math.Inf(1)}
	for i := span; i < len(p.Spans) && (i == span || starts[i] <= high); i++ {
		s := p.Spans[i]
		from := s.FromCM + uint32(math.Round(max(low-starts[i], 0)*100))
		to := min(s.ToCM, s.FromCM+uint32(math.Round(max(high-starts[i], 0)*100)))
		from = min(from, s.ToCM)
		if to < from {
			to = from
		}
		flat := w.net.AppendArc(nil, s.Arc, from, to)
		walked := starts[i] + float64(from-s.FromCM)/100
		if len(flat) == 2 {
			flat = append(flat, flat...)
		}
		for k := 2; k < len(flat); k += 2 {
			ax, ay := local.XY(geo.Point{Lon: flat[k-2], Lat: flat[k-1]})
			bx, by := local.XY(geo.Point{Lon: flat[k], Lat: flat[k+1]})
			long, share := math.Hypot(bx-ax, by-ay), 0.0
			if long > 0 {
				share = min(max(-(ax*(bx-ax)+ay*(by-ay))/(long*long), 0), 1)
			}
			x, y := ax+share*(bx-ax), ay+share*(by-ay)
			if d := math.Hypot(x, y); d < best.AwayM {
				best = Place{AwayM: d, Point: local.Point(x, y), Segment: int(s.Arc / 2), Against: s.Arc&1 == 1, AtM: walked + share*long}
			}
			walked += long
		}
	}
	return best
}

// clock tells when each span was entered and left.
func (w *work) clock(p *Part, links []link) {
	i := 0
	when := func(m float64) time.Time {
		for i+1 < len(links)-1 && links[i+1].atM < m {
			i++
		}
		a, b := links[i], links[min(i+1, len(links)-1)]
		from, to := w.seen[a.c.seen].t, w.seen[b.c.seen].t
		if b.atM <= a.atM {
			return to
		}
		share := min(max((m-a.atM)/(b.atM-a.atM), 0), 1)
		return from.Add(time.Duration(share * float64(to.Sub(from))))
	}
	at := 0.0
	for k := range p.Spans {
		s := &p.Spans[k]
		s.Enter = when(at)
		at += float64(s.ToCM-s.FromCM) / 100
		s.Leave = when(at)
	}
}

// tell names the breaks between parts, and what was left over.
func (w *work) tell() {
	for i := 1; i < len(w.result.Parts); i++ {
		a, b := w.result.Parts[i-1].Last, w.result.Parts[i].First
		why := BreakNoWay
		if w.fixes[b].T.Sub(w.fixes[a].T) > gapAfter {
			why = BreakGap
		}
		w.result.Breaks = append(w.result.Breaks, Break{After: a, Before: b, Reason: why})
	}
	for i := range w.result.Places {
		if w.result.Places[i].State == "" {
			w.result.Places[i].State = Alone
		}
	}
}
