package api

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
)

// The drawing of a dossier, in its own units.
const (
	mapWidth, mapHeight = 900, 560
	// mapLeastM is how wide the drawing is at least: the next streets are on it.
	mapLeastM = 900
)

// frame is the box that is drawn: the place in it, and the ways of those who came.
type frame struct {
	low, high geo.Point
	scale     float64 // units a degree of latitude
	east      float64 // a degree of longitude in degrees of latitude
}

func frameOf(c dispatch.CaseDetail, tracks []dossierTrack) frame {
	low, high := c.Place(), c.Place()
	if m := c.Mission; m != nil && m.Rendezvous != nil {
		p := m.Rendezvous
		low.Lon, low.Lat = min(low.Lon, p.Lon), min(low.Lat, p.Lat)
		high.Lon, high.Lat = max(high.Lon, p.Lon), max(high.Lat, p.Lat)
	}
	for _, t := range tracks {
		for _, fix := range t.fixes {
			p := fix.Point
			low.Lon, low.Lat = min(low.Lon, p.Lon), min(low.Lat, p.Lat)
			high.Lon, high.Lat = max(high.Lon, p.Lon), max(high.Lat, p.Lat)
		}
	}
	const degreeM = 111_195.0
	f := frame{east: max(0.05, math.Cos(c.Lat*math.Pi/180))}
	wide := max((high.Lon-low.Lon)*f.east*1.16, mapLeastM/degreeM)
	tall := max((high.Lat-low.Lat)*1.16, mapLeastM/degreeM*mapHeight/mapWidth)
	if wide/mapWidth > tall/mapHeight {
		tall = wide / mapWidth * mapHeight
	} else {
		wide = tall / mapHeight * mapWidth
	}
	mid := geo.Point{Lon: (low.Lon + high.Lon) / 2, Lat: (low.Lat + high.Lat) / 2}
	f.low = geo.Point{Lon: mid.Lon - wide/f.east/2, Lat: mid.Lat - tall/2}
	f.high = geo.Point{Lon: mid.Lon + wide/f.east/2, Lat: mid.Lat + tall/2}
	f.scale = mapHeight / tall
	return f
}

func (f frame) at(lon, lat float64) (x, y float64) {
	return (lon - f.low.Lon) * f.east * f.scale, (f.high.Lat - lat) * f.scale
}

func (f frame) path(b *strings.Builder, line [][2]float64) {
	for i, p := range line {
		x, y := f.at(p[0], p[1])
		verb := byte('L')
		if i == 0 {
			verb = 'M'
		}
		fmt.Fprintf(b, "%c%.1f %.1f", verb, x, y)
	}
}

func (f frame) shapes(all []GroundShape, keep func(GroundShape) bool) string {
	var b strings.Builder
	for _, s := range all {
		if keep(s) {
			for _, line := range s.Lines {
				f.path(&b, line)
			}
		}
	}
	return b.String()
}

// trackMarks are told apart by colour, and by dashes on paper without colours.
var trackMarks = []struct{ colour, dash string }{
	{"#0b63b6", ""}, {"#c2410c", "9 4"}, {"#15803d", "3 3"}, {"#7e22ce", "12 3 3 3"}, {"#a16207", "6 2"}, {"#be123c", "2 5"},
}

