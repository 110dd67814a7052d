package osm

import (
	"math"

	"github.com/gridpatrol/gridpatrol/geo/road"
)

// ebikeKMH is the speed by class. An e-bike is let in where a bicycle is, rides
// faster, and is pushed where it may not be ridden.
var ebikeKMH = map[road.Class]float64{
	road.Trunk: 22, road.TrunkLink: 22,
	road.Primary: 22, road.PrimaryLink: 22, road.Secondary: 22, road.SecondaryLink: 22, road.Tertiary: 22,
	road.TertiaryLink: 22, road.Unclassified: 22, road.Residential: 22, road.LivingStreet: 18, road.Service: 18,
	road.Cycleway: 22, road.OtherRoad: 22, road.Track: 15, road.Path: 15,
}

// pushKMH is the pace of somebody pushing an e-bike.
const pushKMH = 4.0

// ebikeAllowedKMH is the speed on a footway that says that cycles may ride.
const ebikeAllowedKMH = 15

var ebikeSurfaceKMH = map[string]float64{
	"wood": 15, "metal": 15, "cobblestone:flattened": 15, "paving_stones": 18, "compacted": 18, "cobblestone": 10,
	"unpaved": 12, "fine_gravel": 15, "gravel": 10, "pebblestone": 10, "grass_paver": 10, "ground": 12, "dirt": 12,
	"earth": 10, "grass": 8, "mud": 4, "sand": 4, "woodchips": 5, "sett": 14,
}

func ebike(tags Tags, class road.Class, ferry bool) (t road.Travel, ends bool) {
	if class == road.Steps || class == road.Motorway || class == road.MotorwayLink || tags.Get("motorroad") == "yes" {
		return t, false
	}
	forwardAccess, backwardAccess, key := access(road.EBike, tags)
	forward, backward := oneway(road.EBike, tags, class)
	forward = forward && forwardAccess != closed
	backward = backward && backwardAccess != closed
	ends = forwardAccess == endsOnly || backwardAccess == endsOnly
	if ferry {
		return ferryTravel(tags, forward, backward), ends
	}
	kmh, ridden := ebikeKMH[class]
	said := key == "bicycle" || key == "vehicle"
	switch {
	case (class == road.Trunk || class == road.TrunkLink) && !(said && (forwardAccess == allowed || backwardAccess == allowed)):
		// Without a word about cycles, a trunk road is not for them.
		return t, false
	case tags.Get("bicycle") == "dismount":
		kmh = pushKMH
	case ridden:
	case said && (forwardAccess == allowed || backwardAccess == allowed):
		kmh = ebikeAllowedKMH
	case class == road.Footway || class == road.Pedestrian:
		if walk, _, _ := access(road.Foot, tags); walk == closed {
			return t, false
		}
		kmh = pushKMH
	default:
		return t, false
	}
	if limit, ok := ebikeSurfaceKMH[tags.Get("surface")]; ok {
		kmh = math.Min(kmh, limit)
	}
	if limit := speedKMH(tags.Get("maxspeed")); limit > 0 {
		kmh = math.Min(kmh, limit)
	}
	if forward {
		t.ForwardMS = float32(kmh / 3.6)
	}
	if backward {
		t.BackwardMS = float32(kmh / 3.6)
	}
	return t, ends
}
