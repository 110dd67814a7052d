package api_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
)

func picture(t testing.TB, encode func(*bytes.Buffer, image.Image) error) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := encode(&buf, image.NewRGBA(image.Rect(0, 0, 3, 2))); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func aPNG(t testing.TB) []byte {
	return picture(t, func(b *bytes.Buffer, i image.Image) error { return png.Encode(b, i) })
}

func aJPEG(t testing.TB) []byte {
	return picture(t, func(b *bytes.Buffer, i image.Image) error { return jpeg.Encode(b, i, nil) })
}

func aGIF(t testing.TB) []byte {
	return picture(t, func(b *bytes.Buffer, i image.Image) error { return gif.Encode(b, i, nil) })
}

// aWebP is one lossless pixel.
func aWebP(t testing.TB) []byte {
	t.Helper()
	body, err := base64.StdEncoding.DecodeString("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// bomb is a PNG whose head claims a size; the rest of it is missing.
func bomb(width, height uint32) []byte {
	var b bytes.Buffer
	b.WriteString("\x89PNG\r\n\x1a\n")
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte("IHDR"), width), height)
	head = append(head, 8, 6, 0, 0, 0)
	_ = binary.Write(&b, binary.BigEndian, uint32(len(head)-4))
	b.Write(head)
	_ = binary.Write(&b, binary.BigEndian, crc32.ChecksumIEEE(head))
	return b.Bytes()
}

func TestPhotosOfAReport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.as(dispatch.RoleGridWorker)
	photos := [][]byte{aPNG(t), aJPEG(t), aWebP(t)}
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
		"a GIF":            {func(w *multipart.Writer) { part(t, w, "report", report); part(t, w, "photo", aGIF(t)) }, 415, "/form/photo/0", "no JPEG, PNG or WebP"},
		"a page": {func(w *multipart.Writer) { part(t, w, "report", report); part(t, w, "photo", []byte("<html><script>")) }, 415,
			"/form/photo/0", "no JPEG, PNG or WebP"},
		"an empty photo": {func(w *multipart.Writer) { part(t, w, "report", report); part(t, w, "photo", nil) }, 400, "/form/photo/0", "is empty"},
		"a bomb": {func(w *multipart.Writer) { part(t, w, "report", report); part(t, w, "photo", bomb(60_000, 60_000)) }, 400,
			"/form/photo/0", "50 megapixels"},
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
	body, kind := form(t, func(w *multipart.Writer) { part(t, w, "report", report) })
	r := b.want(http.StatusBadRequest, call{method: "POST", path: "/api/v1/reports", token: token, body: body[:len(body)-20], kind: kind})
	if !strings.Contains(string(r.body), "ended too early") {
		t.Errorf("cut off: %s", r.body)
	}
}

func TestPhotoIsAnswered(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.as(dispatch.RoleOperator)
	at := "/api/v1/photos/" + strings.Repeat("ab", 32)
	r := b.want(http.StatusOK, call{path: at, token: token})
	if r.header.Get("Content-Type") != "image/png" || string(r.body) != "png" || !strings.HasPrefix(r.header.Get("Cache-Control"), "private") {
		t.Errorf("%v %s", r.header, r.body)
	}
	b.want(http.StatusNotModified, call{path: at, token: token, header: map[string]string{"If-None-Match": r.header.Get("ETag")}})
	b.desk.fail = &dispatch.Fault{Kind: dispatch.NotFound, Detail: "not yours"}
	// Whoever lost the right to see it does not see it by its ETag either.
	b.want(http.StatusNotFound, call{path: at, token: token, header: map[string]string{"If-None-Match": r.header.Get("ETag")}})
}

func FuzzPhoto(f *testing.F) {
	f.Add(aPNG(f))
	f.Add(aJPEG(f))
	f.Add(aWebP(f))
	f.Add(aGIF(f))
	f.Add(bomb(1, 1))
	f.Add(bomb(1<<31-1, 1<<31-1))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := api.CheckPhoto(body)
		if err == nil && (p.Width < 1 || p.Height < 1 || p.Width*p.Height > 50_000_000 || !strings.HasPrefix(p.MediaType, "image/")) {
			t.Errorf("taken: %s %d x %d", p.MediaType, p.Width, p.Height)
		}
	})
}
