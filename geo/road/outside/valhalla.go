package outside

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// valhalla asks a server of Valhalla, which has every mode.
type valhalla struct {
	base   string
	client *http.Client
}

// Valhalla makes a server of the address of one.
func Valhalla(base string) Server {
	return &valhalla{base: strings.TrimRight(base, "/"), client: client()}
}

func (v *valhalla) Name() string           { return "valhalla" }
func (v *valhalla) Knows(m road.Mode) bool { return m < road.Modes && v.base != "" }

var costings = [road.Modes]string{road.Foot: "pedestrian", road.EBike: "bicycle", road.Car: "auto"}

type valhallaPlace struct {
	Lat float64 `json:"lat"`
	Lon float64 `json:"lon"`
}

func places(points []geo.Point) []valhallaPlace {
	out := make([]valhallaPlace, len(points))
	for i, p := range points {
		out[i] = valhallaPlace{Lat: p.Lat, Lon: p.Lon}
	}
	return out
}

// matrixRows is how many starts one request holds: Valhalla refuses more than 2,500
// pairs, and locates so many places in good time.
const matrixRows = 200

// errorOf is how Valhalla refuses. What it cannot find is no fault of it.
type errorOf struct {
	ErrorCode int `json:"error_code"`
}

func (e errorOf) nowhere() bool {
	switch e.ErrorCode {
	case 170, 171, 442, 443: // unconnected places, no road near, no way, no exit
		return true
	}
	return false
}

// snaps answers how far each point is from the road that the server puts it on; below
// zero where there is none.
func (v *valhalla) snaps(ctx context.Context, m road.Mode, points []geo.Point) ([]float64, error) {
	ask := struct {
		Locations []valhallaPlace `json:"locations"`
		Costing   string          `json:"costing"`
	}{places(points), costings[m]}
	var raw json.RawMessage
	if err := v.post(ctx, "/locate", ask, &raw); err != nil {
		return nil, err
	}
	out := make([]float64, len(points))
	var refused errorOf
	if json.Unmarshal(raw, &refused) == nil && refused.nowhere() {
		for i := range out {
			out[i] = -1
		}
		return out, nil
	}
	var got []struct {
		Edges []struct {
			Lat float64 `json:"correlated_lat"`
			Lon float64 `json:"correlated_lon"`
		} `json:"edges"`
	}
	if err := json.Unmarshal(raw, &got); err != nil {
		return nil, fmt.Errorf("%w: %w", errAnswer, err)
	}
	if len(got) != len(points) {
		return nil, fmt.Errorf("%w: %d places located of %d", errAnswer, len(got), len(points))
	}
	for i, g := range got {
		out[i] = -1
		for _, e := range g.Edges {
			if d := geo.DistanceM(points[i], geo.Point{Lon: e.Lon, Lat: e.Lat}); out[i] < 0 || d < out[i] {
				out[i] = d
			}
		}
	}
	return out, nil
}

func (v *valhalla) table(ctx context.Context, m road.Mode, from []geo.Point, to geo.Point) ([]leg, error) {
	legs := make([]leg, 0, len(from))
	for len(legs) < len(from) {
		part := from[len(legs):min(len(legs)+matrixRows, len(from))]
		snap, err := v.snaps(ctx, m, append(append([]geo.Point(nil), part...), to))
		if err != nil {
			return nil, err
		}
		ask := struct {
			Sources []valhallaPlace `json:"sources"`
			Targets []valhallaPlace `json:"targets"`
			Costing string          `json:"costing"`
			Units   string          `json:"units"`
		}{places(part), places([]geo.Point{to}), costings[m], "kilometers"}
		var got struct {
			errorOf
			Rows [][]struct {
				Time     *float64 `json:"time"`
				Distance *float64 `json:"distance"`
			} `json:"sources_to_targets"`
		}
		if err := v.post(ctx, "/sources_to_targets", ask, &got); err != nil {
			return nil, err
		}
		switch {
		case got.nowhere():
			legs = append(legs, make([]leg, len(part))...)
			continue
		case got.ErrorCode != 0:
			return nil, fmt.Errorf("%w: error %d", errAnswer, got.ErrorCode)
		case len(got.Rows) != len(part):
			return nil, fmt.Errorf("%w: a table of another size", errAnswer)
		}
		for i, row := range got.Rows {
			if len(row) != 1 {
				return nil, fmt.Errorf("%w: a row of another size", errAnswer)
			}
			l := leg{snapFrom: max(0, snap[i]), snapTo: max(0, snap[len(part)])}
			if t, d := row[0].Time, row[0].Distance; t != nil && d != nil && snap[i] >= 0 && snap[len(part)] >= 0 {
				l.found, l.durationS, l.distanceM = true, *t, *d*1000
			}
			legs = append(legs, l)
		}
	}
	return legs, nil
}

