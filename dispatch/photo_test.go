package dispatch

import (
	"context"
	"errors"
	"testing"
	"time"
)

// oneCase is a store whose only photo belongs to one case of a town.
type oneCase struct {
	Store
	scope     Thing
	unwritten error // what Record answers
	recorded  int
}

func (*oneCase) SentPhoto(context.Context, Viewer, [32]byte) (bool, error) { return false, nil }

func (s *oneCase) Photo(context.Context, Viewer, [32]byte) (Photo, []Case, error) {
	return Photo{MediaType: "image/png"}, []Case{{ID: NewID[caseKind](), Scope: s.scope}}, nil
}

func (s *oneCase) PhotoBytes(context.Context, [32]byte) ([]byte, error) { return []byte("bytes"), nil }

func (s *oneCase) PhotoCopy(context.Context, [32]byte, PhotoSize) (PhotoCopy, error) {
	return PhotoCopy{MediaType: "image/jpeg"}, nil
}

func (s *oneCase) Record(_ context.Context, events func(time.Time) ([]Event, error)) error {
	what, err := events(time.Now())
	if err == nil && s.unwritten == nil {
		s.recorded += len(what)
	}
	return errors.Join(err, s.unwritten)
}

// The rules hold by themselves, whatever the store lets through.
func TestWhoSeesAPhoto(t *testing.T) {
	t.Parallel()
	district := NewID[districtKind]()
	store := &oneCase{scope: Thing{District: district, Areas: []string{"T1", "D"}, Departments: []string{"police"}}}
	s := &Service{Config: Config{District: district, Store: store}, vault: store}
	see := func(role Role, area string, size PhotoSize) error {
		_, err := s.Photo(t.Context(), Viewer{District: district, Account: NewID[accountKind](), Role: role, AreaCode: area}, [32]byte{}, size)
		return err
	}
	for _, size := range []PhotoSize{PhotoThumb, PhotoShown, PhotoOriginal} {
		if err := see(RoleOperator, "T1", size); err != nil {
			t.Errorf("%s of one's own town: %v", size, err)
		}
		if err := see(RoleOperator, "T2", size); KindOf(err) != NotFound {
			t.Errorf("%s of another town: %v", size, err)
		}
	}
	if store.recorded != 1 {
		t.Errorf("%d looks are recorded, want the one at the original", store.recorded)
	}
	if err := see(RoleOfficer, "T1", PhotoOriginal); KindOf(err) != Forbidden {
		t.Errorf("an officer and the original: %v", err)
	}
	store.unwritten = errors.New("the database is away")
	if err := see(RoleOperator, "T1", PhotoOriginal); err == nil {
		t.Error("an original is shown though the look is on no record")
	}
}
