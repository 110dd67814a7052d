package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// standing is live positions that a test puts down.
type standing map[dispatch.PatrolID]dispatch.Position

func (s standing) Candidates(department string, near geo.Point, limit int) (out []dispatch.Position) {
	for _, p := range s {
		if (department == "" || p.Department == department) && len(out) < limit {
			out = append(out, p)
		}
	}
	return out
}

func (s standing) Within(dispatch.WithinAsk) ([]dispatch.Position, []dispatch.Headcount) {
	return nil, nil
}

func (s standing) Position(id dispatch.PatrolID) (dispatch.Position, bool) {
	p, ok := s[id]
	return p, ok
}

// town is the door over the real duty desk: five grids, one police and one market
// patrol with their devices.
type town struct {
	*bundle
	live           standing
	service        *dispatch.Service
	police, market string // device tokens
	policeID       dispatch.PatrolID
}

func setupTown(t *testing.T) *town {
	t.Helper()
	return setupTownWith(t, nil)
}

// setupTownWith is setupTown whose viewers' sockets are what watch makes of the desk.
func setupTownWith(t *testing.T, watch func(*dispatch.Service) api.Socket) *town {
	t.Helper()
	w := &town{live: standing{}}
	atlas := dispatch.NewAtlas(time.Now)
	var store *pgstore.Store
	w.bundle = setupWith(t, func(b *bundle) duty {
		store = pgstore.New(b.db)
		zone, err := time.LoadLocation("Asia/Shanghai")
		if err != nil {
			t.Fatal(err)
		}
		service, err := dispatch.New(dispatch.Config{District: dispatch.DistrictID{UUID: pgdb.District}, Store: store,
			Live: registered{w.live, b}, Roads: road.Straight{}, Grids: atlas, Zone: zone, Post: taking{}})
		if err != nil {
			t.Fatal(err)
		}
		w.service = service
		if watch != nil {
			b.socket = watch(service)
		}
		return service
	})
	w.drawGrids("G-", time.Now().Add(-time.Hour), time.Time{})
	versions, _, err := store.MapVersions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	atlas.Replace(versions)
	w.exec(`INSERT INTO departments (district_id, code, name_zh, name_en) VALUES ($1, 'market', '市场监管', 'Market')`, pgdb.District)
	w.exec(`INSERT INTO categories (id, district_id, code, name_zh, name_en, lead, joint, urgency, dispatch_mode, valid) VALUES
	  ($1, $3, 'B01', '食品黑作坊', 'Illegal food workshop', 'market', '{police}', 'urgent', 'auto', '[2020-01-01,)'),
	  ($2, $3, 'B03', '过期食品', 'Expired food', 'market', '{}', 'ordinary', 'confirm', '[2020-01-01,)')`, uuid.New(), uuid.New(), pgdb.District)
	w.police, w.policeID = w.onDuty("police", 121.385)
	w.market, _ = w.onDuty("market", 121.387)
	return w
}

// onDuty puts a patrol with a device on duty, free, fresh and at a place.
func (w *town) onDuty(department string, lon float64) (token string, id dispatch.PatrolID) {
	w.t.Helper()
	token, id = w.device("D-" + department)
	w.exec(`UPDATE patrols SET department = $2, status = 'free', area_code = '331004001' WHERE id = $1`, id, department)
	w.exec(`INSERT INTO duties (id, patrol_id, during, source) VALUES ($1, $2, tstzrange(gp_now() - interval '1 h', gp_now() + interval '8 h'), 'shift')`, uuid.New(), id)
	w.live[id] = dispatch.Position{PatrolID: id, Department: department, Point: geo.Point{Lon: lon, Lat: 28.585}, T: time.Now(), Presence: dispatch.Online}
	return token, id
}

