package osm

import (
	"strings"

	"github.com/gridpatrol/gridpatrol/geo/road"
)

// permission is what an access value means to a mode.
type permission uint8

const (
	unsaid   permission = iota // no tag: the class decides
	allowed                    // said outright
	endsOnly                   // to get there, not to pass through
	closed
)

// accessKeys are the keys a mode obeys, the most specific first.
var accessKeys = [road.Modes][]string{
	road.Foot:  {"foot", "access"},
	road.EBike: {"bicycle", "vehicle", "access"},
	road.Car:   {"motorcar", "motor_vehicle", "vehicle", "access"},
}

// meaning of one access value. Private ground counts as the end of a trip: a
// patrol called there will be let in.
func meaning(m road.Mode, value string) permission {
	switch value {
	case "yes", "permissive", "designated", "official", "public", "dismount":
		return allowed
	case "hov":
		if m == road.Car {
			return allowed
		}
	case "private", "delivery", "destination", "customers", "permit", "residents", "unknown":
		return endsOnly
	case "no", "agricultural", "forestry", "emergency", "psv", "taxi", "bus", "military", "restricted", "use_sidepath":
		return closed
	}
	return unsaid
}

// access answers what the tags say to a mode in each direction, and the key that
// said it. With several values ("destination;delivery") the kindest counts.
func access(m road.Mode, tags Tags) (forward, backward permission, key string) {
	for _, k := range accessKeys[m] {
		if forward == unsaid {
			if forward = kindest(m, tags.Get(k+":forward")); forward == unsaid {
				forward = kindest(m, tags.Get(k))
			}
			if forward != unsaid {
				key = k
			}
		}
		if backward == unsaid {
			if backward = kindest(m, tags.Get(k+":backward")); backward == unsaid {
				backward = kindest(m, tags.Get(k))
			}
			if backward != unsaid && key == "" {
				key = k
			}
		}
	}
	return forward, backward, key
}

func kindest(m road.Mode, value string) permission {
	best := unsaid
	for len(value) > 0 {
		part, rest, _ := strings.Cut(value, ";")
		if p := meaning(m, strings.TrimSpace(part)); p != unsaid && (best == unsaid || p < best) {
			best = p
		}
		value = rest
	}
	return best
}

// oneway answers in which directions a mode may go by the oneway tags.
func oneway(m road.Mode, tags Tags, class road.Class) (forward, backward bool) {
	var value string
	switch m {
	case road.Foot:
		value = tags.Get("oneway:foot")
		if value == "" && class == road.Steps && tags.Get("conveying") != "" {
			value = map[string]string{"forward": "yes", "backward": "-1"}[tags.Get("conveying")]
		}
		if value == "" {
			return true, true
		}
	case road.EBike:
		value = first(tags, "oneway:bicycle", "oneway:vehicle")
		if value == "" && contraflow(tags) {
			return true, true
		}
	case road.Car:
		value = first(tags, "oneway:motorcar", "oneway:motor_vehicle", "oneway:vehicle")
	}
	if value == "" {
		value = tags.Get("oneway")
	}
	switch value {
	case "yes", "1", "true":
		return true, false
	case "-1", "reverse":
		return false, true
	case "reversible":
		// Turns round twice a day: nobody can promise either direction.
		return m == road.Foot, m == road.Foot
	case "":
		if junction := tags.Get("junction"); junction == "roundabout" || junction == "circular" || class == road.Motorway {
			return true, false
		}
	}
	return true, true
}

// contraflow says whether cycles may ride against a one-way street.
func contraflow(tags Tags) bool {
	for _, key := range []string{"cycleway", "cycleway:left", "cycleway:right", "cycleway:both"} {
		if strings.HasPrefix(tags.Get(key), "opposite") {
			return true
		}
		if o := tags.Get(key + ":oneway"); o == "no" || o == "-1" {
			return true
		}
	}
	return false
}

func first(tags Tags, keys ...string) string {
	for _, k := range keys {
		if v := tags.Get(k); v != "" {
			return v
		}
	}
	return ""
}
