package pgstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"image"
	"image/jpeg"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/photo/phototest"
)

// filedBy files a report of a place so many metres east of the vat.
func (w *world) filedBy(v dispatch.Viewer, category string, east float64, photos ...dispatch.NewPhoto) dispatch.Filed {
	w.t.Helper()
	d := w.report(category)
	d.Sent, d.Photos = atM(east), photos
	filed, err := w.desk.FileReport(context.Background(), v, d)
	if err != nil {
		w.t.Fatalf("file a report: %v", err)
	}
	return filed
}

func (w *world) rules(code string, edit func(*dispatch.CategoryRules)) {
	w.t.Helper()
	r := dispatch.CategoryRules{Code: code, CheckPercent: 20, Listed: true, Same: dispatch.UsualSame}
	edit(&r)
	if err := w.desk.SetCategoryRules(context.Background(), w.person2(dispatch.RoleDutyLeader, ""), r); err != nil {
		w.t.Fatal(err)
	}
}

func snapshot(t testing.TB, img image.Image) dispatch.NewPhoto {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return dispatch.NewPhoto{SHA256: sha256.Sum256(b.Bytes()), MediaType: "image/jpeg", Width: img.Bounds().Dx(), Height: img.Bounds().Dy(), Bytes: int64(b.Len()), Content: b.Bytes()}
}

// plainCopier hands every photo back as its own copy.
type plainCopier struct{}

func (plainCopier) Copies(_ context.Context, original []byte, _ bool) ([]dispatch.PhotoCopy, error) {
	out := []dispatch.PhotoCopy{}
	for _, size := range []dispatch.PhotoSize{dispatch.PhotoShown, dispatch.PhotoThumb} {
		out = append(out, dispatch.PhotoCopy{Size: size, MediaType: "image/jpeg", Width: 1, Height: 1, Content: original})
	}
	return out, nil
}

func (w *world) copyAll() {
	w.t.Helper()
	for {
		found, err := w.desk.CopyNextPhoto(context.Background())
		if err != nil {
			w.t.Fatal(err)
		}
		if !found {
			return
		}
	}
}

func (w *world) reasons(c dispatch.CaseID, of string) string {
	var out []string
	for _, p := range w.see(c).Past {
		if p.Number == of {
			for _, r := range p.Reasons {
				out = append(out, r.Why)
			}
		}
	}
	return strings.Join(out, " ")
}

