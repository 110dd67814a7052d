package realtime

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/geotest"
	"github.com/gridpatrol/gridpatrol/geo/track"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// arrival is a fix of a real track as it comes in, perhaps spoiled.
type arrival struct {
	fix      beacon.Fix
	received time.Time
	spoiled  bool
}

// spoiling puts one fault into a part of a track: from every step-th fix on, so many
// of them. It leaves the rest as it is.
type spoiling struct {
	name  string
	want  string // the verdict or the code that it is to be named by
	modes []dispatch.Mode
	long  int
	spoil func(r *rand.Rand, part []arrival, before arrival)
	// leastRecall is the share of spoiled fixes that is named; mostAlarms the share of
	// all others that is named by the same although it was not in the clean track.
	leastRecall, mostAlarms float64
}

func moved(p beacon.Fix, bearing, m float64) beacon.Fix {
	p.Lat += m * math.Cos(bearing) / 111195
	p.Lon += m * math.Sin(bearing) / 111195 / math.Cos(p.Lat*math.Pi/180)
	return p
}

func jumped(m float64) func(*rand.Rand, []arrival, arrival) {
	return func(r *rand.Rand, part []arrival, _ arrival) {
		bearing := r.Float64() * 2 * math.Pi
		for i := range part {
			part[i].fix = moved(part[i].fix, bearing, m)
			part[i].spoiled = true
		}
	}
}

func each(change func(a *arrival)) func(*rand.Rand, []arrival, arrival) {
	return func(_ *rand.Rand, part []arrival, _ arrival) {
		for i := range part {
			change(&part[i])
			part[i].spoiled = true
		}
	}
}

func inDatum(crs geo.CRS) func(*rand.Rand, []arrival, arrival) {
	return each(func(a *arrival) {
		p := geo.FromWGS84(geo.Point{Lon: a.fix.Lon, Lat: a.fix.Lat}, crs)
		a.fix.Lon, a.fix.Lat = p.Lon, p.Lat
	})
}

var everyMode = []dispatch.Mode{dispatch.Foot, dispatch.EBike, dispatch.Car}

var spoilings = []spoiling{
	{"none: the tracks as they are", "", everyMode, 0, nil, 0, 0.001},
	{"a jump of 1 km, one fix", "jump", everyMode, 1, jumped(1000), 0.97, 0.001},
	{"a jump of 20 km, one fix", "jump", everyMode, 1, jumped(20_000), 0.99, 0.001},
	{"a jump of 20 km, five fixes", "jump", everyMode, 5, jumped(20_000), 0.99, 0.002},
	{"frozen for ten fixes", "frozen", everyMode, 10, func(_ *rand.Rand, part []arrival, before arrival) {
		for i := range part {
			part[i].fix.Lon, part[i].fix.Lat = before.fix.Lon, before.fix.Lat
			part[i].spoiled = part[i].fix.SpeedMS >= frozenMS
		}
	}, 0.75, 0.001},
	{"switched to GCJ-02 for 30 fixes", "gcj02", everyMode, 30, inDatum(geo.GCJ02), 0.99, 0.003},
	{"switched to BD-09 for 30 fixes", "bd09", everyMode, 30, inDatum(geo.BD09), 0.99, 0.003},
	{"held back for five minutes", "late", everyMode[2:], 20, func(_ *rand.Rand, part []arrival, _ arrival) {
		at := part[len(part)-1].received.Add(5 * time.Minute)
		for i := range part {
			part[i].received, part[i].spoiled = at.Add(time.Duration(i)*10*time.Millisecond), true
		}
	}, 1, 0},
	{"two out of order", "late", everyMode[2:], 2, func(_ *rand.Rand, part []arrival, _ arrival) {
		part[0].fix, part[1].fix = part[1].fix, part[0].fix
		part[1].spoiled = part[1].fix.T.Before(part[0].fix.T)
	}, 1, 0},
	{"three minutes ahead", "future", everyMode[2:], 5, each(func(a *arrival) { a.fix.T = a.fix.T.Add(3 * time.Minute) }), 1, 0},
	{"null island", "null_island", everyMode[2:], 1, each(func(a *arrival) { a.fix.Lon, a.fix.Lat = 0, 0 }), 1, 0},
	{"a mock position", "mock", everyMode[2:], 5, each(func(a *arrival) { a.fix.Mock = true }), 1, 0},
	{"an accuracy of 900 m", "accuracy", everyMode[2:], 5, each(func(a *arrival) { a.fix.AccuracyM = 900 }), 1, 0},
	{"off duty", "off_duty", everyMode[2:], 10, nil, 1, 0},
}

