package road

import (
	"bytes"
	"crypto/sha256"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// plainlyPaced is what paced does, looked up rule by rule for each arc.
func plainlyPaced(n *Network, m Mode, list []Pace) []uint32 {
	out := make([]uint32, len(n.modes[m].durationMS))
	for arc, ms := range n.modes[m].durationMS {
		out[arc] = ms
		s := n.Segment(arc / 2)
		for rank := range 3 { // learned, of the class, of the way: what comes last stays
			for _, p := range list {
				holds := p.Along && arc&1 == 0 || p.Against && arc&1 == 1
				about := [3]bool{p.Learned && p.Origin == s.Origin, p.Origin == 0 && p.Class == s.Class, !p.Learned && p.Origin != 0 && p.Origin == s.Origin}[rank]
				if !holds || !about || !p.Modes.Has(m) || ms == shut {
					continue
				}
				if p.KMH > 0 {
					out[arc] = uint32(math.Round(float64(n.lengthCM[arc/2]) / 100 / (p.KMH / 3.6) * 1000))
				} else {
					out[arc] = uint32(math.Round(float64(ms) / p.Factor))
				}
			}
		}
	}
	return out
}

// Random speeds and closures, again and again, on real roads: the router answers like
// Dijkstra's algorithm on a network that was built like that.
func TestPacesAgreeWithDijkstra(t *testing.T) {
	t.Parallel()
	n := LoadExtract(t, "liechtenstein")
	if !n.Numbered() {
		t.Fatal("the roads of an extract carry no numbers")
	}
	router, err := Prepare(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(23, 29))
	for round := range uint64(4) {
		var c Conditions
		for range 300 {
			p := Pace{Along: r.IntN(4) > 0, Against: r.IntN(4) > 0, Modes: ModeSet(r.IntN(8))}
			if r.IntN(20) == 0 {
				p.Class = Class(r.IntN(classes))
			} else {
				p.Origin = n.Segment(r.IntN(n.Segments())).Origin
			}
			if r.IntN(2) == 0 {
				p.KMH = 1 + 100*r.Float64()
			} else {
				p.Factor = 0.1 + 3*r.Float64()
			}
			p.Learned = p.Origin != 0 && r.IntN(2) == 0
			c.Paces = append(c.Paces, p)
		}
		if round%2 == 1 {
			for m := range c.Closed {
				for s := range uint32(n.Segments()) {
					if r.IntN(20) == 0 {
						c.Closed[m] = append(c.Closed[m], s)
					}
				}
			}
		}
		if round == 3 {
			c = Conditions{} // and all as it was built
		}
		if err := router.Impose(t.Context(), c, round+2); err != nil {
			t.Fatal(err)
		}
		for m := range Mode(Modes) {
			open := plainlyPaced(n, m, c.Paces)
			differ := 0
			built, _ := n.paced(m, c.Paces)
			for arc, ms := range built {
				if d := int64(ms) - int64(open[arc]); d < -1 || d > 1 {
					differ++
				}
			}
			if differ > 0 {
				t.Errorf("%v: %d arcs have other durations than rule by rule", m, differ)
			}
			open, _ = n.paced(m, c.Paces)
			unclosed, _ := router.Unclosed(m)
			compareAll(t, unclosed.(*Router), n.reweighted(m, open), m, r)
			compareAll(t, router, n.reweighted(m, closing(open, c.Closed[m])), m, r)
		}
	}
}

func TestSpeedsOfAWayAndOfItsClass(t *testing.T) {
	t.Parallel()
	s := &Survey{Nodes: []Node{{0, 0}, {10000, 0}, {20000, 0}}, Ways: []Way{
		{Nodes: []uint32{0, 1}, Class: Primary, Origin: 5}, {Nodes: []uint32{1, 2}, Class: Primary, Origin: -6},
	}}
	for i := range s.Ways {
		for m := range s.Ways[i].Travel {
			s.Ways[i].Travel[m] = Travel{ForwardMS: 10}
		}
	}
	n, err := Build(t.Context(), s, "two ways")
	if err != nil {
		t.Fatal(err)
	}
	both := func(p Pace) Pace { p.Along, p.Against, p.Modes = true, true, SetOf(Car); return p }
	segment := func(origin int64) uint32 { return n.Paced(Pace{Origin: origin})[0] }
	for name, c := range map[string]struct {
		paces       []Pace
		five, minus float64 // times the built duration
	}{
		"none":                           {nil, 1, 1},
		"of the class":                   {[]Pace{both(Pace{Class: Primary, Factor: 0.5})}, 2, 2},
		"of another class":               {[]Pace{both(Pace{Class: Motorway, Factor: 0.5})}, 1, 1},
		"the last of the class":          {[]Pace{both(Pace{Class: Primary, Factor: 0.5}), both(Pace{Class: Primary, KMH: 72})}, 0.5, 0.5},
		"of the way, whatever the order": {[]Pace{both(Pace{Origin: 5, KMH: 18}), both(Pace{Class: Primary, Factor: 4})}, 2, 0.25},
		"of a negative number":           {[]Pace{both(Pace{Origin: -6, Factor: 2})}, 1, 0.5},
		"against the direction":          {[]Pace{{Origin: 5, Against: true, Modes: AllModes, Factor: 0.5}}, 1, 1},
		"learned":                        {[]Pace{both(Pace{Origin: 5, Factor: 0.5, Learned: true})}, 2, 1},
		"learned, and of the class":      {[]Pace{both(Pace{Class: Primary, Factor: 0.25}), both(Pace{Origin: 5, Factor: 0.5, Learned: true})}, 4, 4},
		"learned, and of the way":        {[]Pace{both(Pace{Origin: 5, Factor: 0.25}), both(Pace{Origin: 5, Factor: 0.5, Learned: true})}, 4, 1},
		"of others":                      {[]Pace{{Origin: 5, Along: true, Modes: SetOf(Foot), Factor: 0.5}}, 1, 1},
	} {
		got, _ := n.paced(Car, c.paces)
		for origin, times := range map[int64]float64{5: c.five, -6: c.minus} {
			arc := 2 * segment(origin)
			if want := times * float64(n.modes[Car].durationMS[arc]); math.Abs(float64(got[arc])-want) > 3 {
				t.Errorf("%s: way %d takes %d ms, not %.0f", name, origin, got[arc], want)
			}
			if got[arc+1] != shut {
				t.Errorf("%s: way %d was opened against its direction", name, origin)
			}
		}
	}
}

// What is stored keeps the numbers of ways and the names of profiles.
func TestNumbersAndProfilesAreStored(t *testing.T) {
	t.Parallel()
	s := &Survey{Nodes: []Node{{0, 0}, {10000, 0}}, Ways: []Way{{Nodes: []uint32{0, 1}, Class: Primary, Origin: -1 << 40}}}
	s.Ways[0].Travel[Car] = Travel{ForwardMS: 10, BackwardMS: 10}
	s.Profiles[Car] = "sweeper"
	n, err := Build(t.Context(), s, "one way")
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if _, err := n.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	again, err := Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Segment(0).Origin; got != -1<<40 {
		t.Errorf("the way is number %d", got)
	}
	if got := again.Profiles(); got != [Modes]string{Car: "sweeper"} {
		t.Errorf("profiles %q", got)
	}
}

// Files of the format before are read; they know neither numbers nor profiles.
func TestFilesOfFormat2AreRead(t *testing.T) {
	t.Parallel()
	n := riverTown(t)
	var file bytes.Buffer
	if _, err := n.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	names := strings.Join(n.names, "\x00")
	at := bytes.Index(file.Bytes(), []byte(names)) + len(names)
	const added = 4 + 4 + 4 + Modes - 1 // two empty arrays, three empty names
	old := slices.Concat(file.Bytes()[:at], file.Bytes()[at+added:file.Len()-sha256.Size])
	if old[len(magic)] != FormatVersion {
		t.Fatalf("the format stands elsewhere: %v", old[:16])
	}
	old[len(magic)] = 2
	sum := sha256.Sum256(old)
	again, err := Read(bytes.NewReader(append(old, sum[:]...)))
	if err != nil {
		t.Fatal(err)
	}
	if again.Numbered() || again.Profiles() != [Modes]string{"foot", "ebike", "car"} || again.Segments() != n.Segments() {
		t.Errorf("numbered %v, profiles %q, %d segments", again.Numbered(), again.Profiles(), again.Segments())
	}
}
