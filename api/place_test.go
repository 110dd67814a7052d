package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// drawGrids activates a map of five square grids side by side, three in the first
// town and two in the second, and answers their ids by code.
func (b *bundle) drawGrids(prefix string, from, until time.Time) map[string]string {
	b.t.Helper()
	version := uuid.Must(uuid.NewV7())
	var end any
	if !until.IsZero() {
		end = until
	}
	b.exec(`INSERT INTO grid_versions (id, district_id, state, source, valid) VALUES ($1, $2, 'active', 'test', tstzrange($3, $4))`, version, pgdb.District, from, end)
	ids := map[string]string{}
	for i := range 5 {
		id, code := uuid.Must(uuid.NewV7()), fmt.Sprintf("%s%d", prefix, i+1)
		town := "331004001"
		if i > 2 {
			town = "331004002"
		}
		west := 121.38 + float64(i)*0.01
		b.exec(`INSERT INTO grids (id, district_id, version_id, code, name, kind, area_code, area_m2, geom)
		  VALUES ($1, $2, $3, $4, $4, 'general', $5, 1e6, ST_Multi(ST_MakeEnvelope($6::float8, 28.58, $6::float8 + 0.01, 28.59, 4326)))`,
			id, pgdb.District, version, code, town, west)
		ids[code] = id.String()
	}
	b.exec(`UPDATE revisions SET revision = revision + 1 WHERE topic = 'grids'`)
	return ids
}

func read[T any](t *testing.T, r reply) (out T) {
	t.Helper()
	if err := json.Unmarshal(r.body, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestGrids(t *testing.T) {
	t.Parallel()
	b := setup(t)
	may3 := time.Date(2026, 5, 3, 0, 0, 0, 0, time.UTC)
	pgtest.SetNow(t, b.db, may3.Add(48*time.Hour))
	old := b.drawGrids("OLD-", may3.Add(-240*time.Hour), may3)
	ids := b.drawGrids("G-", may3, time.Time{})
	operator, townLeader := b.as(dispatch.RoleOperator), b.as(dispatch.RoleTownLeader, within("331004002"))

	var codes []string
	for cursor := ""; ; {
		page := read[api.GridList](t, b.want(http.StatusOK, call{path: "/api/v1/grids?limit=2&cursor=" + cursor, token: operator}))
		for _, g := range page.Items {
			codes = append(codes, g.Code)
		}
		if page.NextCursor == nil {
			break
		}
		cursor = *page.NextCursor
	}
	if got := strings.Join(codes, " "); got != "G-1 G-2 G-3 G-4 G-5" {
		t.Errorf("page by page: %s", got)
	}
	then := read[api.GridList](t, b.want(http.StatusOK, call{path: "/api/v1/grids?at=2026-05-02T21:40:00%2B08:00", token: operator}))
	if len(then.Items) != 5 || then.Items[0].Code != "OLD-1" || then.Items[0].Bbox[0] != 121.38 {
		t.Errorf("on 2 May: %+v", then)
	}
	theirs := read[api.GridList](t, b.want(http.StatusOK, call{path: "/api/v1/grids", token: townLeader}))
	if len(theirs.Items) != 2 || theirs.Items[0].Code != "G-4" {
		t.Errorf("a town leader sees %+v", theirs)
	}

	// The worker of G-4 is on a patrol, so its people are known to the town and to
	// the patrol itself, and to no other device.
	staff := uuid.Must(uuid.NewV7())
	device, patrol := b.device("D-1")
	stranger, _ := b.device("D-2")
	b.exec(`INSERT INTO staff (id, district_id, code, name, role) VALUES ($1, $2, 'S-1', '王芳', 'grid_worker')`, staff, pgdb.District)
	b.exec(`INSERT INTO grid_staff (district_id, grid_code, staff_id, part, valid) VALUES ($1, 'G-4', $2, 'worker', tstzrange($3, NULL))`, pgdb.District, staff, may3.Add(time.Hour))
	b.exec(`INSERT INTO patrol_members (patrol_id, staff_id, valid) VALUES ($1, $2, tstzrange($3, NULL))`, patrol, staff, may3)
	for _, row := range []struct {
		name, token, query string
		people             int
	}{
		{"operator", operator, "", 1}, {"town leader", townLeader, "", 1}, {"own patrol", device, "", 1}, {"another device", stranger, "", 0},
		{"before they came", operator, "?at=2026-05-03T00:30:00Z", 0},
	} {
		g := read[api.GridDetail](t, b.want(http.StatusOK, call{path: "/api/v1/grids/" + ids["G-4"] + row.query, token: row.token}))
		if len(g.People) != row.people || g.Code != "G-4" || len(g.Geometry.Coordinates) != 1 || g.ValidFrom == nil || !g.ValidFrom.Equal(may3) {
			t.Errorf("%s: %+v", row.name, g)
		}
	}
	b.want(http.StatusNotFound, call{path: "/api/v1/grids/" + ids["G-1"], token: townLeader})
	b.want(http.StatusNotFound, call{path: "/api/v1/grids/" + uuid.NewString(), token: operator})
	b.want(http.StatusOK, call{path: "/api/v1/grids/" + old["OLD-1"], token: operator})
}

func TestRegisters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`INSERT INTO categories (id, district_id, code, name_zh, name_en, lead, joint, urgency, dispatch_mode, valid) VALUES
	  ($1, $3, 'B01', '食品黑作坊', 'Illegal food workshop', 'market', '{police}', 'urgent', 'auto', tstzrange('2026-01-01', NULL)),
	  ($2, $3, 'B02', '无照经营', 'Unlicensed trade', 'market', '{}', 'ordinary', 'confirm', tstzrange('2025-01-01', '2026-01-01'))`,
		uuid.New(), uuid.New(), pgdb.District)
	pgtest.SetNow(t, b.db, time.Date(2026, 5, 3, 0, 0, 0, 0, time.UTC))
	token := b.as(dispatch.RoleOfficer)
	if got := read[api.CategoryList](t, b.want(http.StatusOK, call{path: "/api/v1/categories", token: token})); len(got.Items) != 1 || got.Items[0].Code != "B01" || got.Items[0].Joint[0] != "police" {
		t.Errorf("in force: %+v", got)
	}
	if got := read[api.CategoryList](t, b.want(http.StatusOK, call{path: "/api/v1/categories?at=2025-05-03T00:00:00Z", token: token})); len(got.Items) != 1 || got.Items[0].Code != "B02" {
		t.Errorf("a year before: %+v", got)
	}
	if got := read[api.DepartmentList](t, b.want(http.StatusOK, call{path: "/api/v1/departments", token: token})); len(got.Items) != 2 || got.Items[1].NameZh != "公安" {
		t.Errorf("%+v", got)
	}
	if got := read[api.AreaList](t, b.want(http.StatusOK, call{path: "/api/v1/areas", token: token})); len(got.Items) != 3 || got.Items[0].ParentCode != nil {
		t.Errorf("%+v", got)
	}
}

