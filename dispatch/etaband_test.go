package dispatch_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// Of arrivals that had no part in it, eight of ten lie within the band.
func TestABandHoldsEightArrivalsOfTen(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("district", 8*3600)
	r := rand.New(rand.NewPCG(1, 2))
	monday := time.Date(2027, 5, 3, 0, 0, 0, 0, zone)
	some := func(count int) (list []dispatch.Arrival) {
		for range count {
			at := monday.Add(time.Duration(r.IntN(28*24)) * time.Hour)
			promised := 60 + 900*r.Float64()
			// Later than promised by some, by more in the morning.
			share := math.Exp(0.1 + 0.3*r.NormFloat64())
			if day := at.Weekday(); day != time.Saturday && day != time.Sunday && at.Hour() >= 6 && at.Hour() < 9 {
				share *= 1.8
			}
			list = append(list, dispatch.Arrival{Mode: dispatch.Car, OfferedAt: at.UTC(), PromisedS: promised, TookS: share * promised})
		}
		return list
	}
	promise := &dispatch.Promise{Zone: zone}
	promise.Replace(dispatch.EtaBands(some(6000), zone))
	for name, hours := range map[string]func(h int) bool{
		"all hours":   func(int) bool { return true },
		"the morning": func(h int) bool { return h >= 6 && h < 9 },
	} {
		within, all := 0, 0
		for _, a := range some(6000) {
			if !hours(a.OfferedAt.In(zone).Hour()) {
				continue
			}
			low, high := promise.Of(a.Mode, "road", a.OfferedAt, a.PromisedS)
			if low == nil {
				t.Fatalf("there is no band at %v", a.OfferedAt)
			}
			all++
			if *low <= a.TookS && a.TookS <= *high {
				within++
			}
		}
		if share := float64(within) / float64(all); share < 0.77 || share > 0.83 {
			t.Errorf("%s: %.3f of %d lie within", name, share, all)
		}
	}
}

func TestBandsNeedArrivals(t *testing.T) {
	t.Parallel()
	night := time.Date(2027, 5, 3, 1, 0, 0, 0, time.UTC)
	of := func(mode dispatch.Mode, count int, at time.Time) (list []dispatch.Arrival) {
		for i := range count {
			list = append(list, dispatch.Arrival{Mode: mode, OfferedAt: at, PromisedS: 100, TookS: 100 + float64(i)})
		}
		return list
	}
	list := append(of(dispatch.Car, 29, night), of(dispatch.Foot, 20, night)...)
	list = append(list, of(dispatch.Foot, 11, night.Add(12*time.Hour))...)
	list = append(list, dispatch.Arrival{Mode: dispatch.Car, OfferedAt: night, TookS: 5}) // nothing was promised
	got := dispatch.EtaBands(list, time.UTC)
	if len(got) != 1 || got[0].Mode != dispatch.Foot || got[0].Bucket != dispatch.WholeWeek || got[0].Arrivals != 31 || got[0].Low != 1.01 {
		t.Errorf("bands are %+v", got)
	}
	p := &dispatch.Promise{Zone: time.UTC}
	if low, high := p.Of(dispatch.Foot, "road", night, 100); low != nil || high != nil {
		t.Error("a promise that knows nothing says something")
	}
	p.Replace(got)
	for _, c := range []struct {
		mode dispatch.Mode
		kind string
		some bool
	}{{dispatch.Foot, "road", true}, {dispatch.Foot, "straight", false}, {dispatch.Car, "road", false}} {
		if low, high := p.Of(c.mode, c.kind, night, 100); (low != nil) != c.some || (high != nil) != c.some {
			t.Errorf("%+v: %v, %v", c, low, high)
		}
	}
	if low, _ := (*dispatch.Promise)(nil).Of(dispatch.Foot, "road", night, 100); low != nil {
		t.Error("nobody says something")
	}
}
