package pgstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/dispatch/vaulttest"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/jackc/pgx/v5"
)

func TestVault(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	db, err := pgdb.Open(t.Context(), pgdb.Config{URL: url, AllowUnsafeCommit: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	vaulttest.Run(t, pgstore.New(db), func(t *testing.T, sum [32]byte) {
		owner, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer owner.Close(context.Background())
		if _, err := owner.Exec(t.Context(), `UPDATE photo_contents SET content = 'SEALED' WHERE sha256 = $1`, sum[:]); err != nil {
			t.Fatal(err)
		}
	})
}

// darkroom is a copier whose copies name their original.
type darkroom struct {
	mu     sync.Mutex // guards what follows
	opened int
	fail   error
}

func (d *darkroom) Copies(_ context.Context, original []byte, _ bool) ([]dispatch.PhotoCopy, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opened++
	if d.fail != nil {
		return nil, d.fail
	}
	out := []dispatch.PhotoCopy{{Size: dispatch.PhotoShown}, {Size: dispatch.PhotoThumb}}
	for i := range out {
		out[i].MediaType, out[i].Width, out[i].Height = "image/jpeg", 4, 3
		out[i].Content = append([]byte(out[i].Size+" of "), original...)
	}
	return out, nil
}

func newPhoto(content string, camera dispatch.Camera) dispatch.NewPhoto {
	return dispatch.NewPhoto{SHA256: sha256.Sum256([]byte(content)), MediaType: "image/png", Width: 4, Height: 3,
		Bytes: int64(len(content)), Content: []byte(content), Camera: camera}
}

func (w *world) filePhotos(photos ...dispatch.NewPhoto) dispatch.Case {
	w.t.Helper()
	draft := w.report("C01")
	draft.Photos = photos
	filed, err := w.desk.FileReport(context.Background(), w.operator, draft)
	if err != nil {
		w.t.Fatalf("file a report: %v", err)
	}
	return filed.Case
}

// photo answers a picture as somebody of a role sees it.
func (w *world) photo(role dispatch.Role, p dispatch.NewPhoto, size dispatch.PhotoSize) (string, error) {
	v := dispatch.Viewer{District: district, Account: dispatch.AccountID{UUID: uuid.Must(uuid.NewV7())}, Role: role}
	got, err := w.desk.Photo(context.Background(), v, p.SHA256, size)
	return string(got.Content), err
}

func (w *world) photoState(c dispatch.Case) dispatch.PhotoState {
	w.t.Helper()
	return w.see(c.ID).Reports[0].Photos[0].State
}

func TestCopiesAreMadeAfterTheReport(t *testing.T) {
	t.Parallel()
	w, room := newWorld(t), &darkroom{}
	w.open(func(c *dispatch.Config) { c.Copier = room })
	p := newPhoto("a vat", dispatch.Camera{})
	c := w.filePhotos(p)
	if room.opened != 0 || w.photoState(c) != dispatch.PhotoWaiting {
		t.Errorf("%d photos were opened before the answer; %s", room.opened, w.photoState(c))
	}
	found, err := w.desk.CopyNextPhoto(t.Context())
	if !found || err != nil || w.photoState(c) != dispatch.PhotoReady {
		t.Fatalf("%v %v: %s", found, err, w.photoState(c))
	}
	for _, size := range []dispatch.PhotoSize{dispatch.PhotoShown, dispatch.PhotoThumb} {
		if got, err := w.photo(dispatch.RoleOfficer, p, size); err != nil || got != string(size)+" of a vat" {
			t.Errorf("%s: %q %v", size, got, err)
		}
	}
	if found, err := w.desk.CopyNextPhoto(t.Context()); found || err != nil {
		t.Errorf("again: %v %v", found, err)
	}
	w.filePhotos(p) // the same photo with another report
	if found, _ := w.desk.CopyNextPhoto(t.Context()); found || room.opened != 1 {
		t.Errorf("the same photo was opened %d times", room.opened)
	}
	if n := ask[int](w, `SELECT count(*) FROM photos`); n != 1 {
		t.Errorf("%d photos are kept", n)
	}
}

func TestACopyThatIsNotThereIsMadeForItsViewer(t *testing.T) {
	t.Parallel()
	w, room := newWorld(t), &darkroom{}
	w.open(func(c *dispatch.Config) { c.Copier = room })
	p := newPhoto("a vat", dispatch.Camera{})
	w.filePhotos(p)
	w.exec(`DELETE FROM photo_todo`) // as with a photo of the release before
	var viewers sync.WaitGroup
	for range 6 {
		viewers.Go(func() {
			if got, err := w.photo(dispatch.RoleOfficer, p, dispatch.PhotoThumb); err != nil || got != "thumb of a vat" {
				t.Errorf("%q %v", got, err)
			}
		})
	}
	viewers.Wait()
	// Whoever comes between two flights opens it once more, and keeps nothing twice.
	if n := ask[int](w, `SELECT count(*) FROM photo_copies`); n != 2 || room.opened > 3 {
		t.Errorf("%d copies of %d openings", n, room.opened)
	}
}

func TestAPhotoThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	w, room := newWorld(t), &darkroom{fail: &dispatch.Fault{Kind: dispatch.Invalid, Detail: "is damaged"}}
	w.open(func(c *dispatch.Config) { c.Copier = room })
	p := newPhoto("a broken one", dispatch.Camera{})
	c := w.filePhotos(p)
	if found, err := w.desk.CopyNextPhoto(t.Context()); !found || err != nil {
		t.Fatal(found, err)
	}
	if w.photoState(c) != dispatch.PhotoBroken {
		t.Errorf("it is %s", w.photoState(c))
	}
	if _, err := w.photo(dispatch.RoleOfficer, p, dispatch.PhotoShown); dispatch.KindOf(err) != dispatch.Conflict {
		t.Errorf("answered %v", err)
	}
	if got, err := w.photo(dispatch.RoleAuditor, p, dispatch.PhotoOriginal); err != nil || got != "a broken one" {
		t.Errorf("its original: %q %v", got, err)
	}
	if found, _ := w.desk.CopyNextPhoto(t.Context()); found || room.opened != 1 {
		t.Errorf("opened %d times", room.opened)
	}
}

func TestAPhotoIsGivenUpAfterThreeTries(t *testing.T) {
	t.Parallel()
	w, room := newWorld(t), &darkroom{fail: errors.New("killed")}
	w.open(func(c *dispatch.Config) { c.Copier = room })
	c := w.filePhotos(newPhoto("a bomb", dispatch.Camera{}))
	for try := range 3 {
		if w.photoState(c) != dispatch.PhotoWaiting {
			t.Fatalf("given up after %d tries", try)
		}
		if found, err := w.desk.CopyNextPhoto(t.Context()); !found || (err == nil) != (try == 2) {
			t.Fatalf("try %d: %v %v", try, found, err)
		}
		if found, _ := w.desk.CopyNextPhoto(t.Context()); found {
			t.Fatal("it is tried again at once")
		}
		w.exec(`UPDATE photo_todo SET due_at = gp_now()`)
	}
	if w.photoState(c) != dispatch.PhotoBroken {
		t.Errorf("it is %s after three tries", w.photoState(c))
	}
}

// A machine that is too busy says nothing about a photo.
func TestABusyCopierGivesNoPhotoUp(t *testing.T) {
	t.Parallel()
	w, room := newWorld(t), &darkroom{fail: &dispatch.Fault{Kind: dispatch.Unavailable}}
	w.open(func(c *dispatch.Config) { c.Copier = room })
	c := w.filePhotos(newPhoto("a vat", dispatch.Camera{}))
	for range 5 {
		if found, err := w.desk.CopyNextPhoto(t.Context()); !found || err == nil {
			t.Fatal(found, err)
		}
		w.exec(`UPDATE photo_todo SET due_at = gp_now()`)
	}
	if w.photoState(c) != dispatch.PhotoWaiting {
		t.Errorf("it is %s", w.photoState(c))
	}
}

func TestOriginalsAreSealed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newPhoto("a vat", dispatch.Camera{})
	c := w.filePhotos(p)
	for _, statement := range []string{
		`UPDATE photos SET content = 'another'`, `UPDATE photos SET exif_lon = 1, exif_lat = 1`, `DELETE FROM photos`, `TRUNCATE photos CASCADE`,
		`UPDATE photo_contents SET content = 'another'`, `DELETE FROM photo_contents`, `UPDATE photo_copies SET copy_sha256 = sha256`, `DELETE FROM photo_copies`,
	} {
		if _, err := w.db.Exec(t.Context(), statement); err == nil {
			t.Errorf("the service may %s", statement)
		}
	}
	for role, may := range map[dispatch.Role]bool{dispatch.RoleAdmin: true, dispatch.RoleOperator: true, dispatch.RoleDutyLeader: true,
		dispatch.RoleDistrictSupervisor: true, dispatch.RoleAuditor: true, dispatch.RoleOfficer: false, dispatch.RoleTownLeader: false} {
		got, err := w.photo(role, p, dispatch.PhotoOriginal)
		if may && (err != nil || got != "a vat") || !may && dispatch.KindOf(err) != dispatch.Forbidden {
			t.Errorf("%s: %q %v", role, got, err)
		}
	}
	seen := 0
	for _, e := range w.see(c.ID).Events {
		if e.Kind == "photo.original_seen" {
			seen++
		}
	}
	if seen != 5 {
		t.Errorf("%d looks are in the history, want 5", seen)
	}
	// Outside one's scope there is no photo, whatever its size.
	for _, size := range []dispatch.PhotoSize{dispatch.PhotoOriginal, dispatch.PhotoShown} {
		stranger := dispatch.Viewer{District: district, Account: dispatch.AccountID{UUID: uuid.Must(uuid.NewV7())}, Role: dispatch.RoleOperator, AreaCode: "T2"}
		if _, err := w.desk.Photo(t.Context(), stranger, p.SHA256, size); dispatch.KindOf(err) != dispatch.NotFound {
			t.Errorf("%s: %v", size, err)
		}
	}
}

