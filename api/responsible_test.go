package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// setupMay is a district whose maps are looked at on 10 May 2026: at is a time of that month,
// as clocks there show it.
func setupMay(t *testing.T) (b *bundle, store *pgstore.Store, atlas *dispatch.Atlas, at func(day, hour, minute int) time.Time) {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	at = func(day, hour, minute int) time.Time { return time.Date(2026, 5, day, hour, minute, 0, 0, zone) }
	atlas = dispatch.NewAtlas(func() time.Time { return at(10, 12, 0) })
	b = setupWith(t, func(b *bundle) duty {
		store = pgstore.New(b.db)
		service, err := dispatch.New(dispatch.Config{District: dispatch.DistrictID{UUID: pgdb.District}, Store: store, Live: standing{}, Roads: road.Straight{}, Grids: atlas, Zone: zone})
		if err != nil {
			t.Fatal(err)
		}
		return service
	})
	return b, store, atlas, at
}

// "Who was responsible here at 21:40 on 3 May?", asked for a place, across a map that was
// redrawn with other codes on the 4th, a worker who changed on the 2nd, and a shift that a
// substitute had that night.
func TestWhoWasResponsibleThen(t *testing.T) {
	t.Parallel()
	b, store, atlas, at := setupMay(t)
	pgtest.SetNow(t, b.db, at(10, 12, 0))
	old := b.drawGrids("G-", at(1, 0, 0).AddDate(0, -3, 0), at(4, 0, 0))
	drawn := b.drawGrids("N-", at(4, 0, 0), time.Time{})
	versions, _, err := store.MapVersions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	atlas.Replace(versions)
	hold := func(grid, code, part string, from, until time.Time, shifts ...[2]time.Time) {
		staff, patrol := b.person(code), uuid.New()
		var end any
		if !until.IsZero() {
			end = until
		}
		b.exec(`INSERT INTO grid_staff (district_id, grid_code, staff_id, part, valid) VALUES ($1, $2, $3, $4, tstzrange($5, $6))`, pgdb.District, grid, staff, part, from, end)
		b.exec(`INSERT INTO patrols (id, district_id, code, name, department, mode, area_code) VALUES ($1, $2, $3, $3, 'grid', 'foot', '331004001')`, patrol, pgdb.District, "P-"+code)
		b.exec(`INSERT INTO patrol_members (patrol_id, staff_id, valid) VALUES ($1, $2, tstzrange($3, NULL))`, patrol, staff, from)
		for _, s := range shifts {
			b.exec(`INSERT INTO duties (id, patrol_id, during, source) VALUES ($1, $2, tstzrange($3, $4), 'shift')`, uuid.New(), patrol, s[0], s[1])
		}
	}
	day := func(d int) [2]time.Time { return [2]time.Time{at(d, 8, 0), at(d, 18, 0)} }
	hold("G-1", "chen", "worker", at(1, 0, 0).AddDate(-1, 0, 0), at(2, 8, 0), day(1))
	hold("G-1", "lin", "worker", at(2, 8, 0), time.Time{}, day(2), day(3))
	hold("G-1", "zhao", "substitute", at(3, 18, 0), at(3, 23, 0), [2]time.Time{at(3, 18, 0), at(3, 23, 0)})
	hold("G-1", "xu", "chief", at(1, 0, 0), time.Time{})
	hold("N-1", "wu", "worker", at(4, 0, 0), time.Time{}, day(6))
	auditor := b.as(dispatch.RoleAuditor)
	ask := func(when time.Time, token string) api.ResponsibleThen {
		t.Helper()
		return read[api.ResponsibleThen](t, b.want(http.StatusOK, call{token: token,
			path: "/api/v1/responsible?lon=121.3851&lat=28.5851&at=" + url.QueryEscape(when.Format(time.RFC3339))}))
	}
	for _, row := range []struct {
		when          time.Time
		grid, answers string
		people        string
	}{
		{at(1, 10, 0), old["G-1"], "chen", "worker chen on, chief xu off"},
		{at(3, 10, 0), old["G-1"], "lin", "worker lin on, chief xu off"},
		{at(3, 21, 40), old["G-1"], "zhao", "worker lin off, substitute zhao on, chief xu off"},
		{at(3, 23, 30), old["G-1"], "xu", "worker lin off, chief xu off"},
		{at(6, 9, 0), drawn["N-1"], "wu", "worker wu on"},
		{at(6, 20, 0), drawn["N-1"], "", "worker wu off"},
	} {
		got := ask(row.when, auditor)
		var people []string
		answers := ""
		for _, p := range got.People {
			on := " off"
			if p.OnDuty {
				on = " on"
			}
			people = append(people, string(p.Part)+" "+p.Name+on)
			if p.Patrol == nil || p.Patrol.Code != "P-"+p.Name {
				t.Errorf("%s was in %+v", p.Name, p.Patrol)
			}
			if got.Answers != nil && *got.Answers == p.StaffId {
				answers = p.Name
			}
		}
		if got.Responsible.GridId == nil || got.Responsible.GridId.String() != row.grid || answers != row.answers || strings.Join(people, ", ") != row.people {
			t.Errorf("at %s: grid %v, %s answers, of %v; want %s, %s, %s", row.when, got.Responsible.GridId, answers, people, row.grid, row.answers, row.people)
		}
	}
	// Before the first map there was nobody, and a town leader elsewhere hears no names.
	if got := ask(at(1, 0, 0).AddDate(-2, 0, 0), auditor); got.Responsible.GridId != nil || len(got.People) != 0 {
		t.Errorf("before all maps: %+v", got)
	}
	if got := ask(at(3, 21, 40), b.as(dispatch.RoleTownLeader, within("331004002"))); got.Responsible.GridId == nil || len(got.People) != 0 {
		t.Errorf("to a leader elsewhere: %+v", got)
	}
	b.want(http.StatusBadRequest, call{token: auditor, path: "/api/v1/responsible?lon=121.3851&lat=28.5851"})
	b.want(http.StatusForbidden, call{token: b.as(dispatch.RoleGridWorker), path: "/api/v1/responsible?lon=121.3851&lat=28.5851&at=2026-05-03T13:40:00Z"})
}
