package api

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/match"
	"github.com/gridpatrol/gridpatrol/realtime"
)

// matchAsk is MatchAsk: a track that is sent, or the stored one of a patrol.
type matchAsk struct {
	Mode     string             `json:"mode"`
	CRS      geo.CRS            `json:"crs"`
	Fixes    []matchFix         `json:"fixes"`
	PatrolID *dispatch.PatrolID `json:"patrol_id"`
	From     *time.Time         `json:"from"`
	To       *time.Time         `json:"to"`
}

type matchFix struct {
	T          time.Time `json:"t"`
	Lon        float64   `json:"lon"`
	Lat        float64   `json:"lat"`
	AccuracyM  float64   `json:"accuracy_m"`
	SpeedMS    float64   `json:"speed_ms"`
	HeadingDeg *float64  `json:"heading_deg"`
}

// matchWork bounds one answer, some three seconds; matchesAtOnce bounds what all of
// them together may take of the machine.
const (
	matchWork     = 10_000_000
	matchesAtOnce = 2
)

// matchTrack finds the way somebody really took.
func (s *Server) matchTrack(c echo.Context) error {
	var in matchAsk
	if err := s.readJSON(c, "MatchAsk", false, &in); err != nil {
		return err
	}
	mode, err := modeOf(in.Mode)
	if err != nil {
		return err
	}
	var fixes []match.Fix
	switch {
	case in.PatrolID != nil && in.Fixes != nil:
		return invalid(FieldProblem{Pointer: "/patrol_id", Detail: "is given beside fixes; give one of them"})
	case in.PatrolID != nil:
		if fixes, mode, err = s.storedTrack(c, &in, mode); err != nil {
			return err
		}
	default:
		fixes = make([]match.Fix, len(in.Fixes))
		for i, f := range in.Fixes {
			p := geo.Point{Lon: f.Lon, Lat: f.Lat}
			if err := p.Check(); err != nil {
				return invalid(FieldProblem{Pointer: fmt.Sprintf("/fixes/%d", i), Detail: err.Error()})
			}
			fixes[i] = match.Fix{Point: geo.ToWGS84(p, in.CRS), T: f.T, AccuracyM: f.AccuracyM, SpeedMS: f.SpeedMS}
			if f.HeadingDeg != nil {
				fixes[i].HeadingDeg, fixes[i].Headed = *f.HeadingDeg, true
			}
		}
	}
	if err := match.Check(mode, fixes); err != nil {
		return matchRefusal(err)
	}
	net, err := s.network()
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	done, err := turn(ctx, s.matching)
	if err != nil {
		return err
	}
	defer done()
	found, err := match.Match(ctx, net, mode, fixes, match.Config{MaxWork: matchWork})
	if err != nil {
		return matchRefusal(err)
	}
	if in.PatrolID == nil && len(found.Parts) == 0 && swapped(net, mode, fixes) {
		return invalid(FieldProblem{Pointer: "/fixes/0", Detail: fmt.Sprintf("lies far from any road; did you mean lon %v, lat %v? longitude comes first", fixes[0].Lat, fixes[0].Lon)})
	}
	return answer(c, http.StatusOK, matchAnswer(net, found, fixes))
}

// storedTrack reads the track of a patrol. A mode that was not asked for is the
// patrol's own.
func (s *Server) storedTrack(c echo.Context, in *matchAsk, mode road.Mode) ([]match.Fix, road.Mode, error) {
	ctx, v := c.Request().Context(), viewer(c)
	switch {
	case in.From == nil:
		return nil, mode, invalid(FieldProblem{Pointer: "/from", Detail: "is missing; give the time the track begins at"})
	case in.To == nil:
		return nil, mode, invalid(FieldProblem{Pointer: "/to", Detail: "is missing; give the time the track ends at"})
	case !in.To.After(*in.From):
		return nil, mode, invalid(FieldProblem{Pointer: "/to", Detail: "must be after from"})
	case in.To.Sub(*in.From) > maxTrackSpan:
		return nil, mode, invalid(FieldProblem{Pointer: "/to", Detail: "must be within 24 h of from; ask day by day"})
	}
	if !dispatch.May(v, dispatch.ActSeeTracks) && *in.PatrolID != v.Patrol {
		return nil, mode, forbidden(v)
	}
	patrol, err := s.patrols.Patrol(ctx, v, *in.PatrolID)
	if err != nil {
		return nil, mode, err
	}
	if err := s.auth.RecordViews(ctx, v, pgauth.ViewedTrack, []dispatch.PatrolID{*in.PatrolID}); err != nil {
		return nil, mode, err
	}
	if in.Mode == "" {
		if mode, err = road.ParseMode(string(patrol.Mode)); err != nil {
			return nil, mode, err
		}
	}
	stored, err := s.trackOf(ctx, v, *in.PatrolID, *in.From, *in.To, match.MaxFixes)
	if err != nil {
		return nil, mode, err
	}
	if len(stored) == match.MaxFixes { // and nobody knows what comes after them
		return nil, mode, refuse(http.StatusRequestEntityTooLarge, "too-large",
			fmt.Sprintf("The track holds %d fixes or more; ask for a shorter stretch of it.", match.MaxFixes),
			FieldProblem{Pointer: "/to", Detail: "takes in too many fixes; ask until " + stored[len(stored)-1].T.UTC().Format(time.RFC3339) + " and then from there"})
	}
	fixes := matchable(stored)
	if len(fixes) < 2 {
		return nil, mode, refuse(http.StatusUnprocessableEntity, "no-track", "The patrol has no track in this time; ask for another time.")
	}
	return fixes, mode, nil
}

