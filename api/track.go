package api

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime"
)

// Tracks visits where a patrol was from one time to another (not included),
// oldest first, at most limit fixes. Whether the caller may see it has been
// settled. What is shown is shown for the length of the visit.
type Tracks interface {
	Track(ctx context.Context, v dispatch.Viewer, patrol dispatch.PatrolID, from, to time.Time, limit int, visit func(*realtime.TrackPlace)) error
	// Moments answers the record of a patrol's presence over the same, oldest first, what
	// comes after the cursor, and the presence that was in force before from, if any.
	Moments(ctx context.Context, v dispatch.Viewer, patrol dispatch.PatrolID, from, to time.Time, after realtime.MomentCursor, limit int) (was string, found []realtime.PresenceMoment, err error)
}

// maxTrackSpan bounds one look at a track.
const maxTrackSpan = 24 * time.Hour

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
	page := trackPage{limit: limit}
	if err := s.visitTrack(ctx, v, id, *from, end, limit+1, page.add); err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return c.JSONBlob(http.StatusOK, page.end())
}

// visitTrack is a track without what covert cases hide of it from the caller. The store
// keeps that back too; this is the first wall.
func (s *Server) visitTrack(ctx context.Context, v dispatch.Viewer, id dispatch.PatrolID, from, to time.Time, limit int, visit func(*realtime.TrackPlace)) error {
	veil, err := s.patrols.Veil(ctx, v)
	if err != nil {
		return err
	}
	return s.tracks.Track(ctx, v, id, from, to, limit, func(p *realtime.TrackPlace) {
		if !veil.Hides(id, p.Point, p.T) {
			visit(p)
		}
	})
}

func (s *Server) trackOf(ctx context.Context, v dispatch.Viewer, id dispatch.PatrolID, from, to time.Time, limit int) (places []realtime.TrackPlace, err error) {
	err = s.visitTrack(ctx, v, id, from, to, limit, func(p *realtime.TrackPlace) { places = append(places, *p) })
	return places, err
}

// trackPage writes a page of a track, a Track, while its fixes are still being read: a day
// has so many that to keep them all and have them encoded as anything else is costs
// more than to read them. It keeps fixes of one time on one page, so that the next
// page can begin at a time.
type trackPage struct {
	limit int
	text  []byte
	n     int       // fixes in text
	last  time.Time // of the last of them
	since int       // how long text was before the first of that time
	next  time.Time // where the next page begins; zero for none
}

func (p *trackPage) add(f *realtime.TrackPlace) {
	const oneFix = 176 // bytes, and somewhat more than most
	switch {
	case !p.next.IsZero():
		return // it is on the next page
	case p.n == 0:
		p.text = append(make([]byte, 0, 64*oneFix), `{"items":[`...)
		p.since = len(p.text)
	case p.n == p.limit:
		p.next = f.T
		switch {
		case !f.T.Equal(p.last):
		case p.text[p.since] == ',':
			p.text = p.text[:p.since]
		default:
			p.next = f.T.Add(1) // a whole page of one time: the next begins after it
		}
		return
	case !f.T.Equal(p.last):
		p.since = len(p.text)
	}
	if p.n > 0 {
		p.text = append(p.text, ',')
	}
	if cap(p.text)-len(p.text) < 2*oneFix {
		p.text = slices.Grow(p.text, len(p.text)) // a long one is copied less often than append would
	}
	p.text = appendTrackPoint(p.text, f)
	p.last = f.T
	p.n++
}

// end is the page; nothing can be added any more.
func (p *trackPage) end() []byte {
	if p.n == 0 {
		p.text = append(p.text, `{"items":[`...)
	}
	p.text = append(p.text, `],"next_cursor":`...)
	if p.next.IsZero() {
		p.text = append(p.text, "null"...)
	} else {
		p.text = append(p.next.UTC().AppendFormat(append(p.text, '"'), time.RFC3339Nano), '"')
	}
	return append(p.text, "}\n"...)
}

// appendTrackPoint writes a fix as encoding/json writes a TrackPoint.
func appendTrackPoint(b []byte, f *realtime.TrackPlace) []byte {
	b = appendMeasure(append(b, `{"accuracy_m":`...), f.AccuracyM)
	b = appendMeasure(append(b, `,"heading_deg":`...), f.HeadingDeg)
	b = appendNumber(append(b, `,"lat":`...), f.Point.Lat)
	b = appendNumber(append(b, `,"lon":`...), f.Point.Lon)
	b = strconv.AppendBool(append(b, `,"simulated":`...), f.Simulated)
	b = appendMeasure(append(b, `,"speed_ms":`...), f.SpeedMS)
	b = f.T.AppendFormat(append(b, `,"t":"`...), time.RFC3339Nano)
	b = append(b, `","verdict":`...)
	if f.Verdict == "" {
		return append(b, "null}"...)
	}
	verdict, _ := json.Marshal(f.Verdict) // a string always can be; it is rare
	return append(append(b, verdict...), '}')
}

func appendMeasure(b []byte, v float32) []byte {
	if math.IsNaN(float64(v)) {
		return append(b, "null"...)
	}
	if whole := int64(v); float32(whole) == v && whole > 0 && whole < 1<<24 {
		return strconv.AppendInt(b, whole, 10)
	}
	return appendNumber(b, float64(v))
}

// appendNumber writes a number as encoding/json does: the shortest that is read back as
// the same, with an exponent when it is very small or very large. What is no number
// is null.
func appendNumber(b []byte, v float64) []byte {
	switch size := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return append(b, "null"...)
	case size == 0 || size >= 1e-6 && size < 1e21:
		return strconv.AppendFloat(b, v, 'f', -1, 64)
	}
	b = strconv.AppendFloat(b, v, 'e', -1, 64)
	if n := len(b); n >= 4 && b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' { // e-09 is e-9 there
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b
}
