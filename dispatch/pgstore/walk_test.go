package pgstore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/timers"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// walker is one case under way, and what a clerk with a notebook would know of it.
type walker struct {
	w       *world
	id      dispatch.CaseID
	book    map[string]law
	returns int
	ruled   bool
	asked   string
	more    int // extensions
	hands   map[string]bool
	urged   time.Time
	level   string // of the order that waits
	joined  bool
	other   dispatch.CaseID // that it may be joined to
	log     []string
}

type actor struct {
	name string
	dispatch.Viewer
}

func (w *world) actors() []actor {
	person := func(name string, role dispatch.Role, edit func(*dispatch.Viewer)) actor {
		v := dispatch.Viewer{District: district, Account: dispatch.AccountID{UUID: uuid.Must(uuid.NewV7())}, Role: role}
		if edit != nil {
			edit(&v)
		}
		return actor{name, v}
	}
	all := []actor{person("operator", dispatch.RoleOperator, nil), person("operator2", dispatch.RoleOperator, nil), person("leader", dispatch.RoleDutyLeader, nil),
		person("leader2", dispatch.RoleDutyLeader, nil), person("admin", dispatch.RoleAdmin, nil), person("supervisor", dispatch.RoleDistrictSupervisor, nil),
		person("town", dispatch.RoleTownLeader, func(v *dispatch.Viewer) { v.AreaCode = "T1" }),
		person("other town", dispatch.RoleTownLeader, func(v *dispatch.Viewer) { v.AreaCode = "T2" }),
		person("chief", dispatch.RoleGridChief, nil), person("instructor", dispatch.RoleInstructor, nil), person("auditor", dispatch.RoleAuditor, nil)}
	for _, d := range []string{"police", "environment", "market"} {
		all = append(all, person(d, dispatch.RoleOfficer, func(v *dispatch.Viewer) { v.Department = d }))
	}
	for _, p := range []string{"G1", "E1", "P1"} {
		all = append(all, actor{"device " + p, w.as(p)})
	}
	return all
}

// lawful says whether a move of an actor is by the manual, and where it leads.
func (k *walker) lawful(a actor, c dispatch.Case, o dispatch.MoveOrder, now time.Time) (to string, ok bool) {
	l := k.book[string(o.Move)]
	stage := string(c.Stage)
	if !dispatch.Visible(a.Viewer, c.Scope) || !slices.Contains(l.from, stage) || !slices.Contains(l.who, string(a.Role)) {
		return "", false
	}
	lead := ""
	for _, d := range c.Departments {
		if d.Part == "lead" {
			lead = d.Code
		}
	}
	belongs := slices.Contains([]dispatch.Role{dispatch.RoleOperator, dispatch.RoleDutyLeader}, a.Role) || a.Role == dispatch.RoleOfficer && a.Department == lead ||
		slices.ContainsFunc(c.Assignments, func(x dispatch.Assignment) bool {
			return x.PatrolID == a.Patrol && (x.State.Active() || x.State == dispatch.Done) && x.Department == lead
		})
	if lead == "village" || lead == "town" { // settled locally: by the town's people and the grid's worker
		belongs = belongs || a.Role == dispatch.RoleTownLeader || a.Role == dispatch.RoleGridChief ||
			slices.ContainsFunc(c.Assignments, func(x dispatch.Assignment) bool {
				return x.PatrolID == a.Patrol && (x.State.Active() || x.State == dispatch.Done) && x.Kind == "first_look"
			})
	}
	needs := func(all ...string) bool { return !slices.Contains(all, "") }
	to = l.to
	switch o.Move {
	case "accept":
		ok = true
	case "void":
		ok = needs(o.Reason)
	case "self_handle", "file", "reopen":
		ok = o.Move != "reopen" || needs(o.Reason)
	case "join":
		ok = o.Case != dispatch.CaseID{}
	case "split":
		ok = k.joined && needs(o.Reason)
	case "combine":
		ok = needs(o.Owner) && o.Owner != "village"
	case "dispatch":
		ok = stage != "returned" || k.returns == 1
	case "undo":
		ok = c.UndoUntil != nil && now.Before(*c.UndoUntil)
	case "sign", "start", "resume":
		ok = belongs
	case "return":
		ok = belongs && !k.ruled && needs(o.Reason, o.Owner) && o.Owner != lead
	case "rule":
		ok = k.returns == 2 && needs(o.Reason, o.Owner)
	case "ask_extension":
		ok = belongs && k.asked == "" && c.Urgency != "ordinary" && k.more < 2 && needs(o.Reason) && o.Days > 0
	case "ask_suspension":
		ok = belongs && k.asked == "" && needs(o.Reason) && o.Until != nil
	case "grant":
		ok = k.asked != "" && !k.hands[a.name] && (k.asked == "suspension" || k.more == 0 || o.Document != "")
		to = map[string]string{"extension": "extended", "suspension": "suspended"}[k.asked]
	case "refuse":
		ok = k.asked != "" && needs(o.Reason)
	case "feedback":
		ok = belongs && needs(o.Result)
	case "pass":
		ok = !k.hands[a.name] && needs(o.Result)
	case "fail":
		ok = !k.hands[a.name] && needs(o.Reason)
	case "urge":
		ok = k.urged.IsZero() || now.Sub(k.urged) >= 10*time.Minute
	case "supervise":
		order := []string{"", "town", "district", "listed"}
		ok = needs(o.Level, o.Reason) && slices.Index(order, o.Level) > slices.Index(order, k.level) &&
			(a.Role != dispatch.RoleTownLeader || o.Level == "town") // a town's leader orders at the town's level alone
	case "answer":
		ok = belongs && k.level != "" && needs(o.Result)
	case "close":
		ok = !k.hands[a.name] && (stage != "returned" || k.returns == 1)
	}
	if to == "=" {
		to = stage
	}
	return to, ok
}