// The main journey through the real desk, every answer held against the
// description: reported, sent, accepted, done, closed.
func TestJourneyOfACase(t *testing.T) {
	t.Parallel()
	w := setupTown(t)
	worker, operator := w.as(dispatch.RoleGridWorker), w.as(dispatch.RoleOperator)
	const report = `{"category":"B01","location":{"lon":121.3851,"lat":28.5851,"accuracy_m":30},"description":"后院有人加工熟食"}`
	key := map[string]string{"Idempotency-Key": "draft-1"}
	r := w.want(http.StatusCreated, call{method: "POST", path: "/api/v1/reports", token: worker, header: key, body: report})
	filed := read[api.FiledReport](t, r)
	if filed.Case.Responsible.Code == nil || *filed.Case.Responsible.Code != "G-1" || filed.Case.Dispatch != "done" {
		t.Errorf("case %+v", filed.Case)
	}
	again := w.want(http.StatusCreated, call{method: "POST", path: "/api/v1/reports", token: worker, header: key, body: report})
	if again.header.Get("Idempotency-Replayed") != "true" || string(again.body) != string(r.body) {
		t.Errorf("a replay reads %v %s", again.header, again.body)
	}
	other := w.want(http.StatusConflict, call{method: "POST", path: "/api/v1/reports", token: worker, header: key, body: strings.Replace(report, "B01", "B03", 1)})
	if other.problem().Type != "/problems/idempotency-mismatch" {
		t.Errorf("%s", other.body)
	}
	at := "/api/v1/cases/" + filed.Case.Id.String()
	detail := read[api.CaseDetail](t, w.want(http.StatusOK, call{path: at, token: operator}))
	if len(detail.Events) == 0 || len(detail.Reports) != 1 {
		t.Errorf("%d events, %d reports", len(detail.Events), len(detail.Reports))
	}
	var police *api.Assignment
	for i, a := range detail.Assignments {
		if a.Department != nil && *a.Department == "police" {
			police = &detail.Assignments[i]
		}
	}
	if police == nil || police.PatrolId == nil || *police.PatrolId != w.policeID.UUID {
		t.Fatalf("nobody of the police goes: %+v", detail.Assignments)
	}
	w.want(http.StatusNotFound, call{method: "POST", path: at + "/assignments/" + police.Id.String() + "/accept", token: w.as(dispatch.RoleDevice)})
	// A phone is not told why who was chosen, whatever it asks; whoever decides is, before
	// and after.
	told := func(what string, r reply, want bool) {
		t.Helper()
		for _, a := range read[api.CaseDetail](t, r).Assignments {
			if (len(a.Candidates) > 0) != want {
				t.Errorf("%s: %d candidates are told, want some: %v", what, len(a.Candidates), want)
			}
		}
	}
	for _, step := range []string{"accept", "en_route", "on_scene"} {
		told(step, w.want(http.StatusOK, call{method: "POST", path: at + "/assignments/" + police.Id.String() + "/" + step, token: w.police}), false)
	}
	told("the phone", w.want(http.StatusOK, call{path: at, token: w.police}), false)
	told("the operator", w.want(http.StatusOK, call{path: at, token: operator}), true)
	early := w.want(http.StatusBadRequest, call{method: "POST", path: at + "/assignments/" + police.Id.String() + "/on_scene", token: w.police, body: `{"result":"查封"}`})
	if early.problem().Errors[0].Pointer != "/result" {
		t.Errorf("a result before the end: %s", early.body)
	}
	// Said twice, since the first answer may have been lost on the way, it stands once.
	for range 2 {
		w.want(http.StatusOK, call{method: "POST", path: at + "/assignments/" + police.Id.String() + "/done", token: w.police, body: `{"result":"已查封，当事人带走"}`})
	}
	said := 0
	for _, e := range read[api.CaseDetail](t, w.want(http.StatusOK, call{path: at, token: operator})).Events {
		if e.Kind == "result" && e.Detail["result"] == "已查封，当事人带走" && e.Detail["unit"] == "police" {
			said++
		}
	}
	if said != 1 {
		t.Errorf("what was done stands %d times in the history", said)
	}
	stale := w.want(http.StatusPreconditionFailed, call{method: "POST", path: at + "/close", token: operator, header: map[string]string{"If-Match": `"1"`}})
	if stale.problem().Errors[0].Pointer != "/header/If-Match" {
		t.Errorf("%s", stale.body)
	}
	fresh := w.want(http.StatusOK, call{path: at, token: operator}).header.Get("ETag")
	closed := read[api.CaseDetail](t, w.want(http.StatusOK, call{method: "POST", path: at + "/close", token: operator, header: map[string]string{"If-Match": fresh}, body: `{"reason":"已查处"}`}))
	if closed.Stage != "closed" || closed.ClosedAt == nil {
		t.Errorf("after closing: %s", closed.Stage)
	}
	for _, path := range []string{"/api/v1/cases?open=false", "/api/v1/reports", "/api/v1/patrols", "/api/v1/patrols/" + w.policeID.String(),
		"/api/v1/nearest?lon=121.385&lat=28.585", "/api/v1/cells?res=9&layer=reports", "/api/v1/cells?res=9&layer=patrols", "/api/v1/locate?lon=121.3899&lat=28.585&accuracy_m=40"} {
		if r := w.want(http.StatusOK, call{path: path, token: operator}); strings.Contains(string(r.body), `"items":[]`) {
			t.Errorf("%s: %s", path, r.body)
		}
	}
}