func (v *valhalla) route(ctx context.Context, m road.Mode, from, to geo.Point) (way, error) {
	snap, err := v.snaps(ctx, m, []geo.Point{from, to})
	if err != nil {
		return way{}, err
	}
	ask := struct {
		Locations []valhallaPlace `json:"locations"`
		Costing   string          `json:"costing"`
		Units     string          `json:"units"`
	}{places([]geo.Point{from, to}), costings[m], "kilometers"}
	var got struct {
		errorOf
		Trip struct {
			Summary struct {
				Time   float64 `json:"time"`
				Length float64 `json:"length"`
			} `json:"summary"`
			Legs []struct {
				Shape     string `json:"shape"`
				Maneuvers []struct {
					Type   int      `json:"type"`
					Names  []string `json:"street_names"`
					Time   float64  `json:"time"`
					Length float64  `json:"length"`
				} `json:"maneuvers"`
			} `json:"legs"`
		} `json:"trip"`
	}
	if err := v.post(ctx, "/route", ask, &got); err != nil {
		return way{}, err
	}
	if got.nowhere() || snap[0] < 0 || snap[1] < 0 {
		return way{leg: leg{snapFrom: max(0, snap[0]), snapTo: max(0, snap[1])}}, nil
	}
	if got.ErrorCode != 0 {
		return way{}, fmt.Errorf("%w: error %d", errAnswer, got.ErrorCode)
	}
	if len(got.Trip.Legs) == 0 {
		return way{}, fmt.Errorf("%w: a route without a leg", errAnswer)
	}
	w := way{leg: leg{found: true, durationS: got.Trip.Summary.Time, distanceM: got.Trip.Summary.Length * 1000, snapFrom: snap[0], snapTo: snap[1]}}
	for _, l := range got.Trip.Legs {
		flat, err := polyline6(l.Shape)
		if err != nil {
			return way{}, err
		}
		w.flat = append(w.flat, flat...)
		for _, s := range l.Maneuvers {
			if s.Length == 0 && s.Type >= 4 && s.Type <= 6 { // arrived
				continue
			}
			turn, ok := valhallaTurns[s.Type]
			if !ok {
				turn = road.Ahead
			}
			name := ""
			if len(s.Names) > 0 {
				name = s.Names[0]
			}
			w.steps = append(w.steps, road.Step{Name: name, Turn: turn, DurationS: s.Time, DistanceM: s.Length * 1000})
		}
	}
	return w, nil
}

var valhallaTurns = map[int]road.Turn{
	1: road.Depart, 2: road.Depart, 3: road.Depart,
	9: road.SlightRight, 10: road.TurnRight, 11: road.SharpRight, 12: road.RoundTurn, 13: road.RoundTurn,
	14: road.SharpLeft, 15: road.TurnLeft, 16: road.SlightLeft, 18: road.SlightRight, 19: road.SlightLeft,
	20: road.SlightRight, 21: road.SlightLeft, 23: road.SlightRight, 24: road.SlightLeft,
}

// polyline6 reads a line as Valhalla writes it: latitude and longitude by turns, each
// as what changed, in millionths of a degree.
func polyline6(text string) ([]float64, error) {
	var flat []float64
	var at [2]int64 // lat, lon
	for i := 0; i < len(text); {
		for k := range at {
			var bits int64
			for shift := 0; ; shift += 5 {
				if i >= len(text) || shift > 40 {
					return nil, fmt.Errorf("%w: a line that breaks off", errAnswer)
				}
				b := int64(text[i]) - 63
				i++
				if b < 0 || b > 63 {
					return nil, fmt.Errorf("%w: a line that is none", errAnswer)
				}
				bits |= (b & 31) << shift
				if b < 32 {
					break
				}
			}
			if bits&1 == 1 {
				bits = ^bits
			}
			at[k] += bits >> 1
		}
		flat = append(flat, float64(at[1])/1e6, float64(at[0])/1e6)
	}
	return flat, nil
}

func (v *valhalla) post(ctx context.Context, path string, ask, into any) error {
	body, err := json.Marshal(ask)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	return exchange(v.client, req, into)
}
