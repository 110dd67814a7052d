package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// door says of a route whom it lets in and what it is about. Roles follow from the
// policy table, so a door names the actions that its caller needs one of.
type door struct {
	needs []dispatch.Action // none: everybody who is signed in
	// at addresses a row of the route's kind. The answer for a row of the caller's own
	// is a success, for a foreign one and for one that is not there the same 404.
	at func(p *planted) call
	// plain is the request of a route that is about no single row.
	plain call
	// wide narrows who is told 404 of a foreign row: without one of these the role
	// itself is refused, with 403, whether the row is there or not.
	wide []dispatch.Action
	// byMap: the row is one of the map, which no department bounds.
	byMap bool
	// mine: a row within scope is not enough, it must be of the caller's patrol.
	mine bool
	// settles is another answer to one's own row than a success: the door is open and
	// what stands behind it has a say of its own.
	settles int
	// refused is another answer to a foreign row than 404, where the row is named in the
	// body; the answer to one that is not there is still the same.
	refused int
	// letIn: one's own row is let in, and what comes of it is for other tests.
	letIn bool
	// tells is what of foreign rows the answer names by intent: GRID-, PAT-.
	tells []string
	// apart says where a route is walked that cannot be here.
	apart string
}

func get(path string) call { return call{path: path} }

func send(method, path, body string) call {
	c := call{method: method, path: path}
	if body != "" {
		c.body = body
	}
	return c
}

var (
	manage     = []dispatch.Action{dispatch.ActManagePeople}
	enrol      = []dispatch.Action{dispatch.ActEnrolDevice}
	administer = []dispatch.Action{dispatch.ActAdminister}
	tomorrow   = fmt.Sprintf(`{"from":%q,"until":%q}`, time.Now().Add(24*time.Hour).UTC().Format(time.RFC3339), time.Now().Add(28*time.Hour).UTC().Format(time.RFC3339))
)