// Two people report one vat. The desk joins the second to the first: who was sent for it
// is free, its reporter hears the result of the first, by the same code; and taken apart
// again it is a case of its own, with an owner, a clock and patrols.
func TestOneMatterReportedTwiceIsJoinedAndSplitAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	reporter := w.person2(dispatch.RoleGridWorker, "")
	first := w.file("C01")
	second := w.filedBy(reporter, "C01", 30)
	eq(t, "P2 goes for the second", w.status("P2"), dispatch.Assigned)
	eq(t, "why they look like one", w.reasons(second.Case.ID, first.Number), "near soon category")

	join := dispatch.MoveOrder{Move: dispatch.MoveJoin, Case: first.ID, Reason: "同一处酸洗点"}
	for name, v := range map[string]dispatch.Viewer{"an officer": w.person2(dispatch.RoleOfficer, "environment"), "the reporter": reporter, "a town leader": w.person2(dispatch.RoleTownLeader, "")} {
		if _, err := w.desk.Move(ctx, v, second.Case.ID, 0, join); codeOf(err) != "forbidden" {
			t.Errorf("%s joins cases: %v", name, err)
		}
	}
	if _, err := w.desk.Move(ctx, w.operator, second.Case.ID, 0, dispatch.MoveOrder{Move: dispatch.MoveJoin}); codeOf(err) != "invalid-move" {
		t.Errorf("to no case: %v", err)
	}
	if _, err := w.desk.Move(ctx, w.operator, second.Case.ID, 0, dispatch.MoveOrder{Move: dispatch.MoveJoin, Case: second.Case.ID}); codeOf(err) != "invalid-move" {
		t.Errorf("to itself: %v", err)
	}
	joined := w.move(w.operator, second.Case.ID, join)
	eq(t, "it ended", joined.Stage, dispatch.StageVoid)
	if j := joined.Course.Joined; j == nil || j.Number != first.Number || j.ByRule || len(j.Reasons) != 3 {
		t.Errorf("where it went: %+v", j)
	}
	eq(t, "P2 is free", w.status("P2"), dispatch.Free)
	eq(t, "no clock", len(joined.Clocks), 0)
	eq(t, "deadlines", ask[int](w, `SELECT count(*) FROM deadlines WHERE case_id = $1`, joined.ID.UUID), 0)
	into := w.see(first.ID)
	if len(into.Reports) != 2 || len(into.Holds) != 1 || into.Holds[0].Number != joined.Number {
		t.Errorf("the first has %d reports and holds %+v", len(into.Reports), into.Holds)
	}
	eq(t, "events of both", ask[string](w, `SELECT string_agg(kind, ' ' ORDER BY id) FROM case_events WHERE kind IN ('joined', 'joined_in')`), "joined joined_in")
	if _, err := w.desk.Move(ctx, w.operator, second.Case.ID, 0, join); codeOf(err) != "no-such-move" {
		t.Errorf("joined twice: %v", err)
	}

	// The reporter reads it under the number and the code they were given.
	said := func() dispatch.Followed {
		t.Helper()
		f, err := w.desk.FollowUp(ctx, second.Case.Number, second.FollowUp.Code)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	heard := said()
	last := heard.Messages[len(heard.Messages)-1]
	if heard.Number != second.Case.Number || last.Why != dispatch.WhyJoined || !strings.Contains(last.Text.ZH, first.Number) || heard.Result != nil || !heard.Open {
		t.Errorf("the reporter reads %+v", heard)
	}
	own, err := w.desk.Reports(ctx, reporter, true, dispatch.PageAsk{})
	if err != nil || len(own.Items) != 1 || own.Items[0].CaseNumber != first.Number || own.Items[0].Stage != dispatch.StageDispatched {
		t.Errorf("the reporter's own list: %+v, %v", own.Items, err)
	}
	if _, err := w.desk.Case(ctx, reporter, first.ID); dispatch.KindOf(err) != dispatch.NotFound {
		t.Errorf("the reporter of the second sees the first: %v", err)
	}

	if _, err := w.desk.Move(ctx, w.operator, second.Case.ID, 0, dispatch.MoveOrder{Move: dispatch.MoveSplit}); codeOf(err) != "invalid-move" {
		t.Errorf("split without a reason: %v", err)
	}
	split := w.move(w.operator, second.Case.ID, dispatch.MoveOrder{Move: dispatch.MoveSplit, Reason: "是隔壁另一家"})
	if split.Course.Joined != nil || len(split.Reports) != 1 || len(split.Clocks) == 0 || split.Owner.Kind == dispatch.OwnerNobody || split.DueAt == nil || split.ClosedAt != nil {
		t.Errorf("split again it is %+v, owner %v, clocks %v", split.Course, split.Owner, split.Clocks)
	}
	eq(t, "planned anew, as its category says", split.Stage, dispatch.StageDispatched)
	eq(t, "P2 goes again", w.status("P2"), dispatch.Assigned)
	back := w.see(first.ID)
	if len(back.Reports) != 1 || len(back.Holds) != 0 {
		t.Errorf("the first keeps %d reports and %+v", len(back.Reports), back.Holds)
	}
	messages := said().Messages
	if !slices.ContainsFunc(messages, func(m dispatch.Message) bool { return m.Why == dispatch.WhySplit }) {
		t.Errorf("the reporter is not told: %+v", messages)
	}

	// Joined once more, it hears the end of the first.
	w.move(w.operator, second.Case.ID, join)
	if _, err := w.desk.CloseCase(ctx, w.operator, first.ID, 0, dispatch.Closing{Answer: "已查封"}); err != nil {
		t.Fatal(err)
	}
	if end := said(); end.Result == nil || !strings.Contains(end.Result.ZH, "已查封") || end.Open {
		t.Errorf("the result does not reach who reported second: %+v", end)
	}
	eq(t, "said once", ask[int](w, `SELECT count(*) FROM notices WHERE report_id = $1 AND why = 'closed'`, second.ReportID.UUID), 1)
	eq(t, "nobody was told it was cancelled", ask[int](w, `SELECT count(*) FROM notices WHERE why = 'void'`), 0)
	if _, err := w.desk.Move(ctx, w.operator, w.filedBy(reporter, "C01", 10).Case.ID, 0, join); codeOf(err) != "case-closed" {
		t.Errorf("joined to what is closed: %v", err)
	}
}

