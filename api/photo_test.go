package api_test

import (
	"bytes"
	"crypto/sha256"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/photo"
	"github.com/gridpatrol/gridpatrol/photo/phototest"
)

func aPNG(t testing.TB) []byte { return phototest.PNG(t, 3, 2) }

func TestPhotosOfAReport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.as(dispatch.RoleGridWorker)
	at := geo.Point{Lon: 121.39, Lat: 28.58}
	photos := [][]byte{aPNG(t), photo.WithExif(phototest.JPEG(t, 3, 2), photo.Exif{Place: &at, Taken: t0, ZoneKnown: true, Orientation: 6}), phototest.WebP()}
	send := func(photos ...[]byte) reply {
		t.Helper()
		body, kind := form(t, func(w *multipart.Writer) {
			part(t, w, "report", []byte(goodReport))
			for _, p := range photos {
				part(t, w, "photo", p)
			}
		})
		return b.want(http.StatusCreated, call{method: "POST", path: "/api/v1/reports", token: token, body: body, kind: kind})
	}
	send(photos...)
	d := b.desk.draft
	if len(d.Photos) != 3 || d.Category != "B01" {
		t.Fatalf("the desk got %d photos of %q", len(d.Photos), d.Category)
	}
	for i, mediaType := range []string{"image/png", "image/jpeg", "image/webp"} {
		p := d.Photos[i]
		if p.MediaType != mediaType || p.SHA256 != sha256.Sum256(photos[i]) || !bytes.Equal(p.Content, photos[i]) || p.Width < 1 || p.Height < 1 {
			t.Errorf("photo %d: %s %d x %d", i, p.MediaType, p.Width, p.Height)
		}
	}
	if c := d.Photos[1].Camera; c.Place == nil || geo.DistanceM(*c.Place, at) > 0.1 || !c.Taken.Equal(t0.Truncate(time.Second)) || !c.ZoneKnown {
		t.Errorf("the camera's own: %+v", c)
	}
	// The boundary is drawn anew; the body is the same all the same.
	first := d.BodySHA256
	send(photos...)
	if b.desk.draft.BodySHA256 != first {
		t.Error("the same parts behind another boundary are another body")
	}
	send(photos[1], photos[0], photos[2])
	if b.desk.draft.BodySHA256 == first {
		t.Error("other photos are the same body")
	}
}

func TestFormsAreRefusedClearly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.as(dispatch.RoleGridWorker)
	report := []byte(goodReport)
	for name, row := range map[string]struct {
		write           func(*multipart.Writer)
		status          int
		pointer, remedy string
	}{
		"no report": {func(w *multipart.Writer) { part(t, w, "photo", aPNG(t)) }, 400, "/form/report", "is missing"},
		"two reports": {func(w *multipart.Writer) { part(t, w, "report", report); part(t, w, "report", report) }, 400,
			"/form/report", "twice"},
		"bad report": {func(w *multipart.Writer) { part(t, w, "report", []byte(`{"category":"B01","location":{"lon":1}}`)) }, 400,
			"/form/report/location/lat", "is missing"},
		"unknown part": {func(w *multipart.Writer) { part(t, w, "report", report); part(t, w, "video", report) }, 400,
			"/form/video", "unknown part"},
		"seven photos": {func(w *multipart.Writer) {
			part(t, w, "report", report)
			for range 7 {
				part(t, w, "photo", aPNG(t))
			}
		}, 400, "/form/photo/6", "6 photos or fewer"},
		"too many megabytes": {func(w *multipart.Writer) {
			part(t, w, "report", report)
			part(t, w, "photo", append(aPNG(t), make([]byte, 10_000_000)...))
		}, 413, "/form/photo/0", "10000000 bytes"},
		"report too large": {func(w *multipart.Writer) { part(t, w, "report", make([]byte, 1<<20+1)) }, 413, "/form/report", "1048576"},
		"the second is bad": {func(w *multipart.Writer) {
			part(t, w, "report", report)
			part(t, w, "photo", aPNG(t))
			part(t, w, "photo", []byte("x"))
		}, 415, "/form/photo/1", "no JPEG"},
	} {
		body, kind := form(t, row.write)
		r := b.do(call{method: "POST", path: "/api/v1/reports", token: token, body: body, kind: kind})
		found := false
		for _, f := range r.problem().Errors {
			found = found || (f.Pointer == row.pointer && strings.Contains(f.Detail, row.remedy))
		}
		if r.status != row.status || !found {
			t.Errorf("%s: %d %.300s, want %d %q at %s", name, r.status, r.body, row.status, row.remedy, row.pointer)
		}
	}
	for _, h := range phototest.HostileSet(t) {
		body, kind := form(t, func(w *multipart.Writer) { part(t, w, "report", report); part(t, w, "photo", h.Body) })
		r := b.do(call{method: "POST", path: "/api/v1/reports", token: token, body: body, kind: kind})
		status := http.StatusBadRequest
		if h.Code == photo.CodeNoPhoto || h.Code == photo.CodeHEIC {
			status = http.StatusUnsupportedMediaType
		}
		p := r.problem()
		if r.status != status || len(p.Errors) != 1 || p.Errors[0].Pointer != "/form/photo/0" || !strings.Contains(p.Errors[0].Detail, h.Remedy) {
			t.Errorf("%s: %d %.300s, want %d with %q", h.Name, r.status, r.body, status, h.Remedy)
		}
	}
	body, kind := form(t, func(w *multipart.Writer) { part(t, w, "report", report) })
	r := b.want(http.StatusBadRequest, call{method: "POST", path: "/api/v1/reports", token: token, body: body[:len(body)-20], kind: kind})
	if !strings.Contains(string(r.body), "ended too early") {
		t.Errorf("cut off: %s", r.body)
	}
}