// doors has a line for every route that is not open to anybody.
var doors = map[string]door{
	"GET /api/v1/session":    {plain: get("/api/v1/session")},
	"DELETE /api/v1/session": {plain: send("DELETE", "/api/v1/session", ""), settles: http.StatusBadRequest},
	"POST /api/v1/tickets":   {needs: []dispatch.Action{dispatch.ActWatchLive, dispatch.ActSendBeacon}, apart: "TestRoles; its sockets in TestLiveFramesKeepToTheirScope"},
	"PUT /api/v1/me/duty":    {needs: []dispatch.Action{dispatch.ActSetStatus}, settles: http.StatusConflict, plain: send("PUT", "/api/v1/me/duty", `{"on":true}`)},

	"POST /api/v1/reports": {needs: []dispatch.Action{dispatch.ActReport}, tells: []string{"GRID-", "PAT-"}, // whoever reports hears who answers for the place and who goes
		plain: send("POST", "/api/v1/reports", `{"category":"B03","location":{"lon":121.3851,"lat":28.5851}}`)},
	"GET /api/v1/reports":                 {needs: []dispatch.Action{dispatch.ActSeeCases}, plain: get("/api/v1/reports")},
	"POST /api/v1/reports/:id/evaluation": {settles: http.StatusBadRequest /* the code that came with the report is what lets it in */, needs: []dispatch.Action{dispatch.ActSeeCases}, apart: "the code of the report alone lets it in: TestAReporterSaysHowContentTheyAre"},
	"GET /api/v1/reports/:id":             {needs: []dispatch.Action{dispatch.ActSeeCases}, at: func(p *planted) call { return get("/api/v1/reports/" + p.report.String()) }},
	"GET /api/v1/photos/:sha256":          {settles: http.StatusServiceUnavailable /* nobody makes copies here */, needs: []dispatch.Action{dispatch.ActSeeCases}, at: func(p *planted) call { return get("/api/v1/photos/" + p.photo) }},
	"GET /api/v1/me/notices":              {plain: get("/api/v1/me/notices")},
	"POST /api/v1/me/notices/seen":        {plain: send("POST", "/api/v1/me/notices/seen", `{"up_to":1}`)},

	"GET /api/v1/operator-items": {needs: []dispatch.Action{dispatch.ActDispatch}, plain: get("/api/v1/operator-items")},
	"POST /api/v1/operator-items/:id/settle": {needs: []dispatch.Action{dispatch.ActDispatch},
		at: func(p *planted) call {
			return send("POST", "/api/v1/operator-items/"+number(p.item)+"/settle", `{"note":"已电话"}`)
		}},

	"GET /api/v1/cases":             {needs: []dispatch.Action{dispatch.ActSeeCases}, plain: get("/api/v1/cases")},
	"GET /api/v1/cases/:id":         {needs: []dispatch.Action{dispatch.ActSeeCases}, at: func(p *planted) call { return get("/api/v1/cases/" + p.caseID.String()) }},
	"GET /api/v1/cases/:id/dossier": {needs: []dispatch.Action{dispatch.ActDossier}, at: func(p *planted) call { return get("/api/v1/cases/" + p.caseID.String() + "/dossier") }},
	"POST /api/v1/cases/:id/dispatch": {needs: []dispatch.Action{dispatch.ActDispatch},
		at: func(p *planted) call { return send("POST", "/api/v1/cases/"+p.caseID.String()+"/dispatch", "") }},
	"POST /api/v1/cases/:id/undo": {needs: []dispatch.Action{dispatch.ActDispatch}, settles: http.StatusConflict,
		at: func(p *planted) call { return send("POST", "/api/v1/cases/"+p.caseID.String()+"/undo", "") }},
	"POST /api/v1/cases/:id/close": {needs: []dispatch.Action{dispatch.ActCloseCase},
		at: func(p *planted) call {
			return send("POST", "/api/v1/cases/"+p.caseID.String()+"/close", `{"reason":"已查处"}`)
		}},
	// Who may see a case, and neither is its commander nor makes cases covert, is refused.
	"PUT /api/v1/cases/:id/covert": {needs: []dispatch.Action{dispatch.ActSeeCases}, settles: http.StatusForbidden,
		at: func(p *planted) call {
			return send("PUT", "/api/v1/cases/"+p.caseID.String()+"/covert", `{"reason":"便衣摸排"}`)
		}},
	"POST /api/v1/cases/:id/release": {needs: []dispatch.Action{dispatch.ActSeeCases}, letIn: true, settles: http.StatusForbidden,
		at: func(p *planted) call { return send("POST", "/api/v1/cases/"+p.caseID.String()+"/release", "") }},
	// From no stage here is there anything to file, whoever asks.
	"POST /api/v1/cases/:id/moves": {needs: []dispatch.Action{dispatch.ActSeeCases}, settles: http.StatusConflict,
		at: func(p *planted) call {
			return send("POST", "/api/v1/cases/"+p.caseID.String()+"/moves", `{"move":"file"}`)
		}},
	"PUT /api/v1/cases/:id/rendezvous": {needs: []dispatch.Action{dispatch.ActDispatch}, settles: http.StatusConflict, // one alone
		at: func(p *planted) call {
			return send("PUT", "/api/v1/cases/"+p.caseID.String()+"/rendezvous", `{"lon":122.01,"lat":28.21}`)
		}},
	"DELETE /api/v1/cases/:id/rendezvous": {needs: []dispatch.Action{dispatch.ActDispatch}, settles: http.StatusConflict,
		at: func(p *planted) call { return send("DELETE", "/api/v1/cases/"+p.caseID.String()+"/rendezvous", "") }},
	"POST /api/v1/cases/:id/assignments/:aid/:action": {mine: true, needs: []dispatch.Action{dispatch.ActAnswer},
		at: func(p *planted) call {
			return send("POST", "/api/v1/cases/"+p.caseID.String()+"/assignments/"+p.assignment.String()+"/accept", "")
		}},

	"POST /api/v1/cases/:id/mission/:action": {needs: []dispatch.Action{dispatch.ActAnswer}, settles: http.StatusForbidden, tells: []string{"PAT-"}, // a mission is commanded by a grant; who could go is named
		at: func(p *planted) call {
			return send("POST", "/api/v1/cases/"+p.caseID.String()+"/mission/more", `{"department":"police"}`)
		}},

	"GET /api/v1/patrols":        {needs: []dispatch.Action{dispatch.ActSeePatrols, dispatch.ActSetStatus}, plain: get("/api/v1/patrols")},
	"GET /api/v1/patrols/within": {needs: []dispatch.Action{dispatch.ActSeePatrols}, plain: get("/api/v1/patrols/within?lon=121.3856&lat=28.5856&to_m=2000&limit=200")},
	"GET /api/v1/patrols/:id": {needs: []dispatch.Action{dispatch.ActSeePatrols, dispatch.ActSetStatus}, wide: []dispatch.Action{dispatch.ActSeePatrols},
		at: func(p *planted) call { return get("/api/v1/patrols/" + p.patrol.String()) }},
	"GET /api/v1/patrols/:id/track": {needs: []dispatch.Action{dispatch.ActSeeTracks, dispatch.ActSetStatus}, wide: []dispatch.Action{dispatch.ActSeeTracks},
		at: func(p *planted) call {
			return get("/api/v1/patrols/" + p.patrol.String() + "/track?from=2026-05-03T00:00:00Z")
		}},
	"GET /api/v1/patrols/:id/presence": {needs: []dispatch.Action{dispatch.ActSeeTracks, dispatch.ActSetStatus}, wide: []dispatch.Action{dispatch.ActSeeTracks},
		at: func(p *planted) call {
			return get("/api/v1/patrols/" + p.patrol.String() + "/presence?from=2026-05-03T00:00:00Z")
		}},
	"PUT /api/v1/patrols/:id/status": {mine: true, needs: []dispatch.Action{dispatch.ActSetStatus, dispatch.ActCommandPatrol}, settles: http.StatusConflict,
		at: func(p *planted) call {
			return send("PUT", "/api/v1/patrols/"+p.patrol.String()+"/status", `{"status":"break","version":1}`)
		}},

	"GET /api/v1/calendar":       {plain: get("/api/v1/calendar")},
	"GET /api/v1/category-rules": {plain: get("/api/v1/category-rules")},
	"GET /api/v1/revisits":       {needs: []dispatch.Action{dispatch.ActSeeCases}, plain: get("/api/v1/revisits")},
	"GET /api/v1/tiers":          {needs: []dispatch.Action{dispatch.ActSeeCases}, plain: get("/api/v1/tiers")},
	"POST /api/v1/revisits/:id/clear": {needs: []dispatch.Action{dispatch.ActReport},
		at: func(p *planted) call {
			return send("POST", "/api/v1/revisits/"+p.revisit.String()+"/clear", `{"note":"未见异常"}`)
		}},
	"GET /api/v1/dispatch-rules":        {plain: get("/api/v1/dispatch-rules")},
	"PUT /api/v1/dispatch-rules":        {needs: []dispatch.Action{dispatch.ActEditCalendar}, plain: send("PUT", "/api/v1/dispatch-rules", `{"hand_over_s":1200,"move_saves_s":240,"move_quiet_s":600}`)},
	"PUT /api/v1/category-rules/:code":  {needs: []dispatch.Action{dispatch.ActEditCalendar}, plain: send("PUT", "/api/v1/category-rules/B03", `{"check_percent":30,"listed":true}`)},
	"PUT /api/v1/calendar/hours":        {needs: []dispatch.Action{dispatch.ActEditCalendar}, plain: send("PUT", "/api/v1/calendar/hours", `{"hours":[{"from_min":510,"until_min":1050}]}`)},
	"PUT /api/v1/calendar/days":         {needs: []dispatch.Action{dispatch.ActEditCalendar}, plain: send("PUT", "/api/v1/calendar/days", `{"days":[{"day":"2026-10-01","kind":"holiday","name":"国庆节"}]}`)},
	"PUT /api/v1/calendar/days/:day":    {needs: []dispatch.Action{dispatch.ActEditCalendar}, plain: send("PUT", "/api/v1/calendar/days/2026-10-01", `{"kind":"holiday","name":"国庆节"}`)},
	"DELETE /api/v1/calendar/days/:day": {needs: []dispatch.Action{dispatch.ActEditCalendar}, plain: send("DELETE", "/api/v1/calendar/days/2026-10-01", "")},
	"GET /api/v1/duty-sheet":            {needs: []dispatch.Action{dispatch.ActDutySheet}, plain: get("/api/v1/duty-sheet")},
	"GET /api/v1/grids":                 {needs: []dispatch.Action{dispatch.ActMapData}, plain: get("/api/v1/grids")},
	"GET /api/v1/grids/:id":             {needs: []dispatch.Action{dispatch.ActMapData}, byMap: true, at: func(p *planted) call { return get("/api/v1/grids/" + p.grid.String()) }},
	// A report may be made anywhere, and who answers for the place is no secret.
	"GET /api/v1/locate":      {needs: []dispatch.Action{dispatch.ActMapData}, plain: get("/api/v1/locate?lon=121.3851&lat=28.5851"), tells: []string{"GRID-"}},
	"GET /api/v1/responsible": {needs: []dispatch.Action{dispatch.ActDossier}, plain: get("/api/v1/responsible?lon=121.3851&lat=28.5851&at=2026-05-03T21:40:00%2B08:00"), tells: []string{"GRID-"}},
	"GET /api/v1/nearest":     {needs: []dispatch.Action{dispatch.ActSeePatrols}, plain: get("/api/v1/nearest?lon=121.3856&lat=28.5856&limit=50")},
	"GET /api/v1/route":       {needs: []dispatch.Action{dispatch.ActMapData}, plain: get("/api/v1/route?from=121.38,28.58&to=121.39,28.58")},
	"POST /api/v1/nearest":    {needs: []dispatch.Action{dispatch.ActSeePatrols}, plain: send("POST", "/api/v1/nearest", `{"lon":121.3856,"lat":28.5856,"limit":50}`)},
	"POST /api/v1/route":      {needs: []dispatch.Action{dispatch.ActMapData}, plain: send("POST", "/api/v1/route", `{"from":[121.38,28.58],"to":[121.39,28.58]}`)},
	"POST /api/v1/matrix":     {needs: []dispatch.Action{dispatch.ActMapData}, plain: send("POST", "/api/v1/matrix", `{"from":[[121.38,28.58]],"to":[[121.39,28.58]]}`)},
	// The track of a patrol is in TestMatchOfAPatrol.
	"POST /api/v1/match": {needs: []dispatch.Action{dispatch.ActMapData}, settles: http.StatusServiceUnavailable, // there are no roads here
		plain: send("POST", "/api/v1/match", `{"fixes":[{"t":"2026-05-03T00:00:00Z","lon":121.38,"lat":28.58},{"t":"2026-05-03T00:00:10Z","lon":121.381,"lat":28.58}]}`)},
	"GET /api/v1/reach":    {needs: []dispatch.Action{dispatch.ActMapData}, plain: get("/api/v1/reach?lon=121.3856&lat=28.5856&minutes=5")},
	"GET /api/v1/coverage": {needs: []dispatch.Action{dispatch.ActSeePatrols}, plain: get("/api/v1/coverage?department=police")},
	// Roads are everybody's, and so is what closes them.
	"GET /api/v1/roads/closures": {needs: []dispatch.Action{dispatch.ActMapData}, plain: get("/api/v1/roads/closures")},
	"POST /api/v1/roads/closures": {needs: []dispatch.Action{dispatch.ActCloseRoads}, settles: http.StatusBadRequest, // there are no roads here
		plain: send("POST", "/api/v1/roads/closures", `{"geometry":{"type":"LineString","coordinates":[[121.38,28.58],[121.39,28.58]]},"reason":"积水"}`)},
	"GET /api/v1/roads/speeds":         {needs: []dispatch.Action{dispatch.ActMapData}, plain: get("/api/v1/roads/speeds")},
	"GET /api/v1/roads/speeds/learned": {needs: []dispatch.Action{dispatch.ActMapData}, plain: get("/api/v1/roads/speeds/learned")},
	"POST /api/v1/roads/speeds": {needs: []dispatch.Action{dispatch.ActCloseRoads}, settles: http.StatusCreated,
		plain: send("POST", "/api/v1/roads/speeds", `{"rules":[{"class":"primary","kmh":30}]}`)},
	"DELETE /api/v1/roads/speeds/:id":   {needs: []dispatch.Action{dispatch.ActCloseRoads}, plain: send("DELETE", "/api/v1/roads/speeds/"+caseID.String(), ""), settles: http.StatusNotFound},
	"DELETE /api/v1/roads/closures/:id": {needs: []dispatch.Action{dispatch.ActCloseRoads}, plain: send("DELETE", "/api/v1/roads/closures/"+caseID.String(), ""), settles: http.StatusNotFound},
	"GET /api/v1/cells":                 {needs: []dispatch.Action{dispatch.ActMapData}, plain: get("/api/v1/cells?res=9&layer=reports")},
	"GET /api/v1/tiles/:layer/:z/:x/:y": {needs: []dispatch.Action{dispatch.ActMapData}, plain: get("/api/v1/tiles/places/0/0/0.mvt")},
	"GET /api/v1/departments":           {plain: get("/api/v1/departments")},
	"GET /api/v1/categories":            {plain: get("/api/v1/categories")},
	"GET /api/v1/areas":                 {plain: get("/api/v1/areas")},

	// People and devices. What comes of a change depends on what stands in its way.
	"GET /api/v1/staff":       {needs: manage, plain: get("/api/v1/staff")},
	"GET /api/v1/devices":     {needs: manage, plain: get("/api/v1/devices")},
	"GET /api/v1/devices/:id": {needs: manage, at: func(p *planted) call { return get("/api/v1/devices/" + p.device.String()) }},
	"POST /api/v1/devices/:id/bind": {needs: manage, letIn: true, at: func(p *planted) call {
		return send("POST", "/api/v1/devices/"+p.device.String()+"/bind", `{"patrol_id":"`+p.patrol.String()+`"}`)
	}},
	"POST /api/v1/devices/:id/unbind": {needs: manage, letIn: true, at: func(p *planted) call { return send("POST", "/api/v1/devices/"+p.device.String()+"/unbind", "") }},
	"POST /api/v1/devices/:id/revoke": {needs: []dispatch.Action{dispatch.ActRevokeDevice}, letIn: true, at: func(p *planted) call {
		return send("POST", "/api/v1/devices/"+p.device.String()+"/revoke", `{"reason":"丢失"}`)
	}},
	"POST /api/v1/patrols/:id/members": {needs: manage, letIn: true, at: func(p *planted) call {
		return send("POST", "/api/v1/patrols/"+p.patrol.String()+"/members", `{"staff_id":"`+p.staff.String()+`"}`)
	}},
	"DELETE /api/v1/patrols/:id/members/:staff_id": {needs: manage, letIn: true, at: func(p *planted) call {
		return send("DELETE", "/api/v1/patrols/"+p.patrol.String()+"/members/"+p.staff.String(), "")
	}},
	"GET /api/v1/patrols/:id/shifts":  {needs: []dispatch.Action{dispatch.ActSeePatrols, dispatch.ActSetStatus}, wide: []dispatch.Action{dispatch.ActSeePatrols}, at: func(p *planted) call { return get("/api/v1/patrols/" + p.patrol.String() + "/shifts") }},
	"POST /api/v1/patrols/:id/shifts": {needs: manage, letIn: true, at: func(p *planted) call { return send("POST", "/api/v1/patrols/"+p.patrol.String()+"/shifts", tomorrow) }},
	"PUT /api/v1/shifts/:id":          {needs: manage, letIn: true, at: func(p *planted) call { return send("PUT", "/api/v1/shifts/"+p.shift.String(), tomorrow) }},
	"DELETE /api/v1/shifts/:id":       {needs: manage, letIn: true, at: func(p *planted) call { return send("DELETE", "/api/v1/shifts/"+p.shift.String(), "") }},
	// A grid's people are its town's business and no department's, so these visitors of
	// the police are told so of their own town's grids.
	"POST /api/v1/grids/:id/people": {needs: manage, byMap: true, settles: http.StatusForbidden, at: func(p *planted) call {
		return send("POST", "/api/v1/grids/"+p.grid.String()+"/people", `{"staff_id":"`+p.staff.String()+`","part":"chief"}`)
	}},
	"DELETE /api/v1/grids/:id/people/:staff_id": {needs: manage, byMap: true, settles: http.StatusForbidden, at: func(p *planted) call {
		return send("DELETE", "/api/v1/grids/"+p.grid.String()+"/people/"+p.staff.String()+"?part=chief", "")
	}},
	"POST /api/v1/enrolments": {needs: enrol, letIn: true, refused: http.StatusBadRequest, at: func(p *planted) call {
		return send("POST", "/api/v1/enrolments", `{"patrol_id":"`+p.patrol.String()+`"}`)
	}},
	"GET /api/v1/enrolments/:id":    {needs: enrol, at: func(p *planted) call { return get("/api/v1/enrolments/" + p.enrolment.String()) }},
	"DELETE /api/v1/enrolments/:id": {needs: enrol, letIn: true, at: func(p *planted) call { return send("DELETE", "/api/v1/enrolments/"+p.enrolment.String(), "") }},

	// One registered without a town and a department is more than these visitors' business.
	"GET /api/v1/webhooks":     {needs: administer, plain: get("/api/v1/webhooks")},
	"POST /api/v1/webhooks":    {needs: administer, settles: http.StatusBadRequest, plain: send("POST", "/api/v1/webhooks", `{"name":"x","url":"https://example.org/","kinds":["case.opened"]}`)},
	"GET /api/v1/webhooks/:id": {needs: administer, at: func(p *planted) call { return get("/api/v1/webhooks/" + p.hook.String()) }},
	"PATCH /api/v1/webhooks/:id": {needs: administer, at: func(p *planted) call {
		return send("PATCH", "/api/v1/webhooks/"+p.hook.String(), `{"enabled":false}`)
	}},
	"DELETE /api/v1/webhooks/:id":         {needs: administer, at: func(p *planted) call { return send("DELETE", "/api/v1/webhooks/"+p.hook.String(), "") }},
	"POST /api/v1/webhooks/:id/test":      {needs: administer, at: func(p *planted) call { return send("POST", "/api/v1/webhooks/"+p.hook.String()+"/test", "") }},
	"GET /api/v1/webhooks/:id/deliveries": {needs: administer, at: func(p *planted) call { return get("/api/v1/webhooks/" + p.hook.String() + "/deliveries") }},

	"GET /metrics":   {needs: []dispatch.Action{dispatch.ActAdminister}, plain: get("/metrics")},
	"GET /ws/beacon": {needs: []dispatch.Action{dispatch.ActSendBeacon}, apart: "its tests in package realtime"},
	"GET /ws/live":   {needs: []dispatch.Action{dispatch.ActWatchLive}, apart: "TestLiveFramesKeepToTheirScope"},
}

