package osm

import "github.com/gridpatrol/gridpatrol/geo/road"

// What stops a mode unless the node says that it may pass.
var (
	// A wheel passes a bollard, a cycle barrier and a lift gate; a car does not, or
	// only after somebody has opened it.
	carOpen = map[string]bool{
		"cattle_grid": true, "border_control": true, "toll_booth": true, "sally_port": true, "no": true, "entrance": true,
		"height_restrictor": true, "arch": true, "gate": true, "lift_gate": true, "swing_gate": true,
	}
	carDelayS = map[string]float32{"gate": 60, "lift_gate": 60, "swing_gate": 60}

	wheelsClosed = map[string]bool{
		"yes": true, "wall": true, "fence": true, "stile": true, "kissing_gate": true, "turnstile": true, "full-height_turnstile": true,
		"debris": true, "hedge": true,
	}
	feetClosed = map[string]bool{"yes": true, "wall": true, "fence": true, "debris": true, "hedge": true}
)

const (
	signalDelayS  = 2
	stopDelayS    = 2
	giveWayDelayS = 1
)

// readGate answers what a node does to those who pass; false for most nodes.
func readGate(tags Tags) (road.Gate, bool) {
	if len(tags) == 0 {
		return road.Gate{}, false
	}
	var gate road.Gate
	barrier, highway := tags.Get("barrier"), tags.Get("highway")
	rising := tags.Get("bollard") == "rising"
	audible := barrier == "fence" && (tags.Get("sensory") == "audible" || tags.Get("sensory") == "audio")
	for m := range road.Mode(road.Modes) {
		said, _, _ := access(m, tags)
		switch {
		case said == closed && highway != "crossing":
			gate.Closed |= road.SetOf(m)
			continue
		case said != unsaid || barrier == "":
			continue
		}
		var shut bool
		switch m {
		case road.Foot:
			shut = feetClosed[barrier]
		case road.EBike:
			shut = wheelsClosed[barrier]
		case road.Car:
			flat := tags.Get("kerb") == "lowered" || tags.Get("kerb") == "flush" || barrier == "kerb" && highway == "crossing"
			low := metres(tags.Get("maxheight"))
			shut = !carOpen[barrier] && !flat || barrier == "height_restrictor" && low > 0 && low < carHeightM
			gate.DelayS[m] = carDelayS[barrier]
		}
		if shut && !rising && !audible {
			gate.Closed |= road.SetOf(m)
			gate.DelayS[m] = 0
		}
	}
	switch highway {
	case "traffic_signals":
		for m := range gate.DelayS {
			gate.DelayS[m] += signalDelayS
		}
		gate.Along = along(first(tags, "traffic_signals:direction", "direction"))
	case "stop":
		if tags.Get("stop") != "minor" {
			gate.DelayS[road.Car] += stopDelayS
			gate.Along = along(tags.Get("direction"))
		}
	case "give_way":
		gate.DelayS[road.Car] += giveWayDelayS
		gate.Along = along(tags.Get("direction"))
	}
	return gate, gate != road.Gate{}
}

func along(direction string) int8 {
	switch direction {
	case "forward":
		return 1
	case "backward":
		return -1
	}
	return 0
}
