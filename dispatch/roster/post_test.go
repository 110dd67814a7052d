package roster_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch/roster"
)

func TestPosts(t *testing.T) {
	t.Parallel()
	const head = "code,department,mode,lon,lat,from,until\n"
	known := roster.Known{Departments: map[string]bool{"police": true}}
	good, refused, err := roster.Posts(strings.NewReader(head+
		"N1,police,car,121.38,28.58,20:00,06:00\n"+
		"D1,police,foot,121.38,28.58,,\n"+
		"X1,fire,car,121.38,28.58,,\n"+
		"X2,police,boat,121.38,28.58,,\n"+
		"X3,police,car,east,28.58,,\n"+
		"X4,police,car,0,0,,\n"+
		"X5,police,car,121.38,28.58,08:00,\n"+
		"X6,police,car,121.38,28.58,8 o'clock,17:00\n"+
		"N1,police,car,121.38,28.58,,\n"), known)
	if err != nil || len(good) != 2 {
		t.Fatalf("%+v %v", good, err)
	}
	same(t, "refused", refusals(refused), "10 code duplicate", "4 department department", "5 mode bad_value", "6 lon bad_value",
		"7 lon bad_value", "8 until required", "9 from bad_value")

	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 5, 3, 1, 0, 0, 0, zone)
	var night []string
	for _, d := range good[0].Duty(from, from.Add(48*time.Hour), zone) {
		night = append(night, d[0].In(zone).Format("02 15:04")+"-"+d[1].In(zone).Format("02 15:04"))
	}
	same(t, "nights", night, "02 20:00-03 06:00", "03 20:00-04 06:00", "04 20:00-05 06:00")
	if always := good[1].Duty(from, from.Add(time.Hour), zone); len(always) != 1 || always[0] != [2]time.Time{from, from.Add(time.Hour)} {
		t.Errorf("without times: %v", always)
	}
}