// matchable is a stored track, one fix at a time: two phones in one car tell the same.
func matchable(stored []realtime.TrackPlace) []match.Fix {
	var fixes []match.Fix
	for _, p := range stored {
		if len(fixes) > 0 && !p.T.After(fixes[len(fixes)-1].T) {
			continue
		}
		f := match.Fix{Point: p.Point, T: p.T, AccuracyM: orZero(p.AccuracyM), SpeedMS: orZero(p.SpeedMS), HeadingDeg: orZero(p.HeadingDeg)}
		f.Headed = !math.IsNaN(float64(p.HeadingDeg))
		fixes = append(fixes, f)
	}
	return fixes
}

// orZero is a measure, 0 for one that was not sent.
func orZero(v float32) float64 {
	if math.IsNaN(float64(v)) {
		return 0
	}
	return float64(v)
}

// network is the roads that serve, where there are any.
func (s *Server) network() (*road.Network, error) {
	switch e := road.Serving(s.roads).(type) {
	case *road.Router:
		return e.Network(), nil
	case *road.Network:
		return e, nil
	}
	return nil, refuse(http.StatusServiceUnavailable, "no-roads", "No roads were imported yet; import them with gridpatrol import roads.")
}

func swapped(net *road.Network, mode road.Mode, fixes []match.Fix) bool {
	turned := geo.Point{Lon: fixes[0].Lat, Lat: fixes[0].Lon}
	return turned.Check() == nil && len(net.Footings(nil, mode, turned, 1000, 1)) > 0
}

func matchRefusal(err error) error {
	var at *match.FixError
	switch {
	case errors.As(err, &at):
		return invalid(FieldProblem{Pointer: fmt.Sprintf("/fixes/%d", at.Index), Detail: at.Err.Error()})
	case errors.Is(err, match.ErrFew), errors.Is(err, match.ErrMany):
		return invalid(FieldProblem{Pointer: "/fixes", Detail: err.Error()})
	case errors.Is(err, match.ErrWork):
		return refuse(http.StatusRequestEntityTooLarge, "too-large", "Matching this track would take too long for one request; send a shorter stretch of it.")
	}
	return err
}

func matchAnswer(net *road.Network, found match.Result, fixes []match.Fix) Matched {
	out := Matched{Mode: Mode(found.Mode.String()), LengthM: found.LengthM,
		Parts: make([]MatchedPart, len(found.Parts)), Breaks: make([]MatchBreak, len(found.Breaks)), Fixes: make([]MatchedFix, len(found.Places))}
	for i, p := range found.Parts {
		line := make([][]float64, 0, len(p.Line)/2)
		for k := 0; k < len(p.Line); k += 2 {
			line = append(line, []float64{p.Line[k], p.Line[k+1]})
		}
		part := MatchedPart{First: p.First, Last: p.Last, LengthM: p.LengthM, DurationS: fixes[p.Last].T.Sub(fixes[p.First].T).Seconds(),
			Confidence: p.Confidence, TurnedRound: p.Rounds, Geometry: LineString{Type: LineStringTypeLineString, Coordinates: line}, Roads: []MatchedRoad{}}
		for _, span := range p.Spans {
			name, m := net.Segment(int(span.Arc/2)).Name, float64(span.ToCM-span.FromCM)/100
			if last := len(part.Roads) - 1; last >= 0 && part.Roads[last].Road == name {
				part.Roads[last].LengthM += m
				continue
			}
			part.Roads = append(part.Roads, MatchedRoad{Road: name, LengthM: m})
		}
		out.Parts[i] = part
	}
	for i, b := range found.Breaks {
		out.Breaks[i] = MatchBreak{After: b.After, Before: b.Before, Reason: MatchBreakReason(b.Reason)}
	}
	for i, pl := range found.Places {
		f := MatchedFix{State: MatchedFixState(pl.State)}
		if pl.State == match.Matched {
			f.Part, f.Lon, f.Lat, f.AwayM, f.Edge, f.Against, f.AtM, f.Confidence =
				&pl.Part, &pl.Point.Lon, &pl.Point.Lat, &pl.AwayM, &pl.Segment, &pl.Against, &pl.AtM, &pl.Confidence
		}
		out.Fixes[i] = f
	}
	return out
}