// A case waits for an operator, who sends, thinks better of it, and sends again.
func TestConfirmedDispatch(t *testing.T) {
	t.Parallel()
	w := setupTown(t)
	operator := w.as(dispatch.RoleOperator)
	filed := read[api.FiledReport](t, w.want(http.StatusCreated, call{method: "POST", path: "/api/v1/reports", token: w.as(dispatch.RoleGridChief),
		body: `{"category":"B03","location":{"lon":121.3851,"lat":28.5851}}`}))
	if filed.Case.Dispatch != "proposed" {
		t.Fatalf("dispatch is %s", filed.Case.Dispatch)
	}
	at := "/api/v1/cases/" + filed.Case.Id.String()
	sent := read[api.CaseDetail](t, w.want(http.StatusOK, call{method: "POST", path: at + "/dispatch", token: operator}))
	if sent.UndoUntil == nil {
		t.Error("a dispatch cannot be taken back")
	}
	w.want(http.StatusOK, call{method: "POST", path: at + "/undo", token: operator})
	w.want(http.StatusOK, call{method: "POST", path: at + "/dispatch", token: operator, body: `{}`})
}

// What lies outside a viewer's scope reads exactly like what does not exist.
func TestScope(t *testing.T) {
	t.Parallel()
	w := setupTown(t)
	reporter, stranger := w.as(dispatch.RoleGridWorker), w.as(dispatch.RoleGridWorker)
	elsewhere := w.as(dispatch.RoleTownLeader, within("331004002"))
	filed := read[api.FiledReport](t, w.want(http.StatusCreated, call{method: "POST", path: "/api/v1/reports", token: reporter,
		body: `{"category":"B01","location":{"lon":121.3851,"lat":28.5851}}`}))
	at := "/api/v1/cases/" + filed.Case.Id.String()
	w.want(http.StatusOK, call{path: at, token: reporter})
	missing := w.want(http.StatusNotFound, call{path: "/api/v1/cases/" + uuid.NewString(), token: stranger}).problem()
	for name, token := range map[string]string{"another worker": stranger, "another town": elsewhere} {
		p := w.want(http.StatusNotFound, call{path: at, token: token}).problem()
		if p.Type != missing.Type || p.Detail != missing.Detail {
			t.Errorf("%s learns that there is something: %+v", name, p)
		}
		for _, path := range []string{"/api/v1/cases", "/api/v1/reports"} {
			if r := w.want(http.StatusOK, call{path: path, token: token}); !strings.Contains(string(r.body), `"items":[]`) {
				t.Errorf("%s: %s %s", name, path, r.body)
			}
		}
	}
	w.want(http.StatusNotFound, call{path: "/api/v1/patrols/" + w.policeID.String(), token: elsewhere})
	w.want(http.StatusForbidden, call{path: "/api/v1/patrols/" + w.policeID.String() + "/track?from=2026-05-03T00:00:00Z", token: stranger})
	if r := w.want(http.StatusOK, call{path: "/api/v1/nearest?lon=121.385&lat=28.585", token: elsewhere}); !strings.Contains(string(r.body), `"items":[]`) {
		t.Errorf("another town's patrols are near: %s", r.body)
	}
}

