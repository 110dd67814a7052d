package api_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
)

const goodReport = `{"category":"B01","location":{"lon":121.38,"lat":28.58,"accuracy_m":12,"crs":"gcj02"},` +
	`"description":"食品黑作坊","observed_at":"2026-05-03T21:40:00+08:00"}`

// Every row is refused, naming the field and saying what to do about it.
func TestBadInput(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.as(dispatch.RoleAdmin)
	id := caseID.String()
	const at = "/api/v1"
	long := strings.Repeat("长", 4001)
	for _, row := range []struct {
		method, path, body string
		header             map[string]string
		status             int
		pointer, remedy    string
	}{
		{"POST", "/reports", `{`, nil, 400, "", "ends too early"},
		{"POST", "/reports", `{"category":"B01",}`, nil, 400, "", "not JSON"},
		{"POST", "/reports", goodReport + goodReport, nil, 400, "", "more than one"},
		{"POST", "/reports", "{\"category\":\"B\xff1\"}", nil, 400, "", "UTF-8"},
		{"POST", "/reports", `[]`, nil, 400, "", "must be an object"},
		{"POST", "/reports", `null`, nil, 400, "", "null"},
		{"POST", "/reports", strings.Repeat(`{"a":`, 40), nil, 400, strings.Repeat("/a", 17), "deeper"},
		{"POST", "/reports", `{"category":"B01"}`, nil, 400, "/location", "is missing"},
		{"POST", "/reports", `{"category":"B01","location":{"lon":1}}`, nil, 400, "/location/lat", "is missing"},
		{"POST", "/reports", `{"category":"B01","category":"B02","location":{"lon":1,"lat":1}}`, nil, 400, "/category", "twice"},
		{"POST", "/reports", `{"category":"b1","location":{"lon":1,"lat":1}}`, nil, 400, "/category", "must match"},
		{"POST", "/reports", `{"categroy":"B01","category":"B01","location":{"lon":1,"lat":1}}`, nil, 400, "/categroy", "unknown field; this takes category, covert, description"},
		{"POST", "/reports", `{"Category":"B01","category":"B01","location":{"lon":1,"lat":1}}`, nil, 400, "/Category", "unknown field"},
		{"POST", "/reports", `{"category":"B01","location":{"lon":"1","lat":1}}`, nil, 400, "/location/lon", "must be a number"},
		{"POST", "/reports", `{"category":"B01","location":{"lon":1e999,"lat":1}}`, nil, 400, "/location/lon", "too large"},
		{"POST", "/reports", `{"category":"B01","location":{"lon":28.58,"lat":121.38}}`, nil, 400, "/location", "did you mean lon 121.38, lat 28.58"},
		{"POST", "/reports", `{"category":"B01","location":{"lon":0,"lat":0}}`, nil, 400, "/location", "had no position"},
		{"POST", "/reports", `{"category":"B01","location":{"lon":181,"lat":1}}`, nil, 400, "/location", "-180..180"},
		{"POST", "/reports", `{"category":"B01","location":{"lon":1,"lat":1,"accuracy_m":-1}}`, nil, 400, "/location/accuracy_m", "0 or more"},
		{"POST", "/reports", `{"category":"B01","location":{"lon":1,"lat":1,"crs":"epsg:4326"}}`, nil, 400, "/location/crs", "one of wgs84, gcj02"},
		{"POST", "/reports", `{"category":"B01","location":{"lon":1,"lat":1,"alt/x":3}}`, nil, 400, "/location/alt~1x", "unknown field"},
		{"POST", "/reports", `{"category":"B01","location":{"lon":1,"lat":1},"description":"` + long + `"}`, nil, 400, "/description", "4000 characters"},
		{"POST", "/reports", `{"category":"B01","location":{"lon":1,"lat":1},"description":"a\u0000b"}`, nil, 400, "/description", "U+0000"},
		{"POST", "/reports", `{"category":"B01","location":{"lon":1,"lat":1},"description":null}`, nil, 400, "/description", "null"},
		{"POST", "/reports", `{"category":"B01","location":{"lon":1,"lat":1},"observed_at":"2026-05-03 21:40"}`, nil, 400, "/observed_at", "with a zone"},
		{"POST", "/reports", `{"category":"B01","location":{"lon":1,"lat":1},"observed_at":"2026-02-30T21:40:00Z"}`, nil, 400, "/observed_at", "with a zone"},
		{"POST", "/reports", `{"category":"B01","location":{"lon":1,"lat":1},"observed_at":"9999-02-03T21:40:00Z"}`, nil, 400, "/observed_at", "with a zone"},
		{"POST", "/reports", goodReport, map[string]string{"Idempotency-Key": strings.Repeat("k", 129)}, 400, "/header/Idempotency-Key", "128"},
		{"POST", "/reports", goodReport, map[string]string{"Idempotency-Key": "two words"}, 400, "/header/Idempotency-Key", "visible ASCII"},
		{"POST", "/reports", goodReport, map[string]string{"Content-Type": "text/plain"}, 415, "", "application/json"},
		{"POST", "/reports", goodReport, map[string]string{"Content-Type": "multipart/form-data"}, 415, "", "multipart/form-data"},
		{"POST", "/session", `{"username":"a","password":"b"}`, map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 415, "", "Content-Type"},
		{"POST", "/session", `{"username":"a"}`, nil, 400, "/password", "is missing"},
		{"POST", "/session", `{"username":"","password":"x"}`, nil, 400, "/username", "1 characters or more"},
		{"POST", "/session", `{"username":"a","password":"` + strings.Repeat("p", 257) + `"}`, nil, 400, "/password", "256"},
		{"POST", "/tickets", `{"for":"tea"}`, nil, 400, "/for", "one of live, beacon"},
		{"PUT", "/me/duty", `{"on":"yes"}`, nil, 400, "/on", "must be a boolean"},
		{"PUT", "/patrols/" + id + "/status", `{"status":"asleep","version":1}`, nil, 400, "/status", "one of off_duty, free"},
		{"PUT", "/patrols/" + id + "/status", `{"status":"free","version":0}`, nil, 400, "/version", "1 or more"},
		{"PUT", "/patrols/" + id + "/status", `{"status":"free","version":1.5}`, nil, 400, "/version", "must be an integer"},
		{"PUT", "/patrols/" + id + "/status", `{"status":"free"}`, nil, 400, "/version", "is missing"},
		{"PUT", "/patrols/x/status", `{"status":"free","version":1}`, nil, 404, "", ""},
		{"POST", "/cases/" + id + "/dispatch", `{"choices":[{"department":"police","patrol_id":"P-1"}]}`, nil, 400, "/choices/0/patrol_id", "must be a UUID"},
		{"POST", "/cases/" + id + "/dispatch", `{"choices":[` + strings.TrimSuffix(strings.Repeat(`{"department":"police","patrol_id":"`+id+`"},`, 21), ",") + `]}`, nil, 400, "/choices", "20 items"},
		{"POST", "/cases/" + id + "/close", `{"why":"x"}`, nil, 400, "/why", "this takes answer, reason"},
		{"POST", "/cases/" + id + "/close", ``, map[string]string{"If-Match": `"x"`}, 400, "/header/If-Match", "ETag"},
		{"POST", "/cases/" + id + "/close", ``, map[string]string{"If-Match": `"1","2"`}, 400, "/header/If-Match", "ETag"},
		{"POST", "/cases/" + id + "/assignments/" + id + "/dance", ``, nil, 404, "", ""},
		{"POST", "/cases/" + id + "/assignments/x/accept", ``, nil, 404, "", ""},
		{"GET", "/cases/../x", ``, nil, 404, "", ""},
		{"GET", "/cases/%00", ``, nil, 404, "", ""},
		{"GET", "/cases?limit=0", ``, nil, 400, "/query/limit", "1 to 200"},
		{"GET", "/cases?limit=201", ``, nil, 400, "/query/limit", "1 to 200"},
		{"GET", "/cases?limit=ten", ``, nil, 400, "/query/limit", "whole number"},
		{"GET", "/cases?limit=1&limit=2", ``, nil, 400, "/query/limit", "more than once"},
		{"GET", "/cases?open=maybe", ``, nil, 400, "/query/open", "true or false"},
		{"GET", "/cases?stage=lost", ``, nil, 400, "/query/stage", "one of reported"},
		{"GET", "/cases?category=%00", ``, nil, 400, "/query/category", "U+0000"},
		{"GET", "/cases?cursor=%ff", ``, nil, 400, "/query/cursor", "UTF-8"},
		{"GET", "/cases?cursor=" + strings.Repeat("x", 513), ``, nil, 400, "/query/cursor", "512"},
		{"GET", "/patrols?status=flying", ``, nil, 400, "/query/status", "one of"},
		{"GET", "/patrols/" + id + "/track", ``, nil, 400, "/query/from", "is missing"},
		{"GET", "/patrols/" + id + "/track?from=yesterday", ``, nil, 400, "/query/from", "with a zone"},
		{"GET", "/patrols/" + id + "/track?from=2026-05-03T00:00:00Z&to=2026-05-05T00:00:00Z", ``, nil, 400, "/query/to", "24 h"},
		{"GET", "/patrols/" + id + "/track?from=2026-05-03T00:00:00Z&to=2026-05-02T00:00:00Z", ``, nil, 400, "/query/to", "after from"},
		{"GET", "/patrols/" + id + "/track?from=2026-05-03T00:00:00Z&cursor=x", ``, nil, 400, "/query/cursor", "next_cursor"},
		{"GET", "/patrols/" + id + "/presence", ``, nil, 400, "/query/from", "is missing"},
		{"GET", "/patrols/" + id + "/presence?from=yesterday", ``, nil, 400, "/query/from", "with a zone"},
		{"GET", "/patrols/" + id + "/presence?from=2026-05-03T00:00:00Z&to=2026-05-05T00:00:00Z", ``, nil, 400, "/query/to", "24 h"},
		{"GET", "/patrols/" + id + "/presence?from=2026-05-03T00:00:00Z&to=2026-05-02T00:00:00Z", ``, nil, 400, "/query/to", "after from"},
		{"GET", "/patrols/" + id + "/presence?from=2026-05-03T00:00:00Z&cursor=x", ``, nil, 400, "/query/cursor", "next_cursor"},
		{"GET", "/patrols/" + id + "/presence?from=2026-05-03T00:00:00Z&limit=1001", ``, nil, 400, "/query/limit", "1 to 1000"},
		{"GET", "/photos/" + strings.Repeat("g", 64), ``, nil, 404, "", ""},
		{"GET", "/photos/" + strings.Repeat("AB", 32), ``, nil, 404, "", ""},
		{"GET", "/locate?lon=121.38", ``, nil, 400, "/query/lat", "is missing"},
		{"GET", "/locate?lon=x&lat=1", ``, nil, 400, "/query/lon", "must be a number"},
		{"GET", "/locate?lon=NaN&lat=1", ``, nil, 400, "/query/lon", "must be a number"},
		{"GET", "/locate?lon=28.58&lat=121.38", ``, nil, 400, "/query/lat", "did you mean"},
		{"GET", "/locate?lon=0&lat=0", ``, nil, 400, "/query/lat", "no position"},
		{"GET", "/locate?lon=1&lat=1&accuracy_m=-5", ``, nil, 400, "/query/accuracy_m", "0 to 10000"},
		{"GET", "/locate?lon=1&lat=1&crs=mars", ``, nil, 400, "/query/crs", "one of wgs84"},
		{"GET", "/locate?lon=1&lat=1&category=food", ``, nil, 400, "/query/category", "such as B01"},
		{"GET", "/locate?lon=1&lat=1&at=noon", ``, nil, 400, "/query/at", "with a zone"},
		{"GET", "/nearest?lon=1&lat=1&limit=51", ``, nil, 400, "/query/limit", "1 to 50"},
		{"GET", "/patrols/within", ``, nil, 400, "/query/polygon", "give one of grid_id, closure_id, polygon, or lon, lat and to_m"},
		{"GET", "/patrols/within?grid_id=" + id + "&lon=1&lat=1&to_m=5", ``, nil, 400, "/query/lon", "beside grid_id"},
		{"GET", "/patrols/within?grid_id=G-1", ``, nil, 400, "/query/grid_id", "identifier"},
		{"GET", "/patrols/within?closure_id=", ``, nil, 400, "/query/closure_id", "identifier"},
		{"GET", "/patrols/within?to_m=5", ``, nil, 400, "/query/lon", "is missing"},
		{"GET", "/patrols/within?lon=1&lat=1", ``, nil, 400, "/query/to_m", "is missing"},
		{"GET", "/patrols/within?lon=1&lat=1&to_m=0", ``, nil, 400, "/query/to_m", "1 to 100000"},
		{"GET", "/patrols/within?lon=1&lat=1&to_m=NaN", ``, nil, 400, "/query/to_m", "must be a number"},
		{"GET", "/patrols/within?lon=1&lat=1&to_m=5&from_m=-1", ``, nil, 400, "/query/from_m", "0 to 100000"},
		{"GET", "/patrols/within?lon=1&lat=1&to_m=5&from_m=5", ``, nil, 400, "/query/from_m", "less than to_m"},
		{"GET", "/patrols/within?lon=28&lat=121&to_m=5", ``, nil, 400, "/query/lat", "did you mean"},
		{"GET", "/patrols/within?lon=1&lat=1&to_m=5&limit=201", ``, nil, 400, "/query/limit", "1 to 200"},
		{"GET", "/patrols/within?lon=1&lat=1&to_m=5&status=idle", ``, nil, 400, "/query/status", "one of off_duty, free"},
		{"GET", "/patrols/within?polygon=%7B", ``, nil, 400, "/query/polygon", "ends too early"},
		{"GET", "/patrols/within?polygon=null", ``, nil, 400, "/query/polygon", "must not be null"},
		{"GET", "/patrols/within?polygon=" + url.QueryEscape(`{"type":"GeometryCollection","geometries":[]}`), ``, nil, 400, "/query/polygon", "GeoJSON of a Polygon"},
		{"GET", "/patrols/within?polygon=" + url.QueryEscape(`{"type":"LineString","coordinates":[[1,1],[2,2]]}`), ``, nil, 400, "/query/polygon", "is no area"},
		{"GET", "/patrols/within?polygon=" + url.QueryEscape(`{"type":"Polygon","coordinates":[[[1,1],[2,2]]]}`), ``, nil, 400, "/query/polygon", "3 corners"},
		{"GET", "/patrols/within?polygon=" + url.QueryEscape(`{"type":"Polygon","coordinates":[[[28.5,121.4],[28.6,121.4],[28.6,121.5]]]}`), ``, nil, 400, "/query/polygon", "did you mean"},
		{"GET", "/patrols/within?polygon=" + url.QueryEscape(`{"type":"Polygon","coordinates":[[`+strings.TrimSuffix(strings.Repeat("[1,1],[2,2],", 101), ",")+`]]}`), ``, nil, 400, "/query/polygon", "at most 200"},
		{"GET", "/patrols/within?polygon=" + strings.Repeat("x", 17000), ``, nil, 400, "/query/polygon", "16384 bytes"},
		{"GET", "/patrols/within?polygon=1&polygon=2", ``, nil, 400, "/query/polygon", "more than once"},
		{"GET", "/route?from=1,1", ``, nil, 400, "/query/to", "give lon,lat"},
		{"GET", "/route?from=1;1&to=1,1", ``, nil, 400, "/query/from", "lon,lat"},
		{"GET", "/route?from=1,1&to=1,1&mode=boat", ``, nil, 400, "/query/mode", "one of foot, ebike, car"},
		{"GET", "/route?from=1,1&to=1,1&mode=car&profile=car", ``, nil, 400, "/query/profile", "one of them"},
		{"GET", "/route?from=1,1&to=1,1&profile=osrm-tank", ``, nil, 400, "/query/profile", "is none of foot, ebike, car"},
		{"GET", "/cells?layer=reports", ``, nil, 400, "/query/res", "is missing"},
		{"GET", "/cells?res=6&layer=reports", ``, nil, 400, "/query/res", "7 to 9"},
		{"GET", "/cells?res=7&layer=cats", ``, nil, 400, "/query/layer", "one of reports, patrols"},
		{"GET", "/cells?res=7&layer=reports&from=2020-01-01T00:00:00Z", ``, nil, 400, "/query/from", "366 days"},
		{"GET", "/grids?at=x", ``, nil, 400, "/query/at", "with a zone"},
		{"GET", "/grids/x", ``, nil, 404, "", ""},
		{"GET", "/tiles/secrets/0/0/0.mvt", ``, nil, 404, "", ""},
		{"GET", "/tiles/grids/0/1/0.mvt", ``, nil, 404, "", ""},
		{"GET", "/tiles/grids/19/0/0.mvt", ``, nil, 404, "", ""},
		{"GET", "/tiles/grids/0/0/0.png", ``, nil, 404, "", ""},
		{"GET", "/tiles/grids/-1/0/0.mvt", ``, nil, 404, "", ""},
	} {
		c := call{method: row.method, path: at + row.path, token: token, header: row.header}
		if row.body != "" {
			c.body = row.body
		}
		r := b.do(c)
		name := fmt.Sprintf("%s %s %.80s", row.method, row.path, row.body)
		if r.status != row.status {
			t.Errorf("%s: %d, want %d: %.300s", name, r.status, row.status, r.body)
			continue
		}
		p := r.problem()
		if row.remedy == "" {
			continue
		}
		ok := strings.Contains(p.Detail, row.remedy) && row.pointer == ""
		for _, f := range p.Errors {
			ok = ok || (f.Pointer == row.pointer && strings.Contains(f.Detail, row.remedy))
		}
		if !ok {
			t.Errorf("%s: %s, want %q at %q", name, r.body, row.remedy, row.pointer)
		}
	}
}

