package api_test

import (
	"context"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// twoTownsOnDuty has a worker on duty and one off duty in each of two towns, and a
// police patrol in the first.
func (b *bundle) twoTownsOnDuty() {
	b.t.Helper()
	b.drawGrids("G-", time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Time{})
	b.exec(`UPDATE areas SET phone = '0576-55501' || right(code, 2) WHERE level = 'town'`)
	person := func(code, name, role, department, area, phone string) uuid.UUID {
		id := uuid.Must(uuid.NewV7())
		b.exec(`INSERT INTO staff (id, district_id, code, name, role, department, area_code, phone) VALUES ($1, $2, $3, $4, $5, nullif($6, ''), $7, $8)`,
			id, pgdb.District, code, name, role, department, area, phone)
		return id
	}
	patrol := func(code, department, area, status string, members ...uuid.UUID) {
		id := uuid.Must(uuid.NewV7())
		b.exec(`INSERT INTO patrols (id, district_id, code, name, department, mode, area_code, status) VALUES ($1, $2, $3, $3, $4, 'ebike', $5, $6)`,
			id, pgdb.District, code, department, area, status)
		for _, m := range members {
			b.exec(`INSERT INTO patrol_members (patrol_id, staff_id, valid) VALUES ($1, $2, '[2020-01-01,)')`, id, m)
		}
	}
	post := func(grid string, staff uuid.UUID, part string) {
		b.exec(`INSERT INTO grid_staff (district_id, grid_code, staff_id, part, valid) VALUES ($1, $2, $3, $4, '[2020-01-01,)')`, pgdb.District, grid, staff, part)
	}
	person("S-L1", "林镇长", "town_leader", "", "331004001", "13900000001")
	person("S-L2", "罗镇长", "town_leader", "", "331004002", "13900000002")
	on := person("S-1", "王在岗", "grid_worker", "grid", "331004001", "13800000001")
	off := person("S-2", "周下班", "grid_worker", "grid", "331004001", "13800000002")
	chief := person("S-3", "陈网格长<script>", "grid_chief", "", "331004001", "13800000003")
	other := person("S-4", "蔡北边", "grid_worker", "grid", "331004002", "13800000004")
	officer := person("S-5", "金公安", "officer", "police", "331004001", "13800000005")
	patrol("W1", "grid", "331004001", "free", on)
	patrol("W2", "grid", "331004001", "off_duty", off)
	patrol("W4", "grid", "331004002", "free", other)
	patrol("公安09", "police", "331004001", "break", officer)
	for i, grid := range b.gridsOf("331004001") {
		worker := []uuid.UUID{on, off}[i%2]
		post(grid, worker, "worker")
		post(grid, chief, "chief")
	}
	for _, grid := range b.gridsOf("331004002") {
		post(grid, other, "worker")
	}
}

func (b *bundle) gridsOf(area string) (codes []string) {
	b.t.Helper()
	if err := b.db.QueryRow(b.t.Context(), `SELECT array_agg(code ORDER BY code) FROM grids WHERE area_code = $1`, area).Scan(&codes); err != nil || len(codes) == 0 {
		b.t.Fatalf("grids of %s: %v %v", area, codes, err)
	}
	return codes
}

func (b *bundle) prints() (n, people int, area string) {
	b.t.Helper()
	if err := b.db.QueryRow(b.t.Context(), `SELECT count(*), coalesce(max(cardinality(staff_ids)), 0), coalesce(max(area_code), '') FROM duty_prints`).Scan(&n, &people, &area); err != nil {
		b.t.Fatal(err)
	}
	return n, people, area
}

func TestTheDutySheetShowsOnesOwnTownAndIsRecorded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.twoTownsOnDuty()
	r := b.want(http.StatusOK, call{path: "/api/v1/duty-sheet", token: b.as(dispatch.RoleTownLeader, within("331004001"))})
	page := string(r.body)
	for _, want := range []string{"路南", "0576-5550101", "林镇长", "13900000001", "王在岗", "13800000001", "公安09", "金公安", "13800000005", "休息",
		"陈网格长&lt;script&gt;", "13800000003", "值班表", aCase().Number} {
		if !strings.Contains(page, want) {
			t.Errorf("the sheet lacks %s", want)
		}
	}
	// Another town's people, and who is off duty where somebody else is to be called.
	for _, secret := range []string{"路北", "罗镇长", "蔡北边", "13800000004", "0576-5550102", "13800000002"} {
		if strings.Contains(page, secret) {
			t.Errorf("a town leader's sheet shows %s", secret)
		}
	}
	if s := b.want(http.StatusOK, call{path: "/api/v1/session", token: b.as(dispatch.RoleOperator)}); !strings.Contains(string(s.body), `"duty_sheet"`) {
		t.Errorf("the page is not told that it may print: %s", s.body)
	}
	if n, people, area := b.prints(); n != 1 || people != 4 || area != "331004001" {
		t.Errorf("%d prints with %d telephones of %q are recorded, want one with 4 of the town", n, people, area)
	}
	all := b.want(http.StatusOK, call{path: "/api/v1/duty-sheet", token: b.as(dispatch.RoleOperator)})
	if text := string(all.body); !strings.Contains(text, "蔡北边") || !strings.Contains(text, "王在岗") || !strings.Contains(text, `class="compact"`) {
		t.Error("the district's sheet lacks a town")
	}
	market := b.want(http.StatusOK, call{path: "/api/v1/duty-sheet", token: b.as(dispatch.RoleOperator, func(a *account) { a.department = "police" })})
	if text := string(market.body); strings.Contains(text, "13800000001") || !strings.Contains(text, "金公安") {
		t.Error("a viewer of one department reads another's telephones")
	}
	if n, _, _ := b.prints(); n != 3 {
		t.Errorf("%d prints are recorded, want every one of 3", n)
	}
}