func TestTheCameraIsCompared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := time.Now().UTC().Truncate(time.Second)
	near, far := atM(300), atM(1200)
	china, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	wall := func(at time.Time) time.Time { // as a camera without a zone writes it
		l := at.In(china)
		return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), 0, time.UTC)
	}
	for name, row := range map[string]struct {
		camera      dispatch.Camera
		distanceM   float64 // negative: none
		ageS        float64 // NaN: none
		doubts      []dispatch.PhotoDoubt
		saysNothing bool
	}{
		"nothing":          {saysNothing: true},
		"here and now":     {camera: dispatch.Camera{Place: &near, Taken: now.Add(-time.Minute), ZoneKnown: true}, distanceM: 300, ageS: 60},
		"1.2 km away":      {camera: dispatch.Camera{Place: &far}, distanceM: 1200, ageS: math.NaN(), doubts: []dispatch.PhotoDoubt{dispatch.DoubtFar}},
		"of yesterday":     {camera: dispatch.Camera{Taken: now.Add(-24 * time.Hour), ZoneKnown: true}, distanceM: -1, ageS: 86400, doubts: []dispatch.PhotoDoubt{dispatch.DoubtOld}},
		"of tomorrow":      {camera: dispatch.Camera{Taken: now.Add(time.Hour), ZoneKnown: true}, distanceM: -1, ageS: -3600, doubts: []dispatch.PhotoDoubt{dispatch.DoubtAhead}},
		"a clock unzoned":  {camera: dispatch.Camera{Taken: wall(now.Add(-time.Minute))}, distanceM: -1, ageS: 60},
		"old and far away": {camera: dispatch.Camera{Place: &far, Taken: now.Add(-2 * time.Hour), ZoneKnown: true}, distanceM: 1200, ageS: 7200, doubts: []dispatch.PhotoDoubt{dispatch.DoubtFar, dispatch.DoubtOld}},
	} {
		c := w.filePhotos(newPhoto(name, row.camera))
		e := w.see(c.ID).Reports[0].Photos[0].Exif
		if (e == nil) != row.saysNothing {
			t.Errorf("%s: %+v", name, e)
		}
		if e == nil {
			continue
		}
		if (e.DistanceM == nil) != (row.distanceM < 0) || e.DistanceM != nil && math.Abs(*e.DistanceM-row.distanceM) > 5 {
			t.Errorf("%s: distance %v, want %v", name, e.DistanceM, row.distanceM)
		}
		if (e.AgeS == nil) != math.IsNaN(row.ageS) || e.AgeS != nil && math.Abs(*e.AgeS-row.ageS) > 30 {
			t.Errorf("%s: age %v, want %v", name, *e.AgeS, row.ageS)
		}
		if !slices.Equal(e.Doubts, row.doubts) || e.Doubts == nil {
			t.Errorf("%s: doubts %v, want %v", name, e.Doubts, row.doubts)
		}
	}
}

