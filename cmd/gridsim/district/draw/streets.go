package draw

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Street names are put together from what such streets are called.
var (
	streetFirst = []rune("新安泰文富民康乐永丰兴盛长宁海华光明东西南北中银金福禄和平春松樱桂梅兰竹荷柳清明锦绣祥瑞")
	streetLast  = []rune("业园桥河湖山阳光华丰安康宁兴盛平和春秋月江塘浦泾门湾林溪泉")
	lanes       = []string{"街", "路", "路", "巷", "弄", "街"}
)

// nameStreets gives one name to a street that runs on through its junctions.
func (n *roadNet) nameStreets(rng *rand.Rand) {
	from := n.incident()
	used := map[string]bool{} // looked up, never ranged over
	for _, r := range trunkPlans {
		used[r.name] = true
	}
	for i := range n.edges {
		e := &n.edges[i]
		if e.name != "" || (e.class != "residential" && e.class != "tertiary") {
			continue
		}
		if e.class == "residential" && rng.Float64() < 0.25+0.5*(1-urban(e.line[0])) {
			continue // lanes without a name
		}
		name := ""
		for name == "" || used[name] {
			name = fmt.Sprintf("%c%c%s", streetFirst[rng.IntN(len(streetFirst))], streetLast[rng.IntN(len(streetLast))], lanes[rng.IntN(len(lanes))])
		}
		used[name] = true
		e.name = name
		for _, end := range [2]int{e.from, e.to} {
			n.follow(from, i, end, name)
		}
	}
}

// follow names what continues straightest, up to eight blocks.
func (n *roadNet) follow(from [][]int, edge, node int, name string) {
	for range 8 {
		e := n.edges[edge]
		back := n.nodes[e.from+e.to-node]
		heading := n.nodes[node].sub(back)
		next, least := -1, math.Cos(40*math.Pi/180)
		for _, i := range from[node] {
			f := n.edges[i]
			if i == edge || f.name != "" || f.class != e.class {
				continue
			}
			d := n.nodes[f.from+f.to-node].sub(n.nodes[node])
			if c := d.dot(heading) / d.len() / heading.len(); c > least {
				next, least = i, c
			}
		}
		if next < 0 {
			return
		}
		n.edges[next].name = name
		f := n.edges[next]
		edge, node = next, f.from+f.to-node
	}
}

func (n *roadNet) geoJSON(*land) []byte {
	w := newCollection()
	for i, e := range n.edges {
		line := make([]degrees, len(e.line))
		for k, p := range e.line {
			line[k] = p.degrees()
		}
		oneway, bridge, modes := "", "", ""
		if e.class == "track" || e.class == "path" {
			modes = "foot;ebike"
		}
		if e.oneway {
			oneway = "yes"
		}
		if e.bridge {
			bridge = "yes"
		}
		w.line(line, "id", i+1, "highway", e.class, "maxspeed", e.speedKMH, "oneway", oneway, "modes", modes, "name", e.name, "bridge", bridge)
	}
	return w.bytes()
}