// Two that send the same draft at once get one report.
func TestTwinReports(t *testing.T) {
	t.Parallel()
	w := setupTown(t)
	token := w.as(dispatch.RoleGridWorker)
	answers := make(chan reply, 8)
	for range cap(answers) {
		go func() {
			answers <- w.do(call{method: "POST", path: "/api/v1/reports", token: token, header: map[string]string{"Idempotency-Key": "twin"},
				body: `{"category":"B01","location":{"lon":121.3851,"lat":28.5851}}`})
		}()
	}
	ids, replayed := map[uuid.UUID]bool{}, 0
	for range cap(answers) {
		r := <-answers
		if r.status != http.StatusCreated {
			t.Errorf("%d %s", r.status, r.body)
			continue
		}
		ids[read[api.FiledReport](t, r).ReportId] = true
		if r.header.Get("Idempotency-Replayed") == "true" {
			replayed++
		}
	}
	var reports int
	if err := w.db.QueryRow(context.Background(), `SELECT count(*) FROM reports`).Scan(&reports); err != nil || reports != 1 || len(ids) != 1 || replayed != cap(answers)-1 {
		t.Errorf("%d reports, %d ids, %d replayed, %v", reports, len(ids), replayed, err)
	}
}

// What a program does is marked for good: a report by a device that the register
// marks, or by one of a patrol that it marks, and the events that they cause.
func TestWhatAProgramReportsIsNoProof(t *testing.T) {
	t.Parallel()
	w := setupTown(t)
	const report = `{"category":"B03","location":{"lon":121.3851,"lat":28.5851,"accuracy_m":30}}`
	file := func(token string) (simulated bool, canonical string) {
		t.Helper()
		filed := read[api.FiledReport](t, w.want(http.StatusCreated, call{method: "POST", path: "/api/v1/reports", token: token, body: report}))
		detail := read[api.CaseDetail](t, w.want(http.StatusOK, call{path: "/api/v1/cases/" + filed.Case.Id.String(), token: w.as(dispatch.RoleOperator)}))
		err := w.db.QueryRow(t.Context(), `SELECT convert_from(canonical, 'UTF8') FROM case_events WHERE case_id = $1 AND kind = 'reported'`, uuid.UUID(filed.Case.Id)).Scan(&canonical)
		if err != nil || len(detail.Reports) != 1 {
			t.Fatalf("%d reports, %v", len(detail.Reports), err)
		}
		if detail.Events[0].Kind != "reported" || detail.Events[0].Simulated != detail.Reports[0].Simulated {
			t.Errorf("the event %q is marked %v, the report %v", detail.Events[0].Kind, detail.Events[0].Simulated, detail.Reports[0].Simulated)
		}
		return detail.Reports[0].Simulated, canonical
	}
	marked := func(want bool, who, token string) {
		t.Helper()
		simulated, canonical := file(token)
		if simulated != want || strings.Contains(canonical, `"simulated":true`) != want {
			t.Errorf("%s: report marked %v, event %s", who, simulated, canonical)
		}
	}
	marked(false, "a real patrol", w.police)
	w.exec(`UPDATE devices SET simulated = true WHERE code = 'D-market'`)
	marked(true, "a program", w.market)
	w.exec(`UPDATE patrols SET simulated = true WHERE id = $1`, w.policeID)
	marked(true, "a device of a patrol that is played", w.police)
	patrol := read[api.PatrolDetail](t, w.want(http.StatusOK, call{path: "/api/v1/patrols/" + w.policeID.String(), token: w.as(dispatch.RoleOperator)}))
	if !patrol.Simulated {
		t.Error("the patrol itself is not marked")
	}
}