func TestBodyTooLarge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.as(dispatch.RoleOperator)
	big := `{"category":"B01","x":"` + strings.Repeat("x", 1<<20) + `"}`
	for _, c := range []call{
		{method: "POST", path: "/api/v1/reports"}, {method: "POST", path: "/api/v1/cases/" + caseID.String() + "/close"}, {method: "POST", path: "/api/v1/session"},
	} {
		c.token, c.body = token, big
		if r := b.want(http.StatusRequestEntityTooLarge, c); r.problem().Type != "/problems/too-large" {
			t.Errorf("%s: %s", c.path, r.body)
		}
	}
}

// Every fault of a body is told at once.
func TestAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.want(400, call{method: "POST", path: "/api/v1/reports", token: b.as(dispatch.RoleOperator),
		body: `{"category":"x","location":{"lon":"a","alt":1},"who":"me"}`})
	got := map[string]bool{}
	for _, f := range r.problem().Errors {
		got[f.Pointer] = true
	}
	for _, want := range []string{"/category", "/location/lon", "/location/lat", "/location/alt", "/who"} {
		if !got[want] {
			t.Errorf("%s is not among %v", want, got)
		}
	}
}

func TestReportIsHandedOnWhole(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.as(dispatch.RoleGridWorker)
	r := b.want(http.StatusCreated, call{method: "POST", path: "/api/v1/reports", token: token, body: goodReport, header: map[string]string{"Idempotency-Key": "k1"}})
	d := b.desk.draft
	if d.Category != "B01" || d.Sent != (geo.Point{Lon: 121.38, Lat: 28.58}) || d.CRS != geo.GCJ02 || d.AccuracyM != 12 || d.Description != "食品黑作坊" ||
		!d.ObservedAt.Equal(time.Date(2026, 5, 3, 13, 40, 0, 0, time.UTC)) || d.Key != "k1" {
		t.Errorf("the desk got %+v", d)
	}
	if r.header.Get("Idempotency-Replayed") != "" || r.header.Get("Location") != "/api/v1/cases/"+caseID.String() {
		t.Errorf("headers %v", r.header)
	}
	first := d.BodySHA256
	b.desk.replay = true
	r = b.want(http.StatusCreated, call{method: "POST", path: "/api/v1/reports", token: token, body: goodReport})
	if r.header.Get("Idempotency-Replayed") != "true" || b.desk.draft.BodySHA256 != first || b.desk.draft.Key != "" {
		t.Errorf("a replay: %v, %+v", r.header, b.desk.draft)
	}
	b.want(http.StatusCreated, call{method: "POST", path: "/api/v1/reports", token: token, body: `{"category":"A01","location":{"lon":1,"lat":2}}`})
	if d := b.desk.draft; d.CRS != geo.WGS84 || d.AccuracyM != 0 || !d.ObservedAt.IsZero() || d.BodySHA256 == first {
		t.Errorf("the least report became %+v", d)
	}
}

