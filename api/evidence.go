package api

import (
	"crypto/sha256"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"

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
	kind, params, mimeErr := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if mimeErr != nil || kind != echo.MIMEMultipartForm || params["boundary"] == "" {
		c.Request().Body = http.MaxBytesReader(c.Response(), c.Request().Body, maxJSON)
		return shown, s.readJSON(c, schema, optional, dst)
	}
	if shown.Key, err = idempotencyKey(c); err != nil {
		return shown, err
	}
	form := multipart.NewReader(c.Request().Body, params["boundary"])
	hash, seen := sha256.New(), false
	for range dispatch.MaxEvidence + 2 {
		part, err := form.NextRawPart()
		if err == io.EOF {
			if !seen && !optional {
				return shown, invalid(FieldProblem{Pointer: "/form/" + name, Detail: "is missing; send the JSON in a part named " + name})
			}
			hash.Sum(shown.BodySHA256[:0])
			return shown, nil
		}
		if err != nil {
			return shown, formError(err)
		}
		at := pointer("form", part.FormName())
		switch {
		case part.FormName() == name && !seen:
			seen = true
			body, err := readPart(part, maxJSON, at)
			if err != nil {
				return shown, err
			}
			if err := s.decode(body, schema, dst); err != nil {
				return shown, inPart(at, err)
			}
			sum := sha256.Sum256(body)
			hash.Write(sum[:])
		case part.FormName() == "photo" && len(shown.Photos) < dispatch.MaxEvidence:
			at := pointer("form", "photo", strconv.Itoa(len(shown.Photos)))
			body, err := readPart(held.reader(part), maxPhotoBytes, at)
			if err != nil {
				return shown, err
			}
			checked, err := checkPhoto(body)
			if err != nil {
				return shown, photoRefusal(at, err)
			}
			shown.Photos = append(shown.Photos, checked)
			hash.Write(checked.SHA256[:])
		default:
			return shown, invalid(FieldProblem{Pointer: at, Detail: "is one too many or unknown; this takes one " + name + " and up to 9 photo"})
		}
	}
	return shown, invalid(FieldProblem{Pointer: "/form", Detail: "has too many parts"})
}