// note writes a lawful move into the notebook.
func (k *walker) note(a actor, o dispatch.MoveOrder, now time.Time) {
	switch o.Move {
	case "self_handle", "sign", "start", "feedback", "answer", "ask_extension", "ask_suspension":
		k.hands[a.name] = true
	}
	switch o.Move {
	case "return":
		k.returns++
	case "rule":
		k.ruled = true
	case "ask_extension":
		k.asked = "extension"
	case "ask_suspension":
		k.asked = "suspension"
	case "grant":
		if k.asked == "extension" {
			k.more++
		}
		k.asked = ""
	case "refuse", "feedback":
		k.asked = ""
	case "join":
		k.joined, k.asked, k.level = true, "", ""
	case "split":
		k.joined = false
	case "urge":
		k.urged = now
	case "supervise":
		k.level = o.Level
	case "answer":
		k.level = ""
	case "reopen":
		k.returns, k.ruled, k.asked, k.more, k.level = 0, false, "", 0, ""
	}
}

// TestTheWalk takes cases through random moves of random people, lawful and not, with
// time passing. None that the manual forbids succeeds, none that it allows fails, what
// is refused changes nothing, and no open case is ever without an owner and a clock.
func TestTheWalk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`INSERT INTO categories (id, district_id, code, name_zh, name_en, lead, joint, urgency, dispatch_mode, valid)
		SELECT gen_random_uuid(), district_id, x.code, x.code, x.code, lead, joint, x.urgency, 'manual', valid FROM categories,
		  (VALUES ('H01', 'hard'), ('O01', 'ordinary'), ('U01', 'urgent')) AS x (code, urgency) WHERE categories.code = 'C01'`)
	w.exec(`INSERT INTO category_rules (district_id, code, check_percent) SELECT $1, c, 100 FROM unnest('{H01,O01,U01}'::text[]) c`, district.UUID)
	book := lawBook()
	var moves []string
	for m := range book {
		moves = append(moves, m)
	}
	slices.Sort(moves)
	actors := w.actors()
	enough := 150 // as many as a run of all tests has time for; make test-clocks walks further
	if n, err := strconv.Atoi(os.Getenv("GRIDPATROL_WALK_MOVES")); err == nil {
		enough = n
	}
	made, refused := 0, 0
	far := []string{"grant", "resume", "ask_extension", "ask_suspension", "start", "sign", "dispatch", "file", "accept"}
	taken, walked := map[string]int{}, map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		if made > enough {
			return
		}
		c := w.file(rapid.SampledFrom([]string{"H01", "O01", "U01"}).Draw(t, "category"))
		k := &walker{w: w, id: c.ID, book: book, hands: map[string]bool{}, other: w.file("H01").ID}
		slow := rapid.IntRange(0, 5).Draw(t, "slow") == 0 // a unit that asks for more and more time
		for range rapid.IntRange(5, 30).Draw(t, "moves") {
			before := w.see(c.ID)
			if rapid.IntRange(0, 9).Draw(t, "time passes") == 0 {
				k.wait(t, time.Duration(rapid.IntRange(1, 4000).Draw(t, "minutes"))*time.Minute)
				k.sound(t)
				continue
			}
			o := dispatch.MoveOrder{Move: dispatch.Move(rapid.SampledFrom(moves).Draw(t, "move"))}
			a := rapid.SampledFrom(actors).Draw(t, "actor")
			until := before.Now.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "hours")) * time.Hour)
			full := dispatch.MoveOrder{Reason: "因", Result: "已处理", Owner: rapid.SampledFrom([]string{"police", "market", "environment", "village"}).Draw(t, "owner"),
				Days: 2, Until: &until, Document: rapid.SampledFrom([]string{"", "路政〔2026〕7号"}).Draw(t, "document"),
				Level: rapid.SampledFrom([]string{"town", "district", "listed"}).Draw(t, "level"), Case: k.other}
			if rapid.IntRange(0, 4).Draw(t, "complete") > 0 {
				full.Move = o.Move
				o = full
			}
			if rapid.Bool().Draw(t, "lawful one") {
				// First the move, then who: else those that many may make crowd out the rest.
				lawfuls := map[string][]actor{}
				var fresh []string
				over := rapid.IntRange(0, 5).Draw(t, "may end") == 0
				for _, m := range moves {
					for _, who := range actors {
						try := full
						try.Move = dispatch.Move(m)
						if _, ok := k.lawful(who, before.Case, try, before.Now); !ok {
							continue
						}
						if walked[string(before.Stage)+" > "+m] == 0 {
							fresh = append(fresh, m) // where no case has been yet
						} else if !over && (m == "close" || m == "void" || m == "join") {
							continue
						}
						lawfuls[m] = append(lawfuls[m], who)
					}
				}
				if len(lawfuls) > 0 {
					which := slices.Sorted(maps.Keys(lawfuls))
					if i := slices.IndexFunc(far, func(m string) bool { return lawfuls[m] != nil }); slow && i >= 0 {
						which = far[i : i+1]
					}
					if len(fresh) > 0 && rapid.Bool().Draw(t, "somewhere new") {
						which = slices.Compact(slices.Sorted(slices.Values(fresh)))
					}
					m := rapid.SampledFrom(which).Draw(t, "which")
					o = full
					o.Move = dispatch.Move(m)
					a = rapid.SampledFrom(lawfuls[m]).Draw(t, "by whom")
				}
			}
			to, ok := k.lawful(a, before.Case, o, before.Now)
			k.log = append(k.log, fmt.Sprintf("%s: %s %s", before.Stage, a.name, o.Move))
			after, err := w.desk.Move(context.Background(), a.Viewer, c.ID, before.Version, o)
			switch {
			case ok && err != nil:
				t.Fatalf("a lawful move failed: %v\n%s", err, strings.Join(k.log, "\n"))
			case !ok && err == nil:
				t.Fatalf("an unlawful move succeeded, to %s\n%s", after.Stage, strings.Join(k.log, "\n"))
			case ok && string(after.Stage) != to:
				t.Fatalf("the move led to %s, not %s\n%s", after.Stage, to, strings.Join(k.log, "\n"))
			case ok:
				made++
				taken[string(o.Move)]++
				walked[string(before.Stage)+" > "+string(o.Move)]++
				if o.Move == dispatch.MoveGrant && k.asked == "extension" && k.more > 0 {
					taken["second extension"]++
				}
				k.note(a, o, before.Now)
			default:
				refused++
				if now := w.see(c.ID); now.Version != before.Version || len(now.Events) != len(before.Events) {
					t.Fatalf("what was refused changed the case\n%s", strings.Join(k.log, "\n"))
				}
			}
			k.agree(t, actors)
			k.sound(t)
		}
	})
	t.Logf("%d moves made, %d refused: %v", made, refused, taken)
	if made < 100 || refused < 50 {
		t.Errorf("%d made and %d refused say little", made, refused)
	}
	// A long walk has been everywhere. Nobody is sent here, so nothing can be undone;
	// TestTheOperatorsHand and its like undo.
	var never []string
	for m, l := range book {
		for _, from := range l.from {
			if m != "undo" && !slices.Contains(l.who, "nobody") && from != "self_handled" && from != "feedback" && walked[from+" > "+m] == 0 { // where no case rests
				never = append(never, from+" > "+m)
			}
		}
	}
	slices.Sort(never)
	t.Logf("never made: %v; %d second extensions", never, taken["second extension"])
	if enough >= 3000 && (len(never) > 0 || taken["second extension"] == 0) {
		t.Error("the walk has not been everywhere")
	}
}

