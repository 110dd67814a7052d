// Package profile describes how somebody travels, as data: which ways may be used
// and how fast, who is let in, what stands in the way, what a turn costs. A profile
// is a YAML file; the shipped ones are embedded beside this package, and
// docs/road-profiles.md explains every key.
//
// The package reads and checks files and names what is wrong with them. What a
// profile makes of the tags of a way is in geo/road/osm.
package profile

import "github.com/gridpatrol/gridpatrol/geo/road"

// Words are the values of a tag; "*" stands for any.
type Words []string

// Tags are values by key.
type Tags map[string]Words

// Speeds are km/h by the value of a tag.
type Speeds map[string]float64

// Profile is a file. Zero values leave a rule out.
type Profile struct {
	Name string `yaml:"name"`
	// Mode is the slot of a network the profile fills: foot, ebike or car.
	Mode  string `yaml:"mode"`
	About string `yaml:"about"`

	// Never closes ways by one of their tags; NeverUnless by any other value.
	Never       Tags    `yaml:"never"`
	NeverUnless Tags    `yaml:"never_unless"`
	TooSmall    []Small `yaml:"too_small"`

	Access Access `yaml:"access"`
	OneWay OneWay `yaml:"oneway"`

	// Ferry is the speed of ferries and the like by the value of route; a signed
	// duration counts instead.
	Ferry Speeds `yaml:"ferry"`
	// Speed are tables by tag; the first that knows the way decides.
	Speed []Table `yaml:"speed"`
	// Default is for ways no table knows, where somebody is let in outright.
	Default Default `yaml:"default"`
	// NeedsWord lists ways that only a tag of Default.For opens.
	NeedsWord Tags  `yaml:"needs_word"`
	Limit     Limit `yaml:"limit"`
	// AtMost caps the speed by tag.
	AtMost map[string]Speeds `yaml:"at_most"`

	Cycleway Cycleway `yaml:"cycleway"`
	Push     Push     `yaml:"push"`

	Gates        Gates              `yaml:"gates"`
	WaitS        map[string]float64 `yaml:"wait_s"` // by the value of highway at a node
	Turns        Turns              `yaml:"turns"`
	Restrictions Restrictions       `yaml:"restrictions"`
}

// Small closes ways that are signed too low, narrow, short or weak. Below and UpTo
// are metres, or tonnes for weights.
type Small struct {
	Keys  []string `yaml:"keys"`
	Below float64  `yaml:"below"`
	UpTo  float64  `yaml:"up_to"`
}

// Access is who is let in.
type Access struct {
	Keys    []string `yaml:"keys"` // the most specific first
	Allowed Words    `yaml:"allowed"`
	// EndsOnly are values that let in those who have their end there. EndsOnlyOn
	// are the values of highway this holds for; elsewhere such a value counts as
	// Closed has it.
	EndsOnly   Words `yaml:"ends_only"`
	EndsOnlyOn Words `yaml:"ends_only_on"`
	Closed     Words `yaml:"closed"`
	// SkipUnknown goes on to the next key where a value is none of these; without
	// it, the first key there is decides.
	SkipUnknown bool `yaml:"skip_unknown"`
	// Kindest takes the kindest of several values ("no;destination").
	Kindest bool `yaml:"kindest"`
	// BothWays ignores :forward and :backward.
	BothWays bool `yaml:"both_ways"`
}

// OneWay is which keys say one-way, the first there is decides, and what is one-way
// unless they say no.
type OneWay struct {
	Keys    []string `yaml:"keys"`
	Implied Tags     `yaml:"implied"`
	// Conveying obeys moving stairs.
	Conveying bool `yaml:"conveying"`
}

// Table is the speeds by one tag.
type Table struct {
	Key string `yaml:"key"`
	KMH Speeds `yaml:"kmh"`
}

// Default is a speed, and the access keys that grant it; none is any.
type Default struct {
	KMH float64  `yaml:"kmh"`
	For []string `yaml:"for"`
	// On are the tags of which a way must have one: a car park is open to all and no way.
	On []string `yaml:"on"`
	// Unknown grants it for access values that are in no list, too.
	Unknown bool `yaml:"unknown"`
}

