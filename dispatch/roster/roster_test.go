package roster_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch/roster"
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

func TestPlaces(t *testing.T) {
	t.Parallel()
	good, refused, err := roster.Places(strings.NewReader("code,name,kind,lon,lat,url,visits_per_week\n" +
		"a,A,camera,121.4,28.5,rtsp://10.0.0.1/live,\n" +
		"b,B,palace,121.4,28.5,,\nc,C,other,28.5,121.4,,\nd,D,other,x,28,,\ne,E,other,121,28,javascript:alert(1),\nf,F,other,121,28,,-1\ng,G,other,0,0,,\n"))
	if err != nil || len(good) != 1 || good[0].At.Lon != 121.4 {
		t.Errorf("%v %v", good, err)
	}
	same(t, "refused", refusals(refused), "3 kind bad_value", "4 lon bad_value", "5 lon bad_value", "6 url bad_value", "7 visits_per_week bad_value", "8 lon bad_value")
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
