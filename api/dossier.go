package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/proof"
	"github.com/gridpatrol/gridpatrol/realtime"
)

// Records answers what is kept of a case beside the case itself: its events with what
// proves them, who was responsible, and what lies around it. Whether the caller may see
// the case has been settled.
type Records interface {
	Dossier(ctx context.Context, v dispatch.Viewer, id dispatch.CaseID) (DossierRecord, error)
	PeopleThen(ctx context.Context, v dispatch.Viewer, grid string, at time.Time) ([]PersonThen, error)
	MapSetBy(ctx context.Context, v dispatch.Viewer, grid dispatch.GridID) ([]ChangeThen, error)
	Ground(ctx context.Context, v dispatch.Viewer, low, high geo.Point, at time.Time) (DossierGround, error)
}

// DossierRecord is the events of a case in the order of the chain. Names are those of
// "account:ID", "device:ID", "patrol:ID", "staff:ID" and "grid:ID" that stand in them.
type DossierRecord struct {
	Now    time.Time
	Events []DossierEvent
	Heads  []proof.Head
	Names  map[string]string
}

// DossierEvent is an event with its place in the chain; 0 where it is not sealed yet.
type DossierEvent struct {
	Kind     string
	At       time.Time
	Body     map[string]any
	Position int64
	Hash     string
}

// DossierGround is what is drawn under a case.
type DossierGround struct{ Roads, Grids, Waters []GroundShape }

// GroundShape is something drawn: rank is the importance of a road, or the dimension
// of a water.
type GroundShape struct {
	Rank  int
	Name  string
	Lines [][][2]float64
}

// What a dossier holds at most.
const (
	dossierFixes    = 3000
	dossierPhotos   = 24
	dossierTrackFor = 24 * time.Hour
)

// track is where a patrol was while it was on the case.
type dossierTrack struct {
	assignment dispatch.Assignment
	fixes      []realtime.TrackPlace
}

// dossier prints everything about a case, for whoever has to judge it later. It is
// written down who was handed it before it leaves.
func (s *Server) dossier(c echo.Context) error {
	var id dispatch.CaseID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	q := query{c: c}
	lang := q.oneOf("lang", "zh", "en")
	if err := q.err(); err != nil {
		return err
	}
	if lang == "" {
		lang = preferred(c.Request().Header.Get("Accept-Language"))
	}
	ctx, v := c.Request().Context(), viewer(c)
	found, err := s.cases.Case(ctx, v, id)
	if err != nil {
		return err
	}
	in := dossierContext{zone: s.zone, by: theCaller(c).Name, words: dossierWords[lang], text: sheetWords[lang], c: found}
	if in.record, err = s.records.Dossier(ctx, v, id); err != nil {
		return err
	}
	veil, err := s.patrols.Veil(ctx, v)
	if err != nil {
		return err
	}
	in.record.Events = slices.DeleteFunc(in.record.Events, func(e DossierEvent) bool {
		body, err := json.Marshal(e.Body)
		return err != nil || veil.Names(body)
	})
	if in.tracks, err = s.dossierTracks(ctx, v, found, in.record.Now); err != nil {
		return err
	}
	in.tracksHidden = !dispatch.May(v, dispatch.ActSeeTracks)
	if in.thumbs, err = s.dossierThumbs(ctx, v, found); err != nil {
		return err
	}
	if found.Responsible.Code != nil {
		if in.people, err = s.records.PeopleThen(ctx, v, *found.Responsible.Code, found.MadeAt); err != nil {
			return err
		}
	}
	in.frame = frameOf(found, in.tracks)
	if in.ground, err = s.records.Ground(ctx, v, in.frame.low, in.frame.high, found.MadeAt); err != nil {
		return err
	}
	if in.departments, err = s.register.Departments(ctx, v.District); err != nil {
		return err
	}
	if in.categories, err = s.register.Categories(ctx, v.District, nil); err != nil {
		return err
	}
	var body bytes.Buffer
	if err := dossierTemplate.Execute(&body, newDossierPage(in)); err != nil {
		return err
	}
	if err := s.auth.RecordLook(ctx, v, "dossier", id, map[string]any{"photos": len(in.thumbs), "tracks": len(in.tracks), "events": len(in.record.Events)}); err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Content-Security-Policy", dossierPolicy)
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set("Content-Language", in.text.Lang)
	h.Set("Vary", "Accept-Language, Cookie, Authorization")
	return c.HTMLBlob(http.StatusOK, body.Bytes())
}

// dossierTracks reads where those who were sent went, from being sent until they were
// done, as far as the caller may see tracks at all.
func (s *Server) dossierTracks(ctx context.Context, v dispatch.Viewer, c dispatch.CaseDetail, now time.Time) ([]dossierTrack, error) {
	if !dispatch.May(v, dispatch.ActSeeTracks) {
		return nil, nil
	}
	var out []dossierTrack
	var seen []dispatch.PatrolID
	for _, a := range c.Assignments {
		if a.OfferedAt == nil {
			continue
		}
		until := now
		if a.EndedAt != nil {
			until = *a.EndedAt
		}
		if until.Sub(*a.OfferedAt) > dossierTrackFor {
			until = a.OfferedAt.Add(dossierTrackFor)
		}
		fixes, err := s.trackOf(ctx, v, a.PatrolID, *a.OfferedAt, until.Add(time.Second), dossierFixes)
		if err != nil {
			return nil, err
		}
		out = append(out, dossierTrack{a, fixes})
		seen = append(seen, a.PatrolID)
	}
	return out, s.auth.RecordViews(ctx, v, pgauth.ViewedTrack, seen)
}

// dossierThumbs reads the small copies of the photos, as data to stand in the page. One
// that is not there is left out; its hash is on the page all the same.
func (s *Server) dossierThumbs(ctx context.Context, v dispatch.Viewer, c dispatch.CaseDetail) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range photosOf(c) {
		if len(out) >= dossierPhotos || out[p.SHA256] != "" || p.State == dispatch.PhotoBroken {
			continue
		}
		var sum [32]byte
		if _, err := hex.Decode(sum[:], []byte(p.SHA256)); err != nil {
			return nil, err
		}
		content, err := s.reports.Photo(ctx, v, sum, dispatch.PhotoThumb)
		switch dispatch.KindOf(err) {
		case dispatch.Unavailable, dispatch.Conflict, dispatch.NotFound:
			continue
		}
		if err != nil {
			return nil, err
		}
		out[p.SHA256] = "data:" + content.MediaType + ";base64," + base64.StdEncoding.EncodeToString(content.Content)
	}
	return out, nil
}

// photosOf are the photos of a case: those of its reports, then what was shown.
func photosOf(c dispatch.CaseDetail) (out []dispatch.Photo) {
	for _, r := range c.Reports {
		out = append(out, r.Photos...)
	}
	for _, e := range c.Evidence {
		out = append(out, e.Photos...)
	}
	return out
}
