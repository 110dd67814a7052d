package api_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
)

// noDeed are routes that are no GET and change nothing that anybody answers for.
var noDeed = map[string]string{
	"POST /api/v1/match":   "a question whose track is too long for an address; a look at a patrol's is recorded",
	"POST /api/v1/matrix":  "a question whose places are too many for an address",
	"POST /api/v1/route":   "a question whose closed areas are too long for an address",
	"POST /api/v1/nearest": "the same; the looks at positions are recorded",
	"POST /api/v1/tickets": "half a minute's way into a socket, whose looks and messages are recorded themselves",
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
	"PUT /api/v1/category-rules/:code":  byDutyLeader,
	"PUT /api/v1/calendar/hours":        byDutyLeader,
	"PUT /api/v1/calendar/days/:day":    byDutyLeader,
	"DELETE /api/v1/calendar/days/:day": byDutyLeader,
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
