package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// soakLook is the service at one moment.
type soakLook struct {
	at                                    time.Duration
	acked                                 int64
	residentMB, heapMB, files, goroutines float64
}

// soakLong is from when on a run is long: what comes and goes no longer looks like growth.
const soakLong = 20*time.Minute - soakEvery

// soakBatches is into how many parts of equal length the looks are cut.
const soakBatches = 18

// soakMeasure is something of a service that may grow: by so much an hour in a long run,
// and by so much in all in a shorter one.
type soakMeasure struct {
	name, unit string
	of         func(soakLook) float64
	barAnHour  float64
	barARun    float64
}

// What may be gained in a run is what a service gains that has grown warm a minute ago,
// or whose machine is taken away for a while: some megabytes, a few connections and those
// who wait for them. The smallest leaks that a short run is for are well beyond it: in
// 3 minutes at 5,000 fixes a second 64 bytes of each fix are 55 MB, and one descriptor or
// goroutine a second is 180.
var soakMeasures = []soakMeasure{
	{"resident memory", "MB", func(l soakLook) float64 { return l.residentMB }, 4, 15},
	{"heap in use after collection", "MB", func(l soakLook) float64 { return l.heapMB }, 2, 8},
	{"descriptors", "", func(l soakLook) float64 { return l.files }, 2, 20},
	{"goroutines", "", func(l soakLook) float64 { return l.goroutines }, 2, 30},
}

// bar is the growth an hour that is put down to chance in a run of a length.
func (m soakMeasure) bar(length time.Duration) float64 {
	if length >= soakLong {
		return m.barAnHour
	}
	return math.Round(m.barARun / length.Hours())
}

// judgeSoak says of each measure how it grows, and what of that is no chance.
func judgeSoak(looks []soakLook, length time.Duration) (figures []figure) {
	for _, m := range soakMeasures {
		s := slopeOf(looks, m.of)
		figures = append(figures,
			one(m.name+": median", s.median, m.unit, nil),
			one(m.name+": slope", s.slope, m.unit+"/h", nil),
			one(m.name+": lower end of its 95 % interval", s.low, m.unit+"/h", bar(m.bar(length))))
	}
	return figures
}

func one(name string, value float64, unit string, bar *float64) figure {
	return figure{Name: name, Value: value, Unit: unit, Bar: bar, Runs: 1}
}

// missedOf is an error that names each bar that was missed.
func missedOf(figures []figure) error {
	var faults []error
	for _, f := range figures {
		if f.missed() {
			faults = append(faults, fmt.Errorf("missed: %s is %.4g %s, above %.4g", f.Name, f.Value, f.Unit, *f.Bar))
		}
	}
	return errors.Join(faults...)
}

// slope is how something grows by the hour: the median, and the lower end of its 95 %
// interval.
type slope struct{ median, slope, low float64 }

// slopeOf is the slope of Theil and Sen: the median of the slopes between any two of the
// batches, each of which stands at the median of its looks. On a shared machine a look
// may be far off because somebody else had the processors; a mean would follow it, and
// medians do not. Looks that follow one another are alike, so that taking each for itself
// would promise more than is known; batches are nearly strangers to one another.
func slopeOf(looks []soakLook, of func(soakLook) float64) slope {
	var x, y []float64
	for b := range soakBatches {
		part := looks[b*len(looks)/soakBatches : (b+1)*len(looks)/soakBatches]
		var at, values []float64
		for _, l := range part {
			at, values = append(at, l.at.Hours()), append(values, of(l))
		}
		x, y = append(x, medianOf(at)), append(y, medianOf(values))
	}
	var between []float64
	for i := range x {
		for k := range i {
			between = append(between, (y[i]-y[k])/(x[i]-x[k]))
		}
	}
	slices.Sort(between)
	// Sen's interval: how many of the pairs may go the wrong way by chance, by the
	// variance of Kendall's sum.
	const n, z95 = float64(soakBatches), 1.96
	wrong := z95 * math.Sqrt(n*(n-1)*(2*n+5)/18)
	low := max(0, int((float64(len(between))-wrong)/2)-1)
	return slope{median: medianOf(y), slope: medianOf(between), low: between[low]}
}

// medianOf sorts what it is given.
func medianOf(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// keepLooks writes the looks down for whoever wants to see what was judged.
func keepLooks(path string, looks []soakLook) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := csv.NewWriter(file)
	plain := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	rows := [][]string{{"at_s", "acked", "resident_mb", "heap_mb", "descriptors", "goroutines"}}
	for _, l := range looks {
		rows = append(rows, []string{strconv.FormatFloat(l.at.Seconds(), 'f', 1, 64), strconv.FormatInt(l.acked, 10),
			plain(l.residentMB), plain(l.heapMB), plain(l.files), plain(l.goroutines)})
	}
	return out.WriteAll(rows)
}
