package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
)

func TestReachAndCoverage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	operator, worker := b.as(dispatch.RoleOperator), b.as(dispatch.RoleGridWorker)

	got := read[api.Reach](t, b.want(http.StatusOK, call{path: "/api/v1/reach?lon=121.38&lat=28.58&minutes=10&mode=ebike&reverse=true&res=9", token: worker}))
	if len(got.Items) != 1 || *got.Items[0].EtaS != 61.5 || len(got.Items[0].Boundary) != 7 || got.Items[0].Boundary[0][0] != got.Items[0].Boundary[6][0] || got.Minutes != 10 {
		t.Errorf("%+v", got)
	}
	if a := b.desk.reachAsk; a.Mode != dispatch.EBike || !a.Back || a.Res != 9 || a.Minutes != 10 || a.Point.Lon != 121.38 {
		t.Errorf("asked for %+v", a)
	}
	id := uuid.NewString()
	b.want(http.StatusOK, call{path: "/api/v1/reach?patrol=" + id + "&minutes=10", token: operator})
	if b.desk.reachAsk.Patrol.String() != id {
		t.Errorf("asked for %+v", b.desk.reachAsk)
	}
	covered := read[api.Coverage](t, b.want(http.StatusOK, call{path: "/api/v1/coverage?department=police", token: operator}))
	if len(covered.Items) != 1 || covered.Items[0].EtaS != nil || covered.Patrols != 1 || covered.Department != "police" {
		t.Errorf("%+v", covered)
	}
	// Whose position went into it was looked at.
	var views int
	if err := b.db.QueryRow(t.Context(), `SELECT count(*) FROM position_views WHERE patrol_id = $1`, patrolID).Scan(&views); err != nil || views != 1 {
		t.Errorf("%d looks at the patrol, %v", views, err)
	}
	b.want(http.StatusForbidden, call{path: "/api/v1/coverage?department=police", token: worker})

	for query, wants := range map[string]string{
		"reach?lon=121.38&lat=28.58":                       "/query/minutes",
		"reach?lon=121.38&lat=28.58&minutes=NaN":           "/query/minutes",
		"reach?lon=121.38&lat=28.58&minutes=121":           "/query/minutes",
		"reach?lon=121.38&lat=28.58&minutes=5&mode=boat":   "/query/mode",
		"reach?lon=121.38&lat=28.58&minutes=5&res=12":      "/query/res",
		"reach?minutes=5":                                  "/query/lon",
		"reach?lon=28.58&lat=121.38&minutes=5":             "did you mean",
		"reach?patrol=x&minutes=5":                         "/query/patrol",
		"reach?patrol=" + id + "&lon=1&lat=2&minutes=5":    "/query/patrol",
		"reach?lon=121.38&lat=28.58&minutes=5&reverse=yes": "/query/reverse",
		"coverage":                         "/query/department",
		"coverage?department=police&res=1": "/query/res",
	} {
		if body := string(b.want(http.StatusBadRequest, call{path: "/api/v1/" + query, token: operator}).body); !strings.Contains(body, wants) {
			t.Errorf("%s says %s, nothing of %s", query, body, wants)
		}
	}
	// A town of cells comes as one list that ends.
	if many := string(b.want(http.StatusOK, call{path: "/api/v1/coverage?department=%22items%22:[]", token: operator}).body); !strings.HasSuffix(many, "}\n") {
		t.Errorf("%s", many)
	}
}
