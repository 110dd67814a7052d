package dispatch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
)

// NewPhoto is a checked photo that comes with a report. Content is nil once its
// bytes are kept outside the store.
type NewPhoto struct {
	SHA256        [32]byte
	MediaType     string
	Width, Height int
	Bytes         int64
	Camera        Camera
	Content       []byte
}

// Camera is what a camera wrote into a photo: a claim to compare, never a fact.
// Without ZoneKnown, Taken is the camera's wall clock written down as UTC.
type Camera struct {
	Place     *geo.Point // WGS-84; nil: none
	Taken     time.Time  // zero: none
	ZoneKnown bool
}

// in sets a wall clock without a zone to the district's.
func (c Camera) in(zone *time.Location) Camera {
	if !c.Taken.IsZero() && !c.ZoneKnown {
		t := c.Taken
		c.Taken = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone).UTC()
	}
	return c
}

// PhotoSize is which picture of a photo is asked for.
type PhotoSize string

// The original is what was sent, sealed; the others are copies without metadata.
const (
	PhotoOriginal PhotoSize = "original"
	PhotoShown    PhotoSize = "shown"
	PhotoThumb    PhotoSize = "thumb"
)

// Photo names a photo of a report; the door adds where it can be read.
type Photo struct {
	SHA256    string     `json:"sha256"` // hexadecimal, of the original
	MediaType string     `json:"media_type"`
	Width     int        `json:"width"`
	Height    int        `json:"height"`
	Bytes     int64      `json:"bytes"`
	State     PhotoState `json:"state"`
	Exif      *PhotoExif `json:"exif"`
}

// PhotoState is whether the copies of a photo are there.
type PhotoState string

// A broken photo cannot be opened; its original is kept all the same.
const (
	PhotoWaiting PhotoState = "waiting"
	PhotoReady   PhotoState = "ready"
	PhotoBroken  PhotoState = "broken"
)

// PhotoExif is what the camera wrote beside what the report claims. DistanceM is
// from the place of the report to that of the camera; AgeS is how long before the
// observation the picture was taken.
type PhotoExif struct {
	Lon       *float64     `json:"lon"`
	Lat       *float64     `json:"lat"`
	T         *time.Time   `json:"t"`
	DistanceM *float64     `json:"distance_m"`
	AgeS      *float64     `json:"age_s"`
	Doubts    []PhotoDoubt `json:"doubts"`
}

// PhotoDoubt is a difference a person should look at. It proves nothing: a camera's
// place may be minutes old, and its clock wrong.
type PhotoDoubt string

// The doubts.
const (
	DoubtFar   PhotoDoubt = "far"   // taken elsewhere
	DoubtOld   PhotoDoubt = "old"   // taken long before
	DoubtAhead PhotoDoubt = "ahead" // taken after it was sent
)

const (
	// farM leaves room for a phone that writes GCJ-02 without saying so (up to 700 m)
	// and for a picture taken from across the field.
	farM = 1000
	oldS = 30 * 60
)

// ComparePhotos sets what the cameras wrote beside what the report claims. The
// accuracy of the report counts in its favour.
func (r *Report) ComparePhotos() {
	comparePhotos(r.Photos, geo.Point{Lon: r.Lon, Lat: r.Lat}, r.AccuracyM, r.ObservedAt, r.ReceivedAt)
}

// ComparePhotos sets what the cameras wrote beside the case's place and when it was shown.
func (e *Evidence) ComparePhotos(c Case) {
	comparePhotos(e.Photos, c.Place(), c.AccuracyM, e.At, e.At)
}

func comparePhotos(photos []Photo, place geo.Point, accuracyM *float64, seen, received time.Time) {
	for i := range photos {
		e := photos[i].Exif
		if e == nil {
			continue
		}
		e.Doubts = []PhotoDoubt{}
		if e.Lon != nil && e.Lat != nil {
			d := geo.DistanceM(geo.Point{Lon: *e.Lon, Lat: *e.Lat}, place)
			e.DistanceM = &d
			room := float64(farM)
			if accuracyM != nil {
				room += *accuracyM
			}
			if d > room {
				e.Doubts = append(e.Doubts, DoubtFar)
			}
		}
		if e.T != nil {
			age := seen.Sub(*e.T).Seconds()
			e.AgeS = &age
			switch {
			case age > oldS:
				e.Doubts = append(e.Doubts, DoubtOld)
			case received.Sub(*e.T) < -clockSlack:
				e.Doubts = append(e.Doubts, DoubtAhead)
			}
		}
	}
}

