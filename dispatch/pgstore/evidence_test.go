package pgstore_test

import (
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
)

// What a unit shows with its feedback stands with the case, once however often it is sent,
// and is seen by those who see the case and nobody else.
func TestFeedbackShowsPhotosOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	before := newPhoto("before", dispatch.Camera{})
	c := w.filePhotos(before)
	lead := w.see(c.ID).Departments[0].Code
	officer := w.person2(dispatch.RoleOfficer, lead)
	w.move(officer, c.ID, dispatch.MoveOrder{Move: dispatch.MoveSign})
	w.move(officer, c.ID, dispatch.MoveOrder{Move: dispatch.MoveStart})

	after := newPhoto("after", dispatch.Camera{Place: &geo.Point{Lon: c.Lon, Lat: c.Lat + 0.05}, Taken: w.see(c.ID).Now, ZoneKnown: true})
	shown := dispatch.Shown{Photos: []dispatch.NewPhoto{after}, Key: "one", BodySHA256: sha256.Sum256([]byte("one"))}
	o := dispatch.MoveOrder{Move: dispatch.MoveFeedback, Result: "已查封", Shown: shown}
	if _, err := w.desk.Move(ctx, officer, c.ID, 0, dispatch.MoveOrder{Move: dispatch.MoveAskExtension, Reason: "下雨", Days: 2, Shown: shown}); codeOf(err) != "invalid" {
		t.Errorf("photos come with what shows nothing: %v", err)
	}
	many := o
	many.Shown.Photos = make([]dispatch.NewPhoto, dispatch.MaxEvidence+1)
	if _, err := w.desk.Move(ctx, officer, c.ID, 0, many); codeOf(err) != "invalid" {
		t.Errorf("ten photos are taken: %v", err)
	}
	first := w.move(officer, c.ID, o)
	again := w.move(officer, c.ID, o) // the answer was lost, and the phone says it again
	eq(t, "said twice it is one step", again.Version, first.Version)
	eq(t, "and one piece of evidence", len(again.Evidence), 1)
	eq(t, "one event", ask[int](w, `SELECT count(*) FROM case_events WHERE kind = 'evidence'`), 1)
	eq(t, "which holds its hash", ask[string](w, `SELECT body->'detail'->'photo_sha256'->>0 FROM case_events WHERE kind = 'evidence'`), again.Evidence[0].Photos[0].SHA256)
	e := again.Evidence[0]
	eq(t, "with the step", e.Step, dispatch.MoveFeedback)
	if x := e.Photos[0].Exif; x == nil || x.DistanceM == nil || *x.DistanceM < 5000 || len(x.Doubts) != 1 || x.Doubts[0] != dispatch.DoubtFar {
		t.Errorf("a photo from five kilometres off: %+v", x)
	}
	other := o
	other.Shown.BodySHA256 = sha256.Sum256([]byte("another"))
	if _, err := w.desk.Move(ctx, officer, c.ID, 0, other); codeOf(err) != "idempotency-key-used" {
		t.Errorf("another body under the same key: %v", err)
	}

	if _, seen, err := w.store.Photo(ctx, w.operator, after.SHA256); err != nil || len(seen) != 1 {
		t.Errorf("the operator sees %d cases of it: %v", len(seen), err)
	}
	stranger := w.person2(dispatch.RoleOfficer, "water")
	if _, _, err := w.store.Photo(ctx, stranger, after.SHA256); dispatch.KindOf(err) != dispatch.NotFound {
		t.Errorf("whoever may not see the case sees its photo: %v", err)
	}

	// A check shows photos too, and nothing is kept of one who may not check.
	look := newPhoto("look", dispatch.Camera{})
	check := dispatch.MoveOrder{Move: dispatch.MovePass, Result: "已恢复", Shown: dispatch.Shown{Photos: []dispatch.NewPhoto{look}}}
	if _, err := w.desk.Move(ctx, officer, c.ID, 0, check); dispatch.KindOf(err) != dispatch.Forbidden {
		t.Errorf("who handled it checks it: %v", err)
	}
	eq(t, "nothing of theirs is kept", ask[int](w, `SELECT count(*) FROM photos WHERE sha256 = $1`, look.SHA256[:]), 0)
	checked := w.move(w.operator, c.ID, check)
	eq(t, "closed", checked.Stage, dispatch.StageClosed)
	eq(t, "both stand there", len(checked.Evidence), 2)
	if d := checked.Evidence[1].At.Sub(checked.Evidence[0].At); d < 0 || d > time.Hour {
		t.Errorf("in their order: %v", d)
	}
}
