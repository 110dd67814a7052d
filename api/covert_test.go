package api_test

import (
	"bytes"
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/proof"
	"github.com/gridpatrol/gridpatrol/realtime"
)

// covertWorld is the town of the walk with a covert case in it that everybody there
// would see were it not covert, and beside it a case that everybody sees, which was
// planned when the covert one was under way.
type covertWorld struct {
	*scopeWorld
	secret, neighbour *planted
	going, back       dispatch.PatrolID           // on the covert case; done with it, and still there
	marks             []string                    // what of the covert case must not be read anywhere
	shown             []string                    // hashes of photos that came with its steps
	own               map[dispatch.Role]uuid.UUID // a report of each visitor, which went into the covert case
}

// The target of the covert case, and where the patrol is that is on its way to it. The
// neighbour lies 70 m off, in another cell of the finest size.
var (
	target = geo.Point{Lon: 121.9041239, Lat: 28.4041237}
	onWay  = geo.Point{Lon: 121.7771239, Lat: 28.7771237}
)

func neighbourOf(p geo.Point) geo.Point {
	for _, d := range [][2]float64{{0.0007, 0}, {-0.0007, 0}, {0, 0.0006}, {0, -0.0006}, {0.0005, 0.0005}, {-0.0005, -0.0005}} {
		q := geo.Point{Lon: p.Lon + d[0], Lat: p.Lat + d[1]}
		q.Lon, q.Lat = q.Lon+0.0000011, q.Lat+0.0000011 // no digits in common
		if cell.At(q, 9) != cell.At(p, 9) {
			return q
		}
	}
	panic("move the target towards the border of its cell")
}

