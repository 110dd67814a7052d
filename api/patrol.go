package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
)

// PatrolDesk is what the door asks about patrols. *dispatch.Service is one.
type PatrolDesk interface {
	Patrols(context.Context, dispatch.Viewer, dispatch.PatrolFilter) (dispatch.Page[dispatch.Patrol], error)
	Patrol(context.Context, dispatch.Viewer, dispatch.PatrolID) (dispatch.PatrolDetail, error)
	SetStatus(context.Context, dispatch.Viewer, dispatch.PatrolID, dispatch.Status, int64) (dispatch.Patrol, error)
	SetDuty(context.Context, dispatch.Viewer, bool) (dispatch.Patrol, error)
	Veil(context.Context, dispatch.Viewer) (dispatch.Veil, error)
}

// Tracks answers where a patrol was from one time to another (not included),
// oldest first, at most limit fixes. Whether the caller may see it has been
// settled.
type Tracks interface {
	Track(ctx context.Context, v dispatch.Viewer, patrol dispatch.PatrolID, from, to time.Time, limit int) ([]TrackPoint, error)
}

// maxTrackSpan bounds one look at a track.
const maxTrackSpan = 24 * time.Hour

func (s *Server) listPatrols(c echo.Context) error {
	q := query{c: c}
	var f dispatch.PatrolFilter
	f.Department = q.text("department")
	f.Status = dispatch.Status(q.oneOf("status", s.spec.words("PatrolStatus")...))
	f.Limit, f.Cursor = q.page(200, 50)
	if err := q.err(); err != nil {
		return err
	}
	ctx, v := c.Request().Context(), viewer(c)
	page, err := s.patrols.Patrols(ctx, v, f)
	if err != nil {
		return err
	}
	var seen []dispatch.PatrolID
	for _, p := range page.Items {
		if p.Lon != nil {
			seen = append(seen, p.ID)
		}
	}
	if err := s.auth.RecordViews(ctx, v, pgauth.ViewedPosition, seen); err != nil {
		return err
	}
	return answer(c, http.StatusOK, page)
}

func (s *Server) getPatrol(c echo.Context) error {
	var id dispatch.PatrolID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	q := query{c: c}
	at := q.moment("at")
	if err := q.err(); err != nil {
		return err
	}
	ctx, v := c.Request().Context(), viewer(c)
	var found dispatch.PatrolDetail
	var err error
	if at == nil {
		found, err = s.patrols.Patrol(ctx, v, id)
	} else {
		found, err = s.people.PatrolAt(ctx, v, id, *at)
	}
	if err != nil {
		return err
	}
	return s.answerPatrol(c, http.StatusOK, found)
}

// answerPatrol writes down that its place was seen, where there is one.
func (s *Server) answerPatrol(c echo.Context, status int, found dispatch.PatrolDetail) error {
	if found.Lon != nil {
		if err := s.auth.RecordViews(c.Request().Context(), viewer(c), pgauth.ViewedPosition, []dispatch.PatrolID{found.ID}); err != nil {
			return err
		}
	}
	var called []uuid.UUID
	for _, m := range slices.Concat(found.Members, found.Planned) {
		if m.Phone != nil {
			called = append(called, m.StaffID.UUID)
		}
	}
	if err := s.seePhones(c, called); err != nil {
		return err
	}
	c.Response().Header().Set("ETag", etag(found.Version))
	return answer(c, status, found)
}

// mostTrackFixes is more than a day has at the usual interval.
const mostTrackFixes = 20_000

func (s *Server) getTrack(c echo.Context) error {
	var id dispatch.PatrolID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	q := query{c: c}
	from, to := q.moment("from"), q.moment("to")
	limit, cursor := q.page(mostTrackFixes, 1000)
	switch {
	case from == nil && len(q.faults) == 0:
		q.wrong("from", "is missing; give the time the track begins at")
	case from != nil && to != nil && !to.After(*from):
		q.wrong("to", "must be after from")
	case from != nil && to != nil && to.Sub(*from) > maxTrackSpan:
		q.wrong("to", "must be within 24 h of from; ask day by day")
	}
	if cursor != "" {
		// The cursor is the time of the first fix that the page before left out.
		if at, err := time.Parse(time.RFC3339Nano, cursor); err != nil || from == nil || at.Before(*from) {
			q.wrong("cursor", "must be next_cursor as it was answered")
		} else {
			from = &at
		}
	}
	if err := q.err(); err != nil {
		return err
	}
	end := from.Add(maxTrackSpan)
	if to != nil {
		end = *to
	}
	ctx, v := c.Request().Context(), viewer(c)
	if !dispatch.May(v, dispatch.ActSeeTracks) && id != v.Patrol {
		return forbidden(v)
	}
	// Whoever may not see the patrol may not see its track.
	if _, err := s.patrols.Patrol(ctx, v, id); err != nil {
		return err
	}
	if err := s.auth.RecordViews(ctx, v, pgauth.ViewedTrack, []dispatch.PatrolID{id}); err != nil {
		return err
	}
	fixes, err := s.trackOf(ctx, v, id, *from, end, limit+1)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, trackPage(fixes, limit))
}

// trackOf is a track without what covert cases hide of it from the caller. The store
// keeps that back too; this is the first wall.
func (s *Server) trackOf(ctx context.Context, v dispatch.Viewer, id dispatch.PatrolID, from, to time.Time, limit int) ([]TrackPoint, error) {
	veil, err := s.patrols.Veil(ctx, v)
	if err != nil {
		return nil, err
	}
	fixes, err := s.tracks.Track(ctx, v, id, from, to, limit)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(fixes, func(p TrackPoint) bool { return veil.Hides(id, geo.Point{Lon: p.Lon, Lat: p.Lat}, p.T) }), nil
}

// trackPage keeps fixes of one time on one page, so that the next page can begin
// at a time.
func trackPage(fixes []TrackPoint, limit int) Track {
	page := Track{Items: some(fixes)}
	if len(fixes) <= limit {
		return page
	}
	next := fixes[limit].T
	cut := limit
	for cut > 0 && fixes[cut-1].T.Equal(next) {
		cut--
	}
	if cut == 0 {
		cut = limit // a whole page of one time: the next begins after it
		next = next.Add(1)
	}
	cursor := next.UTC().Format(time.RFC3339Nano)
	page.Items, page.NextCursor = fixes[:cut], &cursor
	return page
}

func (s *Server) setPatrolStatus(c echo.Context) error {
	var id dispatch.PatrolID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	var in NewStatus
	if err := s.readJSON(c, "NewStatus", false, &in); err != nil {
		return err
	}
	changed, err := s.patrols.SetStatus(c.Request().Context(), viewer(c), id, dispatch.Status(in.Status), in.Version)
	var fault *dispatch.Fault
	if errors.As(err, &fault) && fault.Code == dispatch.CodeOldVersion && len(fault.Fields) == 0 {
		return refuse(http.StatusConflict, "old-version", fault.Detail,
			FieldProblem{Pointer: "/version", Detail: "is not the patrol's version any more; read it again"})
	}
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, changed)
}

func (s *Server) setMyDuty(c echo.Context) error {
	var in NewDuty
	if err := s.readJSON(c, "NewDuty", false, &in); err != nil {
		return err
	}
	changed, err := s.patrols.SetDuty(c.Request().Context(), viewer(c), in.On)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, changed)
}
