package road

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// ErrEmpty says that a survey holds nothing anybody can travel on.
var ErrEmpty = errors.New("no usable roads")

// Build makes a network of a survey. The same survey gives the same network,
// byte for byte. Source is kept for those who ask where the roads are from.
func Build(ctx context.Context, s *Survey, source string) (*Network, error) {
	b := &builder{survey: s, net: &Network{source: source, profiles: s.Profiles}}
	prepare := func() error { _, err := Prepare(ctx, b.net); return err }
	for _, step := range []func() error{b.check, b.cut, b.measure, b.turns, b.islands, b.net.finish, prepare} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := step(); err != nil {
			return nil, fmt.Errorf("build roads: %w", err)
		}
	}
	return b.net, nil
}

type builder struct {
	survey *Survey
	net    *Network
	pieces []piece
	ofWay  [][]uint32        // segments of each way, in its order
	number map[uint32]uint32 // node of the network by node of the survey
	leave  [][]uint32        // arcs that begin at each node of the network
	gates  map[uint32]Gate   // by node of the network
}

// piece is a segment before the network exists: nodes from..to of a way.
type piece struct {
	way      uint32
	from, to int
	order    uint64 // along the Hilbert curve
}

func (b *builder) check() error {
	for i, w := range b.survey.Ways {
		if len(w.Nodes) < 2 {
			return fmt.Errorf("way %d has %d nodes, at least 2 are needed", i, len(w.Nodes))
		}
		for _, n := range w.Nodes {
			if int(n) >= len(b.survey.Nodes) {
				return fmt.Errorf("way %d names node %d of %d", i, n, len(b.survey.Nodes))
			}
		}
		if w.Class >= classes {
			return fmt.Errorf("way %d has the unknown class %d", i, w.Class)
		}
	}
	for i, n := range b.survey.Nodes {
		if n.Lon7 < -180e7 || n.Lon7 > 180e7 || n.Lat7 < -90e7 || n.Lat7 > 90e7 {
			return fmt.Errorf("node %d is outside the globe", i)
		}
	}
	for i, r := range b.survey.Restrictions {
		for _, w := range append([]uint32{r.From, r.To}, r.Vias...) {
			if int(w) >= len(b.survey.Ways) {
				return fmt.Errorf("restriction %d names way %d of %d", i, w, len(b.survey.Ways))
			}
		}
	}
	return nil
}

// cut splits the ways where they meet, where something stands, and where they
// end.
func (b *builder) cut() error {
	uses := make([]uint8, len(b.survey.Nodes))
	use := func(n uint32) {
		if uses[n] < 2 {
			uses[n]++
		}
	}
	for _, w := range b.survey.Ways {
		if !w.usable() {
			continue
		}
		for i, n := range w.Nodes {
			use(n)
			if i == 0 || i == len(w.Nodes)-1 {
				use(n)
			}
		}
	}
	for n := range b.survey.Gates {
		if int(n) < len(uses) {
			uses[n] = 2
		}
	}
	for i, w := range b.survey.Ways {
		if !w.usable() {
			continue
		}
		start := 0
		for k := 1; k < len(w.Nodes); k++ {
			if uses[w.Nodes[k]] < 2 {
				continue
			}
			mid := b.survey.Nodes[w.Nodes[(start+k)/2]]
			b.pieces = append(b.pieces, piece{way: uint32(i), from: start, to: k, order: hilbert(mid)})
			start = k
		}
	}
	if len(b.pieces) == 0 {
		return ErrEmpty
	}
	if len(b.pieces) > math.MaxUint32/4 {
		return fmt.Errorf("%d segments are more than a network can hold", len(b.pieces))
	}
	// Neighbours in space become neighbours in memory, which is what a search
	// spends its time on.
	slices.SortStableFunc(b.pieces, func(x, y piece) int { return cmp.Compare(x.order, y.order) })
	return nil
}

func (w *Way) usable() bool {
	for _, t := range w.Travel {
		if t.ForwardMS > 0 || t.BackwardMS > 0 {
			return true
		}
	}
	return false
}

