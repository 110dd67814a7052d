package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// person makes a member of staff of the grid department in the first town.
func (b *bundle) person(code string) string {
	b.t.Helper()
	id := uuid.Must(uuid.NewV7())
	b.exec(`INSERT INTO staff (id, district_id, code, name, role, department, area_code, phone)
	  VALUES ($1, $2, $3, $3, 'grid_worker', 'grid', '331004001', '13800000000')`, id, pgdb.District, code)
	return id.String()
}

func inTown(a *account) { a.area = "331004001" }

// "Who was responsible at 21:40 on 3 May", when the map was redrawn on the 4th and the
// worker changed on the 2nd, and who stood in that night.
func TestWhoAnsweredForAGridThen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 5, day, hour, minute, 0, 0, zone) }
	pgtest.SetNow(t, b.db, at(10, 12, 0))
	old := b.drawGrids("G-", at(1, 0, 0).AddDate(0, -3, 0), at(4, 0, 0))
	drawn := b.drawGrids("G-", at(4, 0, 0), time.Time{})
	hold := func(code, part, standsInFor string, from, until time.Time) string {
		id := b.person(code)
		var end, other any
		if !until.IsZero() {
			end = until
		}
		if standsInFor != "" {
			other = standsInFor
		}
		b.exec(`INSERT INTO grid_staff (district_id, grid_code, staff_id, part, valid, for_staff_id) VALUES ($1, 'G-1', $2, $3, tstzrange($4, $5), $6)`,
			pgdb.District, id, part, from, end, other)
		return id
	}
	hold("chen", "worker", "", at(1, 0, 0).AddDate(-1, 0, 0), at(2, 8, 0))
	lin := hold("lin", "worker", "", at(2, 8, 0), time.Time{})
	hold("zhao", "substitute", lin, at(3, 18, 0), at(3, 23, 0))
	hold("xu", "chief", "", at(1, 0, 0), time.Time{})
	operator, worker := b.as(dispatch.RoleOperator), b.as(dispatch.RoleAuditor)

	for _, row := range []struct {
		asked, found string // ids
		at           time.Time
		people       string
		inForce      bool
	}{
		{drawn["G-1"], old["G-1"], at(3, 21, 40), "worker lin, substitute zhao, chief xu", true},
		{old["G-1"], old["G-1"], at(3, 21, 40), "worker lin, substitute zhao, chief xu", true},
		{old["G-1"], old["G-1"], at(3, 23, 0), "worker lin, chief xu", true},
		{drawn["G-1"], old["G-1"], at(2, 7, 59), "worker chen, chief xu", true},
		{drawn["G-1"], old["G-1"], at(2, 8, 0), "worker lin, chief xu", true},
		{old["G-1"], drawn["G-1"], at(6, 9, 0), "worker lin, chief xu", true},
	} {
		r := b.want(200, call{path: "/api/v1/grids/" + row.asked + "?at=" + url.QueryEscape(row.at.Format(time.RFC3339)), token: operator})
		g := read[api.GridDetail](t, r)
		var people []string
		for _, p := range g.People {
			people = append(people, string(p.Part)+" "+p.Name)
			if p.Phone == nil || p.Since == nil {
				t.Errorf("%s has no telephone or beginning", p.Name)
			}
			if (p.Part == "substitute") != (p.StandsInFor != nil) || p.StandsInFor != nil && p.StandsInFor.Name != "lin" {
				t.Errorf("%s stands in for %+v", p.Name, p.StandsInFor)
			}
		}
		if got := strings.Join(people, ", "); got != row.people || g.Id.String() != row.found || g.InForce != row.inForce {
			t.Errorf("at %s: %s, drawing %s in force %v; want %s, %s", row.at, got, g.Id, g.InForce, row.people, row.found)
		}
	}
	// Without a time it is the drawing that was asked for, with its people of today.
	now := read[api.GridDetail](t, b.want(200, call{path: "/api/v1/grids/" + old["G-1"], token: worker}))
	if now.Id.String() != old["G-1"] || now.InForce || len(now.People) != 2 {
		t.Errorf("the old drawing now: %+v", now)
	}
	for _, p := range now.People {
		if p.Phone != nil {
			t.Errorf("an auditor is shown the telephone of %s", p.Name)
		}
	}
}

