package realtime

import (
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// Devices in China have places in WGS-84 and in the shifted GCJ-02 or BD-09, and an
// app that asks another library in mid-way sends a step of half a kilometre to the
// south-east. The step is too long to be driven and is, to some tens of metres, the
// shift of that place: that gives it away.
const (
	// datumWithin is the longest between two fixes that tells a shift from a drive, and
	// datumStillWithin the same for who was no faster than at a walk, walkMS, before.
	datumWithin      = 15 * time.Second
	datumStillWithin = 30*time.Second + datumJitter
	datumJitter      = 2 * time.Second // of a device that was told to send so often
	walkMS           = 2.0
	// datumStepM is below every shift within China.
	datumStepM = 150.0
	// datumSlackM and datumAccelMS2 are how far off the expected place a fix may be.
	datumSlackM   = 25.0
	datumAccelMS2 = 2.5
	// datumSupport is how many fixes must have agreed before a step means anything.
	datumSupport = 3
)

// datumVerdict names a device that sends in a datum it did not begin with.
func datumVerdict(crs geo.CRS) Verdict {
	switch crs {
	case geo.GCJ02:
		return GCJ02
	case geo.BD09:
		return BD09
	}
	return 0
}

// datum is the one that a fix with these doubts was sent in; empty for that in which
// its device began.
func (v Verdict) datum() geo.CRS {
	switch {
	case v&GCJ02 != 0:
		return geo.GCJ02
	case v&BD09 != 0:
		return geo.BD09
	}
	return ""
}

// datums are those of a place by the byte that the index keeps.
var datums = [...]geo.CRS{"", geo.GCJ02, geo.BD09}

func datumByte(crs geo.CRS) uint8 { return uint8(max(0, slices.Index(datums[:], crs))) }

// convert reads a fix's place in a datum.
func convert(f beacon.Fix, crs geo.CRS) geo.Point {
	p := geo.Point{Lon: f.Lon, Lat: f.Lat}
	if crs == "" || crs == geo.WGS84 {
		return p
	}
	return geo.ToWGS84(p, crs)
}

// datumOf answers which datum a fix is in: the one before, unless the step from where
// it was expected is exactly that to another.
func (j *judge) datumOf(f beacon.Fix) geo.CRS {
	after := j.lived(j.last.T, f.T)
	within := datumWithin
	if j.still {
		within = datumStillWithin
	}
	if !j.hasLast || after > within || after <= 0 {
		return j.datum
	}
	s := after.Seconds()
	expected := geo.Point{Lon: j.last.Lon + j.lonS*s, Lat: j.last.Lat + j.latS*s}
	off := geo.DistanceM(convert(f, j.datum), expected)
	if off < datumStepM {
		return j.datum
	}
	slack := datumSlackM + datumAccelMS2*s*s/2
	if after > datumWithin || j.support < datumSupport {
		slack = datumSlackM + walkMS*s // a drive that began meanwhile could end anywhere
	}
	if f.AccuracyM > 0 {
		slack += min(f.AccuracyM, 50)
	}
	// A third of the step at most: else it could as well be a drive.
	slack = min(slack, off/3)
	best, nearest := j.datum, slack
	for _, crs := range [...]geo.CRS{geo.WGS84, geo.GCJ02, geo.BD09} {
		if d := geo.DistanceM(convert(f, crs), expected); d < nearest {
			best, nearest = crs, d
		}
	}
	return best
}
