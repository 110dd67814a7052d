package outside

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// osrm asks servers of OSRM, one for each mode since each has one profile.
type osrm struct {
	base   [road.Modes]string // such as http://host:5000; empty where there is none
	client *http.Client
}

// OSRM makes a server of the addresses of OSRM by mode.
func OSRM(base [road.Modes]string) Server {
	for m := range base {
		base[m] = strings.TrimRight(base[m], "/")
	}
	return &osrm{base: base, client: client()}
}

func (o *osrm) Name() string           { return "osrm" }
func (o *osrm) Knows(m road.Mode) bool { return m < road.Modes && o.base[m] != "" }

// tableRows is how many starts one request holds: OSRM refuses tables of more than
// 100 places unless told otherwise.
const tableRows = 99

type osrmPoint struct {
	Distance float64    `json:"distance"` // metres from what was asked
	Location [2]float64 `json:"location"`
}

func (o *osrm) table(ctx context.Context, m road.Mode, from []geo.Point, to geo.Point) ([]leg, error) {
	legs := make([]leg, 0, len(from))
	for len(legs) < len(from) {
		part := from[len(legs):min(len(legs)+tableRows, len(from))]
		var path strings.Builder
		sources := make([]string, len(part))
		for i, p := range part {
			path.WriteString(lonLat(p) + ";")
			sources[i] = strconv.Itoa(i)
		}
		path.WriteString(lonLat(to))
		var got struct {
			Code         string       `json:"code"`
			Durations    [][]*float64 `json:"durations"`
			Distances    [][]*float64 `json:"distances"`
			Sources      []osrmPoint  `json:"sources"`
			Destinations []osrmPoint  `json:"destinations"`
		}
		url := fmt.Sprintf("%s/table/v1/driving/%s?annotations=duration,distance&sources=%s&destinations=%d", o.base[m], path.String(), strings.Join(sources, ";"), len(part))
		if err := o.get(ctx, url, &got); err != nil {
			return nil, err
		}
		switch {
		case got.Code == "NoSegment" || got.Code == "NoTable":
			legs = append(legs, make([]leg, len(part))...)
			continue
		case got.Code != "Ok":
			return nil, fmt.Errorf("%w: code %.40q", errAnswer, got.Code)
		case len(got.Durations) != len(part) || len(got.Distances) != len(part) || len(got.Sources) != len(part) || len(got.Destinations) != 1:
			return nil, fmt.Errorf("%w: a table of another size", errAnswer)
		}
		for i := range part {
			l := leg{snapFrom: got.Sources[i].Distance, snapTo: got.Destinations[0].Distance}
			if len(got.Durations[i]) != 1 || len(got.Distances[i]) != 1 {
				return nil, fmt.Errorf("%w: a row of another size", errAnswer)
			}
			if s, d := got.Durations[i][0], got.Distances[i][0]; s != nil && d != nil {
				l.found, l.durationS, l.distanceM = true, *s, *d
			}
			legs = append(legs, l)
		}
	}
	return legs, nil
}

func (o *osrm) route(ctx context.Context, m road.Mode, from, to geo.Point) (way, error) {
	var got struct {
		Code      string      `json:"code"`
		Waypoints []osrmPoint `json:"waypoints"`
		Routes    []struct {
			Duration float64 `json:"duration"`
			Distance float64 `json:"distance"`
			Geometry struct {
				Coordinates [][2]float64 `json:"coordinates"`
			} `json:"geometry"`
			Legs []struct {
				Steps []struct {
					Name     string  `json:"name"`
					Duration float64 `json:"duration"`
					Distance float64 `json:"distance"`
					Maneuver struct {
						Type     string `json:"type"`
						Modifier string `json:"modifier"`
					} `json:"maneuver"`
				} `json:"steps"`
			} `json:"legs"`
		} `json:"routes"`
	}
	url := fmt.Sprintf("%s/route/v1/driving/%s;%s?overview=full&geometries=geojson&steps=true", o.base[m], lonLat(from), lonLat(to))
	if err := o.get(ctx, url, &got); err != nil {
		return way{}, err
	}
	switch {
	case got.Code == "NoRoute" || got.Code == "NoSegment":
		return way{}, nil
	case got.Code != "Ok":
		return way{}, fmt.Errorf("%w: code %.40q", errAnswer, got.Code)
	case len(got.Routes) == 0 || len(got.Waypoints) != 2 || len(got.Routes[0].Geometry.Coordinates) < 1:
		return way{}, fmt.Errorf("%w: a route without a line", errAnswer)
	}
	r := got.Routes[0]
	w := way{leg: leg{found: true, durationS: r.Duration, distanceM: r.Distance, snapFrom: got.Waypoints[0].Distance, snapTo: got.Waypoints[1].Distance}}
	for _, c := range r.Geometry.Coordinates {
		w.flat = append(w.flat, c[0], c[1])
	}
	for _, l := range r.Legs {
		for _, s := range l.Steps {
			if s.Maneuver.Type == "arrive" {
				continue
			}
			turn, ok := osrmTurns[s.Maneuver.Modifier]
			switch {
			case s.Maneuver.Type == "depart":
				turn = road.Depart
			case !ok:
				turn = road.Ahead
			}
			w.steps = append(w.steps, road.Step{Name: s.Name, Turn: turn, DurationS: s.Duration, DistanceM: s.Distance})
		}
	}
	return w, nil
}

var osrmTurns = map[string]road.Turn{
	"uturn": road.RoundTurn, "sharp right": road.SharpRight, "right": road.TurnRight, "slight right": road.SlightRight,
	"straight": road.Ahead, "slight left": road.SlightLeft, "left": road.TurnLeft, "sharp left": road.SharpLeft,
}

func (o *osrm) get(ctx context.Context, url string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	return exchange(o.client, req, into)
}

func lonLat(p geo.Point) string {
	return strconv.FormatFloat(p.Lon, 'f', 7, 64) + "," + strconv.FormatFloat(p.Lat, 'f', 7, 64)
}
