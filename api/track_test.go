package api_test

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/realtime"
)

func TestTrackPages(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	fixes := func(seconds ...int) (out []realtime.TrackPlace) {
		for _, s := range seconds {
			out = append(out, realtime.TrackPlace{T: at(s)})
		}
		return out
	}
	for name, row := range map[string]struct {
		fixes []realtime.TrackPlace
		limit int
		items int
		next  time.Time
	}{
		"none":                      {nil, 3, 0, time.Time{}},
		"all on one page":           {fixes(1, 2, 3), 3, 3, time.Time{}},
		"one more":                  {fixes(1, 2, 3, 4), 3, 3, at(4)},
		"a time is not split":       {fixes(1, 2, 3, 3), 3, 2, at(3)},
		"a page of one time passes": {fixes(1, 1, 1, 1), 3, 3, at(1).Add(1)},
	} {
		var page api.Track
		if err := json.Unmarshal(api.TrackPage(row.fixes, row.limit), &page); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		next := ""
		if page.NextCursor != nil {
			next = *page.NextCursor
		}
		want := ""
		if !row.next.IsZero() {
			want = row.next.Format(time.RFC3339Nano)
		}
		if len(page.Items) != row.items || page.Items == nil || next != want {
			t.Errorf("%s: %d items and %q, want %d and %q", name, len(page.Items), next, row.items, want)
		}
	}
}

// slowTrackPage is a page in two steps: what stands on it, and its encoding by reflection.
func slowTrackPage(t *rapid.T, fixes []realtime.TrackPlace, limit int) string {
	measure := func(v float32) *float64 {
		if math.IsNaN(float64(v)) {
			return nil
		}
		return ptr(float64(v))
	}
	points := []api.TrackPoint{}
	for _, f := range fixes {
		p := api.TrackPoint{T: f.T, Lon: f.Point.Lon, Lat: f.Point.Lat, AccuracyM: measure(f.AccuracyM), SpeedMs: measure(f.SpeedMS), HeadingDeg: measure(f.HeadingDeg), Simulated: f.Simulated}
		if f.Verdict != "" {
			p.Verdict = ptr(f.Verdict)
		}
		points = append(points, p)
	}
	page := api.Track{Items: points}
	if len(points) > limit {
		next := points[limit].T
		cut := limit
		for cut > 0 && points[cut-1].T.Equal(next) {
			cut--
		}
		if cut == 0 {
			cut, next = limit, next.Add(1)
		}
		page.Items, page.NextCursor = points[:cut], ptr(next.UTC().Format(time.RFC3339Nano))
	}
	var out bytes.Buffer
	if err := json.NewEncoder(&out).Encode(page); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestATrackPageIsWhatTheGeneralEncoderWrites(t *testing.T) {
	t.Parallel()
	degrees := rapid.OneOf(rapid.Float64Range(-180, 180), rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1e-6, 9.9e-7, -1e-9, 5e-324, 3e-12, 121.38, -180}))
	measure := rapid.OneOf(rapid.Float32Range(0, 1e4), rapid.SampledFrom([]float32{0, 1, 8, 8.1, 0.1, 359.99, 1e-7, 3e-10, 1 << 24, 3e21, math.MaxFloat32, math.SmallestNonzeroFloat32, float32(math.NaN())}))
	rapid.Check(t, func(t *rapid.T) {
		var fixes []realtime.TrackPlace
		at := t0
		for range rapid.IntRange(0, 8).Draw(t, "fixes") {
			at = at.Add(rapid.SampledFrom([]time.Duration{0, 0, time.Second, 1500 * time.Millisecond, time.Microsecond}).Draw(t, "pause"))
			fixes = append(fixes, realtime.TrackPlace{
				T: at.UTC(), Point: geo.Point{Lon: degrees.Draw(t, "lon"), Lat: degrees.Draw(t, "lat")},
				AccuracyM: measure.Draw(t, "accuracy"), SpeedMS: measure.Draw(t, "speed"), HeadingDeg: measure.Draw(t, "heading"),
				Verdict:   rapid.SampledFrom([]string{"", "", "jump", "jump,mock", `a "<&>` + "\u2028" + `\`}).Draw(t, "verdict"),
				Simulated: rapid.Bool().Draw(t, "simulated"),
			})
		}
		limit := rapid.IntRange(1, 9).Draw(t, "limit")
		want := slowTrackPage(t, fixes, limit)
		if got := string(api.TrackPage(fixes, limit)); got != want {
			t.Fatalf("%s\nis written, the general encoder writes\n%s", got, want)
		}
	})
}

func TestTrack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	// The database keeps a look at a real patrol only.
	_, patrol := b.device("D-1")
	b.desk.fixes = []api.TrackPoint{{T: t0, Lon: 1, Lat: 2}, {T: t0.Add(time.Second), Lon: 1, Lat: 2, Verdict: ptr("jump")}}
	token := b.as(dispatch.RoleAuditor)
	r := b.want(http.StatusOK, call{path: "/api/v1/patrols/" + patrol.String() + "/track?limit=1&from=2026-05-03T21:40:00%2B08:00", token: token})
	if !strings.Contains(string(r.body), `"next_cursor":"2026-05-03T13:40:01.123Z"`) {
		t.Errorf("%s", r.body)
	}
	var looks int
	if err := b.db.QueryRow(t.Context(), `SELECT count(*) FROM position_views WHERE what = 'track' AND patrol_id = $1`, patrol).Scan(&looks); err != nil || looks != 1 {
		t.Errorf("the look was recorded %d times, %v", looks, err)
	}
}

// placeOf is a fix of a track as the store shows it.
func placeOf(p api.TrackPoint) realtime.TrackPlace {
	measure := func(v *float64) float32 {
		if v == nil {
			return float32(math.NaN())
		}
		return float32(*v)
	}
	f := realtime.TrackPlace{T: p.T, Point: geo.Point{Lon: p.Lon, Lat: p.Lat}, AccuracyM: measure(p.AccuracyM), SpeedMS: measure(p.SpeedMs),
		HeadingDeg: measure(p.HeadingDeg), Simulated: p.Simulated}
	if p.Verdict != nil {
		f.Verdict = *p.Verdict
	}
	return f
}

func BenchmarkATrackPageOfADay(b *testing.B) {
	fixes := make([]realtime.TrackPlace, 17_280)
	for i := range fixes {
		fixes[i] = realtime.TrackPlace{T: t0.Add(time.Duration(i) * 5 * time.Second).UTC(), Point: geo.Point{Lon: 121.3 + float64(i)*1e-6, Lat: 28.5 + float64(i)*1e-6},
			AccuracyM: 8.25, SpeedMS: 1.4, HeadingDeg: float32(i % 360)}
	}
	b.ReportAllocs()
	for b.Loop() {
		api.TrackPage(fixes, 20_000)
	}
}
