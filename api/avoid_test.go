package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
)

const bridgeLine = `{"type":"LineString","coordinates":[[121.3815,28.582],[121.3825,28.582]]}`

// One who avoids the only bridge has no way; everybody else goes over it, before,
// meanwhile and after.
func TestAvoidedAreasAreAvoidedForOneRequestOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.withRoads()
	token := b.as(dispatch.RoleGridWorker)
	post := func(path, body string) call {
		return call{method: "POST", path: "/api/v1/" + path, token: token, body: body}
	}
	ends := `"from":[121.382,28.579],"to":[121.382,28.585]`
	over := read[api.Route](t, b.want(http.StatusOK, post("route", `{`+ends+`}`)))
	plain := read[api.Route](t, b.want(http.StatusOK, call{path: "/api/v1/route?from=121.382,28.579&to=121.382,28.585", token: token}))
	if over.DurationS != plain.DurationS || len(over.Steps) != len(plain.Steps) {
		t.Errorf("%+v by POST, %+v by GET", over, plain)
	}
	var told []string
	for _, s := range over.Steps {
		told = append(told, string(s.Turn)+" "+s.Road)
	}
	if got := strings.Join(told, ", "); got != "walk , depart 南街, left 独桥, walk " && got != "walk , depart 独桥, walk " {
		t.Errorf("the steps are %s", got)
	}
	b.want(http.StatusNotFound, post("route", `{`+ends+`,"avoid":[`+bridgeLine+`]}`))
	if again := read[api.Route](t, b.want(http.StatusOK, post("route", `{`+ends+`}`))); again.DurationS != over.DurationS {
		t.Errorf("others take %g s now, %g s before", again.DurationS, over.DurationS)
	}
	table := read[api.Matrix](t, b.want(http.StatusOK, post("matrix", `{"from":[[121.382,28.579]],"to":[[121.382,28.585],[121.381,28.58]],"avoid":[`+bridgeLine+`]}`)))
	if d := table.Rows[0].DurationsS; d[0] != nil || d[1] == nil {
		t.Errorf("the table says %v", table.Rows)
	}
	// Around the bridge by car there is a ring in the south.
	south := `{"type":"Polygon","coordinates":[[[121.3825,28.5795],[121.3835,28.5795],[121.3835,28.5805],[121.3825,28.5805],[121.3825,28.5795]]]}`
	round := read[api.Route](t, b.want(http.StatusOK, post("route", `{"from":[121.3801,28.58],"to":[121.3839,28.58],"mode":"car","avoid":[`+south+`]}`)))
	if round.DistanceM < 1000 {
		t.Errorf("the way round is %g m", round.DistanceM)
	}
	operator := b.as(dispatch.RoleOperator)
	b.want(http.StatusOK, call{method: "POST", path: "/api/v1/nearest", token: operator, body: `{"lon":121.38,"lat":28.58,"avoid":[` + bridgeLine + `]}`})
	b.want(http.StatusForbidden, post("nearest", `{"lon":121.38,"lat":28.58}`))
}

func TestAvoidingNonsenseIsRefusedByField(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.withRoads()
	token := b.as(dispatch.RoleGridWorker)
	long := make([]string, 2100)
	for i := range long {
		long[i] = fmt.Sprintf("[%g,28.58]", 121.38+float64(i)*1e-5)
	}
	half := strings.Join(long[:1500], ",")
	for name, c := range map[string]struct{ body, pointer, detail string }{
		"too many areas":  {`{"from":[121.38,28.58],"to":[121.38,28.584],"avoid":[` + strings.Repeat(bridgeLine+",", 20) + bridgeLine + `]}`, "/avoid", "20"},
		"too many points": {`{"from":[121.38,28.58],"to":[121.38,28.584],"avoid":[{"type":"LineString","coordinates":[` + half + `]},{"type":"LineString","coordinates":[` + half + `]}]}`, "/avoid", "2000"},
		"one too long":    {`{"from":[121.38,28.58],"to":[121.38,28.584],"avoid":[{"type":"LineString","coordinates":[` + strings.Join(long, ",") + `]}]}`, "/avoid/0", "2000"},
		"a point":         {`{"from":[121.38,28.58],"to":[121.38,28.584],"avoid":[{"type":"Point","coordinates":[121.38,28.58]}]}`, "/avoid/0", ""},
		"swapped":         {`{"from":[121.38,28.58],"to":[121.38,28.584],"avoid":[{"type":"LineString","coordinates":[[28.58,121.38],[28.59,121.38]]}]}`, "/avoid/0", "did you mean"},
		"from swapped":    {`{"from":[28.58,121.38],"to":[121.38,28.584]}`, "/from", "did you mean"},
		"to nowhere":      {`{"from":[121.38,28.58],"to":[0,0]}`, "/to", "null island"},
	} {
		got := read[api.Problem](t, b.want(http.StatusBadRequest, call{method: "POST", path: "/api/v1/route", token: token, body: c.body}))
		if len(got.Errors) == 0 || !strings.HasPrefix(got.Errors[0].Pointer, c.pointer) || !strings.Contains(got.Errors[0].Detail, c.detail) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	// Numbers that are good on the globe and wrong here say what may have been meant.
	got := read[api.Problem](t, b.want(http.StatusNotFound, call{path: "/api/v1/route?from=28.58,21.38&to=121.38,28.584", token: token}))
	if len(got.Errors) != 1 || got.Errors[0].Pointer != "/query/from" || !strings.Contains(got.Errors[0].Detail, "outside the road network") {
		t.Errorf("far away: %+v", got)
	}
	got = read[api.Problem](t, b.want(http.StatusNotFound, call{method: "POST", path: "/api/v1/route", token: token, body: `{"from":[121.38,28.58],"to":[28.58,21.38]}`}))
	if len(got.Errors) != 1 || got.Errors[0].Pointer != "/to" || !strings.Contains(got.Errors[0].Detail, "outside the road network") {
		t.Errorf("far away by POST: %+v", got)
	}
}

// Straight lines avoid nothing, and say so instead of pretending.
func TestStraightLinesCannotAvoid(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got := read[api.Problem](t, b.want(http.StatusConflict, call{method: "POST", path: "/api/v1/route", token: b.as(dispatch.RoleGridWorker),
		body: `{"from":[121.38,28.58],"to":[121.38,28.584],"avoid":[` + bridgeLine + `]}`}))
	if got.Type != "/problems/cannot-avoid" {
		t.Errorf("%+v", got)
	}
}

// A server outside answers routes, however they are asked for; profiles are ours.
func TestRoutesAreAnsweredByTheServerOutside(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.withRoads()
	b.outside = "osrm"
	token := b.as(dispatch.RoleGridWorker)
	const get = "/api/v1/route?from=121.382,28.579&to=121.382,28.585"
	for name, c := range map[string]struct {
		ask    call
		engine api.RouteEngine
	}{
		"by GET":       {call{path: get, token: token}, "osrm"},
		"on foot":      {call{path: get + "&mode=foot", token: token}, "osrm"},
		"by POST":      {call{method: "POST", path: "/api/v1/route", token: token, body: `{"from":[121.382,28.579],"to":[121.382,28.585]}`}, "osrm"},
		"by a profile": {call{path: get + "&profile=car", token: token}, "own"},
	} {
		if got := read[api.Route](t, b.want(http.StatusOK, c.ask)); got.Engine != c.engine {
			t.Errorf("%s: %s answered, not %s", name, got.Engine, c.engine)
		}
	}
}