// elsewhere is a vault outside the database.
type elsewhere struct {
	mu   sync.Mutex // guards what follows
	away bool
	has  map[[32]byte][]byte
}

func (e *elsewhere) PutPhoto(_ context.Context, sum [32]byte, _ string, content []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.away {
		return &dispatch.Fault{Kind: dispatch.Unavailable}
	}
	e.has[sum] = bytes.Clone(content)
	return nil
}

func (e *elsewhere) PhotoBytes(_ context.Context, sum [32]byte) ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.away {
		return nil, &dispatch.Fault{Kind: dispatch.Unavailable}
	}
	if content, ok := e.has[sum]; ok {
		return content, nil
	}
	return nil, &dispatch.Fault{Kind: dispatch.NotFound}
}

func (e *elsewhere) DropPhoto(_ context.Context, sum [32]byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.has, sum)
	return nil
}

func TestAVaultOutside(t *testing.T) {
	t.Parallel()
	w, vault := newWorld(t), &elsewhere{has: map[[32]byte][]byte{}}
	before := newPhoto("kept before the vault", dispatch.Camera{})
	w.filePhotos(before)
	w.open(func(c *dispatch.Config) { c.Copier, c.Vault = &darkroom{}, vault })
	outside, held := newPhoto("outside", dispatch.Camera{}), newPhoto("held", dispatch.Camera{})
	w.filePhotos(outside)
	if kept, inside := len(vault.has), ask[int](w, `SELECT count(*) FROM photos WHERE content IS NOT NULL`); kept != 1 || inside != 1 {
		t.Fatalf("%d photos are outside, %d inside", kept, inside)
	}
	vault.away = true
	w.filePhotos(held) // a report does not hang on a photo
	if inside := ask[int](w, `SELECT count(*) FROM photos WHERE content IS NOT NULL`); inside != 2 {
		t.Errorf("%d photos are inside while the vault is away", inside)
	}
	if _, err := w.photo(dispatch.RoleOperator, outside, dispatch.PhotoOriginal); dispatch.KindOf(err) != dispatch.Unavailable {
		t.Errorf("of a vault that is away: %v", err)
	}
	vault.away = false
	for _, p := range []dispatch.NewPhoto{before, outside, held} {
		for _, size := range []dispatch.PhotoSize{dispatch.PhotoOriginal, dispatch.PhotoThumb} {
			if got, err := w.photo(dispatch.RoleOperator, p, size); err != nil || !bytes.HasSuffix([]byte(got), p.Content) {
				t.Errorf("%s of %q: %q %v", size, p.Content, got, err)
			}
		}
	}
	if n := ask[int](w, `SELECT count(*) FROM photo_contents`); n != 0 {
		t.Errorf("%d copies are in the database", n)
	}
}