// With the network gone the page must stand alone: nothing in it may be asked for.
func TestTheDutySheetStandsAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.twoTownsOnDuty()
	token := b.as(dispatch.RoleDutyLeader)
	r := b.want(http.StatusOK, call{path: "/api/v1/duty-sheet?lang=en", token: token})
	page := html.UnescapeString(string(r.body))
	if outside := regexp.MustCompile(`(?i)<script|<link|<img|\bsrc=|\bhref=|url\(|@import|\son\w+=`).FindString(string(r.body)); outside != "" {
		t.Errorf("the page asks for something: %q", outside)
	}
	if policy := r.header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") || r.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s", policy)
	}
	if !strings.Contains(page, "Duty sheet") || !strings.Contains(page, "Patrols on duty") || !strings.Contains(page, "on a break") || !regexp.MustCompile(`Printed <b>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d \(UTC\)`).MatchString(page) {
		t.Errorf("%.1500s", page)
	}
	for header, want := range map[string]string{"": "值班表", "en-GB,en;q=0.9": "Duty sheet", "en,zh-CN;q=0.5": "值班表"} {
		if r := b.want(http.StatusOK, call{path: "/api/v1/duty-sheet", token: token, header: map[string]string{"Accept-Language": header}}); !strings.Contains(string(r.body), want) {
			t.Errorf("Accept-Language %q does not read %s", header, want)
		}
	}
	b.want(http.StatusBadRequest, call{path: "/api/v1/duty-sheet?lang=fr", token: token})
	if err := b.db.Owner(t.Context(), func(conn *pgx.Conn) error {
		_, err := conn.Exec(context.Background(), `DROP TABLE duty_prints`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if r := b.do(call{path: "/api/v1/duty-sheet", token: token}); r.status != http.StatusInternalServerError || strings.Contains(string(r.body), "13800000001") {
		t.Errorf("a print that cannot be recorded leaves: %d", r.status)
	}
}

func TestAGridIsNamedUnderItsTown(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"路南街道", "路南003网格", "003"},
		{"滨海工业城", "滨海012网格", "012"},
		{"路南街道", "日用品市场网格", "日用品市场"},
		{"", "路南003网格", "路南003"},
		{"Ruggell", "Ruggell", "Ruggell"},
		{"路南街道", "网格", "网格"},
	} {
		if got := api.ShortGrid(c[0], c[1]); got != c[2] {
			t.Errorf("%s under %s is %q, want %q", c[1], c[0], got, c[2])
		}
	}
}
