package api_test

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
)

// noDeed are routes that are no GET and change nothing that anybody answers for.
var noDeed = map[string]string{
	"POST /api/v1/match":             "a question whose track is too long for an address; a look at a patrol's is recorded",
	"POST /api/v1/matrix":            "a question whose places are too many for an address",
	"POST /api/v1/route":             "a question whose closed areas are too long for an address",
	"POST /api/v1/nearest":           "the same; the looks at positions are recorded",
	"POST /api/v1/webhooks/:id/test": "a message that tells of nothing, and stands in the list of messages",
	"POST /api/v1/tickets":           "half a minute's way into a socket, whose looks and messages are recorded themselves",
}

// deed is a way to make a route that changes something succeed. Own is of the caller,
// who is an operator without a bound.
type deed func(w *scopeWorld, name string) call

func byDoor(w *scopeWorld, name string) call {
	d := doors[name]
	if d.at != nil {
		return d.at(w.plant(uuid.NewString(), w.visitors[dispatch.RoleOperator].District, home, "police", visitor{}))
	}
	return d.plain
}

// byDutyLeader is the call of the door by somebody who may do more than an operator.
func byDutyLeader(w *scopeWorld, name string) call {
	c := byDoor(w, name)
	c.token = w.visitors[dispatch.RoleDutyLeader].token
	return c
}

// byAdmin is the same by an administrator, who is of the home town's police.
func byAdmin(w *scopeWorld, name string) call {
	c := byDoor(w, name)
	c.token = w.visitors[dispatch.RoleAdmin].token
	return c
}