func setupCovert(t *testing.T, watch func(*dispatch.Service) api.Socket) *covertWorld {
	t.Helper()
	w := &covertWorld{scopeWorld: setupScope(t, watch)}
	here := dispatch.DistrictID{UUID: pgdb.District}
	w.secret, w.neighbour = w.plant("secret", here, home, "police", visitor{}), w.plant("neighbour", here, home, "police", visitor{})
	w.going = dispatch.PatrolID{UUID: w.secret.patrol}
	put := func(p *planted, at geo.Point) {
		w.exec(`UPDATE cases SET lon = $2, lat = $3, cell = $4 WHERE id = $1`, p.caseID, at.Lon, at.Lat, int64(cell.At(at, 9)))
		w.exec(`UPDATE reports SET lon = $2, lat = $3, sent_lon = $2, sent_lat = $3 WHERE case_id = $1`, p.caseID, at.Lon, at.Lat)
	}
	next := neighbourOf(target)
	put(w.secret, target)
	put(w.neighbour, next)
	w.exec(`UPDATE cases SET description = 'SECRET-WORDS' WHERE id = $1`, w.secret.caseID)
	w.exec(`UPDATE reports SET description = 'SECRET-WORDS' WHERE case_id = $1`, w.secret.caseID)
	w.exec(`UPDATE patrols SET status = 'on_scene', version = version + 1 WHERE id = $1`, w.going.UUID)
	w.exec(`UPDATE assignments SET state = 'on_scene' WHERE id = $1`, w.secret.assignment)
	at := w.live[w.policeID].T
	w.live[w.going] = dispatch.Position{PatrolID: w.going, Department: "police", Point: onWay, T: at, Presence: dispatch.Online}
	// Another was there and is free again, and stands by.
	w.back.UUID = uuid.Must(uuid.NewV7())
	w.exec(`INSERT INTO patrols (id, district_id, code, name, department, mode, area_code, status) VALUES ($1, $2, 'BACK', 'BACK', 'police', 'car', $3, 'free')`, w.back, here, home)
	w.exec(`INSERT INTO duties (id, patrol_id, during, source) VALUES ($1, $2, tstzrange(gp_now() - interval '1 h', gp_now() + interval '8 h'), 'shift')`, uuid.New(), w.back)
	w.exec(`INSERT INTO assignments (id, district_id, case_id, patrol_id, plan_id, department, kind, part, state, mode, made_at, ended_at)
	  SELECT $1, district_id, case_id, $2, plan_id, 'police', 'department', 'assist', 'done', 'car', gp_now() - interval '1 h', gp_now() FROM assignments WHERE id = $3`,
		uuid.Must(uuid.NewV7()), w.back, w.secret.assignment)
	stands := geo.Point{Lon: target.Lon + 0.0031, Lat: target.Lat + 0.0031}
	w.live[w.back] = dispatch.Position{PatrolID: w.back, Department: "police", Point: stands, T: at, Presence: dispatch.Online}
	// The neighbour's plan looked at both, a ruling was made on the covert case, and
	// people were told of it before it was covert.
	w.exec(`UPDATE cases SET stage = 'returned' WHERE id = $1`, w.neighbour.caseID)
	w.exec(`UPDATE assignments SET made_at = gp_now() + interval '1 s', candidates = jsonb_build_array(
	    jsonb_build_object('patrol_id', $2::uuid, 'code', 'PAT-secret', 'name', 'PAT-secret', 'mode', 'car', 'lon', $3::float8, 'lat', $4::float8, 'air_m', 98761.5, 'rejected_because', 'busy: on scene'),
	    jsonb_build_object('patrol_id', $5::uuid, 'code', 'BACK', 'name', 'BACK', 'mode', 'car', 'lon', $6::float8, 'lat', $7::float8, 'eta_s', 98762.5, 'rejected_because', 'goes to case N-secret, matched in the same batch'))
	  WHERE id = $1`, w.neighbour.assignment, w.going.UUID, onWay.Lon, onWay.Lat, w.back.UUID, stands.Lon, stands.Lat)
	w.exec(`INSERT INTO rulings (id, district_id, case_id, category, lon, lat, owner, came_from, reason) VALUES ($1, $2, $3, 'B03', $4, $5, 'police', 'market', 'SECRET-RULING')`,
		uuid.New(), here, w.secret.caseID, next.Lon, next.Lat)
	for _, v := range w.visitors {
		if !v.Staff.IsZero() {
			w.exec(`INSERT INTO notices (district_id, case_id, staff_id, why, text_zh, text_en) VALUES ($1, $2, $3, 'town_leader', 'SECRET-NOTICE', 'SECRET-NOTICE')`, here, w.secret.caseID, v.Staff)
		}
	}
	// What stands beside it names it: one case went into it, it came of another, a look at
	// that one's place found it; and its own place lies in a worker's grid.
	w.exec(`UPDATE cases SET flow = jsonb_set(flow, '{joined}', jsonb_build_object('case_id', $2::uuid, 'number', 'N-secret', 'at', gp_now(), 'reports', '[]'::jsonb)) WHERE id = $1`, w.neighbour.caseID, w.secret.caseID)
	w.exec(`INSERT INTO case_joins (id, district_id, case_id, into_case_id, reports) VALUES ($1, $2, $3, $4, $5)`, uuid.New(), here, w.neighbour.caseID, w.secret.caseID, []uuid.UUID{w.neighbour.report})
	w.exec(`INSERT INTO case_links (district_id, case_id, old_case_id, why) VALUES ($1, $2, $3, 'nearby')`, here, w.secret.caseID, w.neighbour.caseID)
	w.exec(`UPDATE revisits SET state = 'found', new_case_id = $2, done_at = gp_now(), done_by = 'system' WHERE case_id = $1`, w.neighbour.caseID, w.secret.caseID)
	for _, kind := range []string{"joined", "joined_in", "came_back", "combined", "split_off"} {
		e, err := proof.Write(proof.Entry{Kind: kind, At: time.Now(), District: here.UUID, Case: w.neighbour.caseID, Actor: proof.Actor{Name: "system"},
			Detail: map[string]any{"case": w.secret.caseID, "number": "N-secret", "distance_m": 98763.5}})
		if err != nil {
			t.Fatal(err)
		}
		w.exec(`INSERT INTO case_events (district_id, case_id, kind, at, canonical, body) VALUES ($1, $2, $3, gp_now(), $4, $5)`, here, w.neighbour.caseID, kind, e.Canonical, string(e.Canonical))
	}
	// Everybody reported it, as a case of their own that was joined to it.
	w.own = map[dispatch.Role]uuid.UUID{}
	for role, v := range w.visitors {
		filed, report := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
		w.own[role] = report
		device := v.Device.UUID
		if role == dispatch.RoleDevice {
			device = ask[uuid.UUID](w.bundle, `SELECT id FROM devices WHERE code = 'D-walk'`)
		}
		w.exec(`INSERT INTO cases (id, district_id, number, stage, dispatch, category, urgency, lon, lat, cell, areas, departments, closed_at, reporter_account, reporter_device, covert)
		  VALUES ($1, $2, $3, 'void', 'none', 'B03', 'ordinary', 121.38, 28.58, 1, $4, '{police}', gp_now(), $5, $6, jsonb_build_object('since', gp_now(), 'until', gp_now() + interval '1 h', 'reason', 'SECRET-REASON'))`,
			filed, here, "OWN-"+string(role), []string{home, upThere}, orNil(v.Account.UUID), orNil(device))
		w.exec(`INSERT INTO reports (id, district_id, case_id, category, lon, lat, sent_lon, sent_lat, sent_crs, cell, description, reporter_account, reporter_device, observed_at)
		  VALUES ($1, $2, $3, 'B03', 121.38, 28.58, 121.38, 28.58, 'wgs84', 1, 'x', $4, $5, gp_now())`, report, here, w.secret.caseID, orNil(v.Account.UUID), orNil(device))
		w.exec(`INSERT INTO case_joins (id, district_id, case_id, into_case_id, reports) VALUES ($1, $2, $3, $4, $5)`, uuid.New(), here, filed, w.secret.caseID, []uuid.UUID{report})
	}
	w.exec(`INSERT INTO grid_staff (district_id, grid_code, staff_id, part, valid) VALUES ($1, 'GRID-secret', $2, 'worker', '[2020-01-01,)')`, here, w.visitors[dispatch.RoleGridWorker].Staff)
	w.marks = []string{w.secret.caseID.String(), w.secret.report.String(), w.secret.photo, "N-secret", "SECRET-", "121.9041239", "28.4041237",
		"121.7771239", "28.7771237", "121.9072239", "98761.5", "98762.5", "98763.5", w.secret.revisit.String(), cell.At(target, 9).String(), cell.At(onWay, 9).String(), cell.At(stands, 9).String()}
	w.shown = w.showSteps()
	w.marks = append(w.marks, w.shown...)
	// What a store that forgets to ask would answer as the track of anybody.
	w.desk.fixes = []api.TrackPoint{{T: time.Now().Add(30 * time.Second), Lon: stands.Lon, Lat: stands.Lat}, {T: time.Now().Add(time.Minute), Lon: target.Lon, Lat: target.Lat}}
	// Fences that they crossed, at the target and before they were sent.
	secretFence, openFence, area := "SECRET-FENCE", "OPEN-FENCE", "place"
	w.desk.moments = []realtime.PresenceMoment{{ID: 1, At: time.Now().Add(-40 * time.Minute), Kind: "entered", Area: &area, Name: &openFence},
		{ID: 2, At: time.Now().Add(30 * time.Second), Kind: "entered", Area: &area, Name: &secretFence}, {ID: 3, At: time.Now().Add(40 * time.Second), Kind: "stale"}}
	w.cover(time.Now().Add(time.Hour))
	return w
}

