package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
)

// withRoads puts a town behind a single bridge in force.
func (b *bundle) withRoads() {
	b.t.Helper()
	at := func(x, y float64) geo.Point { return geo.Point{Lon: 121.38 + 0.002*x, Lat: 28.58 + 0.002*y} }
	lines := []road.Line{
		{Class: road.Residential, Name: "南街", Points: []geo.Point{at(0, 0), at(1, 0), at(2, 0)}},
		{Class: road.Residential, Name: "独桥", Points: []geo.Point{at(1, 0), at(1, 2)}},
		{Class: road.Residential, Name: "北街", Points: []geo.Point{at(0, 2), at(1, 2), at(2, 2)}},
		{Class: road.Residential, Name: "南环", Points: []geo.Point{at(0, 0), at(0, -2), at(2, -2), at(2, 0)}},
	}
	n, err := road.FromLines(b.t.Context(), lines, "test")
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := pgroad.Store(b.t.Context(), b.db, n); err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.works.Load(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

const overTheBridge = `{"geometry":{"type":"LineString","coordinates":[[121.3815,28.582],[121.3825,28.582]]},"reason":"桥面塌陷"}`

func TestClosures(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.withRoads()
	operator, worker := b.as(dispatch.RoleOperator), b.as(dispatch.RoleGridWorker)
	path := "/api/v1/roads/closures"
	route := call{path: "/api/v1/route?from=121.382,28.579&to=121.382,28.585&mode=car", token: operator}
	b.want(http.StatusOK, route)

	b.want(http.StatusForbidden, call{method: "POST", path: path, token: worker, body: overTheBridge})
	made := read[api.Closure](t, b.want(http.StatusCreated, call{method: "POST", path: path, token: operator, body: overTheBridge}))
	if !made.InForce || made.Roads.Segments != 1 || made.Roads.Names[0] != "独桥" || len(made.Modes) != 3 || made.Until != nil {
		t.Errorf("made %+v", made)
	}
	if len(made.CutsOff) != 3 || strings.Join(made.CutsOff[0].Names, " ") != "北街" {
		t.Errorf("it cuts off %+v", made.CutsOff)
	}
	b.want(http.StatusNotFound, route) // no way
	seen := read[api.ClosureList](t, b.want(http.StatusOK, call{path: path, token: worker}))
	if len(seen.Items) != 1 || seen.Items[0].Id != made.Id {
		t.Errorf("seen by a worker: %+v", seen)
	}

	b.want(http.StatusForbidden, call{method: "DELETE", path: path + "/" + made.Id.String(), token: worker})
	b.want(http.StatusNoContent, call{method: "DELETE", path: path + "/" + made.Id.String(), token: operator})
	b.want(http.StatusNotFound, call{method: "DELETE", path: path + "/" + made.Id.String(), token: operator})
	b.want(http.StatusNotFound, call{method: "DELETE", path: path + "/nonsense", token: operator})
	b.want(http.StatusOK, route)
	if open := read[api.ClosureList](t, b.want(http.StatusOK, call{path: path, token: operator})); len(open.Items) != 0 {
		t.Errorf("still standing: %+v", open)
	}
	if all := read[api.ClosureList](t, b.want(http.StatusOK, call{path: path + "?ended=true", token: operator})); len(all.Items) != 1 || all.Items[0].LiftedAt == nil {
		t.Errorf("ended: %+v", all)
	}
}

func TestClosuresThatMakeNoSenseAreRefusedByField(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.withRoads()
	operator := b.as(dispatch.RoleOperator)
	line := `"geometry":{"type":"LineString","coordinates":[[121.3815,28.582],[121.3825,28.582]]}`
	for name, row := range map[string]struct{ body, pointer, says string }{
		"swapped":     {`{"geometry":{"type":"LineString","coordinates":[[28.582,121.3815],[28.582,121.3825]]},"reason":"x"}`, "/geometry", "did you mean lon 121.3815, lat 28.582?"},
		"in the sea":  {`{"geometry":{"type":"LineString","coordinates":[[122.3815,28.582],[122.3825,28.582]]},"reason":"x"}`, "/geometry", "lies on no road"},
		"a point":     {`{"geometry":{"type":"Point","coordinates":[121.3815,28.582]},"reason":"x"}`, "/geometry/type", ""},
		"flat":        {`{"geometry":{"type":"LineString","coordinates":[121.3815,28.582]},"reason":"x"}`, "/geometry", ""},
		"one point":   {`{"geometry":{"type":"LineString","coordinates":[[121.3815,28.582]]},"reason":"x"}`, "/geometry", "two points"},
		"heights":     {`{"geometry":{"type":"LineString","coordinates":[[121.3815,28.582,3],[121.3825,28.582,3]]},"reason":"x"}`, "/geometry", "two numbers"},
		"no reason":   {`{` + line + `}`, "/reason", ""},
		"no mode":     {`{` + line + `,"reason":"x","modes":["boat"]}`, "/modes/0", ""},
		"ended":       {`{` + line + `,"reason":"x","until":"2020-01-01T00:00:00Z"}`, "/until", "in the future"},
		"next decade": {`{` + line + `,"reason":"x","from":"2040-01-01T00:00:00Z"}`, "/from", "a year ahead"},
	} {
		refused := b.want(http.StatusBadRequest, call{method: "POST", path: "/api/v1/roads/closures", token: operator, body: row.body})
		problem := read[api.Problem](t, refused)
		if len(problem.Errors) == 0 || problem.Errors[0].Pointer != row.pointer || !strings.Contains(problem.Errors[0].Detail, row.says) {
			t.Errorf("%s: %s", name, refused.body)
		}
	}
	b.want(http.StatusBadRequest, call{path: "/api/v1/roads/closures?cursor=x", token: operator})
}

func TestMatrix(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.withRoads()
	worker := b.as(dispatch.RoleGridWorker)
	ask := func(body string) call {
		return call{method: "POST", path: "/api/v1/matrix", token: worker, body: body}
	}
	table := read[api.Matrix](t, b.want(http.StatusOK, ask(`{"from":[[121.382,28.58],[121.38,28.58]],"to":[[121.382,28.584],[121.38,28.58],[121.384,28.584]],"mode":"car"}`)))
	if len(table.Rows) != 2 || len(table.Rows[0].DurationsS) != 3 || *table.Rows[1].DistancesM[1] != 0 || *table.Rows[0].DurationsS[0] >= *table.Rows[1].DurationsS[0] {
		t.Errorf("%+v", table)
	}
	swapped := b.want(http.StatusBadRequest, ask(`{"from":[[121.382,28.58],[28.58,121.38]],"to":[[121.382,28.584]]}`))
	if problem := read[api.Problem](t, swapped); problem.Errors[0].Pointer != "/from/1" || !strings.Contains(problem.Errors[0].Detail, "did you mean lon 121.38, lat 28.58?") {
		t.Errorf("%s", swapped.body)
	}
	many := strings.Repeat("[121.382,28.58],", 3000) + "[121.38,28.58]"
	b.want(http.StatusRequestEntityTooLarge, ask(`{"from":[`+many+`],"to":[`+many+`]}`))
	b.want(http.StatusBadRequest, ask(`{"from":[],"to":[[121.382,28.584]]}`))
}
