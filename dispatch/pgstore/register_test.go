package pgstore_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/dispatch/roster"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// office is a register on a real database.
type office struct {
	t  testing.TB
	db *pgdb.DB
	*pgstore.Register
}

func newOffice(t testing.TB) *office {
	db := pgtest.New(t)
	return &office{t, db, pgstore.NewRegister(db)}
}

type importer func(context.Context, io.Reader, pgstore.RegisterOptions) (roster.Result, error)

func (o *office) take(fn importer, text string, options ...pgstore.RegisterOptions) roster.Result {
	o.t.Helper()
	r, err := fn(o.t.Context(), strings.NewReader(text), append(options, pgstore.RegisterOptions{})[0])
	if err != nil {
		o.t.Fatal(err)
	}
	return r
}

// rows answers a query's rows as text.
func (o *office) rows(query string) string {
	o.t.Helper()
	rows, err := o.db.Query(o.t.Context(), query)
	if err != nil {
		o.t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			o.t.Fatal(err)
		}
		out = append(out, strings.TrimSpace(fmt.Sprintln(values...)))
	}
	if err := rows.Err(); err != nil {
		o.t.Fatal(err)
	}
	return strings.Join(out, "; ")
}

// refusals tells the refused rows, changes what was done.
func refusals(r roster.Result) (out []string) {
	for _, f := range r.Refused {
		out = append(out, fmt.Sprintf("%d %s %s", f.Line, f.Column, f.Code))
	}
	return out
}

func changes(r roster.Result) (out []string) {
	for _, c := range r.Changes {
		out = append(out, strings.TrimSpace(fmt.Sprint(c.Change, " ", c.What, " ", c.Code, " ", c.Detail)))
	}
	slices.Sort(out)
	return out
}

func same(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

const (
	someDepartments = "code,name_zh,name_en\ngrid,网格,Grid\npolice,公安,Police\n"
	someAreas       = "code,name,level,parent_code\nV1,村,village,T1\nT1,镇,town,D\nD,区,district,\n"
	staffHeader     = "code,name,role,department,area_code,grid_code,patrol_code,patrol_mode,skills,device_id\n"
)

func (o *office) settle() {
	o.take(o.Departments, someDepartments)
	o.take(o.Areas, someAreas)
}

func TestRegisterIsStoredOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	same(t, "departments", changes(o.take(o.Departments, someDepartments)), "added department grid", "added department police")
	same(t, "areas", changes(o.take(o.Areas, someAreas)), "added area D", "added area T1", "added area V1")
	same(t, "again", changes(o.take(o.Departments, someDepartments)))
	same(t, "areas again", changes(o.take(o.Areas, someAreas)))
	eq(t, "district", o.rows(`SELECT code, name_zh FROM districts`), "D 区")
	same(t, "renamed", changes(o.take(o.Departments, strings.Replace(someDepartments, "Police", "Constabulary", 1))),
		"changed department police name_en: Police -> Constabulary")
	eq(t, "revision", o.rows(`SELECT revision FROM revisions WHERE topic = 'roster'`), "3")

	const places = "code,name,kind,lon,lat,url,visits_per_week\nR1,出租房,rental_house,121.3873515,28.4998105,,2\nC1,camera,camera,121.4,28.5,https://cam.example/1,\n"
	same(t, "places", changes(o.take(o.Places, places)), "added place C1", "added place R1")
	same(t, "places again", changes(o.take(o.Places, places)))
	r := o.take(o.Places, strings.Replace(places, ",2\n", ",x\n", 1))
	same(t, "a bad row", refusals(r), "2 visits_per_week bad_value")
	eq(t, "accepted", r.Accepted, 1)

	// A fence is taken from the column, stays where there is none, and goes with a 0.
	const fenced = "code,name,kind,lon,lat,url,visits_per_week,fence_m\nR1,出租房,rental_house,121.3873515,28.4998105,,2,80\nC1,camera,camera,121.4,28.5,https://cam.example/1,,\n"
	same(t, "a fence", changes(o.take(o.Places, fenced)), "changed place R1 fence_m: 0 -> 80")
	same(t, "a table without the column", changes(o.take(o.Places, places)))
	same(t, "refused", refusals(o.take(o.Places, strings.Replace(fenced, ",80\n", ",29\n", 1))), "2 fence_m bad_value")
	same(t, "refused", refusals(o.take(o.Places, strings.Replace(fenced, ",80\n", ",80m\n", 1))), "2 fence_m bad_value")
	eq(t, "fences", o.rows(`SELECT code, fence_m FROM places WHERE fence_m IS NOT NULL`), "R1 80")
	same(t, "none", changes(o.take(o.Places, strings.Replace(fenced, ",80\n", ",0\n", 1))), "changed place R1 fence_m: 80 -> 0")
	eq(t, "fences", o.rows(`SELECT count(*) FROM places WHERE fence_m IS NOT NULL`), "0")
}