// measure fills the segments and the durations of their arcs.
func (b *builder) measure() error {
	n, s := b.net, b.survey
	count := len(b.pieces)
	n.first = make([]uint32, 0, count+1)
	n.lengthCM = make([]uint32, count)
	n.nodes = make([]uint32, 2*count)
	n.name = make([]uint32, count)
	n.class = make([]Class, count)
	n.flags = make([]uint8, count)
	for m := range n.modes {
		n.modes[m].durationMS = make([]uint32, 2*count)
		n.modes[m].flags = make([]uint8, 2*count)
	}
	names := map[string]uint32{"": 0}
	n.names = []string{""}
	b.number = make(map[uint32]uint32, count)
	number := func(node uint32) uint32 {
		i, ok := b.number[node]
		if !ok {
			i = uint32(len(b.number))
			b.number[node] = i
		}
		return i
	}
	b.ofWay = make([][]uint32, len(s.Ways))
	wayLengthM := make([]float64, len(s.Ways))
	for _, p := range b.pieces {
		wayLengthM[p.way] += b.lengthM(p)
	}
	for i, p := range b.pieces {
		w := &s.Ways[p.way]
		b.ofWay[p.way] = append(b.ofWay[p.way], uint32(i))
		n.first = append(n.first, uint32(len(n.points)/2))
		for _, node := range w.Nodes[p.from : p.to+1] {
			n.points = append(n.points, s.Nodes[node].Lon7, s.Nodes[node].Lat7)
		}
		n.nodes[2*i], n.nodes[2*i+1] = number(w.Nodes[p.from]), number(w.Nodes[p.to])
		lengthM := b.lengthM(p)
		if lengthM > maxCM/100 {
			return fmt.Errorf("a segment of way %d is %g km long", p.way, lengthM/1000)
		}
		n.lengthCM[i] = uint32(math.Round(lengthM * 100))
		n.class[i] = w.Class
		if w.Origin != 0 && n.origin == nil {
			n.origin = make([]int64, count)
		}
		if n.origin != nil {
			n.origin[i] = w.Origin
		}
		if w.Ferry {
			n.flags[i] |= segFerry
		}
		if w.Bridge {
			n.flags[i] |= segBridge
		}
		if w.Tunnel {
			n.flags[i] |= segTunnel
		}
		text := cleanName(w.Name)
		name, ok := names[text]
		if !ok {
			name = uint32(len(n.names))
			names[text] = name
			n.names = append(n.names, text)
		}
		n.name[i] = name
		for m, t := range w.Travel {
			g := &n.modes[m]
			share := 1.0
			if wayLengthM[p.way] > 0 {
				share = lengthM / wayLengthM[p.way]
			}
			g.durationMS[2*i] = arcMS(lengthM, share, t.ForwardMS, t.DurationS)
			g.durationMS[2*i+1] = arcMS(lengthM, share, t.BackwardMS, t.DurationS)
			if w.EndsOnly.Has(Mode(m)) {
				g.flags[2*i] |= arcEndsOnly
				g.flags[2*i+1] |= arcEndsOnly
			}
		}
	}
	n.first = append(n.first, uint32(len(n.points)/2))
	n.nodeN = uint32(len(b.number))
	for _, segments := range b.ofWay {
		slices.SortFunc(segments, func(x, y uint32) int { return cmp.Compare(b.pieces[x].from, b.pieces[y].from) })
	}
	return nil
}

func (b *builder) lengthM(p piece) float64 {
	nodes := b.survey.Ways[p.way].Nodes
	sum := 0.0
	for k := p.from; k < p.to; k++ {
		u, v := b.survey.Nodes[nodes[k]], b.survey.Nodes[nodes[k+1]]
		sum += stretchM(u.Lon7, u.Lat7, v.Lon7, v.Lat7)
	}
	return sum
}

// cleanName drops what neither the file nor a text column can hold.
func cleanName(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")
}

func arcMS(lengthM, share float64, speedMS, wayS float32) uint32 {
	if !(speedMS > 0) {
		return shut
	}
	s := lengthM / float64(speedMS)
	if wayS > 0 {
		s = share * float64(wayS)
	}
	return uint32(math.Min(math.Round(s*1000), maxMS))
}

// hilbert is the place of a node along a curve that keeps neighbours together.
func hilbert(n Node) uint64 {
	return hilbertD(uint32(int64(n.Lon7)+180e7), uint32(int64(n.Lat7)+90e7))
}

func hilbertD(x, y uint32) uint64 {
	var d uint64
	for s := uint32(1) << 31; s > 0; s >>= 1 {
		var rx, ry uint32
		if x&s > 0 {
			rx = 1
		}
		if y&s > 0 {
			ry = 1
		}
		d += uint64(s) * uint64(s) * uint64((3*rx)^ry)
		if ry == 0 {
			if rx == 1 {
				x, y = ^x, ^y
			}
			x, y = y, x
		}
	}
	return d
}
