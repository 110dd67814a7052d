package main

import (
	"cmp"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// The rules of the road once more, written from their description for the oracle
// of TestLiechtensteinRoads, which shares only the reader of the file with the
// product. Modes are numbers here: 0 walks, 1 rides, 2 drives.

// tagged are the tags of an element.
type tagged map[string]string

func (t tagged) first(keys ...string) string {
	for _, k := range keys {
		if t[k] != "" {
			return t[k]
		}
	}
	return ""
}

// figures reads "word figure word figure".
func figures(s string) map[string]float64 {
	all, f := map[string]float64{}, strings.Fields(s)
	for i := 0; i+1 < len(f); i += 2 {
		all[f[i]], _ = strconv.ParseFloat(f[i+1], 64)
	}
	return all
}

// isOne says whether a word is among those of a list.
func isOne(word, list string) bool {
	return word != "" && strings.Contains(" "+list+" ", " "+word+" ")
}

// What a sign says, the kindest first.
const (
	silent = iota
	welcome
	onlyThere
	banned
)

var signKeys = [3]string{"foot access", "bicycle vehicle access", "motorcar motor_vehicle vehicle access"}

// sign is what the tags tell a mode in a direction, and the key that tells it.
func sign(mode int, t tagged, direction string) (says int, by string) {
	for _, key := range strings.Fields(signKeys[mode]) {
		for _, k := range []string{key + ":" + direction, key} {
			says := banned + 1
			for _, word := range strings.Split(t[k], ";") {
				word = strings.TrimSpace(word)
				switch {
				case isOne(word, "yes permissive designated official public dismount") || word == "hov" && mode == 2:
					says = min(says, welcome)
				case isOne(word, "private delivery destination customers permit residents unknown"):
					says = min(says, onlyThere)
				case isOne(word, "no agricultural forestry emergency psv taxi bus military restricted use_sidepath"):
					says = min(says, banned)
				}
			}
			if says <= banned {
				return says, key
			}
		}
	}
	return silent, ""
}

// directions a mode may go by the one-way signs.
func directions(mode int, t tagged, class string) (forward, backward bool) {
	arrow := t.first(strings.Fields([3]string{"oneway:foot", "oneway:bicycle oneway:vehicle", "oneway:motorcar oneway:motor_vehicle oneway:vehicle"}[mode])...)
	if mode == 0 && arrow == "" {
		moving := ""
		if class == "steps" {
			moving = t["conveying"]
		}
		return moving != "backward", moving != "forward"
	}
	if mode == 1 && arrow == "" {
		for _, k := range []string{"cycleway", "cycleway:left", "cycleway:right", "cycleway:both"} {
			if strings.HasPrefix(t[k], "opposite") || isOne(t[k+":oneway"], "no -1") {
				return true, true
			}
		}
	}
	if arrow == "" {
		arrow = t["oneway"]
	}
	switch {
	case isOne(arrow, "yes 1 true"), arrow == "" && (isOne(t["junction"], "roundabout circular") || class == "motorway"):
		return true, false
	case isOne(arrow, "-1 reverse"):
		return false, true
	case arrow == "reversible":
		return mode == 0, mode == 0
	}
	return true, true
}

var measured = regexp.MustCompile(`^([0-9.]+)\s*(.*)$`)

// limitKMH reads a signed limit, of those that stand around Liechtenstein.
func limitKMH(s string) float64 {
	s, _, _ = strings.Cut(s, ";")
	s = strings.ToLower(strings.TrimSpace(s))
	if m := measured.FindStringSubmatch(s); m != nil {
		v, _ := strconv.ParseFloat(m[1], 64)
		if strings.Contains(m[2], "mph") {
			v *= 1.609344
		}
		return v
	}
	abroad := figures("at:rural 100 at:trunk 100 ch:rural 80 ch:trunk 100 ch:motorway 120 de:rural 100")
	if v := abroad[s]; v > 0 {
		return v
	}
	word := s[strings.Index(s, ":")+1:]
	if zone, ok := strings.CutPrefix(word, "zone"); ok {
		v, _ := strconv.ParseFloat(strings.TrimLeft(zone, ":"), 64)
		return v
	}
	return figures("urban 50 rural 90 trunk 110 motorway 130 expressway 120 living_street 10 pedestrian_zone 10 walk 6 none 140")[word]
}

// sizeOf reads metres or tonnes.
func sizeOf(s string) float64 {
	m := measured.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return 0
	}
	v, _ := strconv.ParseFloat(m[1], 64)
	switch {
	case strings.HasPrefix(m[2], "cm"):
		return v / 100
	case strings.HasPrefix(m[2], "kg"):
		return v / 1000
	}
	return v
}

