package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gridpatrol/gridpatrol/photo/like"
)

// SameRule says when two reports of a category are taken for one matter.
type SameRule struct {
	DistanceM float64 `json:"distance_m"`
	Minutes   int     `json:"minutes"`    // between the two
	PhotoBits int     `json:"photo_bits"` // by which their photos may differ, of like.Bits; 0: photos are not looked at
	Joins     bool    `json:"joins"`      // without asking
}

// UsualSame is the rule of a category that says nothing: it is suggested, and a person
// decides.
var UsualSame = SameRule{DistanceM: 100, Minutes: 24 * 60, PhotoBits: 10}

// The most that a rule may say.
const (
	mostSameM    = 2000
	mostSameMin  = 14 * 24 * 60
	mostSameBits = 20
)

func (r SameRule) faults() []FieldFault {
	var out []FieldFault
	bad := func(pointer, detail string) { out = append(out, FieldFault{"/same" + pointer, detail}) }
	if !(r.DistanceM >= 0 && r.DistanceM <= mostSameM) {
		bad("/distance_m", fmt.Sprintf("must be 0 to %d metres", mostSameM))
	}
	if r.Minutes < 0 || r.Minutes > mostSameMin {
		bad("/minutes", fmt.Sprintf("must be 0 to %d", mostSameMin))
	}
	if r.PhotoBits < 0 || r.PhotoBits > mostSameBits {
		bad("/photo_bits", fmt.Sprintf("must be 0 (photos are not looked at) to %d", mostSameBits))
	}
	return out
}

// The reasons for which two cases look like one matter.
const (
	LikeNear     = "near"     // metres
	LikeSoon     = "soon"     // minutes
	LikeCategory = "category" // the same one
	LikePhotos   = "photos"   // bits of like.Bits in which the two most alike photos differ
)

// Likeness is one reason, with what was measured and what the rule allows.
type Likeness struct {
	Why   string  `json:"why"`
	Value float64 `json:"value"`
	Limit float64 `json:"limit"`
}

// alike weighs two cases by a rule: how near they are, in what, and whether that is
// enough to be one matter. bits is how far their photos are apart, negative where one
// has none that can be told by.
func (r SameRule) alike(sameCategory bool, distanceM float64, apart time.Duration, bits int) (reasons []Likeness, same bool) {
	reasons = []Likeness{}
	near := distanceM <= r.DistanceM
	if near {
		reasons = append(reasons, Likeness{LikeNear, distanceM, r.DistanceM})
	}
	soon := apart.Abs() <= time.Duration(r.Minutes)*time.Minute
	if soon {
		reasons = append(reasons, Likeness{LikeSoon, apart.Abs().Minutes(), float64(r.Minutes)})
	}
	if sameCategory {
		reasons = append(reasons, Likeness{LikeCategory, 0, 0})
	}
	photos := r.PhotoBits > 0 && bits >= 0 && bits <= r.PhotoBits
	if photos {
		reasons = append(reasons, Likeness{LikePhotos, float64(bits), float64(r.PhotoBits)})
	}
	return reasons, near && soon && (sameCategory || photos)
}

// enough says whether a rule that joins without asking is content: of the same category,
// and where the rule looks at photos, by theirs.
func (r SameRule) enough(reasons []Likeness) bool {
	has := map[string]bool{}
	for _, x := range reasons {
		has[x.Why] = true
	}
	return r.Joins && has[LikeNear] && has[LikeSoon] && has[LikeCategory] && (r.PhotoBits == 0 || has[LikePhotos])
}

// apartBits is how far the two most alike of two lists of photos are apart, -1 where
// one is empty.
func apartBits(a, b []like.Mark) int {
	least := -1
	for _, x := range a {
		for _, y := range b {
			if d := like.Distance(x, y); least < 0 || d < least {
				least = d
			}
		}
	}
	return least
}