// Everything about people over HTTP, held against the description.
func TestPeopleOverHTTP(t *testing.T) {
	t.Parallel()
	b := setup(t)
	grids := b.drawGrids("G-", time.Now().Add(-time.Hour), time.Time{})
	_, patrol := b.device("D-1")
	b.exec(`UPDATE patrols SET department = 'grid', area_code = '331004001' WHERE id = $1`, patrol)
	wang, li := b.person("wang"), b.person("li")
	leader, other := b.as(dispatch.RoleTownLeader, inTown), b.as(dispatch.RoleTownLeader, within("331004002"))
	at := "/api/v1/patrols/" + patrol.String()

	in := read[api.PatrolDetail](t, b.want(201, call{method: "POST", path: at + "/members", token: leader, body: map[string]any{"staff_id": wang}}))
	if len(in.Members) != 1 || in.Members[0].Phone == nil {
		t.Errorf("members %+v", in.Members)
	}
	if r := b.want(404, call{method: "POST", path: at + "/members", token: other, body: map[string]any{"staff_id": li}}); r.problem().Type != "/problems/not-found" {
		t.Errorf("%s", r.body)
	}
	r := b.want(409, call{method: "POST", path: "/api/v1/patrols/" + patrolID.String() + "/members", token: b.as(dispatch.RoleOperator), body: map[string]any{"staff_id": wang}})
	if p := r.problem(); p.Type != "/problems/member-elsewhere" || p.Errors[0].Pointer != "/staff_id" || !strings.Contains(p.Detail, "P-D-1") {
		t.Errorf("%s", r.body)
	}
	for body, pointer := range map[string]string{
		`{"staff_id":"` + li + `","from":"2020-01-01T00:00:00Z","reason":"x"}`: "/from",
		`{"staff_id":"` + li + `","from":"yesterday"}`:                         "/from",
		`{"staff_id":"` + uuid.NewString() + `"}`:                              "/staff_id",
		`{"from":"2026-01-01T00:00:00Z"}`:                                      "/staff_id",
	} {
		r := b.want(400, call{method: "POST", path: at + "/members", token: leader, body: body})
		if p := r.problem(); p.Errors[0].Pointer != pointer {
			t.Errorf("%s: %s", body, r.body)
		}
	}
	then := read[api.PatrolDetail](t, b.want(200, call{path: at + "?at=2026-01-01T00:00:00Z", token: leader}))
	if len(then.Members) != 0 || then.Lat != nil {
		t.Errorf("in January: %+v", then)
	}
	out := read[api.PatrolDetail](t, b.want(200, call{method: "DELETE", path: at + "/members/" + wang, token: leader}))
	if len(out.Members) != 0 {
		t.Errorf("after leaving: %+v", out.Members)
	}
	b.want(404, call{method: "DELETE", path: at + "/members/" + wang, token: leader})

	grid := "/api/v1/grids/" + grids["G-1"] + "/people"
	g := read[api.GridDetail](t, b.want(201, call{method: "POST", path: grid, token: leader, body: map[string]any{"staff_id": wang, "part": "worker"}}))
	if len(g.People) != 1 || g.People[0].Name != "wang" {
		t.Errorf("%+v", g.People)
	}
	b.want(201, call{method: "POST", path: grid, token: leader, body: map[string]any{"staff_id": li, "part": "substitute", "until": time.Now().Add(time.Hour).Format(time.RFC3339)}})
	if r := b.want(409, call{method: "POST", path: grid, token: leader, body: map[string]any{"staff_id": li, "part": "worker"}}); r.problem().Type != "/problems/grid-has-worker" {
		t.Errorf("%s", r.body)
	}
	b.want(400, call{method: "DELETE", path: grid + "/" + li, token: leader})
	b.want(200, call{method: "DELETE", path: grid + "/" + li + "?part=substitute", token: leader})
	b.want(404, call{method: "POST", path: grid, token: other, body: map[string]any{"staff_id": li, "part": "chief"}})

	hour := func(n int) string { return time.Now().Add(time.Duration(n) * time.Hour).UTC().Format(time.RFC3339) }
	shift := read[api.Shift](t, b.want(201, call{method: "POST", path: at + "/shifts", token: leader, body: map[string]any{"from": hour(1), "until": hour(9)}}))
	if r := b.want(409, call{method: "POST", path: at + "/shifts", token: leader, body: map[string]any{"from": hour(8), "until": hour(10)}}); r.problem().Type != "/problems/shift-overlap" {
		t.Errorf("%s", r.body)
	}
	b.want(200, call{method: "PUT", path: "/api/v1/shifts/" + shift.Id.String(), token: leader, body: map[string]any{"until": hour(8)}})
	b.want(400, call{method: "PUT", path: "/api/v1/shifts/" + shift.Id.String(), token: leader, body: `{}`})
	b.want(404, call{method: "DELETE", path: "/api/v1/shifts/" + shift.Id.String(), token: other})
	if found := read[api.ShiftList](t, b.want(200, call{path: at + "/shifts", token: leader})); len(found.Items) != 1 {
		t.Errorf("%+v", found)
	}
	b.want(400, call{path: at + "/shifts?from=" + hour(0) + "&to=" + hour(-1), token: leader})
	b.want(204, call{method: "DELETE", path: "/api/v1/shifts/" + shift.Id.String(), token: leader})

	if found := read[api.PersonList](t, b.want(200, call{path: "/api/v1/staff?q=WAN", token: leader})); len(found.Items) != 1 || found.Items[0].Name != "wang" || len(found.Items[0].Posts) != 1 {
		t.Errorf("%+v", found)
	}
	b.want(403, call{path: "/api/v1/staff", token: b.as(dispatch.RoleGridWorker)})
	devices := read[api.DeviceList](t, b.want(200, call{path: "/api/v1/devices?patrol_id=" + patrol.String(), token: leader}))
	if len(devices.Items) != 1 || devices.Items[0].Patrol == nil || devices.Items[0].Tokens != 1 {
		t.Fatalf("%+v", devices)
	}
	d := "/api/v1/devices/" + devices.Items[0].Id.String()
	b.want(404, call{path: d, token: other})
	b.want(403, call{method: "POST", path: d + "/revoke", token: leader})
	b.want(200, call{method: "POST", path: d + "/unbind", token: leader})
	b.want(404, call{method: "POST", path: d + "/unbind", token: leader})
	b.want(400, call{method: "POST", path: d + "/bind", token: leader, body: map[string]any{"patrol_id": patrolID.String()}}) // another department's, nowhere
	b.want(200, call{method: "POST", path: d + "/bind", token: leader, body: map[string]any{"patrol_id": patrol.String()}})
}