// more are further addresses of plain routes, where one is not all there is.
var more = map[string][]call{
	"GET /api/v1/cases":   {get("/api/v1/cases?open=true&limit=200"), get("/api/v1/cases?department=market")},
	"GET /api/v1/reports": {get("/api/v1/reports?limit=200")},
	"GET /api/v1/patrols": {get("/api/v1/patrols?limit=200"), get("/api/v1/patrols?department=market")},
	"GET /api/v1/patrols/within": {get("/api/v1/patrols/within?limit=200&polygon=" + url.QueryEscape(`{"type":"Polygon","coordinates":[[[121.3,28.5],[121.5,28.5],[121.5,28.7],[121.3,28.7]]]}`)),
		get("/api/v1/patrols/within?lon=121.3856&lat=28.5856&to_m=2000&department=market")},
	"GET /api/v1/cells":                 {get("/api/v1/cells?res=7&layer=reports"), get("/api/v1/cells?res=9&layer=reports")},
	"GET /api/v1/tiles/:layer/:z/:x/:y": {get("/api/v1/tiles/grids/0/0/0.mvt"), get("/api/v1/tiles/grids/5/27/13.mvt"), get("/api/v1/tiles/places/5/27/13.mvt")},
}

// TestEveryRouteKeepsToItsScope walks what the router knows with every role: a row of
// one's own, foreign rows of three kinds, one that is not there, and without the
// permission. A route that is not in the table fails the walk. Once it goes with the
// second wall taken down: what a handler or a query keeps back it keeps back alone.
func TestEveryRouteKeepsToItsScope(t *testing.T) {
	t.Parallel()
	t.Run("both walls", func(t *testing.T) {
		t.Parallel()
		setupScope(t, nil).everyRouteKeepsToItsScope()
	})
	t.Run("the queries alone", func(t *testing.T) {
		t.Parallel()
		w := setupScope(t, nil)
		pgtest.WallDown(t, w.db)
		w.everyRouteKeepsToItsScope()
	})
}