func TestCaseCommands(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.as(dispatch.RoleDutyLeader)
	at := "/api/v1/cases/" + caseID.String()
	r := b.want(http.StatusOK, call{path: at, token: token})
	if r.header.Get("ETag") != `"3"` || !strings.Contains(string(r.body), `"url":"/api/v1/photos/ab"`) {
		t.Errorf("%v %s", r.header, r.body)
	}
	b.want(http.StatusOK, call{method: "POST", path: at + "/dispatch", token: token, header: map[string]string{"If-Match": `"3"`},
		body: map[string]any{"choices": []any{map[string]any{"department": "police", "patrol_id": patrolID}}, "note": "近"}})
	if b.desk.version != 3 || len(b.desk.order.Choices) != 1 || b.desk.order.Choices[0] != (dispatch.Choice{Department: "police", PatrolID: patrolID}) || b.desk.order.Note != "近" {
		t.Errorf("ordered %+v at %d", b.desk.order, b.desk.version)
	}
	b.want(http.StatusOK, call{method: "POST", path: at + "/dispatch", token: token})
	if b.desk.version != 0 || len(b.desk.order.Choices) != 0 {
		t.Errorf("as proposed: %+v at %d", b.desk.order, b.desk.version)
	}
	b.want(http.StatusOK, call{method: "POST", path: at + "/assignments/" + caseID.String() + "/decline", token: token, body: `{"reason":"爆胎"}`, header: map[string]string{"If-Match": `W/"9"`}})
	if b.desk.verb != "decline" || b.desk.reason != "爆胎" || b.desk.version != 9 {
		t.Errorf("answered %s %q at %d", b.desk.verb, b.desk.reason, b.desk.version)
	}
	moved := b.want(http.StatusOK, call{method: "PUT", path: at + "/rendezvous", token: token, body: `{"lon":121.4,"lat":28.5}`, header: map[string]string{"If-Match": `"4"`}})
	if b.desk.version != 4 || b.desk.meetAt == nil || *b.desk.meetAt != (geo.Point{Lon: 121.4, Lat: 28.5}) || !strings.Contains(string(moved.body), `"breaks":["near_road"]`) {
		t.Errorf("moved to %v at %d: %s", b.desk.meetAt, b.desk.version, moved.body)
	}
	if b.want(http.StatusOK, call{method: "DELETE", path: at + "/rendezvous", token: token}); b.desk.meetAt != nil {
		t.Errorf("dropped: %v", b.desk.meetAt)
	}
	b.want(http.StatusBadRequest, call{method: "PUT", path: at + "/rendezvous", token: token, body: `{"lon":121.4}`})
	b.want(http.StatusOK, call{method: "POST", path: at + "/undo", token: token, header: map[string]string{"If-Match": "*"}})
	b.want(http.StatusOK, call{method: "POST", path: at + "/close", token: token, body: `{"reason":"办结"}`})
	b.desk.fail = &dispatch.Fault{Kind: dispatch.Conflict, Code: dispatch.CodeOldVersion, Detail: "The case has changed."}
	if r := b.want(http.StatusPreconditionFailed, call{method: "POST", path: at + "/close", token: token, header: map[string]string{"If-Match": `"1"`}}); r.problem().Errors[0].Pointer != "/header/If-Match" {
		t.Errorf("%s", r.body)
	}
	b.desk.fail = nil
	b.want(http.StatusOK, call{path: "/api/v1/cases?open=false&stage=closed&department=police&category=B01&limit=7&cursor=x", token: token})
	f := b.desk.filter
	if f.Open == nil || *f.Open || f.Stage != "closed" || f.Department != "police" || f.Category != "B01" || f.Limit != 7 || f.Cursor != "x" {
		t.Errorf("asked for %+v", f)
	}
}

func TestLocateHandsTheDatumOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.want(http.StatusOK, call{path: "/api/v1/locate?lon=121.38&lat=28.58&accuracy_m=50&category=B08&crs=BD09&at=2026-05-03T21:40:00+08:00", token: b.as(dispatch.RoleOperator)})
	ask := b.desk.locate
	if ask.Point != place || ask.CRS != geo.BD09 || ask.AccuracyM != 50 || ask.Category != "B08" || !ask.At.Equal(time.Date(2026, 5, 3, 13, 40, 0, 0, time.UTC)) {
		t.Errorf("asked %+v", ask)
	}
}

func TestRoute(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.as(dispatch.RoleOperator)
	r := b.want(http.StatusOK, call{path: "/api/v1/route?from=121.38,28.58&to=121.39,28.58&mode=foot", token: token})
	if !strings.Contains(string(r.body), `"eta_kind":"straight"`) || !strings.Contains(string(r.body), `"LineString"`) {
		t.Errorf("%s", r.body)
	}
	r = b.want(http.StatusOK, call{path: "/api/v1/route?from=121.38,28.58&to=121.39,28.58&profile=foot&crs=gcj02", token: token})
	if strings.Contains(string(r.body), "[121.38,28.58]") {
		t.Errorf("a position in GCJ-02 was not converted: %s", r.body)
	}
}

// form writes a multipart body.
func form(t *testing.T, write func(*multipart.Writer)) (body []byte, kind string) {
	t.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	write(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes(), w.FormDataContentType()
}

func part(t *testing.T, w *multipart.Writer, name string, content []byte) {
	t.Helper()
	p, err := w.CreateFormFile(name, name+".bin")
	if err == nil {
		_, err = p.Write(content)
	}
	if err != nil {
		t.Fatal(err)
	}
}
