package road

import (
	"fmt"
	"math"
	"strings"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Survey is what a Network is built from: lines through shared nodes, and what
// may be done on them. Importers fill it; Build makes it into a graph.
type Survey struct {
	Nodes        []Node
	Gates        map[uint32]Gate // by node
	Ways         []Way
	Restrictions []Restriction
	// Profiles name whose rules made the travel of each mode. A mode without one is
	// named like itself.
	Profiles [Modes]string
	// Turns are the costs of turns by mode; a zero one stands for the usual.
	Turns [Modes]TurnCosts
}

// Node is a place in units of 1e-7 degree. Ways that share a node are connected
// there.
type Node struct{ Lon7, Lat7 int32 }

// NodeAt rounds a point to a node.
func NodeAt(p geo.Point) Node {
	return Node{Lon7: int32(math.Round(p.Lon * 1e7)), Lat7: int32(math.Round(p.Lat * 1e7))}
}

// Point is where the node is.
func (n Node) Point() geo.Point {
	return geo.Point{Lon: float64(n.Lon7) / 1e7, Lat: float64(n.Lat7) / 1e7}
}

// Gate is what stands at a node: a bollard that some cannot pass, a traffic
// light that makes them wait.
type Gate struct {
	Closed ModeSet
	DelayS [Modes]float32
	// Along limits the delay to those who arrive along their way (+1) or against
	// it (-1); 0 delays both.
	Along int8
}

// Way is a line through at least two nodes.
type Way struct {
	Nodes  []uint32
	Name   string
	Class  Class
	Travel [Modes]Travel
	// EndsOnly is for whom the way may begin or end a trip but not carry one
	// through: private roads, customers only.
	EndsOnly ModeSet
	// Ferry cannot be boarded in the middle: no trip starts or ends on it.
	Ferry bool
	// Bridge and Tunnel are travelled like any road, and nobody is asked to wait there.
	Bridge, Tunnel bool
	// Origin is the number of the way where it came from, as an id of OpenStreetMap;
	// 0 where it has none.
	Origin int64
}

// Travel is how one mode moves on a way, metres a second along and against it;
// 0 is not at all. DurationS, where set, is the time for the whole way in either
// permitted direction.
type Travel struct {
	ForwardMS  float32
	BackwardMS float32
	DurationS  float32
}

// Restriction forbids a chain of ways, or, where Only is set, everything that
// begins like the chain and ends otherwise. From and To are indexes of ways; they
// meet at the node Via, or, where Vias names ways, at their two ends.
type Restriction struct {
	From, To uint32
	Via      uint32
	Vias     []uint32
	Only     bool
	Modes    ModeSet
}

// ModeSet is a set of modes.
type ModeSet uint8

// AllModes is every mode.
const AllModes ModeSet = 1<<Modes - 1

// SetOf makes a set.
func SetOf(modes ...Mode) ModeSet {
	var s ModeSet
	for _, m := range modes {
		s |= 1 << m
	}
	return s
}

// Has says whether m is in the set.
func (s ModeSet) Has(m Mode) bool { return s>>m&1 == 1 }

// Strings are the words of the modes, in order.
func (s ModeSet) Strings() []string {
	words := []string{}
	for m := range Mode(Modes) {
		if s.Has(m) {
			words = append(words, m.String())
		}
	}
	return words
}

// ParseModes reads what Strings wrote.
func ParseModes(words []string) (ModeSet, error) {
	var s ModeSet
	for _, word := range words {
		m, err := ParseMode(word)
		if err != nil {
			return 0, err
		}
		s |= SetOf(m)
	}
	return s, nil
}

// Class is the kind of a road, in the words of OpenStreetMap.
type Class uint8

// The classes, most important first. Their numbers are written into files.
const (
	Motorway Class = iota
	MotorwayLink
	Trunk
	TrunkLink
	Primary
	PrimaryLink
	Secondary
	SecondaryLink
	Tertiary
	TertiaryLink
	Unclassified
	Residential
	LivingStreet
	Service
	Track
	Pedestrian
	Cycleway
	Footway
	Path
	Steps
	Ferry
	OtherRoad

	classes = iota
)

var classNames = [classes]string{
	"motorway", "motorway_link", "trunk", "trunk_link", "primary", "primary_link", "secondary", "secondary_link",
	"tertiary", "tertiary_link", "unclassified", "residential", "living_street", "service", "track", "pedestrian",
	"cycleway", "footway", "path", "steps", "ferry", "road",
}

func (c Class) String() string {
	if c < classes {
		return classNames[c]
	}
	return fmt.Sprintf("Class(%d)", uint8(c))
}

// ParseClass reads the word for a class.
func ParseClass(s string) (Class, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	for i, name := range classNames {
		if s == name {
			return Class(i), true
		}
	}
	return 0, false
}