// wait lets time pass for everybody, and the clocks do what is due.
func (k *walker) wait(t *rapid.T, d time.Duration) {
	pgtest.Advance(k.w.t, k.w.db, d)
	k.log = append(k.log, fmt.Sprintf("%v pass", d))
	poll(t, k.w)
	c := k.w.see(k.id)
	if s := c.Course.Supervision; s != nil && s.AnsweredAt == nil {
		k.level = s.Level // a clock may have ordered it
	}
}

// poll does what is due, of clocks and of deadlines, until nothing is.
func poll(t interface{ Fatalf(string, ...any) }, w *world) {
	ctx := context.Background()
	config := timers.Config{Desk: w.desk, Book: w.store}
	for range 1000 {
		n, err := timers.New(config).PollClocks(ctx)
		if err != nil {
			t.Fatalf("poll: %v", err)
		}
		if n == 0 {
			return
		}
	}
	t.Fatalf("the clocks never come to rest")
}

// agree holds what the case says may be done against the manual.
func (k *walker) agree(t *rapid.T, actors []actor) {
	c := k.w.see(k.id)
	for _, a := range actors {
		if !dispatch.Visible(a.Viewer, c.Scope) {
			continue
		}
		for _, n := range dispatch.NextMoves(a.Viewer, c.Case, c.Now) {
			full := dispatch.MoveOrder{Move: n.Move, Reason: "x", Result: "x", Owner: "nobody's", Days: 1, Until: &c.Now, Document: "x", Level: "listed", Case: k.other}
			if n.Move == dispatch.MoveSupervise && a.Role == dispatch.RoleTownLeader {
				full.Level = "town"
			}
			_, ok := k.lawful(a, c.Case, full, c.Now)
			for _, level := range []string{"town", "district", "listed"} {
				order := dispatch.MoveOrder{Move: n.Move, Reason: "x", Level: level}
				if _, may := k.lawful(a, c.Case, order, c.Now); n.Move == dispatch.MoveSupervise && slices.Contains(n.Levels, level) != may && ok {
					t.Fatalf("%s is offered the levels %v; by the manual %s is %v\n%s", a.name, n.Levels, level, may, strings.Join(k.log, "\n"))
				}
			}
			if ok != n.Allowed || ok == (n.WhyNot != nil) {
				t.Fatalf("%s is told that %s is allowed: %v, why not: %v; by the manual it is %v\n%s", a.name, n.Move, n.Allowed, n.WhyNot, ok, strings.Join(k.log, "\n"))
			}
		}
	}
}