// PhotoContent is a picture with its bytes, whose hash was checked.
type PhotoContent struct {
	MediaType string
	SHA256    [32]byte // of Content
	Content   []byte
}

// PhotoCopy is one copy of a photo. Content is nil where only its description is
// known.
type PhotoCopy struct {
	Size          PhotoSize
	SHA256        [32]byte
	MediaType     string
	Width, Height int
	Bytes         int64
	Content       []byte
}

// Vault keeps bytes by their SHA-256; what it answers has that hash, or it answers
// an error. The same bytes twice are one. The store is such, and the default.
type Vault interface {
	// PutPhoto answers once the bytes are durable.
	PutPhoto(ctx context.Context, sha256 [32]byte, mediaType string, content []byte) error
	// PhotoBytes answers a Fault of the kind NotFound where there are none.
	PhotoBytes(ctx context.Context, sha256 [32]byte) ([]byte, error)
}

// OutsideVault is a vault outside the store, whose bytes do not go with their rows.
type OutsideVault interface {
	Vault
	// DropPhoto removes bytes whose time is over; those that are gone are no error.
	DropPhoto(ctx context.Context, sha256 [32]byte) error
}

// Copier opens photos and makes their copies. It bounds how many it opens at once,
// what each may take of memory and time, and lets others wait; photos that nobody
// watches for get what the machine has to spare. A Fault of the kind Invalid says that the photo can never be shown, one of the kind Unavailable that
// nothing was learned about it.
type Copier interface {
	Copies(ctx context.Context, original []byte, watched bool) ([]PhotoCopy, error)
}

const (
	// keepWithin is how long a report waits for a vault outside; then the store keeps
	// its photos. A report must not hang on a photo.
	keepWithin = 3 * time.Second
	// viewWithin is how long a viewer waits for a copy that is made for them.
	viewWithin = 12 * time.Second
	// copyWithin bounds the work on one photo that nobody waits for, and copyLease is
	// longer than that: who holds it longer has died.
	copyWithin = 2 * time.Minute
	copyLease  = 4 * time.Minute
	// dropWithin is how long a vault outside may take to drop a photo: whoever sends the
	// same one waits for that.
	dropWithin = 10 * time.Second
	// copyTries is how often a photo may fail to be opened before it counts as broken.
	copyTries = 3
)

// keepOutside gives the photos of a draft to the vault, if it is not the store. One
// that cannot be kept there stays with its report.
func (s *Service) keepOutside(ctx context.Context, photos []NewPhoto) []NewPhoto {
	kept := make([]NewPhoto, len(photos))
	copy(kept, photos)
	for i := range kept {
		if s.Vault == nil {
			break
		}
		within, cancel := context.WithTimeout(ctx, keepWithin)
		err := s.put(within, kept[i].SHA256, kept[i].MediaType, kept[i].Content)
		cancel()
		if err != nil {
			s.Log.ErrorContext(ctx, "a photo stays in the database", "error", err)
			break // the next one would wait as long
		}
		kept[i].Content = nil
	}
	for i := range kept {
		kept[i].Camera = kept[i].Camera.in(s.Zone)
	}
	return kept
}

// put keeps bytes that are named within the hour. The same bytes may lie in a vault
// outside already, there to be dropped: nothing is written then, and so nobody must drop
// them between this and their row.
func (s *Service) put(ctx context.Context, sha256 [32]byte, mediaType string, content []byte) error {
	if s.Vault != nil {
		if err := s.Store.SparePhoto(ctx, sha256); err != nil {
			return fmt.Errorf("spare the bytes of a photo: %w", err)
		}
	}
	return s.vault.PutPhoto(ctx, sha256, mediaType, content)
}

// bytesOf reads bytes where they are: in the vault, or in the store, when they came
// before the vault or while it was away.
func (s *Service) bytesOf(ctx context.Context, sha256 [32]byte) ([]byte, error) {
	content, err := s.vault.PhotoBytes(ctx, sha256)
	if err == nil || s.Vault == nil {
		return content, err
	}
	if content, inStore := s.Store.PhotoBytes(ctx, sha256); inStore == nil {
		return content, nil
	}
	return nil, err
}

