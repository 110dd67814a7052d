package road

import (
	"context"
	"errors"
	"fmt"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Line is a road as a survey of one's own draws it. Lines are connected where
// they share a vertex, or where one ends within half a metre of another.
type Line struct {
	Points []geo.Point
	Class  Class
	// SpeedKMH is how fast a car goes; 0 takes that of the class. E-bikes go no
	// faster.
	SpeedKMH float64
	// OneWay is for vehicles, in the order of Points. People on foot ignore it.
	OneWay bool
	Name   string
	// Modes is who may use the road; 0 takes those of the class.
	Modes ModeSet
}

// usual is what a class means where the line says nothing.
type usual struct {
	carKMH, ebikeKMH float64
	modes            ModeSet
}

var usually = [classes]usual{
	Motorway: {90, 0, SetOf(Car)}, MotorwayLink: {45, 0, SetOf(Car)},
	Trunk: {70, 22, AllModes}, TrunkLink: {40, 22, AllModes},
	Primary: {60, 22, AllModes}, PrimaryLink: {30, 22, AllModes},
	Secondary: {50, 22, AllModes}, SecondaryLink: {25, 22, AllModes},
	Tertiary: {40, 22, AllModes}, TertiaryLink: {20, 22, AllModes},
	Unclassified: {25, 22, AllModes}, Residential: {25, 22, AllModes}, OtherRoad: {25, 22, AllModes},
	LivingStreet: {10, 18, AllModes}, Service: {15, 18, AllModes},
	Track: {15, 15, AllModes}, Cycleway: {10, 22, SetOf(Foot, EBike)}, Path: {10, 15, SetOf(Foot, EBike)},
	Pedestrian: {10, 4, SetOf(Foot, EBike)}, Footway: {10, 4, SetOf(Foot, EBike)}, Steps: {0, 0, SetOf(Foot)},
	Ferry: {10, 10, AllModes},
}

// UsualModes is who uses a road of the class where nothing else is said.
func (c Class) UsualModes() ModeSet {
	if c < classes {
		return usually[c].modes
	}
	return 0
}

// Check says what is wrong with a line by itself.
func (l Line) Check() error {
	if l.Class >= classes {
		return fmt.Errorf("unknown class %d", l.Class)
	}
	if !(l.SpeedKMH >= 0 && l.SpeedKMH <= 400) {
		return fmt.Errorf("speed %g km/h is not within 0..400", l.SpeedKMH)
	}
	different := false
	for k, p := range l.Points {
		if err := p.Check(); err != nil {
			return fmt.Errorf("point %d: %w", k+1, err)
		}
		different = different || NodeAt(p) != NodeAt(l.Points[0])
	}
	if !different {
		return errors.New("it needs two different points")
	}
	return nil
}

// joinM is how near a line must end to another to be connected to it.
const joinM = 0.5

// FromLines makes a network of lines. Faults name the line.
func FromLines(ctx context.Context, lines []Line, source string) (*Network, error) {
	s := &Survey{}
	numbers := map[Node]uint32{}
	for i, l := range lines {
		if err := l.Check(); err != nil {
			return nil, fmt.Errorf("line %d: %w", i, err)
		}
		w := l.way()
		for _, p := range l.Points {
			node := NodeAt(p)
			number, ok := numbers[node]
			if !ok {
				number = uint32(len(s.Nodes))
				numbers[node] = number
				s.Nodes = append(s.Nodes, node)
			}
			if len(w.Nodes) == 0 || w.Nodes[len(w.Nodes)-1] != number {
				w.Nodes = append(w.Nodes, number)
			}
		}
		s.Ways = append(s.Ways, w)
	}
	join(s)
	return Build(ctx, s, source)
}

func (l Line) way() Way {
	u := usually[l.Class]
	modes := l.Modes
	if modes == 0 {
		modes = u.modes
	}
	w := Way{Name: l.Name, Class: l.Class, Ferry: l.Class == Ferry}
	for m, kmh := range [Modes]float64{Foot: 5, EBike: u.ebikeKMH, Car: u.carKMH} {
		if !modes.Has(Mode(m)) {
			continue
		}
		switch {
		case Mode(m) == Car && l.SpeedKMH > 0:
			kmh = l.SpeedKMH
		case kmh == 0:
			kmh = 5
		case Mode(m) == EBike && l.SpeedKMH > 0:
			kmh = min(kmh, l.SpeedKMH)
		}
		t := Travel{ForwardMS: float32(kmh / 3.6)}
		if !l.OneWay || Mode(m) == Foot {
			t.BackwardMS = t.ForwardMS
		}
		w.Travel[m] = t
	}
	return w
}

// join puts the ends of lines that lie on another line without a vertex there
// into that line. Surveys drawn by hand are full of such ends.
func join(s *Survey) {
	tree := stretches(s)
	type cut struct {
		after int // index of the vertex in front
		along float64
		node  uint32
	}
	cuts := make([][]cut, len(s.Ways))
	uses := make([]int, len(s.Nodes))
	for _, w := range s.Ways {
		for _, node := range w.Nodes {
			uses[node]++
		}
	}
	for i, w := range s.Ways {
		for _, end := range []uint32{w.Nodes[0], w.Nodes[len(w.Nodes)-1]} {
			if uses[end] > 1 {
				continue // connected already
			}
			tree.around(s.Nodes[end], func(way, after int) {
				if way == i {
					return
				}
				a, b := s.Nodes[s.Ways[way].Nodes[after]], s.Nodes[s.Ways[way].Nodes[after+1]]
				d, along := distanceM(s.Nodes[end], a, b)
				if d <= joinM {
					cuts[way] = append(cuts[way], cut{after, along, end})
				}
			})
		}
	}
	for i, c := range cuts {
		if len(c) == 0 {
			continue
		}
		old := s.Ways[i].Nodes
		var nodes []uint32
		for k, node := range old {
			nodes = append(nodes, node)
			for {
				// The next cut behind this vertex in the order of the line; there are few.
				next := -1
				for j := range c {
					if c[j].after == k && (next < 0 || c[j].along < c[next].along || c[j].along == c[next].along && c[j].node < c[next].node) {
						next = j
					}
				}
				if next < 0 {
					break
				}
				if nodes[len(nodes)-1] != c[next].node {
					nodes = append(nodes, c[next].node)
				}
				c[next].after = -1
			}
		}
		s.Ways[i].Nodes = nodes
	}
}