// A case that others were joined to may be joined in turn, and each be taken out again.
func TestAChainOfJoinsComesApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, c := w.file("A05"), w.file("A05"), w.file("A05")
	w.move(w.operator, a.ID, dispatch.MoveOrder{Move: dispatch.MoveJoin, Case: b.ID})
	w.move(w.operator, b.ID, dispatch.MoveOrder{Move: dispatch.MoveJoin, Case: c.ID})
	eq(t, "all in the last", len(w.see(c.ID).Reports), 3)
	w.move(w.operator, a.ID, dispatch.MoveOrder{Move: dispatch.MoveSplit, Reason: "另一件"})
	eq(t, "the first has its own", len(w.see(a.ID).Reports), 1)
	eq(t, "the last keeps two", len(w.see(c.ID).Reports), 2)
	w.move(w.operator, b.ID, dispatch.MoveOrder{Move: dispatch.MoveSplit, Reason: "另一件"})
	for _, id := range []dispatch.CaseID{a.ID, b.ID, c.ID} {
		eq(t, "each has its own", len(w.see(id).Reports), 1)
	}
}

// By rule of its category a second report joins the first at once, and nobody is sent for it.
func TestTheRuleOfACategoryJoins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rules("C01", func(r *dispatch.CategoryRules) { r.Same = dispatch.SameRule{DistanceM: 50, Minutes: 60, Joins: true} })
	first := w.file("C01")
	d := w.report("C01")
	d.Sent, d.Key, d.BodySHA256 = atM(40), "k-1", [32]byte{1}
	reporter := w.person2(dispatch.RoleGridWorker, "")
	second, err := w.desk.FileReport(context.Background(), reporter, d)
	if err != nil {
		t.Fatal(err)
	}
	eq(t, "ended", second.Case.Stage, dispatch.StageVoid)
	eq(t, "nobody is sent for it", len(w.see(second.Case.ID).Assignments), 0)
	eq(t, "P2 stays free", w.status("P2"), dispatch.Free)
	if j := w.see(second.Case.ID).Course.Joined; j == nil || !j.ByRule || j.CaseID != first.ID {
		t.Errorf("joined %+v", j)
	}
	again, err := w.desk.FileReport(context.Background(), reporter, d)
	if err != nil || !again.Replayed || again.Case.ID != second.Case.ID || again.FollowUp == nil || again.FollowUp.Code != second.FollowUp.Code {
		t.Errorf("the same key is answered %+v, %v", again, err)
	}
	eq(t, "51 m away is another matter", w.filedBy(w.operator, "C01", 60).Case.Stage, dispatch.StageDispatched)
	pgtest.Advance(t, w.db, 2*time.Hour)
	eq(t, "two hours later too", w.filedBy(w.operator, "C01", 0).Case.Stage, dispatch.StageDispatched)
}