const spoilEvery = 60

// allTracksEnv takes all the tracks there are; make bench-verdicts does.
const allTracksEnv = "GRIDPATROL_ALL_TRACKS"

// Each fault that a track can have is put into the tracks of real people, and what
// the judge says is held against what was done: how much of it is named, and how much
// is named that is none. Run it with -v for the table.
func TestVerdictsOnRealTracks(t *testing.T) {
	t.Parallel()
	parts := realParts(t)
	t.Logf("%-34s %-6s %8s %8s %9s %12s", "fault", "mode", "fixes", "spoiled", "recall", "false alarms")
	clean := map[dispatch.Mode][][]string{} // what is said of the tracks as they are
	for mode := range parts {
		clean[mode] = saidOf(mode, parts[mode])
	}
	for _, s := range spoilings {
		for _, mode := range s.modes {
			s.row(t, mode, parts[mode], clean[mode])
		}
	}
	sparseRows(t, parts)
	sentAgainRow(t, parts[dispatch.Car], clean[dispatch.Car])
	clockRows(t, parts[dispatch.Car])
}

func saidOf(mode dispatch.Mode, parts [][]arrival) (said [][]string) {
	for _, part := range parts {
		said = append(said, sayOf(mode, part, nil))
	}
	return said
}

// row puts the fault into the parts and prints what was named.
func (s *spoiling) row(t *testing.T, mode dispatch.Mode, parts [][]arrival, clean [][]string) {
	var r result
	for n, part := range parts {
		said := clean[n]
		if s.long == 0 {
			for i := range said {
				r.others++
				if said[i] != "" && (s.want == "" || hasWord(said[i], s.want)) {
					r.alarms++
				}
			}
			continue
		}
		bad := spoilPart(*s, part, uint64(n))
		var off []Span
		if s.want == "off_duty" {
			off = offDuty(bad)
		}
		for i, v := range sayOf(mode, bad, off) {
			switch has := hasWord(v, s.want); {
			case bad[i].spoiled:
				r.spoiled++
				if has {
					r.named++
				}
			default:
				r.others++
				if has && !hasWord(said[i], s.want) {
					r.alarms++
				}
			}
		}
	}
	r.print(t, s.name, string(mode), s.leastRecall, s.mostAlarms)
}

// result is a line of the table.
type result struct {
	fixes                          int // those spoiled and all others, if 0
	spoiled, named, others, alarms int
}

func (r result) print(t *testing.T, name, mode string, leastRecall, mostAlarms float64) {
	t.Helper()
	recall, rate := "", float64(r.alarms)/float64(max(1, r.others))
	if r.spoiled > 0 {
		share := float64(r.named) / float64(r.spoiled)
		recall = fmt.Sprintf("%.2f%%", 100*share)
		if share < leastRecall {
			t.Errorf("%s, %s: %.2f%% are named, want %.2f%%", name, mode, 100*share, 100*leastRecall)
		}
	} else if leastRecall > 0 {
		t.Errorf("%s, %s: nothing was spoiled", name, mode)
	}
	if r.fixes == 0 {
		r.fixes = r.spoiled + r.others
	}
	t.Logf("%-34s %-6s %8d %8d %9s %11.3f%%", name, mode, r.fixes, r.spoiled, recall, 100*rate)
	if rate > mostAlarms {
		t.Errorf("%s, %s: %.3f%% false alarms, want no more than %.3f%%", name, mode, 100*rate, 100*mostAlarms)
	}
}

func hasWord(said, word string) bool { return slices.Contains(strings.Split(said, ","), word) }

