package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

func TestLearnedSpeedsAreListedWithTheirEvidence(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.withRoads()
	worker := b.as(dispatch.RoleGridWorker)
	const path = "/api/v1/roads/speeds/learned"
	none := read[api.LearnedSpeedList](t, b.want(http.StatusOK, call{path: path, token: worker}))
	if none.LearnedAt != nil || len(none.Items) != 0 || len(none.Bands) != 0 {
		t.Errorf("before the first run: %+v", none)
	}
	b.exec(`INSERT INTO road_learned_speeds (district_id, way, direction, mode, bucket, factor, kmh, built_kmh, passes, patrols)
		VALUES ($1, 77, 'along', 'car', 1, 0.5, 18, 36, 40, 3), ($1, 77, 'against', 'car', 9, 0.8, 28.8, 36, 5, 2)`, pgdb.District)
	b.exec(`INSERT INTO road_learning (district_id, began_at, ended_at, days, trips, passes) VALUES ($1, gp_now(), gp_now(), 28, 50, 45)`, pgdb.District)
	b.promise.Zone = time.UTC
	b.promise.Replace([]dispatch.EtaBand{{Mode: dispatch.Car, Bucket: dispatch.WholeWeek, Low: 0.5, High: 2, Arrivals: 41}})
	got := read[api.LearnedSpeedList](t, b.want(http.StatusOK, call{path: path + "?limit=1", token: worker}))
	if got.LearnedAt == nil || got.Trips != 50 || got.Passes != 45 || got.Days != 28 || len(got.Items) != 1 || got.NextCursor == nil {
		t.Fatalf("%+v", got)
	}
	if s := got.Items[0]; s.Way != 77 || s.Direction != "along" || s.Days != "mon-fri" || s.Hours != "06:00-09:00" || s.Passes != 40 || s.Patrols != 3 || s.Kmh != 18 {
		t.Errorf("%+v", s)
	}
	if len(got.Bands) != 1 || got.Bands[0].Arrivals != 41 || got.Bands[0].Days != "" {
		t.Errorf("%+v", got.Bands)
	}
	rest := read[api.LearnedSpeedList](t, b.want(http.StatusOK, call{path: path + "?cursor=" + *got.NextCursor, token: worker}))
	if len(rest.Items) != 1 || rest.Items[0].Direction != "against" || rest.Items[0].Days != "sat;sun" || rest.NextCursor != nil {
		t.Errorf("%+v", rest)
	}
	b.want(http.StatusBadRequest, call{path: path + "?cursor=x", token: worker})

	way := read[api.Route](t, b.want(http.StatusOK, call{path: "/api/v1/route?from=121.382,28.58&to=121.382,28.584&mode=car", token: worker}))
	if way.EtaBasis != "free_flow" || way.EtaLowS == nil || way.EtaHighS == nil ||
		*way.EtaLowS < 0.49*way.DurationS || *way.EtaLowS > 0.51*way.DurationS || *way.EtaHighS < 1.99*way.DurationS {
		t.Errorf("%+v", way)
	}
	way = read[api.Route](t, b.want(http.StatusOK, call{path: "/api/v1/route?from=121.382,28.58&to=121.382,28.584&mode=foot", token: worker}))
	if way.EtaLowS != nil || way.EtaHighS != nil {
		t.Errorf("on foot nobody arrived yet: %+v", way)
	}
}