// What is reported again of a case that its unit says is settled, or that was put off, is
// not swallowed by it: somebody goes, and a person may join the two.
func TestNoRuleJoinsToWhatWasDealtWith(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rules("C01", func(r *dispatch.CategoryRules) { r.Same = dispatch.SameRule{DistanceM: 50, Minutes: 60, Joins: true} })
	first := w.file("C01")
	w.mustAnswer(first, "P1", dispatch.Accept, dispatch.Arrive, dispatch.Finish)
	w.mustAnswer(first, "E1", dispatch.Accept, dispatch.Arrive, dispatch.Finish)
	eq(t, "fed back", w.see(first.ID).Stage, dispatch.StageVerifying)
	again := w.file("C01")
	eq(t, "reported again", again.Stage, dispatch.StageDispatched)
	eq(t, "somebody goes", who(again, "police") != "" && who(again, "environment") == "E1", true)
	if past := w.see(again.ID).Past; len(past) != 1 || past[0].CaseID != first.ID || !past[0].LikelySame {
		t.Errorf("it is not suggested: %+v", past)
	}
	eq(t, "joined to who works on it", w.filedBy(w.operator, "C01", 10).Case.Stage, dispatch.StageVoid)
	w.move(w.operator, again.ID, dispatch.MoveOrder{Move: dispatch.MoveJoin, Case: first.ID})
	eq(t, "joined by hand", w.see(again.ID).Stage, dispatch.StageVoid)
}

// Where the rule looks at photos, the two are joined once they can be compared; whoever
// has somebody there already is left to a person. And photos alike are a reason of
// their own.
func TestPhotosAlikeJoin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(func(c *dispatch.Config) { c.Copier = plainCopier{} })
	w.rules("C01", func(r *dispatch.CategoryRules) { r.Same.Joins = true })
	vatPhoto, other := phototest.Street(1, 160, 120), phototest.Street(2, 160, 120)
	smaller := image.NewRGBA(image.Rect(0, 0, 80, 60))
	for y := range 60 {
		for x := range 80 {
			smaller.SetRGBA(x, y, vatPhoto.RGBAAt(2*x, 2*y))
		}
	}
	first := w.filedBy(w.operator, "C01", 0, snapshot(t, vatPhoto))
	same := w.filedBy(w.operator, "C01", 20, snapshot(t, smaller))
	different := w.filedBy(w.operator, "C01", 20, snapshot(t, other))
	eq(t, "not before it can be told", w.see(same.Case.ID).Stage, dispatch.StageDispatched)
	w.copyAll()
	eq(t, "alike", w.see(same.Case.ID).Stage, dispatch.StageVoid)
	eq(t, "not alike", w.see(different.Case.ID).Stage, dispatch.StageDispatched)
	eq(t, "it is still suggested, for its place and time", w.reasons(different.Case.ID, first.Case.Number), "near soon category")

	police := w.filedBy(w.operator, "A05", 10, snapshot(t, vatPhoto))
	eq(t, "another category, the same picture", w.reasons(police.Case.ID, first.Case.Number), "near soon photos")
	for _, p := range w.see(police.Case.ID).Past {
		if p.Number == first.Case.Number && !p.LikelySame {
			t.Error("what looks the same is not suggested")
		}
		if p.Number == different.Case.Number && p.LikelySame {
			t.Error("another category and another picture are suggested")
		}
	}

	if _, err := w.desk.Dispatch(context.Background(), w.operator, different.Case.ID, 0, dispatch.Order{}); err != nil {
		t.Fatal(err)
	}
	w.mustAnswer(different.Case, "P2", dispatch.Accept, dispatch.SetOut, dispatch.Arrive)
	older := w.filedBy(w.operator, "C01", 20, snapshot(t, other), snapshot(t, phototest.Street(3, 40, 30)))
	w.exec(`UPDATE cases SET made_at = made_at - interval '1 hour' WHERE id = $1`, older.Case.ID.UUID)
	w.copyAll()
	eq(t, "what is being handled stays", w.see(different.Case.ID).Stage, dispatch.StageHandling)
}

