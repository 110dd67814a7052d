package draw

import (
	"fmt"
	"strings"
)

// specialGrid is a market or an industrial park laid over general grids.
type specialGrid struct {
	code, name string
	town       int
	at         vec
	ring       []degrees
	categories []string
}

var specialPlans = []struct {
	code, name string
	town       string
	off        vec // from the centre of the town, metres
	sizeM      float64
	categories string
}{
	{"331004-M01", "小商品市场专属网格", "331004002", vec{350, -250}, 230, "B02,B03,B04,B08,C14"},
	{"331004-M02", "再生金属交易市场专属网格", "331004006", vec{-500, 500}, 260, "B02,B04,B08,C14"},
	{"331004-M03", "水产品批发市场专属网格", "331004106", vec{600, 450}, 220, "B02,B03,B08"},
	{"331004-P01", "滨海工业园专属网格", "331004400", vec{-300, 200}, 620, "C01,C02,C03,C12,C13"},
	{"331004-P02", "金属资源再生园专属网格", "331004401", vec{200, -500}, 560, "C01,C03,C12,C13"},
}

func laySpecialGrids(l *land, r *register) []specialGrid {
	var out []specialGrid
	for i, p := range specialPlans {
		for t, town := range r.towns {
			if town.code == p.town {
				at := town.centre.add(p.off)
				out = append(out, specialGrid{
					code: p.code, name: p.name, town: t, at: at, categories: strings.Split(p.categories, ","),
					ring: closed(lakeRing(l.noise+80+noise(i), at, p.sizeM, 40)),
				})
			}
		}
	}
	return out
}

// code is the village's code and three digits, as on a grid worker's badge.
func (g gridOf) code(r *register) string {
	return fmt.Sprintf("%s%03d", r.villages[g.village].code, g.number)
}

// name is what people say on the radio: the town and a number.
func (g gridOf) name(r *register) string {
	return fmt.Sprintf("%s%03d网格", r.towns[r.villages[g.village].town].short(), g.inTown)
}

func gridsJSON(l *land, r *register, s *shape, special []specialGrid) []byte {
	w := newCollection()
	for i, g := range l.grids {
		v := r.villages[g.village]
		w.polygon(s.rings(l.grid, i, g.cells), "code", g.code(r), "name", g.name(r), "kind", "general",
			"area_code", v.code, "village", v.name, "town", r.towns[v.town].name)
	}
	for _, g := range special {
		t := r.towns[g.town]
		w.polygon([][]degrees{g.ring}, "code", g.code, "name", g.name, "kind", "special",
			"area_code", t.code, "town", t.name, "categories", g.categories)
	}
	return w.bytes()
}

func areasJSON(l *land, r *register, s *shape) []byte {
	w := newCollection()
	all := make([]int, len(l.cells))
	for i := range all {
		all[i] = i
	}
	w.polygon(s.rings(nil, 0, all), "code", districtCode, "name", districtName, "level", "district", "synthetic", true)
	for i, t := range r.towns {
		w.polygon(s.rings(l.town, i, l.cellsOf(l.town, i)), "code", t.code, "name", t.name, "level", "town", "parent_code", districtCode)
	}
	for i, v := range r.villages {
		w.polygon(s.rings(l.village, i, l.cellsOf(l.village, i)), "code", v.code, "name", v.name, "level", "village", "parent_code", r.towns[v.town].code)
	}
	return w.bytes()
}
