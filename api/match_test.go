package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo/road/match"
)

// drive is a car along the street at 28.58, a fix every ten seconds.
func drive(count int) (fixes []string) {
	for i := range count {
		fixes = append(fixes, fmt.Sprintf(`{"t":%q,"lon":%.6f,"lat":28.58003,"accuracy_m":8}`,
			t0.Add(time.Duration(i)*10*time.Second).Format(time.RFC3339), 121.3802+float64(i)*0.0005))
	}
	return fixes
}

func TestMatch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	worker := b.as(dispatch.RoleGridWorker)
	ask := func(body string) call { return call{method: "POST", path: "/api/v1/match", token: worker, body: body} }
	plain := `{"mode":"car","fixes":[` + strings.Join(drive(8), ",") + `]}`
	if r := b.want(http.StatusServiceUnavailable, ask(plain)); !strings.Contains(string(r.body), "import roads") {
		t.Errorf("without roads: %s", r.body)
	}
	b.withRoads()
	found := read[api.Matched](t, b.want(http.StatusOK, ask(plain)))
	// Seven steps of 0.0005 degrees of longitude, 97.8 km to a degree here.
	if len(found.Parts) != 1 || found.LengthM < 338 || found.LengthM > 346 || len(found.Fixes) != 8 || len(found.Breaks) != 0 {
		t.Fatalf("%+v", found)
	}
	if p := found.Parts[0]; p.First != 0 || p.Last != 7 || p.DurationS != 70 || p.TurnedRound != 0 || len(p.Roads) != 1 || len(p.Geometry.Coordinates) < 2 {
		t.Errorf("%+v", p)
	}
	if f := found.Fixes[3]; f.State != "matched" || f.AwayM == nil || *f.AwayM < 1 || *f.AwayM > 6 || *f.Confidence < 0.5 {
		t.Errorf("%+v", f)
	}

	jump := drive(8)
	jump[4] = strings.Replace(jump[4], "28.58003", "28.68", 1)
	if found = read[api.Matched](t, b.want(http.StatusOK, ask(`{"fixes":[`+strings.Join(jump, ",")+`]}`))); found.Fixes[4].State != "jump" || found.Fixes[4].Lon != nil || found.LengthM > 346 {
		t.Errorf("%+v of %.0f m", found.Fixes[4], found.LengthM)
	}
}

func TestMatchesThatMakeNoSenseAreRefusedByField(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.withRoads()
	worker := b.as(dispatch.RoleGridWorker)
	list := func(change func(f []string) []string) string {
		return `{"fixes":[` + strings.Join(change(drive(4)), ",") + `]}`
	}
	for name, row := range map[string]struct{ body, pointer, says string }{
		"nothing":   {`{}`, "/fixes", "at least two"},
		"one fix":   {list(func(f []string) []string { return f[:1] }), "/fixes", "at least two"},
		"backwards": {list(func(f []string) []string { f[2], f[1] = f[1], f[2]; return f }), "/fixes/2", "ascend"},
		"the same":  {list(func(f []string) []string { f[2] = f[1]; return f }), "/fixes/2", "ascend"},
		"swapped": {list(func(f []string) []string {
			f[3] = strings.Replace(strings.Replace(strings.Replace(f[3], "lon", "x", 1), "lat", "lon", 1), "x", "lat", 1)
			return f
		}), "/fixes/3", "did you mean"},
		"no number":    {list(func(f []string) []string { f[0] = strings.Replace(f[0], "28.58003", "NaN", 1); return f }), "", ""},
		"null island":  {`{"fixes":[{"t":"2026-05-03T00:00:00Z","lon":0,"lat":0},{"t":"2026-05-03T00:00:10Z","lon":0,"lat":0}]}`, "/fixes/0", "no position"},
		"both":         {`{"patrol_id":"018f0000-0000-7000-8000-000000000001",` + list(func(f []string) []string { return f })[1:], "/patrol_id", "one of them"},
		"an open end":  {`{"patrol_id":"018f0000-0000-7000-8000-000000000001","from":"2026-05-03T00:00:00Z"}`, "/to", "missing"},
		"a whole week": {`{"patrol_id":"018f0000-0000-7000-8000-000000000001","from":"2026-05-03T00:00:00Z","to":"2026-05-10T00:00:00Z"}`, "/to", "24 h"},
		"a boat":       {`{"mode":"boat","fixes":[]}`, "/mode", ""},
	} {
		refused := b.want(http.StatusBadRequest, call{method: "POST", path: "/api/v1/match", token: worker, body: row.body})
		problem := read[api.Problem](t, refused)
		if row.pointer != "" && (len(problem.Errors) == 0 || problem.Errors[0].Pointer != row.pointer || !strings.Contains(problem.Errors[0].Detail, row.says)) {
			t.Errorf("%s: %s", name, refused.body)
		}
	}
}

// The stored track of a patrol is for those who may see tracks, and looking is recorded.
func TestMatchOfAPatrol(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.withRoads()
	_, patrol := b.device("D-1")
	for i := range 8 {
		b.desk.fixes = append(b.desk.fixes, api.TrackPoint{T: t0.Add(time.Duration(i/2) * 20 * time.Second), Lon: 121.3802 + float64(i/2)*0.001, Lat: 28.58003})
	}
	body := fmt.Sprintf(`{"patrol_id":%q,"mode":"car","from":"2026-05-03T00:00:00+08:00","to":"2026-05-03T23:00:00+08:00"}`, patrol)
	ask := func(token string) call { return call{method: "POST", path: "/api/v1/match", token: token, body: body} }
	looks := func() (n int) {
		if err := b.db.QueryRow(t.Context(), `SELECT count(*) FROM position_views WHERE what = 'track' AND patrol_id = $1`, patrol).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	b.want(http.StatusForbidden, ask(b.as(dispatch.RoleGridWorker)))
	if looks() != 0 {
		t.Error("a look that was refused is recorded")
	}
	found := read[api.Matched](t, b.want(http.StatusOK, ask(b.as(dispatch.RoleAuditor))))
	if len(found.Fixes) != 4 || found.LengthM < 288 || found.LengthM > 298 {
		t.Errorf("%d fixes, %.0f m", len(found.Fixes), found.LengthM)
	}
	if looks() != 1 {
		t.Errorf("the look was recorded %d times", looks())
	}
	// What would end somewhere in the middle is not told as the whole.
	b.desk.fixes = make([]api.TrackPoint, match.MaxFixes+5)
	for i := range b.desk.fixes {
		b.desk.fixes[i] = api.TrackPoint{T: t0.Add(time.Duration(i) * time.Second / 2), Lon: 121.3802, Lat: 28.58003}
	}
	long := b.want(http.StatusRequestEntityTooLarge, ask(b.as(dispatch.RoleAuditor)))
	if problem := read[api.Problem](t, long); problem.Type != "/problems/too-large" || len(problem.Errors) != 1 || problem.Errors[0].Pointer != "/to" ||
		!strings.Contains(problem.Errors[0].Detail, b.desk.fixes[match.MaxFixes-1].T.UTC().Format(time.RFC3339)) {
		t.Errorf("%s", long.body)
	}
	b.desk.fixes = nil
	b.want(http.StatusUnprocessableEntity, ask(b.as(dispatch.RoleAuditor)))
}