// Photos of before there were likenesses get theirs, a few at a time.
func TestLikenessesAreTakenLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(func(c *dispatch.Config) { c.Copier = shownCopier{} })
	for i := range 23 {
		w.filedBy(w.operator, "A05", 5000+500*float64(i), snapshot(t, phototest.Street(uint64(i), 40, 30)))
	}
	w.filedBy(w.operator, "A05", 3000, snapshot(t, image.NewRGBA(image.Rect(0, 0, 40, 40))))
	w.copyAll()
	eq(t, "of no small copy none is taken", ask[int](w, `SELECT count(*) FROM photo_likes`), 0)
	w.exec(`INSERT INTO photo_copies (district_id, sha256, size, copy_sha256, media_type, width, height, bytes)
		SELECT district_id, sha256, 'thumb', copy_sha256, media_type, width, height, bytes FROM photo_copies WHERE size = 'shown'`)
	var after [32]byte
	var steps []int
	for {
		last, n, err := w.desk.LikeNextPhotos(context.Background(), after)
		if err != nil {
			t.Fatal(err)
		}
		steps, after = append(steps, n), last
		if n == 0 {
			break
		}
	}
	if !slices.Equal(steps, []int{20, 4, 0}) {
		t.Errorf("taken in steps of %v", steps)
	}
	eq(t, "taken", ask[int](w, `SELECT count(*) FROM photo_likes`), 24)
	eq(t, "but for the plain one", ask[int](w, `SELECT count(*) FROM photo_likes WHERE likeness IS NULL`), 1)
	eq(t, "each its own", ask[int](w, `SELECT count(DISTINCT likeness) FROM photo_likes`), 23)
}

// shownCopier makes no small copies.
type shownCopier struct{}

func (shownCopier) Copies(ctx context.Context, original []byte, watched bool) ([]dispatch.PhotoCopy, error) {
	all, err := plainCopier{}.Copies(ctx, original, watched)
	return all[:1], err
}

// Nobody is shown, or may join, what they may not see.
func TestADuplicateOutOfSightIsNotSuggested(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	hidden := w.file("A05")
	w.exec(`UPDATE cases SET areas = '{T2,D}' WHERE id = $1`, hidden.ID.UUID)
	c := w.file("A05")
	w.exec(`UPDATE cases SET areas = '{T1,D}' WHERE id = $1`, c.ID.UUID)
	here := w.person2(dispatch.RoleOperator, "")
	here.AreaCode = "T1"
	seen, err := w.desk.Case(ctx, here, c.ID)
	if err != nil || len(seen.Past) != 0 {
		t.Errorf("suggested %+v, %v", seen.Past, err)
	}
	eq(t, "who sees both is told", len(w.see(c.ID).Past), 1)
	_, err = w.desk.Move(ctx, here, c.ID, 0, dispatch.MoveOrder{Move: dispatch.MoveJoin, Case: hidden.ID})
	missing := dispatch.CaseID{UUID: uuid.Must(uuid.NewV7())}
	_, none := w.desk.Move(ctx, here, c.ID, 0, dispatch.MoveOrder{Move: dispatch.MoveJoin, Case: missing})
	if dispatch.KindOf(err) != dispatch.NotFound || err.Error() != none.Error() {
		t.Errorf("joined to a hidden case: %v; to none: %v", err, none)
	}
	w.move(w.operator, c.ID, dispatch.MoveOrder{Move: dispatch.MoveJoin, Case: hidden.ID})
	if _, err := w.desk.Move(ctx, here, c.ID, 0, dispatch.MoveOrder{Move: dispatch.MoveSplit, Reason: "x"}); dispatch.KindOf(err) != dispatch.NotFound {
		t.Errorf("taken out of a hidden case: %v", err)
	}
	if holds, err := w.store.JoinedTo(ctx, here, hidden.ID); err != nil || len(holds) != 1 {
		t.Logf("the operator of T1 asks what a hidden case holds: %+v, %v", holds, err)
	}
}

