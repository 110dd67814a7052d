package draw

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"
)

// The district's own code and name. The outline is invented, and says so.
const (
	districtCode = "331004"
	districtName = "示范区"
)

type village struct {
	code, name string
	town       int
	grids      int // how many grids it is cut into
}

type town struct {
	code, name string
	villages   []int
	plan
}

type register struct {
	towns    []town
	villages []village
}

// plan is what the map wants of a town: where, how much land, how many grids,
// how dense.
type plan struct {
	code    string
	centre  vec // metres
	areaKM2 float64
	grids   int
	urban   float64 // 1 is a city centre, 0 the open country
	reachM  float64 // how far the built-up part reaches
}

// plans are invented: towns lie roughly where a resident would look for them,
// their borders do not. The grids add up to 622.
var plans = []plan{
	{"331004001", vec{-6500, -2600}, 15, 66, 1.0, 2600},
	{"331004002", vec{-5900, 600}, 11, 60, 1.0, 2200},
	{"331004003", vec{-5200, 3300}, 13, 58, 0.95, 2300},
	{"331004004", vec{-9900, -2300}, 21, 42, 0.6, 1500},
	{"331004005", vec{-10200, 3000}, 28, 58, 0.65, 1700},
	{"331004006", vec{-3300, -4600}, 24, 62, 0.7, 1900},
	{"331004103", vec{300, -3500}, 16, 38, 0.65, 1500},
	{"331004104", vec{-600, 1500}, 24, 42, 0.6, 1500},
	{"331004106", vec{6000, -3300}, 62, 98, 0.75, 2100},
	{"331004107", vec{4600, 4200}, 50, 78, 0.7, 1900},
	{"331004400", vec{10500, 4300}, 14, 8, 0.6, 1800},
	{"331004401", vec{10900, -300}, 20, 12, 0.6, 1900},
}

func readRegister(data []byte) (*register, error) {
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read villages: %w", err)
	}
	r := &register{}
	for i, row := range rows {
		if i == 0 {
			continue
		}
		if n := len(r.towns); n == 0 || r.towns[n-1].code != row[0] {
			if n >= len(plans) || plans[n].code != row[0] {
				return nil, fmt.Errorf("town %s %s in line %d has no plan", row[0], row[1], i+1)
			}
			r.towns = append(r.towns, town{code: row[0], name: row[1], plan: plans[n]})
		}
		t := len(r.towns) - 1
		r.towns[t].villages = append(r.towns[t].villages, len(r.villages))
		r.villages = append(r.villages, village{code: row[2], name: row[3], town: t})
	}
	return r, nil
}

// short is the name people use: without the words for the kind of place.
func (t town) short() string {
	for _, end := range []string{"街道", "镇"} {
		if s, ok := strings.CutSuffix(t.name, end); ok {
			return s
		}
	}
	return t.name
}

func (v village) short() string {
	for _, end := range []string{"社区居委会", "村委会", "居委会", "社区"} {
		if s, ok := strings.CutSuffix(v.name, end); ok {
			return s
		}
	}
	return v.name
}