// LikeStore keeps what photos look like, and which cases are one matter.
type LikeStore interface {
	// Unliked answers some photos whose copies are made and whose likeness is not taken,
	// after an id in the order of ids.
	Unliked(ctx context.Context, after [32]byte, limit int) ([]Unliked, error)
	// KeepLikeness keeps the likeness of a photo, nil where it has none. What is kept
	// already stays.
	KeepLikeness(ctx context.Context, id [32]byte, m *like.Mark) error
	// CasesOfPhoto answers the open cases whose reports hold a photo.
	CasesOfPhoto(ctx context.Context, id [32]byte) ([]CaseID, error)
	// Kin answers the cases near a case, whoever may see them: for rules, never for eyes.
	Kin(ctx context.Context, c Case, withinM float64, days, limit int) ([]Kin, error)
	// Marks answers the likenesses of the photos of cases.
	Marks(ctx context.Context, cases []CaseID) (map[CaseID][]like.Mark, error)
	// SameRule answers the rule of a category.
	SameRule(ctx context.Context, category string) (SameRule, error)
	// ChangeBoth is Change of two cases at once, with what moves between them. held are the
	// cases that were joined to the first, or to one of those.
	ChangeBoth(ctx context.Context, a, b CaseID, decide func(a, b Docket, held []Docket) (BothTurn, error)) error
	// ChangeHeld is Change of a case and of all that were joined to it, or to one of those,
	// at once: all of it is written or nothing.
	ChangeHeld(ctx context.Context, id CaseID, decide func(d Docket, held []Docket) ([]Turn, error)) error
	// JoinedTo answers the cases that were joined to a case, of those that the viewer may see.
	JoinedTo(ctx context.Context, v Viewer, id CaseID) ([]JoinedCase, error)
	// Been answers which departments were at a place lately, by the tracks of their patrols,
	// but for what covert cases hide.
	Been(ctx context.Context, c Case, withinM float64, stayed time.Duration, days int, covert []CaseID) ([]Been, error)
}

// Unliked is a photo without a likeness, and the copy to take it from.
type Unliked struct{ ID, Copy [32]byte }

// Kin is a case near another.
type Kin struct {
	Case      Case
	DistanceM float64
}

// markOf takes the likeness of a copy: nil where it shows nothing to tell it by.
func markOf(copied []byte) (*like.Mark, error) {
	m, err := like.OfJPEG(copied)
	if errors.Is(err, like.ErrPlain) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &m, nil
}

// compare joins a case to an older one, or a younger one to it: photos are made ready in
// no particular order.
func (s *Service) compare(ctx context.Context, id CaseID) error {
	c, err := s.Store.Case(ctx, id, "")
	if err != nil {
		return err
	}
	rule, err := s.Store.SameRule(ctx, c.Category)
	if err != nil || !rule.Joins || rule.PhotoBits == 0 {
		return err
	}
	if joined, err := s.joinByRule(ctx, id, nil); err != nil || joined {
		return err
	}
	kin, err := s.Store.Kin(ctx, c, rule.DistanceM, rule.Minutes/(24*60)+1, mostKin)
	if err != nil {
		return err
	}
	for _, k := range kin {
		if k.Case.Stage.Open() && k.Case.Category == c.Category && k.Case.MadeAt.After(c.MadeAt) {
			if _, err := s.joinByRule(ctx, k.Case.ID, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// likeAtOnce is how many photos of before there were likenesses are seen to at a time.
const likeAtOnce = 20

// LikeNextPhotos takes the likeness of some photos that have none, after an id, and
// answers the last one it saw to and how many there were. A copy that cannot be read has
// none, so that no photo is tried for ever.
func (s *Service) LikeNextPhotos(ctx context.Context, after [32]byte) (last [32]byte, n int, err error) {
	found, err := s.Store.Unliked(ctx, after, likeAtOnce)
	if err != nil {
		return after, 0, fmt.Errorf("look for photos without a likeness: %w", err)
	}
	for _, p := range found {
		content, err := s.bytesOf(ctx, p.Copy)
		if err != nil {
			return after, n, fmt.Errorf("read a copy: %w", err)
		}
		m, err := markOf(content)
		if err != nil {
			s.Log.ErrorContext(ctx, "a photo has no likeness", "error", err)
		}
		if err := s.Store.KeepLikeness(ctx, p.ID, m); err != nil {
			return after, n, fmt.Errorf("keep a likeness: %w", err)
		}
		after, n = p.ID, n+1
	}
	return after, n, nil
}

// likened joins the cases of a photo by rule, now that it can be told what it shows.
// What fails is left to a person: the likeness is suggested all the same.
func (s *Service) likened(ctx context.Context, id [32]byte) {
	cases, err := s.Store.CasesOfPhoto(ctx, id)
	if err != nil {
		s.Log.ErrorContext(ctx, "the cases of a photo are not compared", "error", err)
		return
	}
	for _, c := range cases {
		if err := s.compare(ctx, c); err != nil {
			s.Log.ErrorContext(ctx, "a case is not compared with those near it", "case", c, "error", err)
		}
	}
}