// sound is what holds of every case at any time.
func (k *walker) sound(t *rapid.T) {
	c := k.w.see(k.id)
	open := c.ClosedAt == nil
	if open && (c.Owner.Kind == "" || c.Owner.Kind == dispatch.OwnerNobody || c.Owner.Kind == dispatch.OwnerUnit && c.Owner.Code == "") {
		t.Fatalf("nobody has the case: %+v\n%s", c.Owner, strings.Join(k.log, "\n"))
	}
	if open != (len(c.Clocks) > 0) {
		t.Fatalf("open %v with %d clocks\n%s", open, len(c.Clocks), strings.Join(k.log, "\n"))
	}
	if wrong := clocksRight(c, k.returns); wrong != "" {
		t.Fatalf("%s\n%s", wrong, strings.Join(k.log, "\n"))
	}
	idle := ask[int](k.w, `SELECT count(*) FROM clocks WHERE case_id = $1 AND next_at IS NULL AND NOT paused AND rung NOT IN ('district')`, k.id.UUID)
	if idle > 0 {
		t.Fatalf("a clock stands still\n%s", strings.Join(k.log, "\n"))
	}
	at := "reported"
	for _, e := range c.Events {
		if e.Kind != "stage" {
			continue
		}
		var d struct{ From, To string }
		if err := json.Unmarshal(e.Detail, &d); err != nil {
			t.Fatal(err)
		}
		if d.From != at || !slices.Contains(strings.Fields(arrowsOfTheDuty), d.From+">"+d.To) {
			t.Fatalf("the history goes from %s: %s > %s\n%s", at, d.From, d.To, strings.Join(k.log, "\n"))
		}
		at = d.To
	}
	if at != string(c.Stage) {
		t.Fatalf("the history ends at %s, the case is %s", at, c.Stage)
	}
}