// 综合查一次: the department that was here lately is named by where its patrols really
// were, and comes along on the operator's word.
func TestOneVisitForBothMatters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	market := w.patrol("M1", "market", 1200)
	w.stayed(market, 12*24*time.Hour, 20, 10*time.Minute)
	w.stayed(w.patrol("E9", "environment", 1500), 5*24*time.Hour, 20, 30*time.Second) // drove through
	w.stayed(w.ids["P1"], 3*24*time.Hour, 300, 10*time.Minute)                        // was elsewhere
	w.stayed(w.ids["E1"], 40*24*time.Hour, 20, 10*time.Minute)                        // long ago
	c := w.file("A05")
	seen := w.see(c.ID)
	if len(seen.Been) != 1 || seen.Been[0].Department != "market" {
		t.Fatalf("who was here: %+v", seen.Been)
	}
	if days := seen.Now.Sub(seen.Been[0].At).Hours() / 24; days < 11.9 || days > 12.1 {
		t.Errorf("%v days ago", days)
	}
	other := w.file("C04")
	combine := dispatch.MoveOrder{Move: dispatch.MoveCombine, Owner: "market", Case: other.ID}
	if _, err := w.desk.Move(ctx, w.person2(dispatch.RoleOfficer, "police"), c.ID, 0, dispatch.MoveOrder{Move: dispatch.MoveCombine, Owner: "market"}); codeOf(err) != "forbidden" {
		t.Errorf("an officer combines: %v", err)
	}
	if _, err := w.desk.Move(ctx, w.operator, c.ID, 0, dispatch.MoveOrder{Move: dispatch.MoveCombine, Owner: "village"}); codeOf(err) != "invalid" {
		t.Errorf("a village comes along: %v", err)
	}
	both := w.move(w.operator, c.ID, combine)
	eq(t, "nobody is sent by that", both.Stage, c.Stage)
	if _, err := w.desk.Dispatch(ctx, w.operator, c.ID, 0, dispatch.Order{}); err != nil {
		t.Fatal(err)
	}
	sent := w.see(c.ID)
	// As one team: P1 is nearer, but would wait for M1.
	eq(t, "police and market go", who(sent.Case, "police")+" "+who(sent.Case, "market"), "P2 M1")
	eq(t, "recorded", ask[int](w, `SELECT count(*) FROM case_events WHERE kind = 'combined' AND body->'detail'->>'case' = $1`, other.ID.String()), 1)
	if !dispatch.Visible(w.person2(dispatch.RoleOfficer, "market"), sent.Scope) {
		t.Error("whoever comes along does not see the case")
	}
}

// stayed lays a track: the patrol was so far east of the vat, so long ago, for so long.
func (w *world) stayed(patrol dispatch.PatrolID, ago time.Duration, east float64, long time.Duration) {
	w.t.Helper()
	at, device := atM(east), uuid.Must(uuid.NewV7())
	w.exec(`INSERT INTO devices (id, district_id, code) VALUES ($1, $2, $3)`, device, pgdb.District, device.String())
	w.exec(`INSERT INTO device_bindings (device_id, patrol_id, valid) VALUES ($1, $2, '[2020-01-01,)')`, device, patrol.UUID)
	w.exec(`INSERT INTO tracks (district_id, device_id, stream, seq, t, received_at, patrol_id, cell, lon, lat, mock)
		SELECT $1, $2, $2, n + 1, x.t, x.t, $3, 1, $4, $5, false FROM generate_series(0, 5) n,
		  LATERAL (SELECT date_trunc('hour', gp_now() - $6::interval) + interval '10 minutes' + n * $7::interval / 5 AS t) x`, pgdb.District, device, patrol.UUID, at.Lon, at.Lat, ago, long)
	w.exec(`INSERT INTO cell_hours (district_id, hour, counted_at) SELECT $1, date_trunc('hour', gp_now() - $2::interval), gp_now() ON CONFLICT DO NOTHING`, pgdb.District, ago)
	w.exec(`INSERT INTO cell_visits (district_id, hour, cell, cell_8, cell_7, patrol_id, fixes) VALUES ($1, date_trunc('hour', gp_now() - $2::interval), $3, 0, 0, $4, 6)`,
		pgdb.District, ago, int64(cell.At(at, dispatch.CellRes)), patrol.UUID)
}

