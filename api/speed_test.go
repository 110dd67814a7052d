package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
)

func TestSpeeds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.withRoads()
	operator, worker := b.as(dispatch.RoleOperator), b.as(dispatch.RoleGridWorker)
	const path = "/api/v1/roads/speeds"
	route := call{path: "/api/v1/route?from=121.382,28.58&to=121.382,28.584&mode=car", token: operator}
	usual := read[api.Route](t, b.want(http.StatusOK, route)).DurationS
	rules := `{"rules":[
		{"class":"residential","modes":["car"],"factor":0.5,"note":"修路"},
		{"class":"residential","days":"someday","kmh":20},
		{"way":4711,"kmh":20},
		{"class":"primary","kmh":{"a":1}},
		{"class":"primary","kmh":20,"speed":3},
		{"class":"primary","modes":"foot;ebike","days":"sat;sun","hours":"22:00-06:00","kmh":4.5,"factor":null}]}`
	b.want(http.StatusForbidden, call{method: "POST", path: path, token: worker, body: rules})
	set := read[api.SpeedsSet](t, b.want(http.StatusCreated, call{method: "POST", path: path, token: operator, body: rules}))
	if set.Accepted != 2 || len(set.Items) != 2 || len(set.Refused) != 5 {
		t.Fatalf("%+v", set)
	}
	for i, want := range []struct {
		line         int
		column, says string
	}{{2, "days", "mon-fri"}, {3, "way", "carry no numbers"}, {4, "kmh", "must be a text"}, {4, "kmh", "give a speed"}, {5, "speed", "no field of a rule"}} {
		if r := set.Refused[i]; r.Line != want.line || r.Column != want.column || !strings.Contains(r.Detail, want.says) {
			t.Errorf("refusal %+v, want %+v", r, want)
		}
	}
	if one := set.Items[0]; *one.Class != "residential" || !one.InForce || *one.Factor != 0.5 || one.Kmh != nil || one.Roads.Segments == 0 || one.Note != "修路" {
		t.Errorf("%+v", one)
	}
	if two := set.Items[1]; two.Days != "sat;sun" || two.Hours != "22:00-06:00" || len(two.Modes) != 2 || *two.Kmh != 4.5 || two.Roads.Segments != 0 {
		t.Errorf("%+v", two)
	}
	if slow := read[api.Route](t, b.want(http.StatusOK, route)).DurationS; slow < 1.5*usual {
		t.Errorf("%.1f s at half the speed, %.1f before", slow, usual)
	}
	seen := read[api.SpeedList](t, b.want(http.StatusOK, call{path: path + "?limit=1", token: worker}))
	if len(seen.Items) != 1 || seen.Items[0].Id != set.Items[1].Id || seen.NextCursor == nil {
		t.Fatalf("the newest: %+v", seen)
	}
	seen = read[api.SpeedList](t, b.want(http.StatusOK, call{path: path + "?cursor=" + *seen.NextCursor, token: worker}))
	if len(seen.Items) != 1 || seen.Items[0].Id != set.Items[0].Id || seen.NextCursor != nil {
		t.Errorf("the one before: %+v", seen)
	}

	first := path + "/" + set.Items[0].Id.String()
	b.want(http.StatusForbidden, call{method: "DELETE", path: first, token: worker})
	b.want(http.StatusNoContent, call{method: "DELETE", path: first, token: operator})
	b.want(http.StatusNotFound, call{method: "DELETE", path: first, token: operator})
	b.want(http.StatusNotFound, call{method: "DELETE", path: path + "/nonsense", token: operator})
	if again := read[api.Route](t, b.want(http.StatusOK, route)).DurationS; again != usual {
		t.Errorf("%.1f s after it was ended, %.1f before", again, usual)
	}
	if all := read[api.SpeedList](t, b.want(http.StatusOK, call{path: path + "?ended=true", token: operator})); len(all.Items) != 2 || all.Items[1].EndedAt == nil || all.Items[1].InForce {
		t.Errorf("%+v", all)
	}

	// Where no rule is left, nothing is made, and each field is named.
	none := b.want(http.StatusBadRequest, call{method: "POST", path: path, token: operator, body: `{"rules":[{"class":"tarmac","kmh":900}]}`})
	problem := read[api.Problem](t, none)
	if len(problem.Errors) != 2 || problem.Errors[0].Pointer != "/rules/0/class" || problem.Errors[1].Pointer != "/rules/0/kmh" {
		t.Errorf("%s", none.body)
	}
	none = b.want(http.StatusBadRequest, call{method: "POST", path: path, token: operator, body: `{"rules":[{"class":"primary","kmh":20,"c/d":1,"b":1,"a":{}}]}`})
	problem = read[api.Problem](t, none)
	var at []string
	for _, e := range problem.Errors {
		at = append(at, e.Pointer)
	}
	if got := strings.Join(at, " "); got != "/rules/0/a /rules/0/a /rules/0/b /rules/0/c~1d" {
		t.Errorf("the fields at fault are %s", got)
	}
	for _, body := range []string{`{}`, `{"rules":[]}`, `{"rules":[3]}`, `{"rules":"all"}`, `{"rules":[{"class":"primary","kmh":20}],"more":1}`} {
		b.want(http.StatusBadRequest, call{method: "POST", path: path, token: operator, body: body})
	}
	b.want(http.StatusBadRequest, call{path: path + "?cursor=x", token: operator})
}