// When the time of a photo is over its owner deletes the row; the bytes follow.
func TestBytesFollowTheirPhoto(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	db, err := pgdb.Open(t.Context(), pgdb.Config{URL: url, AllowUnsafeCommit: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	owner, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { owner.Close(context.Background()) })
	store := pgstore.New(db)
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := owner.Exec(t.Context(), query, args...); err != nil {
			t.Fatal(err)
		}
	}
	count := func(query string) (n int) {
		t.Helper()
		if err := owner.QueryRow(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	keep := func(name string, inside bool) (id, copied [32]byte) {
		id, copied = sha256.Sum256([]byte(name)), sha256.Sum256([]byte("shared copy"))
		var content []byte
		if inside {
			content = []byte(name)
		}
		exec(`INSERT INTO photos (district_id, sha256, media_type, width, height, content, bytes) VALUES ($1, $2, 'image/png', 1, 1, $3, 5)`, pgdb.District, id[:], content)
		err := store.KeepCopies(t.Context(), id, []dispatch.PhotoCopy{{Size: dispatch.PhotoShown, SHA256: copied, MediaType: "image/jpeg", Width: 1, Height: 1, Bytes: 11}}, "")
		if err != nil {
			t.Fatal(err)
		}
		return id, copied
	}
	inside, copied := keep("inside", true)
	outside, _ := keep("outside", false)
	if err := store.PutPhoto(t.Context(), copied, "image/jpeg", []byte("shared copy")); err != nil {
		t.Fatal(err)
	}
	exec(`DELETE FROM photos WHERE sha256 = $1`, inside[:])
	if n := count(`SELECT count(*) FROM photo_contents`); n != 1 {
		t.Errorf("a copy that another photo shares went too: %d left", n)
	}
	exec(`DELETE FROM photos WHERE sha256 = $1`, outside[:])
	if n := count(`SELECT count(*) FROM photo_contents`); n != 0 {
		t.Errorf("%d contents are left of photos that are gone", n)
	}
	exec(`UPDATE photo_drops SET made_at = gp_now() - interval '2 hours'`)
	var ids [][32]byte
	drop := func(answer error) error {
		return store.DropNextPhoto(t.Context(), func(_ context.Context, id [32]byte) error {
			ids = append(ids, id)
			return answer
		})
	}
	away := errors.New("the vault is away")
	if err := drop(away); !errors.Is(err, away) {
		t.Errorf("of a vault that is away: %v", err)
	}
	if err := drop(nil); dispatch.KindOf(err) != dispatch.NotFound {
		t.Errorf("it is tried again at once: %v", err)
	}
	exec(`UPDATE photo_drops SET made_at = gp_now() - interval '2 hours'`)
	if err := drop(nil); err != nil || !slices.Equal(ids, [][32]byte{outside, outside}) {
		t.Fatalf("dropped outside: %x %v", ids, err)
	}
	if n := count(`SELECT count(*) FROM photo_drops`); n != 0 {
		t.Error("it is still to be dropped")
	}
}
