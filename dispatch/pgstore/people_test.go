package pgstore_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// shift moves the database's time on from the true one, and answers the present.
func (w *world) shift(by time.Duration) time.Time {
	w.t.Helper()
	err := w.db.Owner(context.Background(), func(conn *pgx.Conn) error {
		_, err := conn.Exec(context.Background(), `UPDATE clock_shift SET shift = $1`, by)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return ask[time.Time](w, `SELECT gp_now()`)
}

// hand is a person without a post, of the grid department in T1.
func (w *world) hand(code string) dispatch.StaffID {
	id := dispatch.StaffID{UUID: uuid.Must(uuid.NewV7())}
	w.staff[code] = id
	w.exec(`INSERT INTO staff (id, district_id, code, name, role, department, area_code, phone) VALUES ($1, $2, $3, $3, 'grid_worker', 'grid', 'T1V1', '138-0000')`,
		id.UUID, pgdb.District, code)
	return id
}

func (w *world) gridID() dispatch.GridID { return *w.grids.answer.Responsible.GridID }

func refused(t *testing.T, what string, err error, kind dispatch.Kind, code, says string) {
	t.Helper()
	if dispatch.KindOf(err) != kind || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: %v, want %s that says %q", what, err, kind, says)
		return
	}
	var f *dispatch.Fault
	if code != "" && (!asFault(err, &f) || f.Code != code) {
		t.Errorf("%s: %+v, want the code %s", what, err, code)
	}
}

func asFault(err error, f **dispatch.Fault) bool {
	for err != nil {
		if x, ok := err.(*dispatch.Fault); ok {
			*f = x
			return true
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return false
		}
		err = u.Unwrap()
	}
	return false
}

// Somebody is put into a patrol, is asked for elsewhere, moves, leaves; each step is
// dated, answered clearly, and written down.
func TestMembersOfAPatrol(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	wang := w.hand("wang")
	p1, p2 := w.ids["P1"], w.ids["P2"]
	begun := w.shift(0)
	in, err := w.desk.AddMember(ctx, w.operator, p1, dispatch.NewMember{Staff: wang})
	if err != nil {
		t.Fatal(err)
	}
	if len(in.Members) != 1 || in.Members[0].StaffID != wang || in.Members[0].Since.Before(begun) || in.Members[0].Phone == nil {
		t.Errorf("members %+v", in.Members)
	}
	_, err = w.desk.AddMember(ctx, w.operator, p1, dispatch.NewMember{Staff: wang})
	refused(t, "twice", err, dispatch.Conflict, "already-member", "is in this patrol already")
	_, err = w.desk.AddMember(ctx, w.operator, p2, dispatch.NewMember{Staff: wang})
	refused(t, "in two at once", err, dispatch.Conflict, "member-elsewhere", "wang is in patrol P1, since")

	w.shift(2 * time.Hour)
	if _, err = w.desk.AddMember(ctx, w.operator, p2, dispatch.NewMember{Staff: wang, Move: true}); err != nil {
		t.Fatal(err)
	}
	eq(t, "what ends and begins at one instant", ask[bool](w, `SELECT upper(a.valid) = lower(b.valid) FROM patrol_members a, patrol_members b
		WHERE a.staff_id = $1 AND b.staff_id = $1 AND a.patrol_id = $2 AND b.patrol_id = $3`, wang.UUID, p1.UUID, p2.UUID), true)
	then, err := w.desk.PatrolAt(ctx, w.operator, p1, begun.Add(time.Hour))
	if err != nil || len(then.Members) != 1 || then.Lon != nil || !then.OnDuty {
		t.Errorf("P1 an hour after: %+v, %v", then, err)
	}
	if now, err := w.desk.Patrol(ctx, w.operator, p1); err != nil || len(now.Members) != 0 {
		t.Errorf("P1 now: %+v, %v", now.Members, err)
	}

	week := 8 * 24 * time.Hour
	now := w.shift(2 * time.Hour)
	at := func(d time.Duration) *time.Time { t := now.Add(d); return &t }
	_, err = w.desk.EndMember(ctx, w.operator, p2, wang, dispatch.Ending{At: at(-time.Hour)})
	refused(t, "a correction without a reason", err, dispatch.Invalid, "reason-needed", "give a reason")
	_, err = w.desk.EndMember(ctx, w.operator, p2, wang, dispatch.Ending{At: at(-week), Reason: "x"})
	refused(t, "a correction too far back", err, dispatch.Invalid, "", "7 days")
	_, err = w.desk.AddMember(ctx, w.operator, p1, dispatch.NewMember{Staff: wang, Move: true, From: at(time.Hour), Until: at(time.Hour)})
	refused(t, "for no time at all", err, dispatch.Invalid, "", "must be after from")
	planned, err := w.desk.AddMember(ctx, w.operator, p1, dispatch.NewMember{Staff: wang, Move: true, From: at(time.Hour), Until: at(3 * time.Hour)})
	if err != nil || len(planned.Members) != 0 || len(planned.Planned) != 1 {
		t.Errorf("planned: %+v, %v", planned, err)
	}
	for _, row := range []struct {
		after time.Duration
		where string
	}{{0, "P2"}, {time.Hour, "P1"}, {3*time.Hour - time.Second, "P1"}, {3 * time.Hour, "P2"}} {
		eq(t, "after "+row.after.String(), ask[string](w, `SELECT string_agg(p.code, ',') FROM patrol_members m JOIN patrols p ON p.id = m.patrol_id
			WHERE m.staff_id = $1 AND m.valid @> $2::timestamptz`, wang.UUID, now.Add(row.after)), row.where)
	}
	w.shift(3*time.Hour + 30*time.Minute)
	if _, err := w.desk.EndMember(ctx, w.operator, p1, wang, dispatch.Ending{}); err != nil {
		t.Fatal(err)
	}
	_, err = w.desk.EndMember(ctx, w.operator, p1, wang, dispatch.Ending{})
	refused(t, "out of a patrol twice", err, dispatch.NotFound, "", "not in the patrol")
	eq(t, "events", ask[string](w, `SELECT string_agg(kind, ' ' ORDER BY id) FROM case_events WHERE kind LIKE 'member.%' AND body->>'actor' = $1`,
		"account:"+w.operator.Account.String()), "member.begins member.begins member.begins member.ends")
}

// Many ask for the same person at once; one gets them.
func TestOnePersonForManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wang := w.hand("wang")
	var group sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		group.Go(func() {
			to := w.ids["P1"]
			if i%2 == 1 {
				to = w.ids["P2"]
			}
			_, errs[i] = w.desk.AddMember(context.Background(), w.operator, to, dispatch.NewMember{Staff: wang})
		})
	}
	group.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case dispatch.KindOf(err) != dispatch.Conflict:
			t.Errorf("a loser hears %v", err)
		}
	}
	eq(t, "winners", won, 1)
}