// Photos on their way are counted over all requests, and given back.
func TestPhotosOnTheirWayAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.as(dispatch.RoleGridWorker)
	b.server.SetUploads(int64(len(aPNG(t))) + 10)
	send := func(photos int) reply {
		body, kind := form(t, func(w *multipart.Writer) {
			part(t, w, "report", []byte(goodReport))
			for range photos {
				part(t, w, "photo", aPNG(t))
			}
		})
		return b.do(call{method: "POST", path: "/api/v1/reports", token: token, body: body, kind: kind})
	}
	for range 3 {
		if r := send(1); r.status != http.StatusCreated {
			t.Fatalf("one photo: %d %s", r.status, r.body)
		}
		if r := send(2); r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" || r.problem().Type != "/problems/busy" {
			t.Fatalf("two photos: %d %v %s", r.status, r.header, r.body)
		}
	}
}

// For a report without photos those with some wait, until it is answered or refused; nobody
// waits for one with photos.
func TestAReportWithoutPhotosGoesFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.as(dispatch.RoleGridWorker)
	var before []int
	b.desk.filing = func(dispatch.ReportDraft) { before = append(before, b.server.Crossing()) }
	plain := call{method: "POST", path: "/api/v1/reports", token: token, body: []byte(goodReport), kind: "application/json"}
	body, kind := form(t, func(w *multipart.Writer) {
		part(t, w, "report", []byte(goodReport))
		part(t, w, "photo", aPNG(t))
	})
	b.want(http.StatusCreated, plain)
	b.want(http.StatusCreated, call{method: "POST", path: "/api/v1/reports", token: token, body: body, kind: kind})
	b.desk.fail = &dispatch.Fault{Kind: dispatch.Conflict, Code: "key-used", Detail: "no"}
	b.want(http.StatusConflict, plain)
	if want := []int{1, 0, 1}; !slices.Equal(before, want) {
		t.Errorf("while they are filed they are waited for: %v, want %v", before, want)
	}
	if n := b.server.Crossing(); n != 0 {
		t.Errorf("%d are waited for that were answered", n)
	}
}

func TestPhotoIsAnswered(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.as(dispatch.RoleOperator)
	at := "/api/v1/photos/" + strings.Repeat("ab", 32)
	r := b.want(http.StatusOK, call{path: at, token: token})
	if r.header.Get("Content-Type") != "image/png" || string(r.body) != "png" || !strings.HasPrefix(r.header.Get("Cache-Control"), "private") ||
		!strings.Contains(r.header.Get("Content-Security-Policy"), "sandbox") || b.desk.size != dispatch.PhotoShown {
		t.Errorf("%v %s of %s", r.header, r.body, b.desk.size)
	}
	b.want(http.StatusOK, call{path: at + "?size=thumb", token: token})
	if b.desk.size != dispatch.PhotoThumb {
		t.Errorf("asked for %s", b.desk.size)
	}
	original := b.want(http.StatusOK, call{path: at + "?size=original", token: token, header: map[string]string{"If-None-Match": r.header.Get("ETag")}})
	if b.desk.size != dispatch.PhotoOriginal || !strings.HasPrefix(original.header.Get("Content-Disposition"), "attachment") ||
		!strings.Contains(original.header.Get("Cache-Control"), "no-store") || original.header.Get("ETag") != "" {
		t.Errorf("the original: %v", original.header)
	}
	if bad := b.want(http.StatusBadRequest, call{path: at + "?size=huge", token: token}); bad.problem().Errors[0].Pointer != "/query/size" {
		t.Errorf("%s", bad.body)
	}
	b.want(http.StatusNotModified, call{path: at, token: token, header: map[string]string{"If-None-Match": r.header.Get("ETag")}})
	b.desk.fail = dispatch.PhotoUnshowable("cannot be opened")
	if r := b.want(http.StatusConflict, call{path: at, token: token}); r.problem().Type != "/problems/photo-unshowable" {
		t.Errorf("%s", r.body)
	}
	b.desk.fail = &dispatch.Fault{Kind: dispatch.NotFound, Detail: "not yours"}
	// Whoever lost the right to see it does not see it by its ETag either.
	b.want(http.StatusNotFound, call{path: at, token: token, header: map[string]string{"If-None-Match": r.header.Get("ETag")}})
}
