package outside_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/gridpatrol/gridpatrol/geo"
)

// world speaks both protocols, as their documentation has it, of a place where streets
// run north every thousandth of a degree and one goes across anywhere.
type world struct{}

// snap is the nearest street.
func (world) snap(p geo.Point) geo.Point {
	return geo.Point{Lon: math.Round(p.Lon*1000) / 1000, Lat: p.Lat}
}

// trip is first along one's street, then across.
func (w world) trip(from, to geo.Point) (s, m float64, line []geo.Point) {
	a, b := w.snap(from), w.snap(to)
	corner := geo.Point{Lon: a.Lon, Lat: b.Lat}
	m = geo.DistanceM(a, corner) + geo.DistanceM(corner, b)
	return m / 8, m, []geo.Point{a, corner, b}
}

func (w world) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	switch parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/"); {
	case r.Method == http.MethodPost:
		w.valhalla(out, r)
	case len(parts) == 5 && parts[1] == "table":
		w.table(out, r, parts[4])
	case len(parts) == 5 && parts[1] == "route":
		w.route(out, parts[4])
	default:
		http.Error(out, `{"code":"InvalidUrl"}`, http.StatusBadRequest)
	}
}

func points(text string) (out []geo.Point) {
	for _, one := range strings.Split(text, ";") {
		lon, lat, _ := strings.Cut(one, ",")
		x, _ := strconv.ParseFloat(lon, 64)
		y, _ := strconv.ParseFloat(lat, 64)
		out = append(out, geo.Point{Lon: x, Lat: y})
	}
	return out
}

type object = map[string]any

func (w world) waypoint(p geo.Point) object {
	at := w.snap(p)
	return object{"distance": geo.DistanceM(p, at), "location": []float64{at.Lon, at.Lat}, "name": "", "hint": "x"}
}

func (w world) table(out http.ResponseWriter, r *http.Request, text string) {
	all := points(text)
	if len(all) > 100 {
		out.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(out, `{"code":"TooBig","message":"Too many table coordinates"}`)
		return
	}
	to := all[len(all)-1]
	var durations, distances [][]float64
	var sources []object
	// Go's own reading of a query knows no semicolons.
	_, list, _ := strings.Cut(r.URL.RawQuery, "sources=")
	list, _, _ = strings.Cut(list, "&")
	for range strings.Split(list, ";") {
		p := all[len(sources)]
		s, m, _ := w.trip(p, to)
		durations, distances = append(durations, []float64{s}), append(distances, []float64{m})
		sources = append(sources, w.waypoint(p))
	}
	_ = json.NewEncoder(out).Encode(object{"code": "Ok", "durations": durations, "distances": distances, "sources": sources, "destinations": []object{w.waypoint(to)}})
}

func (w world) route(out http.ResponseWriter, text string) {
	ends := points(text)
	s, m, line := w.trip(ends[0], ends[1])
	var coordinates [][]float64
	for _, p := range line {
		coordinates = append(coordinates, []float64{p.Lon, p.Lat})
	}
	steps := []object{
		{"name": "直街", "duration": math.Round(s*5) / 10, "distance": math.Round(m*5) / 10, "maneuver": object{"type": "depart", "modifier": "left"}},
		{"name": "横街", "duration": math.Round(s*5) / 10, "distance": math.Round(m*5) / 10, "maneuver": object{"type": "turn", "modifier": "right"}},
		{"name": "横街", "duration": 0, "distance": 0, "maneuver": object{"type": "arrive"}},
	}
	_ = json.NewEncoder(out).Encode(object{"code": "Ok", "waypoints": []object{w.waypoint(ends[0]), w.waypoint(ends[1])},
		"routes": []object{{"duration": s, "distance": m, "geometry": object{"type": "LineString", "coordinates": coordinates}, "legs": []object{{"steps": steps}}}}})
}

func (w world) valhalla(out http.ResponseWriter, r *http.Request) {
	type place struct{ Lat, Lon float64 }
	var ask struct{ Locations, Sources, Targets []place }
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
		http.Error(out, `{"error_code":100}`, http.StatusBadRequest)
		return
	}
	at := func(p place) geo.Point { return geo.Point{Lon: p.Lon, Lat: p.Lat} }
	switch r.URL.Path {
	case "/locate":
		var all []object
		for _, p := range ask.Locations {
			s := w.snap(at(p))
			all = append(all, object{"input_lat": p.Lat, "input_lon": p.Lon, "nodes": nil,
				"edges": []object{{"correlated_lat": s.Lat, "correlated_lon": s.Lon, "percent_along": 0.5, "side_of_street": "neither", "way_id": 1}}})
		}
		_ = json.NewEncoder(out).Encode(all)
	case "/sources_to_targets":
		var rows [][]object
		for i, p := range ask.Sources {
			s, m, _ := w.trip(at(p), at(ask.Targets[0]))
			rows = append(rows, []object{{"time": s, "distance": m / 1000, "from_index": i, "to_index": 0}})
		}
		_ = json.NewEncoder(out).Encode(object{"sources_to_targets": rows, "units": "kilometers"})
	case "/route":
		s, m, line := w.trip(at(ask.Locations[0]), at(ask.Locations[1]))
		_ = json.NewEncoder(out).Encode(object{"trip": object{"status": 0, "summary": object{"time": s, "length": m / 1000}, "legs": []object{{
			"shape": encode6(line), "maneuvers": []object{
				{"type": 1, "street_names": []string{"直街"}, "time": s / 2, "length": m / 2000}, {"type": 10, "time": s / 2, "length": m / 2000}, {"type": 4, "time": 0, "length": 0}},
		}}}})
	default:
		http.Error(out, `{"error_code":106}`, http.StatusNotFound)
	}
}

func encode6(line []geo.Point) string {
	var b strings.Builder
	var was [2]int64
	for _, p := range line {
		for k, v := range [2]float64{p.Lat, p.Lon} {
			now := int64(math.Round(v * 1e6))
			d := (now - was[k]) << 1
			if d < 0 {
				d = ^d
			}
			was[k] = now
			for d >= 32 {
				b.WriteByte(byte(d&31|32) + 63)
				d >>= 5
			}
			b.WriteByte(byte(d) + 63)
		}
	}
	return b.String()
}
