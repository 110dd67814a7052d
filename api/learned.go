package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/pace"
)

// learnedSpeed is LearnedSpeed.
type learnedSpeed struct {
	Way       int64       `json:"way"`
	Direction string      `json:"direction"`
	Mode      string      `json:"mode"`
	Days      string      `json:"days"`
	Hours     string      `json:"hours"`
	KMH       float64     `json:"kmh"`
	BuiltKMH  float64     `json:"built_kmh"`
	Factor    float64     `json:"factor"`
	Passes    int         `json:"passes"`
	Patrols   int         `json:"patrols"`
	InForce   bool        `json:"in_force"`
	Roads     road.Extent `json:"roads"`
}

// etaBand is EtaBand.
type etaBand struct {
	Mode     dispatch.Mode `json:"mode"`
	Days     string        `json:"days"`
	Hours    string        `json:"hours"`
	Low      float64       `json:"low"`
	High     float64       `json:"high"`
	Arrivals int           `json:"arrivals"`
}

type learnedList struct {
	LearnedAt  *time.Time     `json:"learned_at"`
	Days       int            `json:"days"`
	Trips      int            `json:"trips"`
	Passes     int            `json:"passes"`
	Simulated  bool           `json:"simulated"`
	Bands      []etaBand      `json:"bands"`
	Items      []learnedSpeed `json:"items"`
	NextCursor *string        `json:"next_cursor"`
}

// listLearned answers what was learned from past trips: speeds, and how true promised
// times were.
func (s *Server) listLearned(c echo.Context) error {
	q := query{c: c}
	limit, cursor := q.page(200, 50)
	after := int64(0)
	if cursor != "" {
		var err error
		if after, err = strconv.ParseInt(cursor, 10, 64); err != nil || after < 0 {
			q.wrong("cursor", "is no cursor that this list answered")
		}
	}
	if err := q.err(); err != nil {
		return err
	}
	found, run, err := s.works.Learned(c.Request().Context(), after, limit+1)
	if err != nil {
		return err
	}
	out := learnedList{Days: run.Days, Trips: run.Trips, Passes: run.Passes, Simulated: run.Simulated, Bands: []etaBand{}, Items: []learnedSpeed{}}
	if run.EndedAt != nil {
		at := utc(*run.EndedAt)
		out.LearnedAt = &at
	}
	for _, b := range s.promise.Bands() {
		band := etaBand{Mode: b.Mode, Low: b.Low, High: b.High, Arrivals: b.Arrivals}
		if b.Bucket != dispatch.WholeWeek {
			band.Days, band.Hours = road.BucketWords(b.Bucket)
		}
		out.Bands = append(out.Bands, band)
	}
	if len(found) > limit {
		found = found[:limit]
		next := strconv.FormatInt(found[limit-1].ID, 10)
		out.NextCursor = &next
	}
	now := s.works.BucketInForce()
	for _, l := range found {
		direction := "along"
		if l.Against {
			direction = "against"
		}
		roads, _ := s.works.SpeedRoads(pace.Rule{Way: l.Way})
		o := learnedSpeed{Way: l.Way, Direction: direction, Mode: l.Mode.String(), KMH: l.KMH, BuiltKMH: l.BuiltKMH, Factor: l.Factor,
			Passes: l.Passes, Patrols: l.Patrols, InForce: l.Bucket == now, Roads: roads}
		o.Days, o.Hours = road.BucketWords(l.Bucket)
		out.Items = append(out.Items, o)
	}
	return answer(c, http.StatusOK, out)
}