// No door orders work that is not on the published list, whenever it was taken off.
func TestNoDoorOrdersWhatIsNotOnTheList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	c, other := w.file("A05"), w.file("C04")
	filed := w.file("A05")
	w.move(w.operator, filed.ID, dispatch.MoveOrder{Move: "accept"})
	w.move(w.operator, filed.ID, dispatch.MoveOrder{Move: "file"})
	w.rules("A05", func(r *dispatch.CategoryRules) { r.Listed, r.Article = false, "准入清单第七条" })
	refused := func(what string, err error) {
		t.Helper()
		if codeOf(err) != "not-on-the-list" || !strings.Contains(err.Error(), "准入清单第七条") {
			t.Errorf("%s: not refused with its article: %v", what, err)
		}
	}
	_, err := w.desk.FileReport(ctx, w.operator, w.report("A05"))
	refused("a report", err)
	d := w.report("A05")
	d.SelfHandled = true
	_, err = w.desk.FileReport(ctx, w.as("G1"), d)
	refused("settled on the spot", err)
	_, err = w.desk.Dispatch(ctx, w.operator, c.ID, 0, dispatch.Order{})
	refused("an operator sends", err)
	_, err = w.desk.Dispatch(ctx, w.operator, c.ID, 0, dispatch.Order{Choices: []dispatch.Choice{{Department: "market", PatrolID: w.ids["P1"]}}})
	refused("an added department", err)
	_, err = w.desk.Move(ctx, w.operator, filed.ID, 0, dispatch.MoveOrder{Move: "dispatch", Owner: "market"})
	refused("handed to a unit", err)
	_, err = w.desk.Move(ctx, w.operator, c.ID, 0, dispatch.MoveOrder{Move: "combine", Owner: "market"})
	refused("taken along", err)
	_, err = w.desk.Move(ctx, w.operator, other.ID, 0, dispatch.MoveOrder{Move: "combine", Owner: "police", Case: c.ID})
	refused("its matter taken along elsewhere", err)
	w.move(w.operator, c.ID, dispatch.MoveOrder{Move: "void", Reason: "不属网格事项"}) // what is there can still be ended
}

func TestTheTiersAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	w.exec(`INSERT INTO category_rules (district_id, code, check_percent) VALUES ($1, 'C11', 0)`, pgdb.District)
	for range 3 {
		d := w.report("C11")
		d.SelfHandled = true
		if _, err := w.desk.FileReport(ctx, w.as("G1"), d); err != nil {
			t.Fatal(err)
		}
	}
	c := w.file("C01")
	if _, err := w.desk.CloseCase(ctx, w.operator, c.ID, 0, dispatch.Closing{}); err != nil {
		t.Fatal(err)
	}
	w.file("C01")
	got, err := w.desk.Tiers(ctx, w.operator, time.Time{}, time.Time{})
	if err != nil || got.Settled != 4 || got.Items[0] != (dispatch.TierShare{Tier: "grid", Count: 3, Share: 0.75}) || got.Items[3].Count != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if got.To.Sub(got.From) != 30*24*time.Hour {
		t.Errorf("over %v", got.To.Sub(got.From))
	}
	elsewhere := w.person2(dispatch.RoleTownLeader, "")
	elsewhere.AreaCode = "T2"
	if got, err := w.desk.Tiers(ctx, elsewhere, time.Time{}, time.Time{}); err != nil || got.Settled != 0 {
		t.Errorf("another town counts %+v, %v", got, err)
	}
	if _, err := w.desk.Tiers(ctx, w.operator, got.To, got.From); codeOf(err) != "invalid" {
		t.Errorf("the wrong way round: %v", err)
	}
}