// deeds are those that the call of the door does not bring to succeed.
var deeds = map[string]deed{
	"POST /api/v1/session": func(w *scopeWorld, _ string) call {
		w.signIn(dispatch.RoleDutyLeader)
		return call{method: "POST", path: "/api/v1/session", body: map[string]string{"username": "person-duty_leader", "password": password}}
	},
	"DELETE /api/v1/session": func(w *scopeWorld, _ string) call {
		cookie, session := w.signIn(dispatch.RoleInstructor)
		return call{method: "DELETE", path: "/api/v1/session", cookie: cookie, header: map[string]string{"X-CSRF-Token": *session.Csrf}}
	},
	"POST /api/v1/cases/:id/release": func(w *scopeWorld, _ string) call {
		p := w.plant("to-release", w.visitors[dispatch.RoleOperator].District, home, "police", visitor{})
		w.exec(`UPDATE cases SET covert = '{"since":"2026-05-03T00:00:00Z","until":"2126-05-03T00:00:00Z","reason":"x","by":null}',
		  commanders = (SELECT array_agg(id) FROM accounts WHERE role = 'operator') WHERE id = $1`, p.caseID)
		return send("POST", "/api/v1/cases/"+p.caseID.String()+"/release", "")
	},
	"PUT /api/v1/me/duty": func(*scopeWorld, string) call { return send("PUT", "/api/v1/me/duty", `{"on":false}`) },
	"PUT /api/v1/patrols/:id/status": func(w *scopeWorld, _ string) call {
		p := w.visitors[dispatch.RoleOfficer].Patrol
		w.exec(`UPDATE assignments SET state = 'done', ended_at = gp_now() WHERE patrol_id = $1 AND active`, p)
		w.exec(`UPDATE patrols SET claimed_by = NULL, status = 'free', version = version + 1 WHERE id = $1`, p)
		return send("PUT", "/api/v1/patrols/"+p.String()+"/status", fmt.Sprintf(`{"status":"break","version":%d}`, ask[int](w.bundle, `SELECT version FROM patrols WHERE id = $1`, p)))
	},
	"POST /api/v1/me/notices/seen": func(w *scopeWorld, name string) call {
		p := w.plant(name, w.visitors[dispatch.RoleOperator].District, home, "police", visitor{})
		id := ask[int64](w.bundle, `INSERT INTO notices (district_id, case_id, account_id, report_id, why, text_zh, text_en) VALUES ($1, $2, $3, $4, 'closed', '办结', 'closed') RETURNING id`,
			w.visitors[dispatch.RoleOperator].District, p.caseID, w.visitors[dispatch.RoleOperator].Account, p.report)
		return send("POST", "/api/v1/me/notices/seen", fmt.Sprintf(`{"ids":[%d]}`, id))
	},
	"POST /api/v1/cases/:id/undo": func(w *scopeWorld, name string) call {
		p := w.plant(name, w.visitors[dispatch.RoleOperator].District, home, "police", visitor{})
		w.exec(`UPDATE cases SET undo_until = gp_now() + interval '1 h' WHERE id = $1`, p.caseID)
		return send("POST", "/api/v1/cases/"+p.caseID.String()+"/undo", "")
	},
	"PUT /api/v1/cases/:id/rendezvous": func(w *scopeWorld, name string) call {
		return doors[name].at(w.withMission(name))
	},
	"DELETE /api/v1/cases/:id/rendezvous": func(w *scopeWorld, name string) call {
		return doors[name].at(w.withMission(name))
	},
	"POST /api/v1/cases/:id/assignments/:aid/:action": func(w *scopeWorld, name string) call {
		v := w.visitors[dispatch.RoleOfficer]
		c := doors[name].at(w.own(v, true))
		c.token = v.token
		return c
	},
	"POST /api/v1/cases/:id/moves": func(w *scopeWorld, name string) call {
		p := w.plant(name, w.visitors[dispatch.RoleOperator].District, home, "police", visitor{})
		return send("POST", "/api/v1/cases/"+p.caseID.String()+"/moves", `{"move":"urge","reason":"已过半小时"}`)
	},
	"POST /api/v1/reports/:id/evaluation": func(w *scopeWorld, name string) call {
		here := w.visitors[dispatch.RoleOperator].District
		p := w.plant(name, here, home, "police", visitor{})
		w.exec(`UPDATE cases SET stage = 'closed', closed_at = gp_now() WHERE id = $1`, p.caseID)
		sum := sha256.Sum256([]byte(p.report.String() + ".7QK2M9XD4T"))
		w.exec(`INSERT INTO follow_ups (district_id, report_id, code_hash) VALUES ($1, $2, $3)`, here, p.report, sum[:])
		return call{method: "POST", path: "/api/v1/reports/" + p.report.String() + "/evaluation", header: map[string]string{followUpHeader: "7QK2M-9XD4T"}, body: `{"satisfaction":"dissatisfied","words":"又来了"}`}
	},
	"PUT /api/v1/category-rules/:code": byDutyLeader,
	"POST /api/v1/webhooks": func(w *scopeWorld, name string) call {
		w.exec(`UPDATE webhooks SET deleted_at = gp_now()`) // a district has no more than it may
		c := byAdmin(w, name)
		c.body = `{"name":"x","url":"https://example.org/","kinds":["case.opened"],"area_code":"` + home + `","department":"police"}`
		return c
	},
	"PATCH /api/v1/webhooks/:id":  byAdmin,
	"DELETE /api/v1/webhooks/:id": byAdmin,
	"PUT /api/v1/dispatch-rules":  byDutyLeader,
	"PUT /api/v1/calendar/hours":  byDutyLeader,
	"PUT /api/v1/calendar/days": func(w *scopeWorld, name string) call {
		c := byDutyLeader(w, name)
		c.body = `{"days":[{"day":"2026-10-02","kind":"holiday","name":"国庆节"}]}` // not that of the route of one day
		return c
	},
	"PUT /api/v1/calendar/days/:day": byDutyLeader,
	"DELETE /api/v1/calendar/days/:day": func(w *scopeWorld, name string) call {
		w.want(http.StatusOK, byDutyLeader(w, "PUT /api/v1/calendar/days/:day"))
		return byDutyLeader(w, name)
	},
	"POST /api/v1/roads/closures": func(w *scopeWorld, _ string) call {
		w.withRoads()
		return send("POST", "/api/v1/roads/closures", overTheBridge)
	},
	"DELETE /api/v1/roads/closures/:id": func(w *scopeWorld, _ string) call {
		w.withRoads()
		made := read[api.Closure](w.t, w.want(http.StatusCreated, call{method: "POST", path: "/api/v1/roads/closures", token: w.visitors[dispatch.RoleOperator].token, body: overTheBridge}))
		return send("DELETE", "/api/v1/roads/closures/"+made.Id.String(), "")
	},
	"DELETE /api/v1/roads/speeds/:id": func(w *scopeWorld, _ string) call {
		made := read[api.SpeedsSet](w.t, w.want(http.StatusCreated, call{method: "POST", path: "/api/v1/roads/speeds", token: w.visitors[dispatch.RoleOperator].token,
			body: `{"rules":[{"class":"primary","kmh":30}]}`}))
		return send("DELETE", "/api/v1/roads/speeds/"+made.Items[0].Id.String(), "")
	},
	"POST /api/v1/patrols/:id/members": func(w *scopeWorld, name string) call {
		p := w.plant(name, w.visitors[dispatch.RoleOperator].District, home, "police", visitor{})
		w.exec(`DELETE FROM patrol_members WHERE patrol_id = $1`, p.patrol)
		return doors[name].at(p)
	},
	"POST /api/v1/devices/:id/bind": func(w *scopeWorld, name string) call {
		p := w.plant(name, w.visitors[dispatch.RoleOperator].District, home, "police", visitor{})
		w.exec(`DELETE FROM device_bindings WHERE device_id = $1`, p.device)
		w.exec(`INSERT INTO device_bindings (device_id, patrol_id, valid) VALUES ($1, $2, tstzrange(gp_now() - interval '2 h', gp_now() - interval '1 h'))`, p.device, p.patrol)
		return doors[name].at(p)
	},
	"DELETE /api/v1/grids/:id/people/:staff_id": func(w *scopeWorld, name string) call {
		p := w.plant(name, w.visitors[dispatch.RoleOperator].District, home, "police", visitor{})
		w.exec(`INSERT INTO grid_staff (district_id, grid_code, staff_id, part, valid) VALUES ($1, $2, $3, 'chief', tstzrange(gp_now() - interval '1 h', NULL))`,
			w.visitors[dispatch.RoleOperator].District, "GRID-"+p.name, p.staff)
		return doors[name].at(p)
	},
	"POST /api/v1/enrolments/redeem": func(w *scopeWorld, name string) call {
		p := w.plant(name, w.visitors[dispatch.RoleOperator].District, home, "police", visitor{})
		made := read[api.EnrolmentCode](w.t, w.want(http.StatusCreated, call{method: "POST", path: "/api/v1/enrolments", token: w.visitors[dispatch.RoleOperator].token,
			body: `{"patrol_id":"` + p.patrol.String() + `"}`}))
		return call{method: "POST", path: "/api/v1/enrolments/redeem", body: map[string]any{"code": made.Code, "install": uuid.NewString()}}
	},
}

