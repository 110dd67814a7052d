package osm

import "github.com/gridpatrol/gridpatrol/geo/road"

// gate answers what a node does to those who pass; false for most nodes.
func (im *importer) gate(tags Tags) (road.Gate, bool) {
	if len(tags) == 0 {
		return road.Gate{}, false
	}
	var gate road.Gate
	highway := tags.Get("highway")
	for m, r := range im.rules {
		if r.Profile == nil {
			continue
		}
		shut, delayS := r.barrier(tags)
		if shut {
			gate.Closed |= road.SetOf(road.Mode(m))
			continue
		}
		gate.DelayS[m] = delayS
		// A stop at the middle of a crossing that concerns the minor roads only does
		// not stop the major one, and nothing says which one comes on.
		if highway != "stop" || tags.Get("stop") != "minor" {
			gate.DelayS[m] += float32(r.WaitS[highway])
		}
	}
	switch highway {
	case "traffic_signals":
		gate.Along = along(first(tags, "traffic_signals:direction", "direction"))
	case "stop", "give_way":
		gate.Along = along(tags.Get("direction"))
	}
	return gate, gate.Closed != 0 || gate.DelayS != [road.Modes]float32{}
}

// barrier says whether a node stops the mode, or how long it holds it up.
func (r rules) barrier(tags Tags) (shut bool, delayS float32) {
	barrier := tags.Get("barrier")
	switch said, _ := r.permission(tags, ""); {
	case said == closed:
		return tags.Get("highway") != "crossing" || !r.Gates.Crossings, 0
	case said != unsaid || barrier == "" || !r.Access.SkipUnknown && r.said(tags, "") != "":
		return false, 0
	}
	if len(r.Gates.Open) > 0 {
		shut = !r.Gates.Open.Has(barrier)
	} else {
		shut = r.Gates.Closed.Has(barrier)
	}
	for _, except := range r.Gates.Except {
		all := true
		for key, value := range except {
			all = all && tags.Get(key) == value
		}
		shut = shut && !all
	}
	if low := metres(tags.Get("maxheight")); barrier == "height_restrictor" && low > 0 && low < r.Gates.BelowM {
		shut = true
	}
	if shut {
		return true, 0
	}
	return false, float32(r.Gates.DelayS[barrier])
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
