package api

import (
	"context"
	"crypto/sha256"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
)

// ReportDesk is what the door asks about reports. *dispatch.Service is one.
type ReportDesk interface {
	FileReport(context.Context, dispatch.Viewer, dispatch.ReportDraft) (dispatch.Filed, error)
	Reports(ctx context.Context, v dispatch.Viewer, mine bool, ask dispatch.PageAsk) (dispatch.Page[dispatch.Report], error)
	Report(context.Context, dispatch.Viewer, dispatch.ReportID) (dispatch.Followed, error)
	FollowUp(ctx context.Context, ref, code string) (dispatch.Followed, error)
	Evaluate(ctx context.Context, ref, code, from string, e dispatch.Evaluation) (dispatch.Followed, error)
	Photo(context.Context, dispatch.Viewer, [32]byte, dispatch.PhotoSize) (dispatch.PhotoContent, error)
}

const (
	maxPhotos    = 6
	maxMultipart = dispatch.MaxEvidence*maxPhotoBytes + 2*maxJSON
)

// report is a report as it leaves: its photos say where they can be read.
type report struct {
	dispatch.Report
	Photos []linkedPhoto `json:"photos"`
}

type linkedPhoto struct {
	dispatch.Photo
	URL string `json:"url"`
}

func reports(in []dispatch.Report) []report {
	out := make([]report, len(in))
	for i, r := range in {
		out[i] = report{Report: r, Photos: linkPhotos(r.Photos)}
	}
	return out
}

func linkPhotos(in []dispatch.Photo) []linkedPhoto {
	out := make([]linkedPhoto, len(in))
	for i, p := range in {
		out[i] = linkedPhoto{Photo: p, URL: "/api/v1/photos/" + p.SHA256}
	}
	return out
}

func (s *Server) fileReport(c echo.Context) error {
	key, err := idempotencyKey(c)
	if err != nil {
		return err
	}
	held := s.uploads.hold()
	defer held.release()
	draft, err := s.readReport(c, held)
	if err != nil {
		return err
	}
	draft.Key = key
	ctx, cancel := s.working(c)
	defer cancel()
	if len(draft.Photos) == 0 {
		defer s.uploads.way.enter()()
	} else {
		s.uploads.way.giveWay(ctx, waitToBeFiled)
	}
	filed, err := s.reports.FileReport(ctx, viewer(c), draft)
	if err != nil {
		return err
	}
	if filed.Replayed {
		c.Response().Header().Set("Idempotency-Replayed", "true")
	}
	c.Response().Header().Set("Location", "/api/v1/cases/"+filed.Case.ID.String())
	return answer(c, http.StatusCreated, filed)
}

func idempotencyKey(c echo.Context) (string, error) {
	values := c.Request().Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	key := values[0]
	printable := strings.IndexFunc(key, func(r rune) bool { return r < 0x21 || r > 0x7e }) < 0
	if len(values) > 1 || key == "" || len(key) > 128 || !printable {
		return "", invalid(FieldProblem{Pointer: "/header/Idempotency-Key", Detail: "must be 1 to 128 visible ASCII characters, given once; a UUID a draft will do"})
	}
	return key, nil
}

func (s *Server) readReport(c echo.Context, held *holding) (dispatch.ReportDraft, error) {
	if form := s.formOf(c); form != nil {
		return s.readForm(form, held)
	}
	kind, _, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if err == nil && kind == echo.MIMEApplicationJSON {
		body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxJSON))
		if err != nil {
			return dispatch.ReportDraft{}, readError(err)
		}
		draft, err := s.decodeReport(body)
		draft.BodySHA256 = sha256.Sum256(body)
		return draft, err
	}
	return dispatch.ReportDraft{}, refuse(http.StatusUnsupportedMediaType, "unsupported-media-type",
		"Send the report as application/json, or as multipart/form-data with one part report and parts photo.")
}

// decodeReport reads the JSON of a report. The position is checked as it was
// sent; the core converts it and keeps both.
func (s *Server) decodeReport(body []byte) (dispatch.ReportDraft, error) {
	var in NewReport
	if err := s.decode(body, "NewReport", &in); err != nil {
		return dispatch.ReportDraft{}, err
	}
	draft := dispatch.ReportDraft{
		Category: in.Category, Sent: geo.Point{Lon: in.Location.Lon, Lat: in.Location.Lat}, CRS: geo.WGS84,
	}
	draft.SelfHandled = deref(in.SelfHandled)
	if in.Revisit != nil {
		draft.Revisit.UUID = *in.Revisit
	}
	if in.Location.Crs != nil {
		draft.CRS = geo.CRS(*in.Location.Crs)
	}
	if in.Location.AccuracyM != nil {
		draft.AccuracyM = *in.Location.AccuracyM
	}
	if in.Description != nil {
		draft.Description = *in.Description
	}
	if r := in.Reporter; r != nil {
		draft.Reporter = dispatch.Contact{Channel: string(r.Channel)}
		if r.Name != nil {
			draft.Reporter.Name = strings.TrimSpace(*r.Name)
		}
		if r.Phone != nil {
			draft.Reporter.Phone = strings.TrimSpace(*r.Phone)
		}
	}
	if in.Covert != nil {
		o := coverOrder(*in.Covert)
		draft.Covert = &o
	}
	if in.ObservedAt != nil {
		draft.ObservedAt = in.ObservedAt.UTC()
	}
	if err := draft.Sent.Check(); err != nil {
		return dispatch.ReportDraft{}, invalid(FieldProblem{Pointer: "/location", Detail: err.Error()})
	}
	return draft, nil
}

// readForm reads a report with its photos.
func (s *Server) readForm(form *multipart.Reader, held *holding) (draft dispatch.ReportDraft, err error) {
	photos, sum, err := photoForm{part: "report", most: maxPhotos, take: func(body []byte) (err error) {
		draft, err = s.decodeReport(body)
		return err
	}}.read(form, held)
	draft.Photos, draft.BodySHA256 = photos, sum
	return draft, err
}

func (s *Server) listReports(c echo.Context) error {
	q := query{c: c}
	mine := q.flag("mine")
	var ask dispatch.PageAsk
	ask.Limit, ask.Cursor = q.page(200, 50)
	if err := q.err(); err != nil {
		return err
	}
	own := mine != nil && *mine
	page, err := s.reports.Reports(c.Request().Context(), viewer(c), own, ask)
	if err != nil {
		return err
	}
	if !own { // one's own words are no look at anything
		of := make([]dispatch.CaseID, len(page.Items))
		for i, r := range page.Items {
			of[i] = r.CaseID
		}
		if err := s.auth.RecordCovertAmong(c.Request().Context(), viewer(c), pgauth.ViewedInList, of); err != nil {
			return err
		}
	}
	return answer(c, http.StatusOK, dispatch.Page[report]{Items: reports(page.Items), NextCursor: page.NextCursor})
}