// Every route of the router that changes something writes an event that says who did
// it, from where, and, where a row was changed, what was before and after. A route
// that is not known here, or that could not be brought to succeed, fails the walk.
func TestEveryChangeIsAnEvent(t *testing.T) {
	t.Parallel()
	w := setupScope(t, nil)
	operator := w.visitors[dispatch.RoleOperator]
	w.exec(`UPDATE accounts SET area_code = NULL, department = NULL WHERE id = $1`, operator.Account)
	for _, route := range w.server.Routes() {
		name := route.Method + " " + route.Path
		if route.Method == "GET" || route.Method == "HEAD" || noDeed[name] != "" {
			continue
		}
		do := deeds[name]
		if do == nil {
			do = byDoor
		}
		c := do(w, name)
		if c.token == "" && c.cookie == nil && !slices.Contains(open, name) {
			c.token = operator.token
		}
		before := ask[int64](w.bundle, `SELECT coalesce(max(id), 0) FROM case_events`)
		r := w.do(c)
		if r.status >= 300 {
			t.Errorf("%s: %d %.200s: let this walk succeed with a line in deeds, or say in noDeed why it changes nothing", name, r.status, r.body)
			continue
		}
		if n := ask[int](w.bundle, `SELECT count(*) FROM case_events WHERE id > $1 AND body->>'actor' <> 'system' AND kind NOT LIKE 'viewed.%'
		  AND EXISTS (SELECT FROM event_openings WHERE 'sha256:' || encode(commitment, 'hex') = body->>'from')`, before); n == 0 {
			t.Errorf("%s: %d, and no event says who did it and from where: %s", name, r.status,
				ask[string](w.bundle, `SELECT coalesce(string_agg(body::text, E'\n'), 'none') FROM case_events WHERE id > $1`, before))
		}
		w.everyEventSaysWhatChanged(name, before)
	}
}