func TestTiles(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.drawGrids("G-", time.Date(2026, 5, 3, 0, 0, 0, 0, time.UTC), time.Time{})
	pgtest.SetNow(t, b.db, time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC))
	operator, townLeader := b.as(dispatch.RoleOperator), b.as(dispatch.RoleTownLeader, within("331004002"))
	// Of zoom 12, the tile that holds 121.4, 28.585.
	const at = "/api/v1/tiles/grids/12/3429/1708.mvt"
	r := b.want(http.StatusOK, call{path: at, token: operator})
	if r.header.Get("Content-Type") != "application/vnd.mapbox-vector-tile" || !strings.Contains(string(r.body), "G-1") || !strings.Contains(string(r.body), "G-5") {
		t.Errorf("%v, %d bytes", r.header, len(r.body))
	}
	tag := r.header.Get("ETag")
	b.want(http.StatusNotModified, call{path: at, token: operator, header: map[string]string{"If-None-Match": tag}})
	theirs := b.want(http.StatusOK, call{path: at, token: townLeader, header: map[string]string{"If-None-Match": tag}})
	if strings.Contains(string(theirs.body), "G-1") || !strings.Contains(string(theirs.body), "G-4") {
		t.Errorf("a town leader's tile holds another town, or not their own: %q", theirs.body)
	}
	if r := b.want(http.StatusOK, call{path: "/api/v1/tiles/grids/12/0/0.mvt", token: operator}); len(r.body) != 0 {
		t.Errorf("a tile of the sea has %d bytes", len(r.body))
	}
	b.exec(`UPDATE revisions SET revision = revision + 1 WHERE topic = 'grids'`)
	b.want(http.StatusOK, call{path: at, token: operator, header: map[string]string{"If-None-Match": tag}})
	b.want(http.StatusOK, call{path: "/api/v1/tiles/roads/12/3429/1708.mvt", token: operator})
	for _, layer := range []string{"places", "areas", "water"} {
		b.want(http.StatusOK, call{path: "/api/v1/tiles/" + layer + "/12/3429/1708.mvt", token: operator})
	}
}

