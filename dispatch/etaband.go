package dispatch

import (
	"cmp"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gridpatrol/gridpatrol/geo/road"
)

// What an error band is made of.
const (
	// MinArrivals is how many arrivals a band needs; below that there is none.
	MinArrivals = 30
	// BandDays is how far back arrivals count.
	BandDays = 90

	bandLow, bandHigh = 0.1, 0.9
)

// Arrival is a patrol that came to a case: what was promised when it was sent, and how
// long it took from the offer to the scene.
type Arrival struct {
	Mode      Mode
	OfferedAt time.Time
	PromisedS float64
	TookS     float64
}

// EtaBand is between which shares of the promised time eight arrivals of ten lay.
// Bucket is a stretch of the week, see road.BucketOf; WholeWeek is all of them.
type EtaBand struct {
	Mode      Mode
	Bucket    int
	Low, High float64
	Arrivals  int
}

// WholeWeek is the bucket of bands of all hours.
const WholeWeek = -1

// EtaBands makes bands of arrivals: of each mode, and of each stretch of its week that
// has enough of them.
func EtaBands(arrivals []Arrival, zone *time.Location) []EtaBand {
	type key struct {
		mode   Mode
		bucket int
	}
	shares := map[key][]float64{}
	for _, a := range arrivals {
		if !(a.PromisedS > 0 && a.TookS > 0) {
			continue
		}
		share := a.TookS / a.PromisedS
		for _, bucket := range [2]int{WholeWeek, road.BucketOf(a.OfferedAt.In(zone))} {
			shares[key{a.Mode, bucket}] = append(shares[key{a.Mode, bucket}], share)
		}
	}
	bands := []EtaBand{}
	for k, v := range shares {
		if len(v) < MinArrivals {
			continue
		}
		slices.Sort(v)
		bands = append(bands, EtaBand{Mode: k.mode, Bucket: k.bucket, Low: quantile(v, bandLow), High: quantile(v, bandHigh), Arrivals: len(v)})
	}
	slices.SortFunc(bands, func(a, b EtaBand) int { return cmp.Or(cmp.Compare(a.Mode, b.Mode), cmp.Compare(a.Bucket, b.Bucket)) })
	return bands
}

// quantile is between two neighbours where it falls between them.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	below := int(at)
	above := min(below+1, len(sorted)-1)
	return sorted[below] + (at-float64(below))*(sorted[above]-sorted[below])
}

// Promise is what past arrivals say about a time: the bands in force. It is safe for
// concurrent use; nil and zero know nothing.
type Promise struct {
	Zone  *time.Location
	bands atomic.Pointer[[]EtaBand]
}

// Replace puts other bands in force.
func (p *Promise) Replace(bands []EtaBand) { p.bands.Store(&bands) }

// Bands are those in force.
func (p *Promise) Bands() []EtaBand {
	if p == nil || p.bands.Load() == nil {
		return nil
	}
	return *p.bands.Load()
}

// Of answers between what a time along the roads will turn out to be, of this stretch
// of the week where that is known, else of the whole week. Both are nil without
// evidence, and for a straight line.
func (p *Promise) Of(mode Mode, kind string, at time.Time, etaS float64) (lowS, highS *float64) {
	if kind != road.KindRoad {
		return nil, nil
	}
	var found *EtaBand
	bands := p.Bands()
	for i := range bands {
		b := &bands[i]
		if b.Mode == mode && (b.Bucket == WholeWeek && found == nil || b.Bucket == road.BucketOf(at.In(p.Zone))) {
			found = b
		}
	}
	if found == nil {
		return nil, nil
	}
	low, high := math.Round(found.Low*etaS*10)/10, math.Round(found.High*etaS*10)/10
	return &low, &high
}