// tells are kinds of events in which nothing changes: they tell of something beside the
// events that changed it.
var tells = map[string]string{
	"told":                  "people were told; the case is as it was",
	"answered":              "reporters were told; that it ended is the event after",
	"plan":                  "a plan was made; whom it claims is in the events of assignments",
	"assignment.offer_left": "the offer of before left",
	"result":                "what was done is said; where the case goes with it is the event after",
	"checked":               "what was found is said; where the case goes with it is the event after",
}

// made are kinds of something that was not there before.
var made = []string{"reported", "session.opened", "enrolment.opened", "closure.made", "speeds.set", "device.enrolled"}

// about is the field that an event of a kind is about: that another changed with it, such
// as a clock, is not enough.
var about = map[string]string{
	"stage": "stage", "urged": "urged", "supervised": "supervision", "supervision.answered": "supervision", "asked": "ask", "refused": "ask", "granted": "ask",
	"returned": "returns", "ruled": "ruled", "settled": "tier", "undone": "undo_until", "item_settled": "settled_at", "shortfall": "item", "notice.seen": "seen",
	"revisit.clear": "revisits", "mission.rendezvous": "mission", "mission.go": "mission", "covert": "covert", "covert.until": "covert", "covert.released": "covert",
	"assignment.offered": "assignments", "assignment.accepted": "assignments", "assignment.en_route": "assignments", "assignment.on_scene": "assignments",
	"assignment.done": "assignments", "assignment.declined": "assignments", "assignment.recalled": "assignments",
}

// said says whether there is anything in what was before or is after.
func said(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) > 0
	case []any:
		return len(v) > 0
	}
	return v != nil
}

// everyEventSaysWhatChanged holds every event that somebody's deed wrote after a number to
// what it changed: something before, something else after, each of the same fields.
func (w *scopeWorld) everyEventSaysWhatChanged(deed string, since int64) {
	w.t.Helper()
	rows, err := w.db.Query(w.t.Context(), `SELECT kind, body FROM case_events WHERE id > $1 AND body->>'actor' <> 'system' AND kind NOT LIKE 'viewed.%' ORDER BY id`, since)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var kind string
		var body struct{ Before, After any }
		if err := rows.Scan(&kind, &body); err != nil {
			w.t.Fatal(err)
		}
		switch {
		case tells[kind] != "":
		case slices.Contains(made, kind):
			if !said(body.After) {
				w.t.Errorf("%s: %s does not say what it made", deed, kind)
			}
		case !said(body.Before) || !said(body.After):
			w.t.Errorf("%s: %s does not say what was before and after: %v > %v", deed, kind, body.Before, body.After)
		case reflect.DeepEqual(body.Before, body.After):
			w.t.Errorf("%s: %s says that nothing changed: %v", deed, kind, body.After)
		default:
			was, _ := body.Before.(map[string]any)
			if is, _ := body.After.(map[string]any); about[kind] != "" {
				if _, there := is[about[kind]]; !there {
					w.t.Errorf("%s: %s does not say what became of %s: %v", deed, kind, about[kind], is)
				}
			}
			is, _ := body.After.(map[string]any) // of the people of a patrol they are lists
			for _, field := range slices.Sorted(maps.Keys(is)) {
				if _, there := was[field]; !there {
					w.t.Errorf("%s: %s does not say what %s was before", deed, kind, field)
				}
			}
		}
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
}