func (w *scopeWorld) everyRouteKeepsToItsScope() {
	t := w.t
	w.everyDoorIsInTheTable()
	for _, role := range roles {
		v := w.visitors[role]
		before := w.fingerprint()
		for _, name := range sortedDoors() {
			if d := doors[name]; d.apart == "" {
				w.foreignRows(name, d, v)
			}
		}
		for table, sum := range w.fingerprint() {
			if before[table] != sum {
				t.Errorf("%s: what was refused changed the table %s", role, table)
			}
		}
		for _, name := range sortedDoors() {
			if d := doors[name]; d.apart == "" && may(v, d.needs) {
				w.ownRows(name, d, v)
			}
		}
	}
}

func (w *scopeWorld) everyDoorIsInTheTable() {
	w.t.Helper()
	known := map[string]bool{}
	for _, route := range w.server.Routes() {
		name := route.Method + " " + route.Path
		known[name] = true
		if _, there := doors[name]; !there && !slices.Contains(open, name) {
			w.t.Errorf("route %s is not walked: add a line to doors in scope_test.go that says which actions it needs, and how to address a row of the caller's own and a foreign one (at), or that it is about no single row (plain)", name)
		}
	}
	for name := range doors {
		if !known[name] {
			w.t.Errorf("the walk has a line for %s, which the router does not know", name)
		}
	}
}