// Limit is what signed limits do.
type Limit struct {
	Keys  []string `yaml:"keys"`
	Share float64  `yaml:"share"` // of the limit that is reached
	// Replaces takes the limit for the speed; else it only caps.
	Replaces    bool `yaml:"replaces"`
	SkipUnknown bool `yaml:"skip_unknown"`
	// MPH is km/h to the mile.
	MPH float64 `yaml:"mph"`
	// Zones are limits behind words: a whole code ("ch:rural") first, then its word.
	Zones Speeds `yaml:"zones"`
	// ZoneNumbers reads "zone30".
	ZoneNumbers bool `yaml:"zone_numbers"`
}

// Cycleway is what cycle lanes do. Opposite values open a one-way street against
// its direction. KMH, where set, is the speed on lanes.
type Cycleway struct {
	KMH      float64 `yaml:"kmh"`
	Lanes    Words   `yaml:"lanes"`
	Opposite Words   `yaml:"opposite"`
	// OneWayKeys also reads cycleway:*:oneway=no and -1.
	OneWayKeys bool `yaml:"oneway_keys"`
}

// Push is walking beside a cycle, where it may not be ridden.
type Push struct {
	KMH   float64 `yaml:"kmh"`
	Speed []Table `yaml:"speed"`
	// Unless are tags that forbid walking there, Where those that allow it.
	Unless Tags `yaml:"unless"`
	Where  Tags `yaml:"where"`
	// Ridden allows it on every way a table knows.
	Ridden bool `yaml:"ridden"`
	// Against allows it against one-way streets; not where one-way is implied.
	Against bool `yaml:"against"`
	// Dismount are tags that demand it.
	Dismount Tags `yaml:"dismount"`
}

// Gates is what barriers do where no access tag says more. At most one of Open and
// Closed is given; what it does not list is the opposite. With neither all are open.
type Gates struct {
	Open   Words              `yaml:"open"`
	Closed Words              `yaml:"closed"`
	DelayS map[string]float64 `yaml:"delay_s"`
	// Except are tags that open a closed one.
	Except []GateExcept `yaml:"except"`
	// Below closes a height_restrictor lower than so many metres.
	BelowM float64 `yaml:"below_m"`
	// Crossings ignores access tags of crossings for those who cross.
	Crossings bool `yaml:"crossings"`
}

// GateExcept opens barriers that have all these tags.
type GateExcept map[string]string

// The shapes of turn costs.
const (
	ShapeNone    = "none"
	ShapeSigmoid = "sigmoid"
	ShapeSquare  = "square"
)

// Turns is what a turn costs: see road.TurnCosts.
type Turns struct {
	Shape  string  `yaml:"shape"`
	MostS  float64 `yaml:"most_s"`
	Bias   float64 `yaml:"bias"`
	RoundS float64 `yaml:"round_s"`
}

// Restrictions are the keys of turn restrictions that bind, and the words of except
// that release.
type Restrictions struct {
	Keys   []string `yaml:"keys"`
	Except Words    `yaml:"except"`
}

// Slot is the mode the profile fills.
func (p *Profile) Slot() road.Mode {
	m, _ := road.ParseMode(p.Mode) // checked when it was read
	return m
}

// TurnCosts are the costs as the network takes them.
func (p *Profile) TurnCosts() road.TurnCosts {
	shapes := map[string]road.TurnShape{ShapeNone: road.TurnFlat, ShapeSigmoid: road.TurnSigmoid, ShapeSquare: road.TurnSquare}
	return road.TurnCosts{Shape: shapes[p.Turns.Shape], MostS: p.Turns.MostS, Bias: p.Turns.Bias, RoundS: p.Turns.RoundS}
}

// Has says whether the words hold a value.
func (w Words) Has(value string) bool {
	for _, word := range w {
		if word == value || word == "*" {
			return value != ""
		}
	}
	return false
}