// spoilPart answers a copy with the fault in it, every spoilEvery fixes.
func spoilPart(s spoiling, part []arrival, seed uint64) []arrival {
	r := rand.New(rand.NewPCG(seed, 7))
	bad := append([]arrival(nil), part...)
	for at := 10; at+s.long+5 < len(bad); at += spoilEvery {
		if s.spoil == nil {
			for i := range s.long {
				bad[at+i].spoiled = true
			}
			continue
		}
		s.spoil(r, bad[at:at+s.long], bad[at-1])
	}
	return bad
}

// offDuty is duty at all times except at those of the spoiled fixes.
func offDuty(part []arrival) (duty []Span) {
	from := time.Time{}
	for i := range part {
		if part[i].spoiled && !part[i-1].spoiled {
			duty = append(duty, Span{From: from, To: part[i].fix.T})
		}
		if !part[i].spoiled && i > 0 && part[i-1].spoiled {
			from = part[i].fix.T
		}
	}
	return append(duty, Span{From: from})
}

// sayOf answers what is said of each fix: its verdict, or the code it is refused by.
func sayOf(mode dispatch.Mode, part []arrival, duty []Span) []string {
	j, device, roster := judgeAlone(mode, duty)
	said := make([]string, len(part))
	for i, a := range part {
		j.hear([]beacon.Fix{a.fix}, a.received)
		d := j.judge(device, a.fix, roster, a.received)
		said[i] = d.verdict.String()
		if d.reject.Code != "" {
			said[i] = string(d.reject.Code)
		}
	}
	return said
}

// realParts are the parts of the real tracks without a gap, by the mode that they
// can be: on foot and by e-bike only where nobody was faster.
func realParts(t *testing.T) map[dispatch.Mode][][]arrival {
	t.Helper()
	files, err := track.Files([]string{geotest.Data(t, "geolife")})
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv(allTracksEnv) == "" { // make test takes a few
		few := files[:0]
		for i := 0; i < len(files); i += 6 {
			few = append(few, files[i])
		}
		files = few
	}
	parts := map[dispatch.Mode][][]arrival{}
	fixes := 0
	for _, file := range files {
		var part []arrival
		end := func() {
			if len(part) >= 40 {
				fixes += len(part)
				fastest := withSpeeds(part)
				for mode, limit := range map[dispatch.Mode]float64{dispatch.Foot: 4, dispatch.EBike: 14, dispatch.Car: math.Inf(1)} {
					if fastest <= limit {
						parts[mode] = append(parts[mode], part)
					}
				}
			}
			part = nil
		}
		for p, err := range track.Open(file) {
			if err != nil {
				continue // a line that is none
			}
			if n := len(part); n > 0 {
				if gap := p.T.Sub(part[n-1].fix.T); gap <= 0 {
					continue
				} else if gap > 15*time.Second {
					end()
				}
			}
			part = append(part, arrival{received: p.T.Add(time.Second), fix: beacon.Fix{
				Seq: int64(len(part)) + 1, T: p.T, Lon: p.Lon, Lat: p.Lat,
				AccuracyM: math.NaN(), SpeedMS: math.NaN(), HeadingDeg: math.NaN(), Battery: math.NaN(),
			}})
		}
		end()
	}
	if fixes < 4000 {
		t.Fatalf("only %d fixes were read", fixes)
	}
	return parts
}

// withSpeeds lets the device say how fast it is, and answers the speed that one fix
// in fifty is above.
func withSpeeds(part []arrival) float64 {
	var speeds []float64
	for i := range part {
		a, b := part[max(0, i-1)].fix, part[min(len(part)-1, i+1)].fix
		part[i].fix.SpeedMS = geo.DistanceM(geo.Point{Lon: a.Lon, Lat: a.Lat}, geo.Point{Lon: b.Lon, Lat: b.Lat}) / b.T.Sub(a.T).Seconds()
		speeds = append(speeds, part[i].fix.SpeedMS)
	}
	return quantile(speeds, 0.98)
}

func quantile(v []float64, share float64) float64 {
	slices.Sort(v)
	return v[int(share*float64(len(v)-1))]
}