// foreignRows asks for what is not the caller's, or what the role may not do at all.
func (w *scopeWorld) foreignRows(name string, d door, v *visitor) {
	w.t.Helper()
	ask := func(p *planted) (call, reply) {
		c := d.plain
		if d.at != nil {
			c = d.at(p)
		}
		c.token = v.token
		return c, w.do(c)
	}
	if may(v, d.needs) && d.at == nil {
		return
	}
	c, missing := ask(w.missing)
	if !may(v, d.needs) {
		if missing.status != http.StatusForbidden || missing.problem().Type != "/problems/forbidden" {
			w.t.Errorf("%s: %s %s without the permission: %d %.200s, want 403", v.Role, c.method, c.path, missing.status, missing.body)
		}
		return
	}
	status := http.StatusNotFound
	if d.refused != 0 {
		status = d.refused
	}
	if !may(v, d.wide) {
		status = http.StatusForbidden
	}
	for _, p := range w.foreign {
		if d.byMap && dispatch.VisibleOnMap(v.Viewer, p.ground) {
			continue
		}
		c, r := ask(p)
		if r.status != status || unlike(r) != unlike(missing) {
			w.t.Errorf("%s: %s %s, which is %s: %d %s, want %d and the words for one that is not there: %s", v.Role, c.method, c.path, p.name, r.status, r.body, status, missing.body)
		}
	}
}