// The worker is off for two hours and somebody stands in; a case goes to whoever has
// the grid at its own time.
func TestSubstituteTakesTheFirstLook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	zhao := w.hand("zhao")
	w.patrol("Z1", "grid", 5000)
	w.exec(`INSERT INTO patrol_members (patrol_id, staff_id, valid) VALUES ($1, $2, '[2020-01-01,)')`, w.ids["Z1"].UUID, zhao.UUID)
	w.post("near", "chief", 10) // a grid worker nearby, of no use while there is a substitute
	w.setStatus("G1", "off_duty")
	now := w.shift(0)
	from, until := now.Add(time.Hour), now.Add(3*time.Hour)
	err := w.desk.AddPost(ctx, w.operator, w.gridID(), dispatch.NewPost{Staff: zhao, Part: "substitute", From: &from, Until: &until})
	if err != nil {
		t.Fatal(err)
	}
	eq(t, "for whom", ask[uuid.UUID](w, `SELECT for_staff_id FROM grid_staff WHERE staff_id = $1`, zhao.UUID), w.staff["G1"].UUID)
	eq(t, "before", who(w.file("C11"), "grid"), "near")
	free := func(code string) {
		w.exec(`UPDATE assignments SET state = 'done' WHERE active`)
		w.exec(`UPDATE patrols SET claimed_by = NULL, status = 'free' WHERE code = $1`, code)
	}
	free("near")
	w.shift(90 * time.Minute)
	eq(t, "meanwhile", who(w.file("C11"), "grid"), "Z1")
	free("Z1")
	w.shift(4 * time.Hour)
	eq(t, "afterwards", who(w.file("C11"), "grid"), "near")

	err = w.desk.AddPost(ctx, w.operator, w.gridID(), dispatch.NewPost{Staff: zhao, Part: "worker"})
	refused(t, "a second worker", err, dispatch.Conflict, "grid-has-worker", "G1 is the grid's worker")
	if err := w.desk.AddPost(ctx, w.operator, w.gridID(), dispatch.NewPost{Staff: zhao, Part: "worker", Move: true}); err != nil {
		t.Fatal(err)
	}
	eq(t, "workers at present", ask[string](w, `SELECT string_agg(s.code, ',') FROM grid_staff g JOIN staff s ON s.id = g.staff_id WHERE part = 'worker' AND g.valid @> gp_now()`), "zhao")
	err = w.desk.AddPost(ctx, w.operator, w.gridID(), dispatch.NewPost{Staff: zhao, Part: "substitute", For: w.staff["leader"]})
	refused(t, "standing in for a stranger", err, dispatch.Invalid, "", "has no part in this grid")
	if err := w.desk.EndPost(ctx, w.operator, w.gridID(), zhao, "worker", dispatch.Ending{}); err != nil {
		t.Fatal(err)
	}
	refused(t, "ending it twice", w.desk.EndPost(ctx, w.operator, w.gridID(), zhao, "worker", dispatch.Ending{}), dispatch.NotFound, "", "nothing to end")
}