func TestDryRunChangesNothing(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	dry := pgstore.RegisterOptions{DryRun: true}
	same(t, "would", changes(o.take(o.Departments, someDepartments, dry)), "added department grid", "added department police")
	eq(t, "departments", o.rows(`SELECT count(*) FROM departments`), "0")
	eq(t, "revision", o.rows(`SELECT revision FROM revisions WHERE topic = 'roster'`), "0")
}

func TestCategoriesAreDated(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	const table = "code,name_zh,name_en,lead,joint,optional,urgency,dispatch_mode,skill\nC01,酸洗,Vat,environment,police,,urgent,auto,hazmat\nA05,盗窃,Theft,police,,,ordinary,manual,\n"
	same(t, "first", changes(o.take(o.Categories, table)), "added category A05", "added category C01")
	same(t, "again", changes(o.take(o.Categories, table)))
	pgtest.Advance(t, o.db, time.Hour)
	same(t, "changed", changes(o.take(o.Categories, strings.Replace(table, ",auto,", ",confirm,", 1))), "changed category C01 dispatch_mode: auto -> confirm")
	eq(t, "history", o.rows(`SELECT dispatch_mode, upper_inf(valid), valid @> gp_now() - interval '30 min' FROM categories WHERE code = 'C01' ORDER BY lower(valid)`),
		"auto false true; confirm true false")
}

// What a table does not say of the rules stays, also what was set on the page.
func TestCategoriesBringTheirRules(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	const header = "code,name_zh,name_en,lead,joint,optional,urgency,dispatch_mode"
	const row = "\nB01,食品黑作坊,Food,market,police,,urgent,auto"
	table := header + ",revisit_days,crews,covert_hours" + row + ",3;7;30,police:2/camera,\n"
	same(t, "first", changes(o.take(o.Categories, table)), "added category B01", "changed category rules B01 revisit_days: [] -> [3 7 30], crews:  -> police:2/camera")
	same(t, "again", changes(o.take(o.Categories, table)))
	same(t, "without the columns", changes(o.take(o.Categories, header+row+"\n")))
	same(t, "one more", changes(o.take(o.Categories, header+",revisit_days,covert_hours,check_percent"+row+",,24,\n")), "changed category rules B01 covert_hours: 0 -> 24")
	same(t, "one less", changes(o.take(o.Categories, header+",revisit_days"+row+",none\n")), "changed category rules B01 revisit_days: [3 7 30] -> []")
	eq(t, "rules", o.rows(`SELECT revisit_days, crews, covert_hours, listed FROM category_rules WHERE code = 'B01'`), `[] [map[department:police people:2 skills:[camera]]] 24 true`)
	same(t, "would", changes(o.take(o.Categories, header+",revisit_days"+row+",5\n", pgstore.RegisterOptions{DryRun: true})), "changed category rules B01 revisit_days: [] -> [5]")
	eq(t, "and did not", o.rows(`SELECT revisit_days FROM category_rules WHERE code = 'B01'`), `[]`)
}