func TestCells(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.want(http.StatusOK, call{path: "/api/v1/cells?res=8&layer=reports&to=2026-05-03T00:00:00Z", token: b.as(dispatch.RoleOperator)})
	cells := read[api.CellList](t, r)
	if len(cells.Items) != 1 || cells.Items[0].Count != 4 || len(cells.Items[0].Boundary) != 7 || cells.Items[0].Cell != "8830e1d8c1fffff" && len(cells.Items[0].Cell) != 15 {
		t.Errorf("%s", r.body)
	}
}

// Where patrols have been is asked for a span, and every one that is counted was
// looked at.
func TestCellsOfPatrols(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.as(dispatch.RoleOperator)
	const span = "&from=2026-05-01T00:00:00Z&to=2026-05-03T00:00:00Z"
	r := b.want(http.StatusOK, call{path: "/api/v1/cells?res=9&layer=patrols" + span, token: token})
	if cells := read[api.CellList](t, r); len(cells.Items) != 1 || cells.Items[0].Count != 1 {
		t.Errorf("%s", r.body)
	}
	if want := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC); !b.desk.span[0].Equal(want) || !b.desk.span[1].Equal(want.Add(48*time.Hour)) {
		t.Errorf("asked for %v", b.desk.span)
	}
	var looks int
	if err := b.db.QueryRow(t.Context(), `SELECT count(*) FROM position_views WHERE patrol_id = $1 AND what = 'track'`, patrolID).Scan(&looks); err != nil || looks != 1 {
		t.Errorf("%d looks are recorded, %v", looks, err)
	}
	b.want(http.StatusOK, call{path: "/api/v1/cells?res=9&layer=patrols", token: token})
	if b.desk.span != [2]time.Time{} {
		t.Errorf("without a span it is the present, not %v", b.desk.span)
	}
	for _, bad := range []string{"&from=2026-03-01T00:00:00Z&to=2026-05-03T00:00:00Z", "&from=2026-05-03T00:00:00Z&to=2026-05-01T00:00:00Z"} {
		if r := b.want(http.StatusBadRequest, call{path: "/api/v1/cells?res=9&layer=patrols" + bad, token: token}); !strings.Contains(string(r.body), "/query/from") {
			t.Errorf("%s: %s", bad, r.body)
		}
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.do(call{path: "/api/v1/cases/secret-id"})
	b.do(call{method: "BREW", path: "/api/v1/cases"})
	r := b.want(http.StatusOK, call{path: "/metrics", token: b.as(dispatch.RoleAdmin)})
	text := string(r.body)
	if !strings.Contains(text, `gridpatrol_http_requests_total{method="GET",route="/api/v1/cases/:id",status="401"} 1`) || strings.Contains(text, "secret-id") || strings.Contains(text, "BREW") {
		t.Errorf("%.2000s", text)
	}
}

func TestNonsenseCursors(t *testing.T) {
	t.Parallel()
	b := setupTown(t)
	token := b.as(dispatch.RoleOperator)
	for _, path := range []string{"/grids?cursor=nonsense", "/grids?cursor=331004", "/patrols?cursor=nonsense", "/patrols?cursor=P-01", "/staff?cursor=S-1",
		"/devices?cursor=van-07", "/cases?cursor=nonsense", "/reports?cursor=nonsense", "/operator-items?cursor=x", "/me/notices?cursor=x"} {
		r := b.want(http.StatusBadRequest, call{path: "/api/v1" + path, token: token})
		if !strings.Contains(string(r.body), "/query/cursor") || !strings.Contains(string(r.body), "next_cursor") {
			t.Errorf("%s: %s", path, r.body)
		}
	}
}
