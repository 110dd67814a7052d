package api_test

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twpayne/go-geom"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
	"github.com/gridpatrol/gridpatrol/proof"
)

// registered is live positions, and what the register says of whose they are.
type registered struct {
	standing
	of *bundle
}

// Within asks everybody, one by one.
func (r registered) Within(ask dispatch.WithinAsk) (out []dispatch.Position, heads []dispatch.Headcount) {
	rows, err := r.of.db.Query(context.Background(), `SELECT id, district_id, department, status, gp_area_path(district_id, area_code) FROM patrols ORDER BY id`)
	if err != nil {
		r.of.t.Error(err)
		return nil, nil
	}
	var id, district uuid.UUID
	var department string
	var status dispatch.Status
	var areas []string
	_, err = pgx.ForEachRow(rows, []any{&id, &district, &department, &status, &areas}, func() error {
		at, known := r.standing[dispatch.PatrolID{UUID: id}]
		one := dispatch.Standing{PatrolID: dispatch.PatrolID{UUID: id}, Point: at.Point, Presence: at.Presence, Status: status,
			Scope: &dispatch.Thing{District: dispatch.DistrictID{UUID: district}, Areas: areas, Departments: []string{department}, Patrols: []dispatch.PatrolID{{UUID: id}}}}
		if !known || ask.Department != "" && ask.Department != department || !ask.Region.Contains(at.Point) || !ask.Admits(&one) {
			return nil
		}
		if len(out) < ask.Limit {
			out = append(out, at)
		}
		i := slices.IndexFunc(heads, func(h dispatch.Headcount) bool { return h.Department == department })
		if i < 0 {
			i, heads = len(heads), append(heads, dispatch.Headcount{Department: department})
		}
		heads[i].Count++
		return nil
	})
	if err != nil {
		r.of.t.Error(err)
	}
	return out, heads
}

// An operator asks who is in a grid, in a closed area, in a drawing and around a place,
// and every look at whoever is named is recorded.
func TestWhoIsWithin(t *testing.T) {
	t.Parallel()
	w := setupTown(t)
	operator := w.as(dispatch.RoleOperator)
	at := w.live[w.policeID].Point
	box := func(halfDeg float64) *geom.Polygon {
		return geom.NewPolygon(geom.XY).SetSRID(4326).MustSetCoords([][]geom.Coord{{{at.Lon - halfDeg, at.Lat - halfDeg}, {at.Lon + halfDeg, at.Lat - halfDeg},
			{at.Lon + halfDeg, at.Lat + halfDeg}, {at.Lon - halfDeg, at.Lat + halfDeg}, {at.Lon - halfDeg, at.Lat - halfDeg}}})
	}
	close := func(shape geom.T) string {
		closed, err := w.works.Close(t.Context(), pgroad.NewClosure{Shape: shape, Modes: road.AllModes, Reason: "塌方", MadeBy: uuid.New(), Actor: proof.System})
		if err != nil {
			t.Fatal(err)
		}
		return closed.ID.String()
	}
	area, line := close(box(0.0005)), close(geom.NewLineStringFlat(geom.XY, []float64{at.Lon, at.Lat, at.Lon + 0.001, at.Lat}).SetSRID(4326))
	// Which grid holds it, by the door that says so.
	located := read[api.Located](t, w.want(http.StatusOK, call{path: "/api/v1/locate?lon=121.385&lat=28.585", token: operator}))
	grid := located.Responsible.GridId.String()
	hollow := `{"type":"Polygon","coordinates":[[[121.38,28.58],[121.39,28.58],[121.39,28.59],[121.38,28.59]],[[121.3849,28.5849],[121.3851,28.5849],[121.3851,28.5851],[121.3849,28.5851]]]}`
	for _, c := range []struct {
		query           string
		police, another bool
	}{
		{"grid_id=" + grid, true, true},
		{"closure_id=" + area, true, false},
		{"polygon=" + url.QueryEscape(hollow), false, true},
		{"lon=121.385&lat=28.585&to_m=50", true, false},
		{"lon=121.385&lat=28.585&from_m=50&to_m=500", false, true},
		{"lon=121.385&lat=28.585&to_m=500&department=police", true, false},
		{"lon=121.385&lat=28.585&to_m=500&status=free", true, true},
		{"lon=121.385&lat=28.585&to_m=500&status=on_scene", false, false},
	} {
		err := w.db.Owner(t.Context(), func(conn *pgx.Conn) error {
			_, err := conn.Exec(t.Context(), `DELETE FROM position_views`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		r := w.want(http.StatusOK, call{path: "/api/v1/patrols/within?" + c.query, token: operator})
		found := read[api.Inside](t, r)
		if bytes.Contains(r.body, []byte(w.policeID.String())) != c.police || found.Total != len(found.Items) || (found.Total == 2 || found.Total == 1 && !c.police) != c.another {
			t.Errorf("%s: %s", c.query, r.body)
		}
		if n := ask[int](w.bundle, `SELECT count(DISTINCT patrol_id) FROM position_views`); n != len(found.Items) {
			t.Errorf("%s: %d are named, and %d looks recorded", c.query, len(found.Items), n)
		}
	}
	if r := w.want(http.StatusBadRequest, call{path: "/api/v1/patrols/within?closure_id=" + line, token: operator}); r.problem().Errors[0].Pointer != "/query/closure_id" {
		t.Errorf("a line: %s", r.body)
	}
	for _, nothing := range []string{"closure_id=", "grid_id="} {
		w.want(http.StatusNotFound, call{path: "/api/v1/patrols/within?" + nothing + uuid.NewString(), token: operator})
	}
	lost := w.live[w.policeID]
	lost.Presence, lost.T = dispatch.Lost, time.Now().Add(-time.Hour)
	w.live[w.policeID] = lost
	if r := w.want(http.StatusOK, call{path: "/api/v1/patrols/within?grid_id=" + grid, token: operator}); bytes.Contains(r.body, []byte(w.policeID.String())) {
		t.Errorf("who is lost is inside: %s", r.body)
	}
}