func TestStaffIsDated(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.settle()
	const table = staffHeader +
		"w1,王,grid_worker,,V1,G1,W1,foot,,d1\n" +
		"c1,陈,grid_chief,,V1,G1,,,,\n" +
		"p1,李,officer,police,T1,,P1,car,hazmat,d2\n" +
		"p2,刘,officer,police,T1,,P1,,dog;hazmat,\n"
	r := o.take(o.Staff, table)
	same(t, "refused", refusals(r))
	same(t, "first", changes(r),
		"added device d1", "added device d2", "added device_binding d1 W1", "added device_binding d2 P1",
		"added member p1 P1", "added member p2 P1", "added member w1 W1", "added patrol P1", "added patrol W1",
		"added post c1 chief of G1", "added post w1 worker of G1",
		"added staff c1", "added staff p1", "added staff p2", "added staff w1")
	same(t, "again", changes(o.take(o.Staff, table)))
	eq(t, "patrols", o.rows(`SELECT code, name, department, mode, skills, area_code FROM patrols ORDER BY code`),
		"P1 P1 police car [dog hazmat] T1; W1 王 grid foot [] V1")
	eq(t, "a fix that was held back still belongs", o.rows(`SELECT bool_and(valid @> gp_now() - interval '3 days') FROM device_bindings`), "true")

	// An hour later somebody else takes the grid over, with the old device, and p2 goes on foot alone.
	pgtest.Advance(t, o.db, time.Hour)
	r = o.take(o.Staff, staffHeader+
		"w2,赵,grid_worker,,V1,G1,W2,ebike,,d1\n"+
		"p2,刘,officer,police,T1,,P2,foot,,\n")
	same(t, "handed over", changes(r),
		"added device_binding d1 W2", "added member p2 P2", "added member w2 W2", "added patrol P2", "added patrol W2",
		"added post w2 worker of G1", "added staff w2",
		"closed device_binding d1 W1", "closed member p2 P1", "closed post w1 worker of G1")
	eq(t, "worker now and then", o.rows(`SELECT s.code, g.valid @> gp_now(), g.valid @> gp_now() - interval '30 min'
		FROM grid_staff g JOIN staff s ON s.id = g.staff_id WHERE part = 'worker' ORDER BY 1`), "w1 false true; w2 true false")
	eq(t, "device now and then", o.rows(`SELECT p.code, b.valid @> gp_now(), b.valid @> gp_now() - interval '30 min'
		FROM device_bindings b JOIN devices d ON d.id = b.device_id JOIN patrols p ON p.id = b.patrol_id WHERE d.code = 'd1' ORDER BY 1`),
		"W1 false true; W2 true false")
}

// Where a patrol works is kept by code, stays where a table says nothing of it, and is
// everywhere again by the district's code.
func TestWhereAPatrolWorksIsKept(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.settle()
	const header = "code,name,role,department,area_code,grid_code,patrol_code,patrol_mode,skills,device_id,works_in\n"
	works := func() string { return o.rows(`SELECT code, works_in FROM patrols ORDER BY 1`) }
	town := o.rows(`SELECT name FROM areas WHERE code = 'T1'`)
	o.take(o.Staff, header+"p1,李,officer,police,,,P1,car,,,"+town+";V1\np2,刘,officer,police,,,P2,car,,,\n")
	eq(t, "by name and by code", works(), "P1 [T1 V1]; P2 []")
	same(t, "said again", changes(o.take(o.Staff, header+"p1,李,officer,police,,,P1,car,,,V1;T1\n")))
	same(t, "a table without the column", changes(o.take(o.Staff, staffHeader+"p1,李,officer,police,,,P1,car,,\n")))
	eq(t, "stays", works(), "P1 [T1 V1]; P2 []")
	same(t, "everywhere", changes(o.take(o.Staff, header+"p1,李,officer,police,,,P1,car,,,D\n")), "changed patrol P1 works_in: [T1 V1] -> [D]")
	same(t, "refused", refusals(o.take(o.Staff, header+"p2,刘,officer,police,,,P2,car,,,T9\n")), "2 works_in area")
}

func TestTwoWorkersChangePlaces(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.settle()
	const row1, row2 = "w1,王,grid_worker,,V1,G1,W1,foot,,d1\n", "w2,赵,grid_worker,,V1,G2,W2,foot,,d2\n"
	o.take(o.Staff, staffHeader+row1+row2)
	pgtest.Advance(t, o.db, time.Hour)
	r := o.take(o.Staff, staffHeader+strings.Replace(row1, "G1", "G2", 1)+strings.Replace(row2, "G2", "G1", 1))
	same(t, "changes", changes(r), "added post w1 worker of G2", "added post w2 worker of G1", "closed post w1 worker of G1", "closed post w2 worker of G2")
	eq(t, "now", o.rows(`SELECT s.code, grid_code FROM grid_staff g JOIN staff s ON s.id = g.staff_id WHERE valid @> gp_now() ORDER BY 1`), "w1 G2; w2 G1")
}

