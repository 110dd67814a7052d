package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// evidence is what was shown as it leaves: its photos say where they can be read.
type evidence struct {
	dispatch.Evidence
	Photos []linkedPhoto `json:"photos"`
}

func evidences(in []dispatch.Evidence) []evidence {
	out := make([]evidence, len(in))
	for i, e := range in {
		out[i] = evidence{Evidence: e, Photos: linkPhotos(e.Photos)}
	}
	return out
}

// readStep reads a step of a case: JSON, or a form with the same JSON in the part named
// and up to 9 parts photo.
func (s *Server) readStep(c echo.Context, held *holding, name, schema string, optional bool, dst any) (shown dispatch.Shown, err error) {
	form := s.formOf(c)
	if form == nil {
		c.Request().Body = http.MaxBytesReader(c.Response(), c.Request().Body, maxJSON)
		return shown, s.readJSON(c, schema, optional, dst)
	}
	if shown.Key, err = idempotencyKey(c); err != nil {
		return shown, err
	}
	shown.Photos, shown.BodySHA256, err = photoForm{part: name, optional: optional, most: dispatch.MaxEvidence,
		take: func(body []byte) error { return s.decode(body, schema, dst) }}.read(form, held)
	return shown, err
}
