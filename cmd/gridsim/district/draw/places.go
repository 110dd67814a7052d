package draw

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
)

// placesCSV lists what stands still and matters: 121 rental houses, each to be
// visited twice a week, cameras at junctions, markets and factories.
func placesCSV(rng *rand.Rand, l *land, r *register, special []specialGrid, roads *roadNet) []byte {
	b := []byte("code,name,kind,lon,lat,url,visits_per_week\n")
	row := func(code, name, kind string, p vec, url, visits string) {
		d := p.degrees()
		b = fmt.Appendf(b, "%s,%s,%s,%s,%s,%s,%s\n", code, name, kind, appendE7(nil, d.lon), appendE7(nil, d.lat), url, visits)
	}
	for i := range 121 {
		g := l.grids[rng.IntN(len(l.grids))]
		p := l.centres[g.cells[rng.IntN(len(g.cells))]]
		row(fmt.Sprintf("R%03d", i+1), fmt.Sprintf("%s出租房%d号", r.villages[g.village].short(), i+1), "rental_house", p, "", "2")
	}
	for i := range 60 {
		e := roads.edges[rng.IntN(len(roads.edges))]
		name := e.name
		if name == "" {
			name = "路口"
		}
		// Most cameras have a page, some only a stream; no machine has such a name.
		url := fmt.Sprintf("https://video.example/K%03d", i+1)
		if i%5 == 4 {
			url = fmt.Sprintf("rtsp://video.example/K%03d", i+1)
		}
		row(fmt.Sprintf("K%03d", i+1), fmt.Sprintf("%s监控%d", name, i+1), "camera", e.line[0], url, "")
	}
	for i, g := range special {
		kind := "market"
		if g.categories[0] == "C01" {
			kind = "factory"
		}
		row(fmt.Sprintf("M%03d", i+1), g.name, kind, g.at, "", "")
	}
	for i := range 40 {
		g := l.grids[rng.IntN(len(l.grids))]
		row(fmt.Sprintf("F%03d", i+1), fmt.Sprintf("%s加工厂%d", r.villages[g.village].short(), i+1), "factory", l.centres[g.cells[rng.IntN(len(g.cells))]], "", "")
	}
	return b
}

// account is a sign-in of the demo; the loader makes the password.
type account struct {
	Role       string `json:"role"`
	Username   string `json:"username"`
	Area       string `json:"area,omitempty"`
	Department string `json:"department,omitempty"`
	Staff      string `json:"staff,omitempty"`
	Device     string `json:"device,omitempty"`
}

func accountsJSON(r *register) []byte {
	v := r.villages[r.towns[1].villages[0]]
	list := []account{
		{Role: "admin", Username: "admin"},
		{Role: "operator", Username: "operator"},
		{Role: "duty_leader", Username: "duty"},
		{Role: "town_leader", Username: "town", Area: r.towns[1].code, Staff: "S-T02"},
		{Role: "district_supervisor", Username: "supervisor"},
		{Role: "officer", Username: "officer", Department: "police", Staff: "S-POL10-1"},
		{Role: "grid_worker", Username: "worker", Area: v.code, Department: "grid", Staff: "S-W067"},
		{Role: "part_timer", Username: "parttimer", Area: v.code, Staff: "S-P067"},
		{Role: "grid_chief", Username: "chief", Area: v.code, Staff: "S-C067"},
		{Role: "instructor", Username: "instructor", Area: r.towns[1].code, Staff: "S-I067"},
		{Role: "auditor", Username: "auditor"},
		{Role: "device", Username: "phone", Device: "dev-w067"},
	}
	data, err := json.MarshalIndent(list, "", " ")
	if err != nil {
		panic(err) // plain strings always encode
	}
	return append(data, '\n')
}
