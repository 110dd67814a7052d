package osm

import "github.com/gridpatrol/gridpatrol/geo/road"

const footKMH = 5.0

// footClasses are the classes people walk on without being told that they may.
var footClasses = map[road.Class]bool{
	road.Primary: true, road.PrimaryLink: true, road.Secondary: true, road.SecondaryLink: true, road.Tertiary: true,
	road.TertiaryLink: true, road.Unclassified: true, road.Residential: true, road.LivingStreet: true, road.Service: true,
	road.Track: true, road.Pedestrian: true, road.Footway: true, road.Path: true, road.Steps: true, road.OtherRoad: true,
}

var footOfSurface = map[string]float64{"fine_gravel": 0.75, "gravel": 0.75, "pebblestone": 0.75, "mud": 0.5, "sand": 0.5}

func foot(tags Tags, class road.Class, ferry bool) (t road.Travel, ends bool) {
	forwardAccess, backwardAccess, _ := access(road.Foot, tags)
	forward, backward := oneway(road.Foot, tags, class)
	forward = forward && forwardAccess != closed
	backward = backward && backwardAccess != closed
	ends = forwardAccess == endsOnly || backwardAccess == endsOnly
	if ferry {
		return ferryTravel(tags, forward, backward), ends
	}
	kmh := footKMH
	if f, ok := footOfSurface[tags.Get("surface")]; ok {
		kmh *= f
	}
	usual := footClasses[class] && tags.Get("motorroad") != "yes"
	if forward && (usual || forwardAccess == allowed) {
		t.ForwardMS = float32(kmh / 3.6)
	}
	if backward && (usual || backwardAccess == allowed) {
		t.BackwardMS = float32(kmh / 3.6)
	}
	return t, ends
}
