package roster_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/roster"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/feature"
)

func refusals(refused []roster.Refusal) (out []string) {
	for _, r := range refused {
		out = append(out, fmt.Sprintf("%d %s %s", r.Line, r.Column, r.Code))
	}
	slices.Sort(out)
	return out
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func TestDepartments(t *testing.T) {
	t.Parallel()
	good, refused, err := roster.Departments(strings.NewReader("code,name_zh,name_en\npolice,公安,Police\nfire,消防,\nBad Code,x,y\n,x,y\npolice,again,Again\n"))
	if err != nil || len(good) != 2 || good[1].NameEN != "消防" {
		t.Errorf("%+v %v", good, err)
	}
	same(t, "refused", refusals(refused), "4 code bad_value", "5 code required", "6 code duplicate")
	if _, _, err := roster.Departments(strings.NewReader("code,name\n")); err == nil {
		t.Error("a wrong header ends the import")
	}
}

func TestAreasComeParentsFirst(t *testing.T) {
	t.Parallel()
	table := "code,name,level,parent_code\n" +
		"V1,v,village,T1\n" + "V2,v,village,T2\n" + "T1,t,town,D\n" + "D,d,district,\n" +
		"V3,v,village,D\n" + "T2,t,town,nowhere\n" + "E,e,district,\n" + "T3,t,town,\n" + "F,f,district,D\n" + "T4,t,county,D\n"
	good, refused, err := roster.Areas(strings.NewReader(table), roster.Known{})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, a := range good {
		order = append(order, a.Code)
	}
	same(t, "order", order, "D", "T1", "V1")
	// A refused town refuses its village; a village does not hang on the district.
	same(t, "refused", refusals(refused), "10 parent_code area", "11 level bad_value", "3 parent_code area", "6 parent_code area",
		"7 parent_code area", "8 code area", "9 parent_code required")

	known := roster.Known{AreaLevels: map[string]string{"D": "district", "T9": "town", "X": "village"}}
	good, refused, err = roster.Areas(strings.NewReader("code,name,level,parent_code\nV9,v,village,T9\nX,x,town,D\nE,e,district,\n"), known)
	if err != nil || len(good) != 1 {
		t.Errorf("%v %v", good, err)
	}
	same(t, "against the register", refusals(refused), "3 level area", "4 code area")
}

func TestCategories(t *testing.T) {
	t.Parallel()
	const header = "code,name_zh,name_en,lead,joint,optional,urgency,dispatch_mode\n"
	good, refused, err := roster.Categories(strings.NewReader(header +
		"C01,酸洗,Vat,environment,police; transport ;,fire,urgent,auto\n" +
		"c1,x,x,police,,,urgent,auto\nA01,x,x,,,,urgent,auto\nA02,x,x,police,,,soon,auto\nA03,x,x,police,,,hard,maybe\n" +
		"A04,x,x,police,police,,hard,auto\nA05,x,x,police,fire,fire,hard,auto\nA06,x,x,police,No One,,hard,auto\n"))
	if err != nil || len(good) != 1 {
		t.Fatalf("%v %v", good, err)
	}
	same(t, "joint", good[0].Joint, "police", "transport")
	same(t, "refused", refusals(refused), "3 code bad_value", "4 lead required", "5 urgency bad_value", "6 dispatch_mode bad_value",
		"7 joint duplicate", "8 optional duplicate", "9 joint bad_value")
}

func TestCategoriesSayTheirRules(t *testing.T) {
	t.Parallel()
	const header = "code,name_zh,name_en,lead,joint,optional,urgency,dispatch_mode,revisit_days,crews,listed,article,same_m,same_hours,same_joins,covert_hours,check_percent\n"
	row := func(code, rules string) string {
		return code + ",x,x,market,police,environment,urgent,auto," + rules + "\n"
	}
	good, refused, err := roster.Categories(strings.NewReader(header +
		row("B01", "3; 7;30,police:2;environment:1/camera/hazmat,no,第七条,150,1.5,yes,24,50") +
		row("B02", ",,,,,,,,") + row("B03", "none,none,,,,,,0,") +
		row("C01", "7;3,,,,,,,,") + row("C02", "soon,,,,,,,,") + row("C03", ",police,,,,,,,") + row("C04", ",fire:1,,,,,,,") + row("C05", ",police:0,,,,,,,") +
		row("C06", ",,no,,,,,,") + row("C07", ",,maybe,,,,,,") + row("C08", ",,,,3000,,,,") + row("C09", ",,,,,337,,,") + row("C10", ",,,,,,,721,") +
		row("C11", ",,,,,,,,101") + row("C12", ",,,,wide,,,,") + row("C13", ",,,,NaN,,,,") + row("C14", ",,,,,NaN,,,")))
	if err != nil || len(good) != 3 {
		t.Fatalf("%+v %v", good, err)
	}
	got := good[0].Rules.Over(dispatch.UsualRules)
	want := dispatch.CategoryRules{CheckPercent: 50, Article: "第七条", Same: dispatch.SameRule{DistanceM: 150, Minutes: 90, PhotoBits: dispatch.UsualSame.PhotoBits, Joins: true},
		RevisitDays: []int{3, 7, 30}, CovertHours: 24, Crews: []dispatch.Crew{{Department: "police", People: 2, Skills: []string{}}, {Department: "environment", People: 1, Skills: []string{"camera", "hazmat"}}}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if good[1].Rules != nil {
		t.Errorf("empty cells let the rules stay, not %+v", good[1].Rules)
	}
	if off := good[2].Rules.Over(want); len(off.RevisitDays)+len(off.Crews)+off.CovertHours != 0 || off.Article != "第七条" {
		t.Errorf("none takes a rule away, an empty cell does not: %+v", off)
	}
	same(t, "refused", refusals(refused), "10 article required", "11 listed bad_value", "12 same_m bad_value", "13 same_hours bad_value", "14 covert_hours bad_value",
		"15 check_percent bad_value", "16 same_m bad_value", "17 same_m bad_value", "18 same_hours bad_value", "5 revisit_days bad_value", "6 revisit_days bad_value", "7 crews bad_value", "8 crews department", "9 crews bad_value")
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	good, refused, err := roster.Places(strings.NewReader("code,name,kind,lon,lat,url,visits_per_week\n"+
		"a,A,camera,121.4,28.5,rtsp://10.0.0.1/live,\n"+
		"b,B,palace,121.4,28.5,,\nc,C,other,28.5,121.4,,\nd,D,other,x,28,,\ne,E,other,121,28,javascript:alert(1),\nf,F,other,121,28,,-1\ng,G,other,0,0,,\n"+
		"h,H,camera,121,28,rtsp://admin:secret@10.0.0.1/live,\ni,I,camera,121,28,rtsps://10.0.0.1/,\nj,J,camera,121,28,http://,\n"), geo.WGS84)
	if err != nil || len(good) != 1 || good[0].At.Lon != 121.4 {
		t.Errorf("%v %v", good, err)
	}
	same(t, "refused", refusals(refused), "10 url bad_value", "11 url bad_value", "3 kind bad_value", "4 lon bad_value", "5 lon bad_value", "6 url bad_value", "7 visits_per_week bad_value", "8 lon bad_value", "9 url bad_value")
	for _, r := range refused {
		if strings.Contains(r.Detail, "secret") {
			t.Errorf("a password is shown: %s", r.Detail)
		}
	}
}

func TestPlacesInOtherDatums(t *testing.T) {
	t.Parallel()
	const header = "code,name,kind,lon,lat,url,visits_per_week,crs\n"
	truth := geo.Point{Lon: 121.4, Lat: 28.5}
	sent := geo.FromWGS84(truth, geo.GCJ02)
	line := func(code, crs string) string {
		return fmt.Sprintf("%s,X,market,%.9f,%.9f,,,%s\n", code, sent.Lon, sent.Lat, crs)
	}
	good, refused, err := roster.Places(strings.NewReader(header+line("a", "GCJ02")+line("b", "")+line("c", "wgs84")+line("d", "mars")), geo.GCJ02)
	if err != nil || len(good) != 3 {
		t.Fatalf("%+v %v", good, err)
	}
	same(t, "refused", refusals(refused), "5 crs bad_value")
	for i, want := range []geo.Point{truth, truth, sent} {
		if d := geo.DistanceM(good[i].At, want); d > 0.02 {
			t.Errorf("%s is %.2f m away", good[i].Code, d)
		}
	}
	if good[0].CRS != geo.GCJ02 || geo.DistanceM(good[0].Sent, sent) > 0.001 || geo.DistanceM(good[0].At, sent) < 100 {
		t.Errorf("what was sent is kept beside it: %+v", good[0])
	}
}

func TestPlacesAreNamedByFeatureAndField(t *testing.T) {
	t.Parallel()
	point := func(properties, at string) string {
		return `{"type":"Feature","properties":{` + properties + `},"geometry":{"type":"Point","coordinates":[` + at + `]}}`
	}
	// All in one line, as most programs write it.
	file := `{"type":"FeatureCollection","features":[` + strings.Join([]string{
		point(`"code":"a","name":"甲","kind":"camera","url":"https://video.example/a","visits_per_week":3,"other":1`, "121.4,28.5"),
		point(`"code":"b","name":"乙","kind":"palace"`, "121.4,28.5"),
		point(`"code":"a","name":"再","kind":"market"`, "121.4,28.5"),
		point(`"name":"丁","kind":"market"`, "121.4,28.5"),
		`{"type":"Feature","properties":{"code":"e","name":"戊","kind":"market"},"geometry":{"type":"LineString","coordinates":[[121,28],[121.1,28]]}}`,
		point(`"code":"f","name":"己","kind":"market"`, "28.5,121.4"),
		`{"type":"Feature","properties":{"code":"g","name":"庚","kind":"market"},"geometry":null}`,
		point(`"code":"h","name":"辛","kind":"factory","crs":"bd09"`, "121.4,28.5"),
	}, ",") + `]}`
	good, refused, err := roster.PlaceFeatures(feature.GeoJSON(strings.NewReader(file), feature.Limits{}), geo.WGS84)
	if err != nil || len(good) != 2 || good[0].VisitsPerWeek != 3 || good[1].CRS != geo.BD09 || geo.DistanceM(good[1].At, good[1].Sent) < 100 {
		t.Errorf("%+v %v", good, err)
	}
	var got []string
	for _, r := range refused {
		got = append(got, fmt.Sprintf("%d %s %s", r.Feature, r.Column, r.Code))
	}
	same(t, "refused", got, "2 kind bad_value", "3 code duplicate", "4 code required", "5 geometry geometry", "6 geometry geometry", "7 geometry geometry")
	if text := refused[0].Error(); !strings.HasPrefix(text, "feature 2 (line 1), property kind: ") {
		t.Errorf("a person reads %q", text)
	}
}

func TestWaters(t *testing.T) {
	t.Parallel()
	file := `{"type":"FeatureCollection","features":[
{"type":"Feature","properties":{"name":"金清港","width_m":90},"geometry":{"type":"LineString","coordinates":[[121,28],[121.1,28]]}},
{"type":"Feature","properties":{},"geometry":{"type":"Polygon","coordinates":[[[121,28],[121.1,28],[121.1,28.1],[121,28]]]}},
{"type":"Feature","properties":{"kind":"tea"},"geometry":{"type":"LineString","coordinates":[[121,28],[121.1,28]]}},
{"type":"Feature","properties":{"width_m":-1},"geometry":{"type":"LineString","coordinates":[[121,28],[121.1,28]]}},
{"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[121,28]}}]}`
	good, refused, err := roster.Waters(feature.GeoJSON(strings.NewReader(file), feature.Limits{}))
	if err != nil || len(good) != 2 || good[0].Kind != "river" || good[0].WidthM != 90 || good[1].Kind != "lake" {
		t.Errorf("%+v %v", good, err)
	}
	same(t, "refused", refusals(refused), "4 kind bad_value", "5 width_m bad_value", "6 geometry geometry")
}

func TestPeopleFillIn(t *testing.T) {
	t.Parallel()
	known := roster.Known{Departments: map[string]bool{"grid": true, "police": true},
		Patrols: map[string]roster.KnownPatrol{"P9": {Department: "police", Mode: "car"}}, Grids: map[string]bool{"G1": true}}
	people, patrols, refused, err := roster.People(strings.NewReader(
		"code,name,role,department,area_code,grid_code,patrol_code,patrol_mode,skills,device_id,phone,grid_part\n"+
			"w,W,grid_worker,,,G1,W1,foot,,d1,138,\n"+
			"s,S,grid_worker,,,G1,,,,,,substitute\n"+
			"p,P,officer,police,,,P9,,dog;boat,,,\n"+
			"q,Q,officer,police,,,P9,,boat;atv,,,\n"+
			"x,X,grid_worker,,,G2,,,,,,\n"+
			"y,Y,officer,police,,,,,,,,chief\n"), known)
	if err != nil {
		t.Fatal(err)
	}
	if len(people) != 4 || people[0].Department != "grid" || people[0].Part != "worker" || people[1].Part != "substitute" {
		t.Errorf("%+v", people)
	}
	if len(patrols) != 2 || patrols[0].Mode != "car" || !slices.Equal(patrols[0].Skills, []string{"atv", "boat", "dog"}) || patrols[0].Name != "P9" || patrols[1].Name != "W" {
		t.Errorf("%+v", patrols)
	}
	same(t, "refused", refusals(refused), "6 grid_code grid", "7 grid_part grid")
}

// A working area is named by code or by name; a name that two places have needs the code.
func TestWhereAPatrolWorks(t *testing.T) {
	t.Parallel()
	known := roster.Known{Departments: map[string]bool{"police": true}, AreaLevels: map[string]string{"D": "district", "T1": "town", "V1": "village"},
		Grids: map[string]bool{"G1": true, "G2": true}, Named: map[string][]string{"路南": {"T1"}, "新村": {"V1", "G2"}, "一号": {"G1"}},
		Patrols: map[string]roster.KnownPatrol{"P2": {Department: "police", Mode: "car", WorksIn: []string{"G2"}}, "P3": {Department: "police", Mode: "car", WorksIn: []string{"G2"}}}}
	_, patrols, refused, err := roster.People(strings.NewReader(
		"code,name,role,department,area_code,grid_code,patrol_code,patrol_mode,skills,device_id,works_in\n"+
			"a,A,officer,police,,,P1,car,,,路南;G1; 一号\n"+
			"b,B,officer,police,,,P1,car,,,V1\n"+
			"c,C,officer,police,,,P2,car,,,\n"+
			"d,D,officer,police,,,P3,car,,,D\n"+
			"e,E,officer,police,,,P4,car,,,\n"+
			"f,F,officer,police,,,P5,car,,,新村\n"+
			"g,G,officer,police,,,P5,car,,,T1;路北\n"+
			"h,H,officer,police,,,,,,,T1\n"), known)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range patrols {
		got = append(got, p.Code+" "+strings.Join(p.WorksIn, ";"))
	}
	same(t, "works in", got, "P1 G1;T1;V1", "P2 G2", "P3 D", "P4 ")
	same(t, "refused", refusals(refused), "7 works_in area", "8 works_in area", "9 works_in patrol")
	if d := refused[0].Detail; !strings.Contains(d, "V1, G2") {
		t.Errorf("which places have the name: %s", d)
	}
	if d := refused[1].Detail; !strings.Contains(d, "路北") || !strings.Contains(d, "write the code or the name") {
		t.Errorf("the remedy: %s", d)
	}
}

func TestShiftTimes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	known := roster.Known{Patrols: map[string]roster.KnownPatrol{"P": {}}}
	good, refused, err := roster.Shifts(strings.NewReader("patrol_code,from,until\nP,-1h,+8h30m\nP,2026-11-24T08:00:00+08:00,2026-11-24T16:00:00+08:00\nP,8:00,16:00\n"), now, known)
	if err != nil || len(good) != 2 {
		t.Fatalf("%v %v", good, err)
	}
	if !good[0].From.Equal(now.Add(-time.Hour)) || !good[0].Until.Equal(now.Add(510*time.Minute)) || good[1].Until.Sub(good[1].From) != 8*time.Hour {
		t.Errorf("%+v", good)
	}
	same(t, "refused", refusals(refused), "4 from bad_value")
}

func FuzzPeople(f *testing.F) {
	const header = "code,name,role,department,area_code,grid_code,patrol_code,patrol_mode,skills,device_id,phone,grid_part\n"
	f.Add(header + "w,W,grid_worker,,,G1,W1,foot,,d1,138,\n")
	f.Add(header + "p,P,officer,police,,,P9,,dog;boat,,,\np,P,officer,police,,,P9,,dog;boat,,,\n")
	f.Fuzz(func(t *testing.T, text string) {
		known := roster.Known{Departments: map[string]bool{"grid": true, "police": true}}
		people, patrols, _, err := roster.People(strings.NewReader(text), known)
		if err != nil {
			return
		}
		byCode := map[string]bool{}
		for _, p := range patrols {
			byCode[p.Code] = p.Mode != ""
		}
		seen, workers := map[string]bool{}, map[string]bool{}
		for _, s := range people {
			if seen[s.Code] || s.Code == "" || (s.Grid == "") != (s.Part == "") {
				t.Fatalf("%+v", s)
			}
			seen[s.Code] = true
			if s.Part == "worker" && workers[s.Grid] {
				t.Fatalf("two workers of grid %q", s.Grid)
			}
			workers[s.Grid] = workers[s.Grid] || s.Part == "worker"
			if s.Patrol != "" && !byCode[s.Patrol] {
				t.Fatalf("a patrol without mode: %+v", s)
			}
		}
	})
}