func TestShiftsOverHTTPNeverOverlap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	id := w.ids["P1"] // on duty from an hour ago for eight hours more
	now := w.shift(0)
	add := func(from, until time.Duration) (dispatch.Shift, error) {
		return w.desk.AddShift(ctx, w.operator, id, now.Add(from), now.Add(until))
	}
	_, err := add(2*time.Hour, 12*time.Hour)
	refused(t, "over the present one", err, dispatch.Conflict, "shift-overlap", "the patrol has a shift from")
	_, err = add(-2*time.Hour, -90*time.Minute)
	refused(t, "in the past", err, dispatch.Invalid, "", "never given after the fact")
	_, err = add(24*time.Hour, 24*40*time.Hour)
	refused(t, "for a month and more", err, dispatch.Invalid, "", "longer than 31 days")
	next, err := add(8*time.Hour, 16*time.Hour) // begins as the other ends
	if err != nil {
		t.Fatal(err)
	}
	shifts, err := w.desk.PatrolShifts(ctx, w.operator, id, now, now.Add(48*time.Hour))
	if err != nil || len(shifts) != 2 {
		t.Fatalf("%+v, %v", shifts, err)
	}
	present := shifts[0].ID
	at := func(d time.Duration) *time.Time { t := now.Add(d); return &t }
	_, err = w.desk.ChangeShift(ctx, w.operator, present, dispatch.ShiftChange{Until: at(9 * time.Hour)})
	refused(t, "longer, into the next", err, dispatch.Conflict, "shift-overlap", "change or end that one first")
	_, err = w.desk.ChangeShift(ctx, w.operator, present, dispatch.ShiftChange{From: at(time.Hour)})
	refused(t, "another beginning of one that has begun", err, dispatch.Invalid, "", "has passed")
	if _, err := w.desk.ChangeShift(ctx, w.operator, next.ID, dispatch.ShiftChange{From: at(10 * time.Hour), Until: at(12 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.desk.ChangeShift(ctx, w.operator, present, dispatch.ShiftChange{Until: at(9 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if err := w.desk.EndShift(ctx, w.operator, next.ID); err != nil {
		t.Fatal(err)
	}
	refused(t, "one that was taken back", w.desk.EndShift(ctx, w.operator, next.ID), dispatch.NotFound, "", "no such shift")
	w.shift(time.Hour)
	if err := w.desk.EndShift(ctx, w.operator, present); err != nil {
		t.Fatal(err)
	}
	refused(t, "one that is over", w.desk.EndShift(ctx, w.operator, present), dispatch.Conflict, "shift-over", "is over")
	if err := w.desk.Shifts(ctx); err != nil { // the tick
		t.Fatal(err)
	}
	eq(t, "status after the shift", w.status("P1"), dispatch.OffDuty)
	eq(t, "events", ask[int](w, `SELECT count(*)::int FROM case_events WHERE kind LIKE 'shift.%' AND patrol_id = $1`, id.UUID), 5)
}

// A town leader manages the people of the town, an officer those of the department,
// and nobody is told of what lies outside.
func TestWhoManagesWhom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	wang := w.hand("wang")
	viewer := func(role dispatch.Role, area, department string) dispatch.Viewer {
		return dispatch.Viewer{District: district, Account: dispatch.AccountID{UUID: uuid.New()}, Role: role, AreaCode: area, Department: department}
	}
	t1, t2 := viewer(dispatch.RoleTownLeader, "T1", ""), viewer(dispatch.RoleTownLeader, "T2", "")
	police := viewer(dispatch.RoleOfficer, "", "police")
	_, err := w.desk.AddMember(ctx, t2, w.ids["G1"], dispatch.NewMember{Staff: wang})
	refused(t, "another town's leader", err, dispatch.NotFound, "", "no such patrol")
	_, err = w.desk.AddMember(ctx, police, w.ids["P1"], dispatch.NewMember{Staff: wang})
	refused(t, "another department's person", err, dispatch.Invalid, "", "names nobody within your scope")
	_, err = w.desk.AddMember(ctx, viewer(dispatch.RoleOfficer, "", ""), w.ids["P1"], dispatch.NewMember{Staff: wang})
	refused(t, "an officer of nowhere", err, dispatch.Forbidden, "", "no area or department")
	refused(t, "a department over a grid", w.desk.AddPost(ctx, police, w.gridID(), dispatch.NewPost{Staff: wang, Part: "chief"}), dispatch.Forbidden, "", "managed by its town")
	refused(t, "another town over a grid", w.desk.AddPost(ctx, t2, w.gridID(), dispatch.NewPost{Staff: wang, Part: "chief"}), dispatch.NotFound, "", "no such grid")
	if _, err := w.desk.AddMember(ctx, t1, w.ids["G1"], dispatch.NewMember{Staff: wang}); err != nil {
		t.Errorf("the town's own leader: %v", err)
	}
	for name, row := range map[string]struct {
		viewer dispatch.Viewer
		people int
	}{"T1": {t1, 2}, "T2": {t2, 0}, "police": {police, 0}, "operator": {w.operator, 4}} {
		page, err := w.desk.People(ctx, row.viewer, dispatch.PeopleFilter{})
		if err != nil || len(page.Items) != row.people {
			t.Errorf("%s sees %d people (%v), want %d: %+v", name, len(page.Items), err, row.people, page.Items)
		}
		for _, p := range page.Items {
			if !dispatch.Manages(row.viewer, dispatch.ActManagePeople, p.Scope) {
				t.Errorf("%s is shown %s and may not manage them", name, p.Code)
			}
		}
	}
}

// A phone becomes a device once, moves to another patrol, is lost.
func TestDeviceFromEnrolmentToLoss(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	hash := func(b byte) []byte { return append(make([]byte, 31), b) }
	token := func(b byte) dispatch.TokenHash {
		return dispatch.TokenHash{ID: uuid.New(), Hash: hash(b), Hint: "gpd_abcd", TTL: time.Hour}
	}
	e, err := w.desk.OpenEnrolment(ctx, w.operator, w.ids["P1"], dispatch.StaffID{}, hash(1))
	if err != nil || e.State != "open" {
		t.Fatalf("%+v, %v", e, err)
	}
	phone, other := uuid.New(), uuid.New()
	redeem := func(code byte, install uuid.UUID, tok byte) (dispatch.Redeemed, error) {
		return w.desk.Redeem(ctx, dispatch.Redemption{CodeHash: hash(code), Name: "雨夜", Model: "M1", Install: install, Token: token(tok)})
	}
	_, err = redeem(9, phone, 10)
	refused(t, "a wrong code", err, dispatch.Invalid, dispatch.CodeBadEnrolment, "opens nothing")
	made, err := redeem(1, phone, 10)
	if err != nil || made.Code != "P1-1" || made.Patrol.ID != w.ids["P1"] {
		t.Fatalf("%+v, %v", made, err)
	}
	_, err = redeem(1, other, 11)
	refused(t, "another phone with the same code", err, dispatch.Invalid, dispatch.CodeBadEnrolment, "opens nothing")
	again, err := redeem(1, phone, 12)
	if err != nil || again.Device != made.Device {
		t.Errorf("the same phone again: %+v, %v", again, err)
	}
	eq(t, "good tokens", ask[int](w, `SELECT count(*)::int FROM tokens WHERE device_id = $1 AND revoked_at IS NULL`, made.Device.UUID), 1)
	w.shift(6 * time.Minute)
	_, err = redeem(1, phone, 13)
	refused(t, "the same phone much later", err, dispatch.Invalid, dispatch.CodeBadEnrolment, "opens nothing")

	old, err := w.desk.OpenEnrolment(ctx, w.operator, w.ids["P1"], dispatch.StaffID{}, hash(2))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.desk.OpenEnrolment(ctx, w.operator, w.ids["P1"], dispatch.StaffID{}, hash(3)); err != nil {
		t.Fatal(err)
	}
	if got, err := w.desk.Enrolment(ctx, w.operator, old.ID); err != nil || got.State != "withdrawn" {
		t.Errorf("the code before: %+v, %v", got, err)
	}
	_, err = redeem(2, other, 14)
	refused(t, "a withdrawn code", err, dispatch.Invalid, dispatch.CodeBadEnrolment, "")
	w.shift(22 * time.Minute)
	_, err = redeem(3, other, 14)
	refused(t, "a code of a quarter of an hour ago", err, dispatch.Invalid, dispatch.CodeBadEnrolment, "")

	if d, err := w.desk.BindDevice(ctx, w.operator, made.Device, dispatch.NewBinding{Patrol: w.ids["P2"]}); err != nil || d.Patrol == nil || d.Patrol.Code != "P2" {
		t.Fatalf("%+v, %v", d, err)
	}
	eq(t, "bindings at one instant", ask[bool](w, `SELECT upper(a.valid) = lower(b.valid) FROM device_bindings a, device_bindings b
		WHERE a.device_id = $1 AND b.device_id = $1 AND NOT upper_inf(a.valid) AND upper_inf(b.valid)`, made.Device.UUID), true)
	_, err = w.desk.BindDevice(ctx, w.operator, made.Device, dispatch.NewBinding{Patrol: w.ids["P2"]})
	refused(t, "to where it is", err, dispatch.Conflict, "already-bound", "speaks for this patrol already")

	before := ask[int64](w, `SELECT revision FROM access_revision`)
	lost, err := w.desk.RevokeDevice(ctx, w.operator, made.Device, "掉进河里")
	if err != nil || lost.RevokedAt == nil || lost.Patrol != nil || lost.Tokens != 0 {
		t.Fatalf("%+v, %v", lost, err)
	}
	if after := ask[int64](w, `SELECT revision FROM access_revision`); after == before {
		t.Error("no node is told to look at its sockets")
	}
	if _, err := w.desk.RevokeDevice(ctx, w.operator, made.Device, ""); err != nil {
		t.Errorf("lost twice: %v", err)
	}
	_, err = w.desk.BindDevice(ctx, w.operator, made.Device, dispatch.NewBinding{Patrol: w.ids["P1"]})
	refused(t, "binding what is lost", err, dispatch.Conflict, "device-revoked", "reported lost")
	page, err := w.desk.Devices(ctx, w.operator, dispatch.DeviceFilter{})
	if err != nil || len(page.Items) != 0 {
		t.Errorf("devices: %+v, %v", page.Items, err)
	}
	if page, err = w.desk.Devices(ctx, w.operator, dispatch.DeviceFilter{Revoked: true}); err != nil || len(page.Items) != 1 {
		t.Errorf("devices with those lost: %+v, %v", page.Items, err)
	}
	eq(t, "events", ask[string](w, `SELECT string_agg(kind, ' ' ORDER BY id) FROM case_events WHERE kind ~ '^(device|enrolment)\.'`),
		"enrolment.opened device.enrolled device.enrolled_again enrolment.opened enrolment.opened device.bound device.revoked")
}

// Two phones show one code in the same moment; one becomes the device.
func TestOneCodeForManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := append(make([]byte, 31), 1)
	if _, err := w.desk.OpenEnrolment(t.Context(), w.operator, w.ids["P1"], dispatch.StaffID{}, code); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		group.Go(func() {
			_, errs[i] = w.desk.Redeem(context.Background(), dispatch.Redemption{CodeHash: code, Install: uuid.New(),
				Token: dispatch.TokenHash{ID: uuid.New(), Hash: append(make([]byte, 31), byte(i+2)), Hint: "gpd_abcd", TTL: time.Hour}})
		})
	}
	group.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			refused(t, "a loser", err, dispatch.Invalid, dispatch.CodeBadEnrolment, "")
		}
	}
	eq(t, "winners", won, 1)
	eq(t, "devices", ask[int](w, `SELECT count(*)::int FROM devices`), 1)
}