// ownRows asks for what is the caller's, and looks for what is not in the answers.
func (w *scopeWorld) ownRows(name string, d door, v *visitor) {
	w.t.Helper()
	calls := append([]call{d.plain}, more[name]...)
	own := w.own(v, d.mine || v.OwnWorkOnly() || !may(v, d.wide))
	if d.at != nil {
		calls = []call{d.at(own)}
	}
	for _, c := range calls {
		c.token = v.token
		for range 60 { // pages
			r := w.do(c)
			letIn := d.letIn && r.status < 500 && r.status != http.StatusUnauthorized && r.status != http.StatusForbidden && r.status != http.StatusNotFound
			if r.status >= 300 && r.status != d.settles && !letIn {
				w.t.Errorf("%s: %s %s, one's own: %d %.300s", v.Role, c.method, c.path, r.status, r.body)
			}
			for _, p := range w.foreign {
				for _, mark := range p.marks(v.Viewer) {
					if bytes.Contains(r.body, []byte(mark)) && !slices.ContainsFunc(d.tells, func(kind string) bool { return kind == p.kind(mark) }) {
						w.t.Errorf("%s: the answer to %s %s tells of %s, which is %s", v.Role, c.method, c.path, mark, p.name)
					}
				}
			}
			var page struct {
				Next *string `json:"next_cursor"`
			}
			if json.Unmarshal(r.body, &page) != nil || page.Next == nil {
				break
			}
			at, err := url.Parse(c.path)
			if err != nil {
				w.t.Fatal(err)
			}
			q := at.Query()
			q.Set("cursor", *page.Next)
			at.RawQuery = q.Encode()
			c.path = at.String()
		}
	}
}

func may(v *visitor, needs []dispatch.Action) bool {
	return len(needs) == 0 || slices.ContainsFunc(needs, func(a dispatch.Action) bool { return dispatch.May(v.Viewer, a) })
}

// unlike is a problem without what differs from request to request.
func unlike(r reply) string {
	p := r.problem()
	p.RequestId = nil
	body, _ := json.Marshal(p)
	return string(body)
}

func number(n int64) string {
	b, _ := json.Marshal(n)
	return string(b)
}

func sortedDoors() []string {
	names := make([]string, 0, len(doors))
	for name := range doors {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