var (
	driveKMH = figures(`motorway 90 motorway_link 45 trunk 85 trunk_link 40 primary 65 primary_link 30 secondary 55
		secondary_link 25 tertiary 40 tertiary_link 20 unclassified 25 residential 25 living_street 10 service 15`)
	driveSurfaceKMH = figures(`cement 80 compacted 80 fine_gravel 80 paving_stones 60 metal 60 bricks 60 grass 40 wood 40 sett 40
		grass_paver 40 gravel 40 unpaved 40 ground 40 dirt 40 pebblestone 40 tartan 40 cobblestone 30 clay 30 earth 20 stone 20
		rocky 20 sand 20 mud 10`)
	driveTrackKMH  = figures("grade1 60 grade2 40 grade3 30 grade4 25 grade5 20")
	driveSmoothKMH = figures("intermediate 80 bad 40 very_bad 20 horrible 10 very_horrible 5")
	rideKMH        = figures(`trunk 22 trunk_link 22 primary 22 primary_link 22 secondary 22 secondary_link 22 tertiary 22
		tertiary_link 22 unclassified 22 residential 22 living_street 18 service 18 cycleway 22 road 22 track 15 path 15`)
	rideSurfaceKMH = figures(`wood 15 metal 15 cobblestone:flattened 15 paving_stones 18 compacted 18 cobblestone 10 unpaved 12
		fine_gravel 15 gravel 10 pebblestone 10 grass_paver 10 ground 12 dirt 12 earth 10 grass 8 mud 4 sand 4 woodchips 5 sett 14`)
	walkShare = figures("fine_gravel 0.75 gravel 0.75 pebblestone 0.75 mud 0.5 sand 0.5")
)

const (
	walked = "primary primary_link secondary secondary_link tertiary tertiary_link unclassified residential living_street " +
		"service track pedestrian footway path steps road"
	highways = walked + " motorway motorway_link trunk trunk_link cycleway"
)

// classOf is the kind of road, empty for what nobody travels on.
func classOf(t tagged) string {
	switch highway := strings.ToLower(strings.TrimSpace(t["highway"])); {
	case t["impassable"] == "yes" || t["status"] == "impassable":
		return ""
	case t["route"] == "ferry":
		return "ferry"
	case highway == "bridleway":
		return "path"
	case isOne(highway, "platform corridor"):
		return "footway"
	case highway != "":
		if isOne(highway, highways) {
			return highway
		}
		return ""
	case t["man_made"] == "pier" || t["railway"] == "platform" || t["public_transport"] == "platform":
		return "footway"
	}
	return ""
}

// pace is how fast a mode goes on a way, km/h along and against it, and whether
// only trips that begin or end there may use it.
func pace(mode int, t tagged, class string) (kmh [2]float64, ends bool) {
	along, by := sign(mode, t, "forward")
	against, byAgainst := sign(mode, t, "backward")
	by = cmp.Or(by, byAgainst)
	invited := along == welcome || against == welcome
	ends = along == onlyThere || against == onlyThere
	var speed [2]float64
	switch {
	case mode == 2 && (class == "steps" || t["area"] == "yes" || t["smoothness"] == "impassable" || t["service"] == "emergency_access" || narrow(t)),
		mode == 1 && (isOne(class, "steps motorway motorway_link") || t["motorroad"] == "yes"):
		return kmh, false
	case class == "ferry":
		speed = [2]float64{5, 5}
	case mode == 0:
		v := 5 * cmp.Or(walkShare[t["surface"]], 1)
		usual := isOne(class, walked) && t["motorroad"] != "yes"
		if usual || along == welcome {
			speed[0] = v
		}
		if usual || against == welcome {
			speed[1] = v
		}
	case mode == 1:
		v := ridden(t, class, invited && isOne(by, "bicycle vehicle"))
		speed = [2]float64{v, v}
	default:
		speed = driven(t, class, invited && isOne(by, "motorcar motor_vehicle vehicle"))
	}
	forward, backward := directions(mode, t, class)
	if forward && along != banned {
		kmh[0] = speed[0]
	}
	if backward && against != banned {
		kmh[1] = speed[1]
	}
	return kmh, ends
}