// Photo answers a picture of a report the viewer may see. A copy that is not there
// yet is made now. Every look at an original goes into the history of its cases.
func (s *Service) Photo(ctx context.Context, v Viewer, id [32]byte, size PhotoSize) (PhotoContent, error) {
	if err := allow(v, ActSeeCases); err != nil {
		return PhotoContent{}, err
	}
	photo, cases, err := s.Store.Photo(ctx, v, id)
	if err != nil {
		return PhotoContent{}, err
	}
	seen := make([]Case, 0, len(cases))
	for _, c := range cases {
		if Visible(v, c.Scope) {
			seen = append(seen, c)
		}
	}
	if len(seen) == 0 {
		// What somebody sent is no secret to them, whatever became of it.
		own, err := s.Store.SentPhoto(ctx, v, id)
		if err != nil {
			return PhotoContent{}, err
		}
		if !own || size == PhotoOriginal {
			return PhotoContent{}, hidden("photo")
		}
	}
	if err := s.seePhoto(ctx, v, photo, seen); err != nil {
		return PhotoContent{}, err
	}
	if size == PhotoOriginal {
		return s.original(ctx, v, photo, id, seen)
	}
	made, err := s.copyOf(ctx, id, size)
	if err != nil {
		return PhotoContent{}, err
	}
	content, err := s.bytesOf(ctx, made.SHA256)
	if err != nil {
		return PhotoContent{}, fmt.Errorf("read %s copy of photo %s: %w", size, photo.SHA256, err)
	}
	return PhotoContent{MediaType: made.MediaType, SHA256: made.SHA256, Content: content}, nil
}

// seePhoto puts a look at a photo of covert cases on record, before anything is seen.
func (s *Service) seePhoto(ctx context.Context, v Viewer, photo Photo, cases []Case) error {
	cases = slices.DeleteFunc(slices.Clone(cases), func(c Case) bool { return c.Covert == nil })
	if len(cases) == 0 {
		return nil
	}
	err := s.Store.Record(ctx, func(now time.Time) ([]Event, error) {
		events := make([]Event, len(cases))
		for i, c := range cases {
			var err error
			if events[i], err = newEvent("viewed.photo", now, s.District, c.ID, PatrolID{}, v, facts{"photo": photo.SHA256}); err != nil {
				return nil, err
			}
		}
		return events, nil
	})
	if err != nil {
		return fmt.Errorf("record a look at a photo: %w", err)
	}
	return nil
}

func (s *Service) original(ctx context.Context, v Viewer, photo Photo, id [32]byte, cases []Case) (PhotoContent, error) {
	if err := allow(v, ActSeeOriginals); err != nil {
		return PhotoContent{}, err
	}
	content, err := s.bytesOf(ctx, id)
	if err != nil {
		return PhotoContent{}, fmt.Errorf("read original of photo %s: %w", photo.SHA256, err)
	}
	// Who looks is on record before they see anything.
	err = s.Store.Record(ctx, func(now time.Time) ([]Event, error) {
		events := make([]Event, len(cases))
		for i, c := range cases {
			var err error
			if events[i], err = newEvent("photo.original_seen", now, s.District, c.ID, PatrolID{}, v, facts{"photo": photo.SHA256}); err != nil {
				return nil, err
			}
		}
		return events, nil
	})
	if err != nil {
		return PhotoContent{}, fmt.Errorf("record a look at an original: %w", err)
	}
	return PhotoContent{MediaType: photo.MediaType, SHA256: id, Content: content}, nil
}

// copyOf finds a copy, or makes it now. Whoever asks at the same moment waits for
// the same work.
func (s *Service) copyOf(ctx context.Context, id [32]byte, size PhotoSize) (PhotoCopy, error) {
	made, err := s.Store.PhotoCopy(ctx, id, size)
	if KindOf(err) != NotFound {
		return made, err
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), viewWithin)
	defer cancel()
	if err := s.makeCopies(within, id, true); err != nil {
		if within.Err() != nil {
			return PhotoCopy{}, &Fault{Kind: Unavailable, Code: "photo-not-ready", Detail: "This photo is still being made ready; try again in a moment.", Err: err}
		}
		return PhotoCopy{}, err
	}
	return s.Store.PhotoCopy(ctx, id, size)
}