func TestStaffRefusals(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.settle()
	r := o.take(o.Staff, staffHeader+
		"a,,officer,police,,,,,,\n"+ // 2 no name
		"b,B,boss,police,,,,,,\n"+ // 3 no such role
		"c,C,officer,fire,,,,,,\n"+ // 4 no such department
		"d,D,officer,police,X,,,,,\n"+ // 5 no such area
		"e,E,officer,police,,,P1,,,\n"+ // 6 a new patrol without mode
		"f,F,officer,police,,,P1,car,,d1\n"+ // good
		"g,G,grid_worker,grid,,,P1,car,,\n"+ // 8 other department
		"h,H,officer,police,,,P1,foot,,\n"+ // 9 other mode
		"i,I,officer,police,,,P2,foot,,d1\n"+ // 10 device of another patrol
		"j,J,grid_worker,,,G1,,,,\n"+ // good
		"k,K,grid_worker,,,G1,,,,\n"+ // 12 second worker
		"j,J,officer,police,,,,,,\n"+ // 13 duplicate
		"l,L,officer,police,,G1,,,,\n"+ // 14 what part
		"m,M,officer,police,,,,,dog,\n"+ // 15 skills without patrol
		"n,N,officer,police,,\n") // 16 fields
	same(t, "refused", refusals(r), "2 name required", "3 role bad_value", "4 department department", "5 area_code area",
		"6 patrol_mode required", "8 department patrol", "9 patrol_mode patrol", "10 device_id device", "12 grid_code second_post",
		"13 code duplicate", "14 grid_part grid", "15 skills patrol", "16  fields")
	eq(t, "accepted", r.Accepted, 2)
	eq(t, "in", o.rows(`SELECT code FROM staff ORDER BY 1`), "f; j")
}

func TestShifts(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.settle()
	o.take(o.Staff, staffHeader+"p1,李,officer,police,,,P1,car,,d1\np2,李,officer,police,,,P2,car,,d2\n")
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	pgtest.SetNow(t, o.db, now)
	at := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339) }
	duties := func() string {
		return o.rows(`SELECT p.code, round(extract(epoch FROM lower(during) - '2026-11-23 12:00Z') / 3600)::int,
			round(extract(epoch FROM upper(during) - '2026-11-23 12:00Z') / 3600)::int, source
			FROM duties d JOIN patrols p ON p.id = d.patrol_id ORDER BY 1, 2`)
	}
	const header = "patrol_code,from,until\n"
	r := o.take(o.Shifts, header+"P1,-2h,+6h\nP1,+20h,+28h30m\nP1,"+at(-50*time.Hour)+","+at(-40*time.Hour)+"\n")
	same(t, "first", changes(r), "added shifts P1 3 shifts")
	eq(t, "first", duties(), "P1 -50 -40 shift; P1 -2 6 shift; P1 20 29 shift")

	absolute := header + "P1," + at(-2*time.Hour) + "," + at(4*time.Hour) + "\nP1," + at(10*time.Hour) + "," + at(12*time.Hour) + "\n"
	pgtest.SetNow(t, o.db, now.Add(time.Hour))
	same(t, "a new plan", changes(o.take(o.Shifts, absolute)), "changed shifts P1 3 shifts -> 3 shifts")
	eq(t, "the past stays, the future is replaced", duties(), "P1 -50 -40 shift; P1 -2 4 shift; P1 10 12 shift")
	same(t, "again", changes(o.take(o.Shifts, absolute)))

	// A duty by hand goes before the plan.
	if _, err := o.db.Exec(t.Context(), `INSERT INTO duties (id, patrol_id, during, source)
		SELECT gen_random_uuid(), id, tstzrange(gp_now() - interval '1 h', gp_now() + interval '3 h'), 'manual' FROM patrols WHERE code = 'P2'`); err != nil {
		t.Fatal(err)
	}
	o.take(o.Shifts, header+"P2,-2h,+8h\n")
	eq(t, "by hand", duties(), "P1 -50 -40 shift; P1 -2 4 shift; P1 10 12 shift; P2 0 4 manual; P2 4 9 shift")

	same(t, "refused", refusals(o.take(o.Shifts, header+"P9,-1h,+1h\nP1,+2h,+1h\nP1,noon,+1h\nP1,-1h,+1000h\n,,\nP1,-1h,\n")),
		"2 patrol_code patrol", "3 until bad_value", "4 from bad_value", "5 until bad_value", "7 until required")
}
