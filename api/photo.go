package api

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // what photos may be
	_ "image/png"
	"net/http"

	_ "golang.org/x/image/webp"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

const (
	maxPhotoBytes  = 10_000_000
	maxPhotoPixels = 50_000_000
)

// mediaTypes by the name image gives a format. The content decides, never the
// name or the type that came with it.
var mediaTypes = map[string]string{"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}

var (
	errNoPhoto   = errors.New("is no JPEG, PNG or WebP photo; convert it (HEIC too) and send it again")
	errNoContent = errors.New("is empty; the photo was not read on the device")
)

// checkPhoto reads the head of a photo only: its pixels are never decoded here,
// so that a small file cannot ask for a large memory.
func checkPhoto(body []byte) (dispatch.NewPhoto, error) {
	if len(body) == 0 {
		return dispatch.NewPhoto{}, errNoContent
	}
	head, format, err := image.DecodeConfig(bytes.NewReader(body))
	mediaType, known := mediaTypes[format]
	if err != nil || !known {
		return dispatch.NewPhoto{}, errNoPhoto
	}
	if head.Width < 1 || head.Height < 1 {
		return dispatch.NewPhoto{}, errNoPhoto
	}
	if int64(head.Width)*int64(head.Height) > maxPhotoPixels {
		return dispatch.NewPhoto{}, fmt.Errorf("has %d x %d pixels; send one of 50 megapixels or fewer", head.Width, head.Height)
	}
	return dispatch.NewPhoto{
		SHA256: sha256.Sum256(body), MediaType: mediaType, Width: head.Width, Height: head.Height, Content: body,
	}, nil
}

func photoRefusal(at string, err error) error {
	field := FieldProblem{Pointer: at, Detail: err.Error()}
	if errors.Is(err, errNoPhoto) {
		return refuse(http.StatusUnsupportedMediaType, "unsupported-media-type", at+": "+err.Error(), field)
	}
	return invalid(field)
}