// The whole of a phone's life: a code on a screen, once; a socket; lost; shut out
// within the second. The code never stands in the log.
func TestPhoneFromCodeToLoss(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.watch()
	operator := b.as(dispatch.RoleOperator)
	r := b.want(201, call{method: "POST", path: "/api/v1/enrolments", token: operator, body: map[string]any{"patrol_id": patrolID.String()}})
	code := read[api.EnrolmentCode](t, r)
	if want := b.url + "/enrol#" + code.Code; code.Url != want || len(code.Code) != 8 || code.State != "open" {
		t.Errorf("%s", r.body)
	}
	page := b.want(200, call{path: "/enrol"})
	if !strings.Contains(string(page.body), "phone") {
		t.Errorf("the page of the code: %s", page.body)
	}
	typed := strings.ToLower(code.Code[:4]) + " - " + code.Code[4:]
	redeem := map[string]any{"code": typed, "name": "王芳的手机", "model": "Mate", "install": uuid.NewString()}
	made := read[api.Enrolled](t, b.want(201, call{method: "POST", path: "/api/v1/enrolments/redeem", body: redeem}))
	if made.Patrol.Id != patrolID.UUID || made.Device.Code != "P-0-1" {
		t.Errorf("%+v", made)
	}
	redeem["install"] = uuid.NewString()
	if r := b.want(400, call{method: "POST", path: "/api/v1/enrolments/redeem", body: redeem}); r.problem().Type != "/problems/enrolment-code" {
		t.Errorf("%s", r.body)
	}
	if e := read[api.Enrolment](t, b.want(200, call{path: "/api/v1/enrolments/" + code.Id.String(), token: operator})); e.State != "used" || *e.DeviceId != made.Device.Id {
		t.Errorf("%+v", e)
	}
	b.want(409, call{method: "DELETE", path: "/api/v1/enrolments/" + code.Id.String(), token: operator})
	who := read[api.Session](t, b.want(200, call{path: "/api/v1/session", token: made.Token}))
	if who.Kind != "device" || *who.PatrolId != patrolID.UUID {
		t.Errorf("%+v", who)
	}
	sockets := []line{b.byToken("/ws/beacon", made.Token), b.byTicket("beacon", made.Token)}
	b.settle()
	lost := read[api.Device](t, b.want(200, call{method: "POST", path: "/api/v1/devices/" + made.Device.Id.String() + "/revoke", token: operator, body: `{"reason":"掉了"}`}))
	for _, l := range sockets {
		l.ends("a device is reported lost over HTTP")
	}
	if lost.RevokedAt == nil || lost.Tokens != 0 || lost.Patrol != nil {
		t.Errorf("%+v", lost)
	}
	b.want(http.StatusUnauthorized, call{path: "/api/v1/session", token: made.Token})
	for _, secret := range []string{code.Code, typed, made.Token} {
		if strings.Contains(b.log.String(), secret) {
			t.Error("a secret stands in the log")
		}
	}
}

// Somebody who tries codes is stopped soon; a good one costs nothing.
func TestCodesCannotBeTriedOut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	operator := b.as(dispatch.RoleOperator)
	try := func(code string) reply {
		return b.do(call{method: "POST", path: "/api/v1/enrolments/redeem", body: map[string]any{"code": code}})
	}
	for range 12 {
		code := read[api.EnrolmentCode](t, b.want(201, call{method: "POST", path: "/api/v1/enrolments", token: operator, body: map[string]any{"patrol_id": patrolID.String()}}))
		if r := try(code.Code); r.status != 201 {
			t.Fatalf("a good code: %d %s", r.status, r.body)
		}
	}
	for range 10 {
		if r := try("ACDEFGHJ"); r.status != 400 || r.problem().Type != "/problems/enrolment-code" {
			t.Fatalf("a wrong code: %d %s", r.status, r.body)
		}
	}
	r := try("ACDEFGHJ")
	if r.status != http.StatusTooManyRequests || r.header.Get("Retry-After") == "" || !strings.Contains(r.problem().Detail, "wrong codes") {
		t.Errorf("the eleventh: %d %s", r.status, r.body)
	}
	// What no code can be is told apart before anything is asked, and costs nobody.
	if r := try("0OIL"); r.status != 400 {
		t.Errorf("no code at all: %d %s", r.status, r.body)
	}
}
