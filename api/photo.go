package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/photo"
)

const maxPhotoBytes = 10_000_000

// checkPhoto judges a photo by its structure: its pixels are never decoded here,
// so that a small file cannot ask for a large memory, nor a report wait for it.
func checkPhoto(body []byte) (dispatch.NewPhoto, error) {
	facts, err := photo.Inspect(body)
	if err != nil {
		return dispatch.NewPhoto{}, err
	}
	return dispatch.NewPhoto{
		SHA256: sha256.Sum256(body), MediaType: facts.MediaType, Width: facts.Width, Height: facts.Height,
		Bytes: int64(len(body)), Content: body,
		Camera: dispatch.Camera{Place: facts.Exif.Place, Taken: facts.Exif.Taken, ZoneKnown: facts.Exif.ZoneKnown},
	}, nil
}

func photoRefusal(at string, err error) error {
	field := FieldProblem{Pointer: at, Detail: err.Error()}
	var refused *photo.Refusal
	if errors.As(err, &refused) && (refused.Code == photo.CodeNoPhoto || refused.Code == photo.CodeHEIC) {
		return refuse(http.StatusUnsupportedMediaType, "unsupported-media-type", at+": "+err.Error(), field)
	}
	return invalid(field)
}

func (s *Server) getPhoto(c echo.Context) error {
	var sum [32]byte
	text := c.Param("sha256")
	if n, err := hex.Decode(sum[:], []byte(text)); len(text) != 64 || err != nil || n != 32 || strings.ToLower(text) != text {
		return errNotFound
	}
	q := query{c: c}
	size := dispatch.PhotoSize(q.oneOf("size", s.spec.words("PhotoSize")...))
	if err := q.err(); err != nil {
		return err
	}
	if size == "" {
		size = dispatch.PhotoShown
	}
	found, err := s.reports.Photo(c.Request().Context(), viewer(c), sum, size)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	// Nothing in a photo may act, should a browser ever take it for a page.
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	if size == dispatch.PhotoOriginal {
		// Each look is on record, so no copy is kept; and it is a file, not a picture to show.
		h.Set(echo.HeaderCacheControl, "private, no-store")
		h.Set(echo.HeaderContentDisposition, `attachment; filename="`+text[:16]+"."+strings.TrimPrefix(found.MediaType, "image/")+`"`)
		return c.Blob(http.StatusOK, found.MediaType, found.Content)
	}
	tag := `"` + hex.EncodeToString(found.SHA256[:]) + `"`
	h.Set("ETag", tag)
	// Who may see it can change, so a copy is asked about each time.
	h.Set(echo.HeaderCacheControl, "private, no-cache")
	h.Set(echo.HeaderContentDisposition, "inline")
	if c.Request().Header.Get("If-None-Match") == tag {
		return c.NoContent(http.StatusNotModified)
	}
	return c.Blob(http.StatusOK, found.MediaType, found.Content)
}
