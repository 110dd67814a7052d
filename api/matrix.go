package api

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// matrixAsk is MatrixAsk as the engine wants it.
type matrixAsk struct {
	From []lonLat `json:"from"`
	To   []lonLat `json:"to"`
	Mode string   `json:"mode"`
	CRS  geo.CRS  `json:"crs"`

	Avoid []json.RawMessage `json:"avoid"`
}

type lonLat [2]float64

// What a table costs at the slowest that is expected of a machine, to refuse in time
// what would be cut off in the middle.
const (
	matrixPlaceCost = 300 * time.Microsecond
	matrixPairCost  = 2 * time.Microsecond
)

func (s *Server) matrix(c echo.Context) error {
	var in matrixAsk
	if err := s.readJSON(c, "MatrixAsk", false, &in); err != nil {
		return err
	}
	from, err := placesIn("/from", in.From, in.CRS)
	if err != nil {
		return err
	}
	to, err := placesIn("/to", in.To, in.CRS)
	if err != nil {
		return err
	}
	mode, err := modeOf(in.Mode)
	if err != nil {
		return err
	}
	cost := time.Duration(len(from)+len(to))*matrixPlaceCost + time.Duration(len(from)*len(to))*matrixPairCost
	if cost > s.maxTime {
		fits := int(math.Sqrt(float64(s.maxTime) / float64(2*matrixPairCost)))
		return refuse(http.StatusRequestEntityTooLarge, "too-large",
			fmt.Sprintf("%d by %d places would take too long for one request; ask in parts of some %d by %d.", len(from), len(to), fits, fits))
	}
	ctx, told := road.Witnessed(c.Request().Context())
	roads, done, err := s.avoiding(ctx, mode, in.Avoid, in.CRS)
	if err != nil {
		return err
	}
	defer done()
	w := c.Response()
	w.Header().Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	w.Header().Set(echo.HeaderCacheControl, "no-store")
	begun := false
	err = road.Matrix(ctx, roads, mode, from, to, func(i int, times []road.Time) error {
		lead := ","
		if !begun {
			engine, _ := engineOf(told, times[0].Kind)
			lead, begun = fmt.Sprintf(`{"eta_kind":%q,"engine":%q,"roads_version":%q,"rows":[`, times[0].Kind, engine, times[0].Version), true
		}
		row, err := json.Marshal(matrixRow(times))
		if err != nil {
			return err
		}
		if _, err := w.Write(append([]byte(lead), row...)); err != nil {
			return err
		}
		if i&63 == 63 {
			w.Flush()
		}
		return nil
	})
	if err != nil {
		return err // begun answers end without their last bracket, so nobody takes half for all
	}
	_, err = w.Write([]byte("]}\n"))
	return err
}

// modeOf reads a mode, by car where none is said.
func modeOf(word string) (road.Mode, error) {
	if word == "" {
		return road.Car, nil
	}
	return road.ParseMode(word)
}

func placesIn(at string, list []lonLat, crs geo.CRS) ([]geo.Point, error) {
	points := make([]geo.Point, len(list))
	for i, l := range list {
		p := geo.Point{Lon: l[0], Lat: l[1]}
		if err := p.Check(); err != nil {
			return nil, invalid(FieldProblem{Pointer: fmt.Sprintf("%s/%d", at, i), Detail: err.Error()})
		}
		points[i] = geo.ToWGS84(p, crs)
	}
	return points, nil
}

func matrixRow(times []road.Time) MatrixRow {
	row := MatrixRow{DurationsS: make([]*float64, len(times)), DistancesM: make([]*float64, len(times))}
	for i, t := range times {
		if t.Reachable {
			row.DurationsS[i], row.DistancesM[i] = &t.DurationS, &t.DistanceM
		}
	}
	return row
}