// drawMap draws what is known of the ground, the grids, the ways and the place. All
// that is written into it is numbers, and names that are escaped.
func drawMap(in dossierContext) template.HTML {
	f := in.frame
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="map" viewBox="0 0 %d %d" role="img" aria-label="%s"><rect class="ground" width="%d" height="%d"/>`,
		mapWidth, mapHeight, template.HTMLEscapeString(in.words.Map), mapWidth, mapHeight)
	draw := func(class, d string) {
		if d != "" {
			fmt.Fprintf(&b, `<path class="%s" d="%s"/>`, class, d)
		}
	}
	draw("water", f.shapes(in.ground.Waters, func(s GroundShape) bool { return s.Rank == 2 }))
	draw("stream", f.shapes(in.ground.Waters, func(s GroundShape) bool { return s.Rank == 1 }))
	small := func(s GroundShape) bool { return s.Rank > 3 }
	draw("case small", f.shapes(in.ground.Roads, small))
	draw("case", f.shapes(in.ground.Roads, func(s GroundShape) bool { return !small(s) }))
	draw("road small", f.shapes(in.ground.Roads, small))
	draw("road", f.shapes(in.ground.Roads, func(s GroundShape) bool { return !small(s) }))
	draw("grid", f.shapes(in.ground.Grids, func(GroundShape) bool { return true }))
	f.names(&b, in.ground)
	for i, t := range in.tracks {
		if len(t.fixes) == 0 {
			continue
		}
		mark := trackMarks[i%len(trackMarks)]
		line := make([][2]float64, len(t.fixes))
		for j, p := range t.fixes {
			line[j] = [2]float64{p.Point.Lon, p.Point.Lat}
		}
		var d strings.Builder
		f.path(&d, line)
		fmt.Fprintf(&b, `<path class="track" stroke="%s" stroke-dasharray="%s" d="%s"/>`, mark.colour, mark.dash, d.String())
		x, y := f.at(line[0][0], line[0][1])
		fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="7" fill="#fff" stroke="%s" stroke-width="2.5"/><text class="n" x="%.1f" y="%.1f">%d</text>`, x, y, mark.colour, x, y+3.6, i+1)
	}
	x, y := f.at(in.c.Lon, in.c.Lat)
	if in.c.AccuracyM != nil {
		fmt.Fprintf(&b, `<circle class="accuracy" cx="%.1f" cy="%.1f" r="%.1f"/>`, x, y, max(6, *in.c.AccuracyM/111_195*f.scale))
	}
	fmt.Fprintf(&b, `<path class="target" d="M%.1f %.1fl9 9l-9 9l-9 -9z"/><text class="n bang" x="%.1f" y="%.1f">!</text>`, x, y-9, x, y+4)
	if m := in.c.Mission; m != nil && m.Rendezvous != nil {
		x, y := f.at(m.Rendezvous.Lon, m.Rendezvous.Lat)
		fmt.Fprintf(&b, `<path class="meet" d="M%.1f %.1fv-22h14l-4 5l4 5h-14"/><circle class="meet" cx="%.1f" cy="%.1f" r="3"/><text class="name" x="%.1f" y="%.1f">%s</text>`,
			x, y, x, y, x, y+15, template.HTMLEscapeString(in.words.Meet))
	}
	f.ruler(&b)
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

// names writes the larger roads' names once each, where there is room, in the middle
// of their longest line.
func (f frame) names(b *strings.Builder, g DossierGround) {
	type label struct {
		x, y, long float64
	}
	best := map[string]label{}
	var order []string
	for _, s := range g.Roads {
		if s.Name == "" {
			continue
		}
		for _, line := range s.Lines {
			x0, y0 := f.at(line[0][0], line[0][1])
			x1, y1 := f.at(line[len(line)-1][0], line[len(line)-1][1])
			l := label{(x0 + x1) / 2, (y0 + y1) / 2, math.Hypot(x1-x0, y1-y0)}
			if l.x < 30 || l.x > mapWidth-30 || l.y < 16 || l.y > mapHeight-30 {
				continue
			}
			if was, there := best[s.Name]; !there {
				order = append(order, s.Name)
				best[s.Name] = l
			} else if l.long > was.long {
				best[s.Name] = l
			}
		}
	}
	var placed []label
	for i := len(order) - 1; i >= 0 && len(placed) < 14; i-- { // the most important come last
		l := best[order[i]]
		free := true
		for _, p := range placed {
			free = free && (math.Abs(p.x-l.x) > 96 || math.Abs(p.y-l.y) > 15)
		}
		if free {
			placed = append(placed, l)
			fmt.Fprintf(b, `<text class="name" x="%.1f" y="%.1f">%s</text>`, l.x, l.y+3, template.HTMLEscapeString(order[i]))
		}
	}
}

// ruler says how long a round distance is.
func (f frame) ruler(b *strings.Builder) {
	unit := f.scale / 111_195 // units a metre
	length := 50.0
	for _, m := range []float64{100, 200, 500, 1000, 2000, 5000, 10000} {
		if m*unit < mapWidth/4 {
			length = m
		}
	}
	text := fmt.Sprintf("%.0f m", length)
	if length >= 1000 {
		text = fmt.Sprintf("%.0f km", length/1000)
	}
	fmt.Fprintf(b, `<path class="ruler" d="M16 %d v6 h%.1f v-6"/><text class="scale" x="20" y="%d">%s</text><text class="scale" x="%d" y="24">N ↑</text>`,
		mapHeight-22, length*unit, mapHeight-24, text, mapWidth-44)
}
