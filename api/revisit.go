package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
)

// revisit is a revisit as it leaves: its photos say where they can be read.
type revisit struct {
	dispatch.Revisit
	Photos []linkedPhoto `json:"photos"`
}

func revisits(in []dispatch.Revisit) []revisit {
	out := make([]revisit, len(in))
	for i, r := range in {
		out[i] = revisit{Revisit: r, Photos: linkPhotos(r.Photos)}
	}
	return out
}

func (s *Server) listRevisits(c echo.Context) error {
	found, err := s.cases.Revisits(c.Request().Context(), viewer(c))
	if err != nil {
		return err
	}
	of := make([]dispatch.CaseID, len(found))
	for i, r := range found {
		of[i] = r.CaseID
	}
	if err := s.auth.RecordCovertAmong(c.Request().Context(), viewer(c), pgauth.ViewedInList, of); err != nil {
		return err
	}
	return answer(c, http.StatusOK, map[string]any{"items": revisits(found)})
}

func (s *Server) clearRevisit(c echo.Context) error {
	var id dispatch.RevisitID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	held := s.uploads.hold()
	defer held.release()
	note, photos, err := s.readRevisitAnswer(c, held)
	if err != nil {
		return err
	}
	ctx, cancel := s.working(c)
	defer cancel()
	cleared, err := s.cases.ClearRevisit(ctx, viewer(c), id, note, photos)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, revisits([]dispatch.Revisit{cleared})[0])
}

// readRevisitAnswer reads JSON, or a form with photos; nothing at all is an answer too.
func (s *Server) readRevisitAnswer(c echo.Context, held *holding) (note string, photos []dispatch.NewPhoto, err error) {
	var in RevisitAnswer
	form := s.formOf(c)
	if form == nil {
		err = s.readJSON(c, "RevisitAnswer", true, &in)
		return deref(in.Note), nil, err
	}
	photos, _, err = photoForm{part: "answer", optional: true, most: maxPhotos,
		take: func(body []byte) error { return s.decode(body, "RevisitAnswer", &in) }}.read(form, held)
	return deref(in.Note), photos, err
}

func (s *Server) countTiers(c echo.Context) error {
	q := query{c: c}
	from, to := q.moment("from"), q.moment("to")
	if err := q.err(); err != nil {
		return err
	}
	found, err := s.cases.Tiers(c.Request().Context(), viewer(c), deref(from), deref(to))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, found)
}
