package api

import (
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"

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
	kind, params, mimeErr := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if mimeErr != nil || kind != echo.MIMEMultipartForm || params["boundary"] == "" {
		err = s.readJSON(c, "RevisitAnswer", true, &in)
		return deref(in.Note), nil, err
	}
	form := multipart.NewReader(c.Request().Body, params["boundary"])
	seen := false
	for range maxPhotos + 2 {
		part, err := form.NextRawPart()
		if err == io.EOF {
			return deref(in.Note), photos, nil
		}
		if err != nil {
			return "", nil, formError(err)
		}
		at := pointer("form", part.FormName())
		switch {
		case part.FormName() == "answer" && !seen:
			seen = true
			body, err := readPart(part, maxJSON, at)
			if err != nil {
				return "", nil, err
			}
			if err := s.decode(body, "RevisitAnswer", &in); err != nil {
				return "", nil, inPart(at, err)
			}
		case part.FormName() == "photo" && len(photos) < maxPhotos:
			at := pointer("form", "photo", strconv.Itoa(len(photos)))
			body, err := readPart(held.reader(part), maxPhotoBytes, at)
			if err != nil {
				return "", nil, err
			}
			checked, err := checkPhoto(body)
			if err != nil {
				return "", nil, photoRefusal(at, err)
			}
			photos = append(photos, checked)
		default:
			return "", nil, invalid(FieldProblem{Pointer: at, Detail: "is one too many or unknown; this takes one answer and up to 6 photo"})
		}
	}
	return "", nil, invalid(FieldProblem{Pointer: "/form", Detail: "has too many parts"})
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
