package city

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/photo"
)

// Door is the public interface of a service as one person or device uses it. It
// implements Guide.
type Door struct {
	service *service
	who     caller
}

// SignIn opens the door with a password, as a person does.
func SignIn(ctx context.Context, base string, a Account) (Door, error) {
	s := newService(base)
	who, err := s.signIn(ctx, a.Username, a.Password)
	return Door{s, who}, err
}

// WithToken opens the door with a token, as a device does.
func WithToken(base, token string) Door { return Door{newService(base), caller{token: token}} }

// Passing says whether what failed may go well the next time: the service is busy, or
// away for a moment.
func Passing(err error) bool { return err != nil && outcomeOf(err) == again }

// Get reads what is at a path.
func (d Door) Get(ctx context.Context, path string, into any) error {
	return d.service.get(ctx, d.who, path, into)
}

// Post sends a body, nil for none, and reads the answer unless into is nil.
func (d Door) Post(ctx context.Context, path string, body, into any) error {
	if body == nil {
		return d.service.do(ctx, d.who, http.MethodPost, path, nil, nil, into)
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return d.service.do(ctx, d.who, http.MethodPost, path, bytes.NewReader(raw), http.Header{"Content-Type": {"application/json"}}, into)
}

// Text reads a page as it is.
func (d Door) Text(ctx context.Context, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.service.base+path, nil)
	if err != nil {
		return nil, err
	}
	d.who.sign(r)
	response, err := d.service.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	const most = 32 << 20
	page, err := io.ReadAll(io.LimitReader(response.Body, most))
	if err == nil && response.StatusCode != http.StatusOK {
		err = &statusError{response.StatusCode, response.Status}
	}
	return page, err
}

// Sighting is what somebody saw and photographed.
type Sighting struct {
	Category, Description string
	At                    geo.Point
	AccuracyM             float64
	Seen                  time.Time
	Photo                 []byte
}

// Filed is what the service made of a report.
type Filed struct {
	Case struct{ ID, Number string }
}

// File reports it. The same key reports once, however often it is sent.
func (d Door) File(ctx context.Context, key string, s Sighting) (filed Filed, err error) {
	err = d.service.fileFor(ctx, d.who, key, sighting{
		Category: s.Category, At: s.At, AccuracyM: s.AccuracyM, Description: s.Description, Seen: s.Seen, Photos: [][]byte{s.Photo},
	}, &filed)
	if err == nil && filed.Case.ID == "" {
		err = errors.New("the report has no case")
	}
	return filed, err
}

// Way implements Guide by the service's own roads.
func (d Door) Way(ctx context.Context, mode string, from, to geo.Point) ([]geo.Point, float64, error) {
	return d.service.way(ctx, d.who, mode, from, to)
}

// Photograph draws a photo and writes into it where and when it was taken.
func Photograph(seed uint64, at geo.Point, taken time.Time) ([]byte, error) {
	drawn, err := drawPhoto(rand.New(rand.NewPCG(seed, seed)))
	if err != nil {
		return nil, err
	}
	return photo.WithExif(drawn, photo.Exif{Place: &at, Taken: taken.In(chinaTime), ZoneKnown: true}), nil
}

// Posts are where the grid workers of the demo district are at work: a junction of the
// grid of each, by the code of the patrol.
func Posts() (map[string]geo.Point, error) {
	places, err := demoPlaces()
	if err != nil {
		return nil, err
	}
	posts := map[string]geo.Point{}
	for code, grid := range places.gridOf {
		if at := places.byGrid[grid]; len(at) > 0 {
			posts[code] = at[0]
		}
	}
	return posts, nil
}

// Each walks the list of a path to its end.
func Each[T any](ctx context.Context, d Door, path string, take func(T)) error {
	const most = 5000
	return each(ctx, d.service, d.who, path, most, take)
}