func (w *covertWorld) cover(until time.Time) {
	w.exec(`UPDATE cases SET covert = jsonb_build_object('since', gp_now(), 'until', $2::timestamptz, 'reason', 'SECRET-REASON') WHERE id = $1`, w.secret.caseID, until)
}

func (w *covertWorld) asOwner(query string) {
	w.t.Helper()
	err := w.db.Owner(w.t.Context(), func(conn *pgx.Conn) error {
		_, err := conn.Exec(w.t.Context(), query)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// may the viewer know? Said here once more, in the words of the decision.
func knows(v dispatch.Viewer) bool {
	return v.Role == dispatch.RoleAdmin || v.Role == dispatch.RoleDutyLeader
}

// ofCase are the doors whose rows hang on a case: of a covert one they are not there.
var ofCase = []string{"/api/v1/cases/:id", "/api/v1/reports/:id", "/api/v1/photos/:sha256", "/api/v1/operator-items/:id", "/api/v1/revisits/:id"}

// TestNoDoorTellsOfACovertCase walks what the router knows with every role. The rows of
// the covert case are answered like rows that are not there; every other answer is
// searched for what it must not hold. Whoever knows of it finds it.
func TestNoDoorTellsOfACovertCase(t *testing.T) {
	t.Parallel()
	t.Run("both walls", func(t *testing.T) {
		t.Parallel()
		setupCovert(t, nil).walk()
	})
	t.Run("the queries alone", func(t *testing.T) {
		t.Parallel()
		w := setupCovert(t, nil)
		pgtest.WallDown(t, w.db)
		w.walk()
	})
}

func (w *covertWorld) walk() {
	t := w.t
	w.everyDoorIsInTheTable()
	more := []call{
		get("/api/v1/cases?limit=200"), get("/api/v1/reports?limit=200"), get("/api/v1/patrols?limit=200"), get("/api/v1/patrols?status=on_scene"), get("/api/v1/patrols?department=police&status=free"),
		get("/api/v1/cells?res=9&layer=reports"), get("/api/v1/cells?res=9&layer=patrols"), get("/api/v1/operator-items?limit=200"), get("/api/v1/me/notices?limit=200"),
		get("/api/v1/nearest?lon=121.9041&lat=28.4041&limit=50"), get("/api/v1/nearest?lon=121.7771&lat=28.7771&limit=50&department=police"),
		get("/api/v1/patrols/within?lon=121.9041&lat=28.4041&to_m=3000"), get("/api/v1/patrols/within?lon=121.7771&lat=28.7771&to_m=200&department=police"),
		get("/api/v1/cases/" + w.neighbour.caseID.String()), get("/api/v1/cases/" + w.neighbour.caseID.String() + "/dossier"),
		get("/api/v1/cases/" + w.neighbour.caseID.String() + "/dossier?lang=en"), get("/api/v1/duty-sheet"), get("/api/v1/coverage?department=police&res=9"),
		get("/api/v1/patrols/" + w.going.String()), get("/api/v1/patrols/" + w.back.String()),
		get("/api/v1/reach?patrol=" + w.going.String() + "&minutes=1&res=9"), get("/api/v1/reach?patrol=" + w.back.String() + "&minutes=1&res=9"),
		get("/api/v1/reports/N-secret"), get("/api/v1/locate?lon=121.9&lat=28.4"), get("/api/v1/calendar"), get("/metrics"),
	}
	tracks := []call{}
	for _, id := range []dispatch.PatrolID{w.going, w.back} {
		tracks = append(tracks, get("/api/v1/patrols/"+id.String()+"/track?from="+time.Now().Add(-2*time.Hour).UTC().Format(time.RFC3339)))
	}
	more = append(more, tracks...)
	records := []call{}
	for _, id := range []dispatch.PatrolID{w.going, w.back} {
		records = append(records, get("/api/v1/patrols/"+id.String()+"/presence?from="+time.Now().Add(-2*time.Hour).UTC().Format(time.RFC3339)))
	}
	more = append(more, records...)
	for _, role := range roles {
		v := w.visitors[role]
		if knows(v.Viewer) {
			continue // last: what they do may change it
		}
		for _, name := range sortedDoors() {
			d := doors[name]
			if d.apart != "" || !may(v, d.needs) || strings.HasPrefix(name, "DELETE /api/v1/session") || strings.HasPrefix(name, "POST /api/v1/reports") {
				continue
			}
			path := strings.SplitN(name, " ", 2)[1]
			hangs := false
			for _, prefix := range ofCase {
				hangs = hangs || strings.HasPrefix(path, prefix)
			}
			switch {
			case hangs:
				c, missing := d.at(w.secret), d.at(w.missing)
				c.token, missing.token = v.token, v.token
				r, m := w.do(c), w.do(missing)
				if r.status != http.StatusNotFound || unlike(r) != unlike(m) {
					t.Errorf("%s: %s %s of the covert case: %d %.200s, want the words for one that is not there: %d %.200s", role, c.method, c.path, r.status, r.body, m.status, m.body)
				}
			case d.at == nil && d.plain.method == "":
				w.search(role, d.plain, v.token)
			}
		}
		for _, c := range append(more, get("/api/v1/reports/"+w.own[role].String()), get("/api/v1/reports?mine=true&limit=200")) {
			w.search(role, c, v.token)
		}
		if r := w.do(call{path: "/api/v1/reports?mine=true", token: v.token}); r.status == http.StatusOK && !bytes.Contains(r.body, []byte("OWN-"+string(role))) {
			t.Errorf("%s: their own list has lost what they reported: %s", role, r.body)
		}
		if may(v, []dispatch.Action{dispatch.ActSeePatrols}) && !v.OwnWorkOnly() {
			r := w.want(http.StatusOK, call{path: "/api/v1/patrols/" + w.going.String(), token: v.token})
			if !bytes.Contains(r.body, []byte(`"status":"assigned"`)) || !bytes.Contains(r.body, []byte(`"lon":null`)) || bytes.Contains(r.body, []byte(`"lost"`)) {
				t.Errorf("%s: a patrol on a covert case is busy like any other, and not lost: %s", role, r.body)
			}
			if r := w.want(http.StatusOK, call{path: "/api/v1/patrols?status=assigned&limit=200", token: v.token}); !bytes.Contains(r.body, []byte(w.going.String())) {
				t.Errorf("%s: the list of the busy leaves out a patrol on a covert case", role)
			}
		}
	}
	for _, role := range []dispatch.Role{dispatch.RoleAdmin, dispatch.RoleDutyLeader} {
		v := w.visitors[role]
		before := ask[int](w.bundle, `SELECT count(*) FROM case_events WHERE case_id = $1 AND kind = 'viewed.case'`, w.secret.caseID)
		r := w.want(http.StatusOK, call{path: "/api/v1/cases/" + w.secret.caseID.String(), token: v.token})
		if !bytes.Contains(r.body, []byte("SECRET-WORDS")) || !bytes.Contains(r.body, []byte("SECRET-REASON")) {
			t.Errorf("%s: does not see the covert case: %s", role, r.body)
		}
		if after := ask[int](w.bundle, `SELECT count(*) FROM case_events WHERE case_id = $1 AND kind = 'viewed.case'`, w.secret.caseID); after != before+1 {
			t.Errorf("%s: a look left %d events", role, after-before)
		}
		for _, mark := range []string{"121.7771239", "121.9072239"} {
			if r := w.want(http.StatusOK, call{path: "/api/v1/patrols?limit=200", token: v.token}); !bytes.Contains(r.body, []byte(mark)) {
				t.Errorf("%s: does not see the place %s of who is on it", role, mark)
			}
		}
		for _, c := range records {
			if r := w.want(http.StatusOK, call{path: c.path, token: v.token}); !bytes.Contains(r.body, []byte("SECRET-FENCE")) {
				t.Errorf("%s: does not see the fences of who is on it: %s", role, r.body)
			}
		}
		for _, c := range tracks {
			if r := w.want(http.StatusOK, call{path: c.path, token: v.token}); !bytes.Contains(r.body, []byte("121.9041239")) {
				t.Errorf("%s: does not see the track of who is on it: %s", role, r.body)
			}
		}
		for _, path := range []string{"/api/v1/reports", "/api/v1/cases/" + w.neighbour.caseID.String(), "/api/v1/revisits", "/api/v1/operator-items"} { // each shows it
			w.asOwner(`DELETE FROM case_views`)
			w.want(http.StatusOK, call{path: path, token: v.token})
			if n := ask[int](w.bundle, `SELECT count(*) FROM case_views WHERE case_id = $1 AND viewer_id = $2 AND what = 'list'`, w.secret.caseID, v.Account); n != 1 {
				t.Errorf("%s: %s left %d looks", role, path, n)
			}
		}
		for range 2 { // a list is asked for again and again, and is one look
			w.want(http.StatusOK, call{path: "/api/v1/cases", token: v.token})
		}
		if n := ask[int](w.bundle, `SELECT count(*) FROM case_views WHERE case_id = $1 AND viewer_id = $2`, w.secret.caseID, v.Account); n < 1 || n > 2 {
			t.Errorf("%s: lists left %d looks", role, n)
		}
	}
}

// search asks and looks for what must not be read, on every page.
func (w *covertWorld) search(role dispatch.Role, c call, token string) {
	w.t.Helper()
	c.token = token
	r := w.do(c)
	if r.status >= 500 && r.status != http.StatusServiceUnavailable {
		w.t.Errorf("%s: %s %s: %d %.200s", role, c.method, c.path, r.status, r.body)
	}
	for _, mark := range w.marks {
		if strings.Contains(c.path, mark) {
			continue
		}
		if i := bytes.Index(r.body, []byte(mark)); i >= 0 {
			w.t.Errorf("%s: the answer to %s %s tells of the covert case: …%s…", role, c.method, c.path, r.body[max(0, i-80):min(len(r.body), i+80)])
		}
	}
}

// TestACovertReportLeavesAReceipt files a report whose category is covert: its reporter
// is told that it was received, with and without the code, now and when it is asked
// again, and who goes is no part of it. After the release all of it is.
func TestACovertReportLeavesAReceipt(t *testing.T) {
	t.Parallel()
	w := setupTown(t)
	w.exec(`INSERT INTO category_rules (district_id, code, covert_hours) VALUES ($1, 'B01', 5)
	  ON CONFLICT (district_id, code) DO UPDATE SET covert_hours = 5`, pgdb.District)
	worker, leader, operator := w.as(dispatch.RoleGridWorker), w.as(dispatch.RoleDutyLeader), w.as(dispatch.RoleOperator)
	key := map[string]string{"Idempotency-Key": "covert-1"}
	body := `{"category":"B01","location":{"lon":121.3851,"lat":28.5851,"accuracy_m":30},"description":"后院"}`
	r := w.want(http.StatusCreated, call{method: "POST", path: "/api/v1/reports", token: worker, header: key, body: body})
	filed := read[api.FiledReport](t, r)
	again := w.want(http.StatusCreated, call{method: "POST", path: "/api/v1/reports", token: worker, header: key, body: body})
	if string(again.body) != string(r.body) {
		t.Errorf("the same key is answered\n%s, before\n%s", again.body, r.body)
	}
	at, report := "/api/v1/cases/"+filed.Case.Id.String(), "/api/v1/reports/"+filed.ReportId.String()
	told := func(name string, r reply) {
		t.Helper()
		for _, mark := range []string{w.policeID.String(), "D-police", "dispatched", "coming", "已派", `"covert":{`, "市场监管", `"market"`} {
			if bytes.Contains(r.body, []byte(mark)) {
				t.Errorf("%s tells %s: %s", name, mark, r.body)
			}
		}
	}
	told("the answer to the report", r)
	told("the report", w.want(http.StatusOK, call{path: report, token: worker}))
	told("their reports", w.want(http.StatusOK, call{path: "/api/v1/reports?mine=true", token: worker}))
	if !bytes.Contains(w.do(call{path: "/api/v1/reports?mine=true", token: worker}).body, []byte(filed.ReportId.String())) {
		t.Error("the reporter's own list has lost the report")
	}
	told("their notices", w.want(http.StatusOK, call{path: "/api/v1/me/notices", token: worker}))
	told("the follow-up", w.follow(http.StatusOK, filed.Case.Number, filed.FollowUp.Code))
	w.want(http.StatusNotFound, call{path: at, token: worker})
	w.want(http.StatusNotFound, call{path: at, token: operator})
	w.want(http.StatusOK, call{path: at, token: w.police}) // takes part
	w.want(http.StatusNotFound, call{method: "PUT", path: at + "/covert", token: operator, body: `{"reason":"x"}`})
	detail := read[api.CaseDetail](t, w.want(http.StatusOK, call{path: at, token: leader}))
	if len(detail.Assignments) != 2 || detail.Covert == nil {
		t.Errorf("%d were sent, covert %v", len(detail.Assignments), detail.Covert)
	}
	for _, a := range detail.Assignments {
		if a.Kind == "first_look" {
			t.Error("somebody looks first")
		}
	}
	w.want(http.StatusForbidden, call{method: "POST", path: at + "/release", token: w.police})
	// Closed before it is released: the answer waits.
	w.want(http.StatusOK, call{method: "POST", path: at + "/close", token: leader, body: `{"reason":"已查封","answer":"已依法查封"}`})
	told("a closed one", w.follow(http.StatusOK, filed.Case.Number, filed.FollowUp.Code))
	// Its time comes, once, whatever became of it.
	if n := ask[int](w.bundle, `SELECT count(*) FROM deadlines WHERE case_id = $1 AND step = 'release'`, filed.Case.Id); n != 1 {
		t.Fatalf("%d deadlines release it", n)
	}
	d := dispatch.Deadline{ID: dispatch.DeadlineID{UUID: ask[uuid.UUID](w.bundle, `SELECT id FROM deadlines WHERE case_id = $1 AND step = 'release'`, filed.Case.Id)},
		Case: dispatch.CaseID{UUID: filed.Case.Id}, Step: dispatch.StepRelease}
	if err := w.service.Due(t.Context(), d); err != nil { // too early
		t.Fatal(err)
	}
	w.want(http.StatusNotFound, call{path: at, token: operator})
	w.shift(6 * time.Hour)
	for range 2 {
		if err := w.service.Due(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	if n := ask[int](w.bundle, `SELECT count(*) FROM case_events WHERE case_id = $1 AND kind = 'covert.released'`, filed.Case.Id); n != 1 {
		t.Errorf("released %d times", n)
	}
	w.want(http.StatusOK, call{path: at, token: operator})
	if r := w.follow(http.StatusOK, filed.Case.Number, filed.FollowUp.Code); !bytes.Contains(r.body, []byte("已依法查封")) {
		t.Errorf("the reporter hears no result after the release: %s", r.body)
	}
}

// TestOperatorsCoverAndRelease: whoever makes a case covert commands it; another operator
// loses it; the photo stays with whoever sent it.
func TestOperatorsCoverAndRelease(t *testing.T) {
	t.Parallel()
	w := setupCovert(t, nil)
	w.exec(`UPDATE cases SET covert = NULL WHERE id = $1`, w.secret.caseID)
	at := "/api/v1/cases/" + w.secret.caseID.String()
	me, other := w.visitors[dispatch.RoleOperator], w.as(dispatch.RoleOperator)
	for body, field := range map[string]string{`{"reason":" "}`: "/reason", `{"reason":"x","until":"2020-01-01T00:00:00Z"}`: "/until", `{"reason":"x","until":"2126-01-01T00:00:00Z"}`: "/until"} {
		if r := w.want(http.StatusBadRequest, call{method: "PUT", path: at + "/covert", token: me.token, body: body}); r.problem().Errors == nil || r.problem().Errors[0].Pointer != field {
			t.Errorf("%s: %s", body, r.body)
		}
	}
	w.want(http.StatusForbidden, call{method: "PUT", path: at + "/covert", token: w.visitors[dispatch.RoleOfficer].token, body: `{"reason":"x"}`})
	w.want(http.StatusOK, call{path: at, token: other})
	w.want(http.StatusOK, call{method: "PUT", path: at + "/covert", token: me.token, body: `{"reason":"便衣摸排"}`})
	w.want(http.StatusNotFound, call{path: at, token: other})
	w.want(http.StatusOK, call{path: at, token: me.token})
	sum := sha256.Sum256([]byte("secret"))
	w.exec(`UPDATE reports SET reporter_account = $2 WHERE case_id = $1`, w.secret.caseID, w.visitors[dispatch.RoleOfficer].Account)
	if r := w.do(call{path: "/api/v1/photos/" + w.secret.photo, token: w.visitors[dispatch.RoleOfficer].token}); r.status == http.StatusNotFound {
		t.Errorf("whoever sent the photo %x has lost it: %s", sum[:2], r.body)
	}
	w.want(http.StatusOK, call{method: "POST", path: at + "/release", token: me.token, body: `{"reason":"收网"}`})
	w.want(http.StatusOK, call{path: at, token: other})
	w.want(http.StatusConflict, call{method: "POST", path: at + "/release", token: me.token})
}

// TestACovertCaseLeavesTheLiveMap: on open sockets, a case that becomes covert is gone at
// once and so are those who are on it, without a dot left behind; its commander keeps
// them; and all are back with the release.
func TestACovertCaseLeavesTheLiveMap(t *testing.T) {
	t.Parallel()
	x := &watch{}
	w := setupCovert(t, func(desk *dispatch.Service) api.Socket { return x.open(t, desk) })
	w.exec(`UPDATE cases SET covert = NULL WHERE id = $1`, w.secret.caseID)
	me, officer, leader := w.visitors[dispatch.RoleOperator], w.visitors[dispatch.RoleOfficer], w.visitors[dispatch.RoleDutyLeader]
	patrols := map[dispatch.PatrolID]*realtime.Patrol{}
	for _, p := range []*planted{w.secret, w.neighbour} {
		id := dispatch.PatrolID{UUID: p.patrol}
		patrols[id] = &realtime.Patrol{ID: id, District: p.unit.District, Department: "police", Mode: dispatch.Car, Areas: p.unit.Areas, Status: dispatch.Assigned, Version: 1}
	}
	x.index.SetPatrols(patrols)
	x.move(w.secret.patrol, 1)
	x.move(w.neighbour.patrol, 1)
	open := func(v *visitor) *websocket.Conn {
		conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(w.url, "http")+"/ws/live", http.Header{"Authorization": {"Bearer " + v.token}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		w.listen(conn, v.Role, `"type":"snapshot"`, w.secret.patrol.String(), w.secret.caseID.String())
		return conn
	}
	sees := map[*visitor]*websocket.Conn{me: open(me), officer: open(officer), leader: open(leader)}
	// announce does what BeaconServer.Announce does with a change of a case.
	announce := func(hidden bool) {
		c, err := w.service.Store.Case(t.Context(), dispatch.CaseID{UUID: w.secret.caseID}, "")
		if err != nil {
			t.Fatal(err)
		}
		changed := &dispatch.CaseChanged{ID: c.ID, Number: c.Number, Stage: c.Stage, Version: c.Version, MadeAt: c.MadeAt, Lon: c.Lon, Lat: c.Lat,
			Patrols: []dispatch.CasePatrol{}, Scope: c.Scope, Covert: c.Covert != nil, Hidden: hidden}
		for _, s := range x.index.SetSecret(c.ID, c.Version, changed.Secret()) {
			x.bus.Publish(realtime.Message{Moved: &s})
		}
		x.bus.Publish(realtime.Message{Case: changed})
	}
	at := "/api/v1/cases/" + w.secret.caseID.String()
	w.want(http.StatusOK, call{method: "PUT", path: at + "/covert", token: me.token, body: `{"reason":"便衣摸排"}`})
	announce(true)
	heard := w.listen(sees[officer], officer.Role, `"type":"case_gone"`, w.secret.caseID.String())
	if !strings.Contains(heard, `"gone":["`+w.secret.patrol.String()) {
		heard += w.listen(sees[officer], officer.Role, `"gone":["`+w.secret.patrol.String())
	}
	x.move(w.secret.patrol, 7777)
	x.move(w.neighbour.patrol, 2)
	heard = w.listen(sees[officer], officer.Role, `"moved":[{"id":"`+w.neighbour.patrol.String())
	if strings.Contains(heard, w.secret.patrol.String()) || strings.Contains(heard, "121.4633") {
		t.Errorf("an officer is told where a hidden patrol is: %s", heard)
	}
	for _, v := range []*visitor{me, leader} {
		w.listen(sees[v], v.Role, `"type":"case"`, `"covert":true`, w.secret.caseID.String())
		x.move(w.secret.patrol, 8000+int64(len(v.Role)))
		w.listen(sees[v], v.Role, `"moved":[{"id":"`+w.secret.patrol.String())
	}
	w.want(http.StatusOK, call{method: "POST", path: at + "/release", token: me.token})
	announce(false)
	heard = w.listen(sees[officer], officer.Role, `"type":"case"`, w.secret.caseID.String())
	if !strings.Contains(heard, `"moved":[{"id":"`+w.secret.patrol.String()) {
		w.listen(sees[officer], officer.Role, `"moved":[{"id":"`+w.secret.patrol.String())
	}
}