// What a case was before and what it is after stands in the events of one decision,
// and nothing of it changes between them.
func TestEventsSayWhatChanged(t *testing.T) {
	t.Parallel()
	w := setupScope(t, nil)
	operator := w.visitors[dispatch.RoleOperator]
	w.exec(`UPDATE accounts SET area_code = NULL, department = NULL WHERE id = $1`, operator.Account)
	p := w.plant("closes", operator.District, home, "police", visitor{})
	w.want(http.StatusOK, call{method: "POST", path: "/api/v1/cases/" + p.caseID.String() + "/close", token: operator.token, body: `{"reason":"已查处"}`})
	got := ask[string](w.bundle, `SELECT string_agg(kind || ' ' || coalesce(body->'before'->>'stage', '-') || '>' || coalesce(body->'after'->>'stage', '-') || ' '
	  || coalesce(body->'before'->'assignments'->>$2, '-') || '>' || coalesce(body->'after'->'assignments'->>$2, '-') || ' ' || coalesce(body->>'why', ''), E'\n' ORDER BY id)
	  FROM case_events WHERE case_id = $1`, p.caseID, p.assignment.String())
	for _, want := range []string{"assignment.recalled -", "offered>recalled", "stage dispatched>signed", "stage verifying>closed", "已查处"} {
		if !strings.Contains(got, want) {
			t.Errorf("the history does not say %q:\n%s", want, got)
		}
	}
}

// So does every move of a case's course: orders, requests and what was said to them,
// returns, rulings, urges, checks.
func TestEveryMoveSaysWhatChanged(t *testing.T) {
	t.Parallel()
	w := setupScope(t, nil)
	operator, leader := w.visitors[dispatch.RoleOperator], w.visitors[dispatch.RoleDutyLeader]
	w.exec(`UPDATE accounts SET area_code = NULL, department = NULL WHERE id = ANY ($1)`, []string{operator.Account.String(), leader.Account.String()})
	p := w.plant("moves", operator.District, home, "police", visitor{})
	w.exec(`UPDATE cases SET urgency = 'hard' WHERE id = $1`, p.caseID)
	wrote := map[string]bool{}
	later := ask[time.Time](w.bundle, `SELECT gp_now()`).Add(72 * time.Hour).UTC().Format(time.RFC3339)
	for _, m := range []struct{ by, body string }{
		{operator.token, `{"move":"urge","reason":"已过半小时"}`},
		{operator.token, `{"move":"return","owner":"town","reason":"不属本单位"}`},
		{operator.token, `{"move":"dispatch","owner":"town"}`},
		{operator.token, `{"move":"return","owner":"village","reason":"由村里办"}`},
		{leader.token, `{"move":"rule","owner":"police","reason":"三定方案"}`},
		{operator.token, `{"move":"dispatch"}`},
		{leader.token, `{"move":"supervise","level":"district","reason":"群众反映强烈"}`},
		{operator.token, `{"move":"sign"}`},
		{operator.token, `{"move":"start"}`},
		{operator.token, `{"move":"answer","result":"已约谈业主"}`},
		{operator.token, `{"move":"ask_suspension","until":"` + later + `","reason":"业主在外"}`},
		{leader.token, `{"move":"refuse","reason":"理由不足"}`},
		{operator.token, `{"move":"ask_extension","days":3,"reason":"需委托检测"}`},
		{leader.token, `{"move":"grant"}`},
		{operator.token, `{"move":"resume"}`},
		{operator.token, `{"move":"feedback","result":"已查封"}`},
		{leader.token, `{"move":"fail","reason":"槽还在"}`},
		{operator.token, `{"move":"feedback","result":"已拆除"}`},
		{leader.token, `{"move":"pass","result":"复核无槽"}`},
		{leader.token, `{"move":"reopen","reason":"又有举报"}`},
	} {
		before := ask[int64](w.bundle, `SELECT coalesce(max(id), 0) FROM case_events`)
		w.want(http.StatusOK, call{method: "POST", path: "/api/v1/cases/" + p.caseID.String() + "/moves", token: m.by, body: m.body})
		w.everyEventSaysWhatChanged(m.body, before)
		for kind := range strings.SplitSeq(ask[string](w.bundle, `SELECT coalesce(string_agg(kind, ' '), '') FROM case_events WHERE id > $1`, before), " ") {
			wrote[kind] = true
		}
	}
	for _, kind := range []string{"urged", "returned", "handed_over", "ruled", "supervised", "supervision.answered", "asked", "refused", "granted", "result", "checked", "settled", "stage"} {
		if !wrote[kind] {
			t.Errorf("no move wrote %s", kind)
		}
	}
	for kind := range wrote {
		if !api.KnownKind(kind) {
			t.Errorf("%s has no words", kind)
		}
	}
}