// notOpened is a photo that could not be opened, for whatever reason; a database or
// a vault that is away is another matter, and says nothing about the photo.
type notOpened struct{ error }

func (e *notOpened) Unwrap() error { return e.error }

func (s *Service) makeCopies(ctx context.Context, id [32]byte, watched bool) error {
	_, err, _ := s.making.Do(string(id[:]), func() (any, error) { return nil, s.makeCopiesNow(ctx, id, watched) })
	return err
}

func (s *Service) makeCopiesNow(ctx context.Context, id [32]byte, watched bool) error {
	if s.Copier == nil {
		return &Fault{Kind: Unavailable, Code: "photo-not-ready", Detail: "This node makes no copies of photos; another one will."}
	}
	original, err := s.bytesOf(ctx, id)
	if err != nil {
		return fmt.Errorf("read original of photo %s: %w", hex.EncodeToString(id[:]), err)
	}
	copies, err := s.Copier.Copies(ctx, original, watched)
	var fault *Fault
	if errors.As(err, &fault) && fault.Kind == Invalid {
		return s.Store.KeepCopies(ctx, id, nil, fault.Detail)
	}
	if err != nil {
		return &notOpened{fmt.Errorf("copy photo %s: %w", hex.EncodeToString(id[:]), err)}
	}
	for i := range copies {
		c := &copies[i]
		c.SHA256, c.Bytes = sha256.Sum256(c.Content), int64(len(c.Content))
		if err := s.put(ctx, c.SHA256, c.MediaType, c.Content); err != nil {
			return fmt.Errorf("keep %s copy: %w", c.Size, err)
		}
	}
	if err := s.Store.KeepCopies(ctx, id, copies, ""); err != nil {
		return err
	}
	for _, c := range copies {
		if c.Size != PhotoThumb {
			continue
		}
		m, err := markOf(c.Content)
		if err == nil {
			err = s.Store.KeepLikeness(ctx, id, m)
		}
		if err != nil { // the photo can be shown; its likeness is taken another time
			s.Log.ErrorContext(ctx, "a photo has no likeness yet", "error", err)
		} else if m != nil {
			s.likened(ctx, id)
		}
	}
	return nil
}

// CopyNextPhoto makes the copies of one photo that waits for them, and says whether
// there was one.
func (s *Service) CopyNextPhoto(ctx context.Context) (bool, error) {
	if s.Copier == nil {
		return false, nil
	}
	id, tries, err := s.Store.LeasePhoto(ctx, copyLease)
	if KindOf(err) == NotFound {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for photos to copy: %w", err)
	}
	within, cancel := context.WithTimeout(ctx, copyWithin)
	defer cancel()
	err = s.makeCopies(within, id, false)
	if err == nil || ctx.Err() != nil {
		return err == nil, err
	}
	var opening *notOpened
	if tries < copyTries || !errors.As(err, &opening) || KindOf(err) == Unavailable {
		return true, errors.Join(err, s.Store.PostponePhoto(ctx, id, time.Duration(min(tries, 6))*10*time.Second))
	}
	s.Log.ErrorContext(ctx, "a photo is given up", "photo", hex.EncodeToString(id[:]), "error", err)
	return true, s.Store.KeepCopies(ctx, id, nil, "cannot be opened within the memory and the time a photo may take")
}

// dispatchingFor is how long after a report others are likely to follow.
const dispatchingFor = 5 * time.Second

// Dispatching says whether reports come in these seconds: what nobody waits for makes room.
func (s *Service) Dispatching() bool {
	return time.Since(time.Unix(0, s.planned.Load())) < dispatchingFor
}

// DropPhotos removes bytes outside the store whose photos are no more.
func (s *Service) DropPhotos(ctx context.Context) error {
	if s.Vault == nil {
		return nil
	}
	for {
		err := s.Store.DropNextPhoto(ctx, func(ctx context.Context, id [32]byte) error {
			within, cancel := context.WithTimeout(ctx, dropWithin)
			defer cancel()
			if err := s.Vault.DropPhoto(within, id); err != nil {
				return fmt.Errorf("drop photo %s: %w", hex.EncodeToString(id[:]), err)
			}
			return nil
		})
		if KindOf(err) == NotFound {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
