package api

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// photoForm is a form of one part of JSON and some of photos, as reports, steps of a case
// and looks at a place again come in.
type photoForm struct {
	part     string                  // the name of the JSON's
	optional bool                    // whether it may be without that
	most     int                     // photos
	take     func(body []byte) error // reads the JSON; its pointers are those within it
}

// atATime is how much of a form is asked of its connection: a multipart.Reader takes 4 KB.
const atATime = 64 << 10

// formOf answers the parts of a request that is a form, and nil for any other.
func (s *Server) formOf(c echo.Context) *multipart.Reader {
	kind, params, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if err != nil || kind != echo.MIMEMultipartForm || params["boundary"] == "" {
		return nil
	}
	body := &yielding{ctx: c.Request().Context(), x: &s.uploads.way, r: c.Request().Body}
	return multipart.NewReader(bufio.NewReaderSize(body, atATime), params["boundary"])
}

// read reads part by part, and checks each photo as it comes. The hash that tells one body
// from another covers what the parts hold, in order, and not the boundary that a client
// draws anew for each try.
func (f photoForm) read(form *multipart.Reader, held *holding) (photos []dispatch.NewPhoto, sum [sha256.Size]byte, err error) {
	hash, seen := sha256.New(), false
	for range f.most + 2 {
		part, err := form.NextRawPart()
		if err == io.EOF {
			if !seen && !f.optional {
				return nil, sum, invalid(FieldProblem{Pointer: pointer("form", f.part), Detail: "is missing; send the JSON in a part named " + f.part})
			}
			hash.Sum(sum[:0])
			return photos, sum, nil
		}
		if err != nil {
			return nil, sum, formError(err)
		}
		switch at := pointer("form", part.FormName()); part.FormName() {
		case f.part:
			if seen {
				return nil, sum, invalid(FieldProblem{Pointer: at, Detail: "is given twice"})
			}
			seen = true
			body, err := readPart(part, maxJSON, at)
			if err != nil {
				return nil, sum, err
			}
			if err := f.take(body); err != nil {
				return nil, sum, inPart(at, err)
			}
			of := sha256.Sum256(body)
			hash.Write(of[:])
		case "photo":
			at := pointer("form", "photo", strconv.Itoa(len(photos)))
			if len(photos) == f.most {
				return nil, sum, invalid(FieldProblem{Pointer: at, Detail: fmt.Sprintf("is one too many; send %d photos or fewer", f.most)})
			}
			body, err := readPart(held.reader(part), maxPhotoBytes, at)
			if err != nil {
				return nil, sum, err
			}
			checked, err := checkPhoto(body)
			if err != nil {
				return nil, sum, photoRefusal(at, err)
			}
			photos = append(photos, checked)
			hash.Write(checked.SHA256[:])
		default:
			return nil, sum, invalid(FieldProblem{Pointer: at, Detail: fmt.Sprintf("unknown part; this takes one %s and up to %d photo", f.part, f.most)})
		}
	}
	return nil, sum, invalid(FieldProblem{Pointer: "/form", Detail: "has too many parts"})
}

func readPart(part io.Reader, most int64, at string) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(part, most+1))
	if err != nil {
		return nil, formError(err)
	}
	if int64(len(body)) > most {
		return nil, refuse(http.StatusRequestEntityTooLarge, "too-large", "A part of the form is too large.",
			FieldProblem{Pointer: at, Detail: "must have " + strconv.FormatInt(most, 10) + " bytes or fewer"})
	}
	return body, nil
}

func formError(err error) error {
	var tooLarge *http.MaxBytesError
	var refused *refusal
	if errors.As(err, &tooLarge) || errors.As(err, &refused) {
		return err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errTooSlow
	}
	return refuse(http.StatusBadRequest, "invalid", "The form cannot be read; it is broken or ended too early.",
		FieldProblem{Pointer: "/form", Detail: err.Error()})
}

// inPart moves the pointers of a refusal into a part of the form.
func inPart(at string, err error) error {
	var r *refusal
	if !errors.As(err, &r) {
		return err
	}
	fields := make([]FieldProblem, len(r.Errors))
	for i, f := range r.Errors {
		fields[i] = FieldProblem{Pointer: at + f.Pointer, Detail: f.Detail}
	}
	return invalid(fields...)
}
