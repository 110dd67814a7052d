package osm

import (
	"math"

	"github.com/gridpatrol/gridpatrol/geo/road"
)

// carKMH is the speed by class where no limit is signed.
var carKMH = map[road.Class]float64{
	road.Motorway: 90, road.MotorwayLink: 45, road.Trunk: 85, road.TrunkLink: 40, road.Primary: 65, road.PrimaryLink: 30,
	road.Secondary: 55, road.SecondaryLink: 25, road.Tertiary: 40, road.TertiaryLink: 20, road.Unclassified: 25,
	road.Residential: 25, road.LivingStreet: 10, road.Service: 15,
}

const (
	// carOtherKMH is the speed where cars are let in on what is no road for them.
	carOtherKMH = 10
	// carOfLimit is the share of a signed limit that is reached on the whole.
	carOfLimit = 0.8

	carHeightM = 2.0
	carWidthM  = 1.9
	carWeightT = 2.0
)

var carSurfaceKMH = map[string]float64{
	"cement": 80, "compacted": 80, "fine_gravel": 80, "paving_stones": 60, "metal": 60, "bricks": 60, "grass": 40,
	"wood": 40, "sett": 40, "grass_paver": 40, "gravel": 40, "unpaved": 40, "ground": 40, "dirt": 40, "pebblestone": 40,
	"tartan": 40, "cobblestone": 30, "clay": 30, "earth": 20, "stone": 20, "rocky": 20, "sand": 20, "mud": 10,
}

var carTrackKMH = map[string]float64{"grade1": 60, "grade2": 40, "grade3": 30, "grade4": 25, "grade5": 20}

var carSmoothKMH = map[string]float64{
	"intermediate": 80, "bad": 40, "very_bad": 20, "horrible": 10, "very_horrible": 5,
}

func car(tags Tags, class road.Class, ferry bool) (t road.Travel, ends bool) {
	if class == road.Steps || tags.Get("area") == "yes" || tags.Get("smoothness") == "impassable" ||
		tags.Get("service") == "emergency_access" || tooSmallForCar(tags) {
		return t, false
	}
	forwardAccess, backwardAccess, key := access(road.Car, tags)
	forward, backward := oneway(road.Car, tags, class)
	forward = forward && forwardAccess != closed
	backward = backward && backwardAccess != closed
	if !forward && !backward {
		return t, false
	}
	ends = forwardAccess == endsOnly || backwardAccess == endsOnly
	if ferry {
		return ferryTravel(tags, forward, backward), ends
	}
	base, isRoad := carKMH[class]
	if !isRoad {
		// A footpath with access=yes is no road for cars; one with motor_vehicle=yes is.
		if key == "" || key == "access" || forwardAccess != allowed && backwardAccess != allowed {
			return t, false
		}
		base = carOtherKMH
	}
	most := math.Inf(1)
	for _, limit := range []float64{
		carSurfaceKMH[tags.Get("surface")], carTrackKMH[tags.Get("tracktype")], carSmoothKMH[tags.Get("smoothness")],
	} {
		if limit > 0 {
			most = math.Min(most, limit)
		}
	}
	speed := func(direction string) float32 {
		kmh := base
		for _, k := range []string{"maxspeed:advisory", "maxspeed", "source:maxspeed", "maxspeed:type", "zone:maxspeed"} {
			limit := speedKMH(tags.Get(k + direction))
			if limit == 0 {
				limit = speedKMH(tags.Get(k))
			}
			if limit > 0 {
				kmh = limit * carOfLimit
				break
			}
		}
		return float32(math.Min(kmh, most) / 3.6)
	}
	if forward {
		t.ForwardMS = speed(":forward")
	}
	if backward {
		t.BackwardMS = speed(":backward")
	}
	return t, ends
}

func tooSmallForCar(tags Tags) bool {
	below := func(limit float64, keys ...string) bool {
		v := metres(first(tags, keys...))
		return v > 0 && v < limit
	}
	return below(carHeightM, "maxheight:physical", "maxheight") ||
		below(carWidthM, "maxwidth:physical", "maxwidth") ||
		below(carWeightT, "maxweightrating", "maxweight")
}

// ferryTravel is the same for everybody on board.
func ferryTravel(tags Tags, forward, backward bool) road.Travel {
	const ferryKMH = 5 // where the crossing says nothing; waiting included
	t := road.Travel{DurationS: float32(durationS(tags.Get("duration")))}
	if forward {
		t.ForwardMS = ferryKMH / 3.6
	}
	if backward {
		t.BackwardMS = ferryKMH / 3.6
	}
	return t
}