// Looks at where people are, and at lists with their telephones, are events too, once
// in ten minutes.
func TestLooksAreEvents(t *testing.T) {
	t.Parallel()
	w := setupScope(t, nil)
	operator := w.visitors[dispatch.RoleOperator]
	for range 3 {
		w.want(http.StatusOK, call{path: "/api/v1/patrols", token: operator.token})
	}
	if n := ask[int](w.bundle, `SELECT count(*) FROM case_events WHERE kind = 'viewed.position' AND body->>'actor' = 'account:' || $1::text AND jsonb_array_length(body->'detail'->'patrols') > 0`,
		operator.Account.String()); n != 1 {
		t.Errorf("%d events of one look", n)
	}
	p := w.plant("called", operator.District, home, "police", visitor{})
	w.exec(`UPDATE staff SET phone = '139-0000' WHERE id = $1`, p.staff)
	w.want(http.StatusOK, call{path: "/api/v1/patrols/" + p.patrol.String(), token: operator.token})
	if n := ask[int](w.bundle, `SELECT count(*) FROM case_events WHERE kind = 'viewed.phones' AND body->'detail'->'staff' = to_jsonb(ARRAY[$1::text]) AND body::text NOT LIKE '%139-0000%'`,
		p.staff.String()); n != 1 {
		t.Errorf("%d events of one look at a telephone", n)
	}
	w.want(http.StatusOK, call{path: "/api/v1/duty-sheet", token: operator.token})
	if n := ask[int](w.bundle, `SELECT count(*) FROM case_events WHERE kind = 'viewed.duty_sheet'`); n != 1 {
		t.Errorf("%d events of one print", n)
	}
}

// One function of one file writes events.
func TestOnePlaceWritesEvents(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "grep", "-rl", "--include=*.go", "INSERT INTO case_"+"events", "..").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range strings.Fields(string(out)) {
		if !strings.HasSuffix(file, "_test.go") && file != "../proof/pgproof/write.go" {
			t.Errorf("%s inserts events by itself; let pgproof.Queue do it", file)
		}
	}
	if _, err := os.Stat("../proof/pgproof/write.go"); err != nil {
		t.Error(err)
	}
}

// withMission plants a case that gathers.
func (w *scopeWorld) withMission(name string) *planted {
	p := w.plant(name, w.visitors[dispatch.RoleOperator].District, home, "police", visitor{})
	w.exec(`INSERT INTO missions (id, district_id, case_id, state) VALUES (gen_random_uuid(), $1, $2, 'gathering')`, w.visitors[dispatch.RoleOperator].District, p.caseID)
	return p
}
