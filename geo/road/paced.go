package road

import "math"

// Pace is a speed that differs from the one the roads were built with: of a class of
// roads, or of one way.
type Pace struct {
	// Origin is the way, see Way.Origin; 0 is every road of the class.
	Origin int64
	Class  Class
	// Along and Against are the directions it holds for, as the way was drawn.
	Along, Against bool
	Modes          ModeSet
	// KMH is the speed; where it is 0, Factor is the share of the built one.
	KMH    float64
	Factor float64
	// Learned says that nobody set it: it holds only where no other pace does.
	Learned bool
}

// paces are the paces of one mode by what they hold for, the two directions apart.
type paces struct {
	class   [classes][2]*Pace
	way     map[int64][2]*Pace
	learned map[int64][2]*Pace
}

// pacesOf are the paces that count for a mode: of a way before those of its class, both
// before what was learned, and of several the last.
func pacesOf(m Mode, list []Pace) *paces {
	var p *paces
	for i := range list {
		pace := &list[i]
		if !pace.Modes.Has(m) {
			continue
		}
		if p == nil {
			p = &paces{way: map[int64][2]*Pace{}, learned: map[int64][2]*Pace{}}
		}
		for d, holds := range [2]bool{pace.Along, pace.Against} {
			switch {
			case !holds:
			case pace.Origin != 0:
				of := p.way
				if pace.Learned {
					of = p.learned
				}
				both := of[pace.Origin]
				both[d] = pace
				of[pace.Origin] = both
			case pace.Class < classes:
				p.class[pace.Class][d] = pace
			}
		}
	}
	return p
}

// paced are the durations of a mode at some paces: a slice of its own, or the built
// one where none holds for the mode. What is shut stays so. Learned says that a learned
// pace changed any.
func (n *Network) paced(m Mode, list []Pace) (durations []uint32, learned bool) {
	built := n.modes[m].durationMS
	p := pacesOf(m, list)
	if p == nil {
		return built, false
	}
	durationMS := make([]uint32, len(built))
	for arc, ms := range built {
		segment := arc / 2
		pace := p.class[n.class[segment]][arc&1]
		if n.origin != nil && len(p.way) > 0 {
			if of := p.way[n.origin[segment]][arc&1]; of != nil {
				pace = of
			}
		}
		if pace == nil && n.origin != nil && len(p.learned) > 0 {
			pace = p.learned[n.origin[segment]][arc&1]
		}
		durationMS[arc] = pace.durationMS(ms, n.lengthCM[segment])
		learned = learned || pace != nil && pace.Learned && durationMS[arc] != ms
	}
	return durationMS, learned
}

func (p *Pace) durationMS(builtMS, lengthCM uint32) uint32 {
	if p == nil || builtMS == shut {
		return builtMS
	}
	ms := float64(builtMS)
	switch {
	case p.KMH > 0:
		ms = float64(lengthCM) * 36 / p.KMH
	case p.Factor > 0:
		ms /= p.Factor
	}
	return uint32(math.Min(math.Round(ms), maxMS))
}

// Paced answers the segments a pace concerns, whoever may use them.
func (n *Network) Paced(p Pace) []uint32 {
	var segments []uint32
	for s := range uint32(n.Segments()) {
		if p.Origin == 0 && n.class[s] == p.Class || p.Origin != 0 && n.origin != nil && n.origin[s] == p.Origin {
			segments = append(segments, s)
		}
	}
	return segments
}

// Numbered says whether the roads carry the numbers of their ways, so that a pace can
// name one.
func (n *Network) Numbered() bool { return n.origin != nil }

// Origin is the number of the way a segment is of, 0 where it has none.
func (n *Network) Origin(segment uint32) int64 {
	if n.origin == nil {
		return 0
	}
	return n.origin[segment]
}
