package api

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime"
)

// presenceRecord is when a patrol was heard of, and which fences it crossed.
type presenceRecord struct {
	Was        *string          `json:"was"`
	Items      []presenceMoment `json:"items"`
	NextCursor *string          `json:"next_cursor"`
}

type presenceMoment struct {
	At        time.Time `json:"at"`
	Kind      string    `json:"kind"`
	Area      *string   `json:"area"`
	Name      *string   `json:"name"`
	Because   *string   `json:"because"`
	Simulated bool      `json:"simulated"`
}

// getPresence answers whoever may see a patrol's track.
func (s *Server) getPresence(c echo.Context) error {
	var id dispatch.PatrolID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	q := query{c: c}
	from, to := q.trackSpan()
	limit, cursor := q.page(1000, 200)
	var after realtime.MomentCursor
	if cursor != "" {
		at, number, _ := strings.Cut(cursor, "_")
		var err1, err2 error
		after.At, err1 = time.Parse(time.RFC3339Nano, at)
		if after.ID, err2 = strconv.ParseInt(number, 10, 64); err1 != nil || err2 != nil {
			q.wrong("cursor", "must be next_cursor as it was answered")
		}
	}
	if err := q.err(); err != nil {
		return err
	}
	ctx, v := c.Request().Context(), viewer(c)
	if !dispatch.May(v, dispatch.ActSeeTracks) && id != v.Patrol {
		return forbidden(v)
	}
	if _, err := s.patrols.Patrol(ctx, v, id); err != nil {
		return err
	}
	if err := s.auth.RecordViews(ctx, v, pgauth.ViewedTrack, []dispatch.PatrolID{id}); err != nil {
		return err
	}
	veil, err := s.patrols.Veil(ctx, v)
	if err != nil {
		return err
	}
	was, found, err := s.tracks.Moments(ctx, v, id, from, to, after, limit+1)
	if err != nil {
		return err
	}
	out := presenceRecord{Items: []presenceMoment{}}
	if was != "" {
		out.Was = &was
	}
	if len(found) > limit {
		found = found[:limit]
		last := found[limit-1]
		next := last.At.UTC().Format(time.RFC3339Nano) + "_" + strconv.FormatInt(last.ID, 10)
		out.NextCursor = &next
	}
	for _, m := range found {
		// A fence is a place. Where somebody stands is not known here, so that of whoever is
		// sent in secret none is told from then on.
		if m.Area != nil && veil.HidesAfter(id, m.At) {
			continue
		}
		out.Items = append(out.Items, presenceMoment{utc(m.At), m.Kind, m.Area, m.Name, m.Because, m.Simulated})
	}
	return answer(c, http.StatusOK, out)
}

// trackSpan reads from and to, which are a day apart at most; without to it is a day.
func (q *query) trackSpan() (from, to time.Time) {
	begin, end := q.moment("from"), q.moment("to")
	switch {
	case begin == nil:
		if len(q.faults) == 0 {
			q.wrong("from", "is missing; give the time the record begins at")
		}
		return from, to
	case end == nil:
		return *begin, begin.Add(maxTrackSpan)
	case !end.After(*begin):
		q.wrong("to", "must be after from")
	case end.Sub(*begin) > maxTrackSpan:
		q.wrong("to", "must be within 24 h of from; ask day by day")
	}
	return *begin, *end
}