func narrow(t tagged) bool {
	under := func(limit float64, keys ...string) bool {
		v := sizeOf(t.first(keys...))
		return v > 0 && v < limit
	}
	return under(2, "maxheight:physical", "maxheight") || under(1.9, "maxwidth:physical", "maxwidth") || under(2, "maxweightrating", "maxweight")
}

func ridden(t tagged, class string, invited bool) float64 {
	v := rideKMH[class]
	switch walks, _ := sign(0, t, "forward"); {
	case isOne(class, "trunk trunk_link") && !invited:
		return 0
	case t["bicycle"] == "dismount":
		v = 4
	case v > 0:
	case invited:
		v = 15
	case isOne(class, "footway pedestrian") && walks != banned:
		v = 4
	default:
		return 0
	}
	return min(v, cmp.Or(rideSurfaceKMH[t["surface"]], v), cmp.Or(limitKMH(t["maxspeed"]), v))
}

func driven(t tagged, class string, invited bool) (kmh [2]float64) {
	v := driveKMH[class]
	if v == 0 && invited {
		v = 10
	}
	if v == 0 {
		return kmh
	}
	most := math.Inf(1)
	for _, m := range []float64{driveSurfaceKMH[t["surface"]], driveTrackKMH[t["tracktype"]], driveSmoothKMH[t["smoothness"]]} {
		most = min(most, cmp.Or(m, most))
	}
	for i, direction := range []string{":forward", ":backward"} {
		kmh[i] = v
		for _, k := range []string{"maxspeed:advisory", "maxspeed", "source:maxspeed", "maxspeed:type", "zone:maxspeed"} {
			if limit := cmp.Or(limitKMH(t[k+direction]), limitKMH(t[k])); limit > 0 {
				kmh[i] = 0.8 * limit
				break
			}
		}
		kmh[i] = min(kmh[i], most)
	}
	return kmh
}

// post is what stands at a node: whom it stops, whom it makes wait, and in which
// direction of the way (0 for both).
type post struct {
	shut   [3]bool
	waitS  [3]float64
	facing int
}

// postAt reads a node; false where nothing stands.
func postAt(t tagged) (post, bool) {
	var p post
	barrier, highway := t["barrier"], t["highway"]
	soft := t["bollard"] == "rising" || barrier == "fence" && isOne(t["sensory"], "audible audio")
	solid := [2]string{"yes wall fence debris hedge", "yes wall fence stile kissing_gate turnstile full-height_turnstile debris hedge"}
	for mode := range 3 {
		says, _ := sign(mode, t, "forward")
		if says == banned && highway != "crossing" {
			p.shut[mode] = true
			continue
		}
		if says != silent || barrier == "" {
			continue
		}
		if mode < 2 {
			p.shut[mode] = isOne(barrier, solid[mode]) && !soft
			continue
		}
		gate := isOne(barrier, "gate lift_gate swing_gate")
		flat := isOne(t["kerb"], "lowered flush") || barrier == "kerb" && highway == "crossing"
		low := sizeOf(t["maxheight"])
		passable := gate || flat || isOne(barrier, "cattle_grid border_control toll_booth sally_port no entrance height_restrictor arch")
		p.shut[mode] = (!passable || barrier == "height_restrictor" && low > 0 && low < 2) && !soft
		if gate && !p.shut[mode] {
			p.waitS[mode] = 60
		}
	}
	face := ""
	switch {
	case highway == "traffic_signals":
		for mode := range 3 {
			p.waitS[mode] += 2
		}
		face = t.first("traffic_signals:direction", "direction")
	case highway == "stop" && t["stop"] != "minor":
		p.waitS[2] += 2
		face = t["direction"]
	case highway == "give_way":
		p.waitS[2]++
		face = t["direction"]
	}
	p.facing = map[string]int{"forward": 1, "backward": -1}[face]
	return p, p != post{}
}
