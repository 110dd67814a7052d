package osm

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/profile"
)

// rules is a profile at work on the tags of ways and nodes.
type rules struct{ *profile.Profile }

// direction is what is known of one direction of a way while its tags are read.
type direction struct {
	suffix string  // ":forward" or ":backward"
	barred bool    // closed to the mode altogether
	wrong  bool    // against a one-way street
	kmh    float64 // 0 is not known yet

	access permission
	key    string // that said access
}

// way answers how the mode travels on a way, and whether only those with their end
// there may.
func (r rules) way(tags Tags, ferry bool) (t road.Travel, ends bool) {
	if r.never(tags) {
		return t, false
	}
	along, against := direction{suffix: ":forward"}, direction{suffix: ":backward"}
	both := [2]*direction{&along, &against}
	for _, d := range both {
		d.barred = r.tooSmall(tags, d.suffix)
		d.access, d.key = r.permission(tags, d.suffix)
		if d.access == endsOnly && len(r.Access.EndsOnlyOn) > 0 && !r.Access.EndsOnlyOn.Has(tags.Get("highway")) {
			d.access = unsaid
			if r.Access.Closed.Has(r.said(tags, d.suffix)) {
				d.access = closed
			}
		}
		d.barred = d.barred || d.access == closed
	}
	implied := r.oneway(tags, &along, &against)
	ends = along.access == endsOnly || against.access == endsOnly
	if ferry {
		kmh := r.Ferry[tags.Get("route")]
		if kmh == 0 {
			return t, false
		}
		t.DurationS = float32(durationS(tags.Get("duration")))
		for _, d := range both {
			d.kmh = kmh
		}
	} else {
		r.ride(tags, both, implied)
	}
	for i, d := range both {
		if d.barred || d.wrong || d.kmh <= 0 {
			continue
		}
		if speed := float32(d.kmh / 3.6); i == 0 {
			t.ForwardMS = speed
		} else {
			t.BackwardMS = speed
		}
	}
	return t, ends
}

// ride fills the speeds of a way that is no ferry.
func (r rules) ride(tags Tags, both [2]*direction, implied bool) {
	if matches(r.NeedsWord, tags) && !slices.ContainsFunc(both[:], r.granted) {
		return
	}
	kmh := tabled(r.Speed, tags)
	onWay := slices.ContainsFunc(r.Default.On, func(key string) bool { return tags.Get(key) != "" })
	for _, d := range both {
		d.kmh = kmh
		if kmh == 0 && r.Default.KMH > 0 && onWay && (r.granted(d) || r.Default.Unknown && r.grantsUnknown(tags, d)) {
			d.kmh = r.Default.KMH
		}
	}
	known := both[0].kmh > 0 || both[1].kmh > 0
	r.lanes(tags, both, implied)
	r.push(tags, both, implied, known)
	for _, d := range both {
		if d.kmh <= 0 {
			continue
		}
		if limit := r.limit(tags, d.suffix); limit > 0 {
			if limit *= r.Limit.Share; r.Limit.Replaces {
				d.kmh = limit
			} else {
				d.kmh = math.Min(d.kmh, limit)
			}
		}
		for key, most := range r.AtMost {
			if kmh, ok := most[tags.Get(key)]; ok {
				d.kmh = math.Min(d.kmh, kmh)
			}
		}
	}
}

// granted says that a tag of the default lets the mode in outright.
func (r rules) granted(d *direction) bool {
	return d.access == allowed && (len(r.Default.For) == 0 || slices.Contains(r.Default.For, d.key))
}

// grantsUnknown says that access is said in a word that closes nothing.
func (r rules) grantsUnknown(tags Tags, d *direction) bool {
	return d.access != closed && r.said(tags, d.suffix) != ""
}

func (r rules) never(tags Tags) bool {
	if matches(r.Never, tags) {
		return true
	}
	for key, words := range r.NeverUnless {
		if v := tags.Get(key); v != "" && !words.Has(v) {
			return true
		}
	}
	return false
}

// matches says that one of the tags has one of its words.
func matches(any profile.Tags, tags Tags) bool {
	for key, words := range any {
		if words.Has(tags.Get(key)) {
			return true
		}
	}
	return false
}

// tabled is the speed of the first table that knows the way.
func tabled(tables []profile.Table, tags Tags) float64 {
	for _, t := range tables {
		if kmh := t.KMH[tags.Get(t.Key)]; kmh > 0 {
			return kmh
		}
	}
	return 0
}

func (r rules) tooSmall(tags Tags, suffix string) bool {
	for _, s := range r.TooSmall {
		v := metres(directed(tags, s.Keys, suffix))
		if v > 0 && (v < s.Below || v <= s.UpTo) {
			return true
		}
	}
	return false
}

// directed is the value of the first key there is, with the suffix or without.
func directed(tags Tags, keys []string, suffix string) string {
	for _, k := range keys {
		if v := tags.Get(k + suffix); v != "" {
			return v
		}
		if v := tags.Get(k); v != "" {
			return v
		}
	}
	return ""
}

// limit is the signed limit of a direction, 0 where there is none that can be read.
func (r rules) limit(tags Tags, suffix string) float64 {
	if !r.Limit.SkipUnknown {
		return r.speedKMH(directed(tags, r.Limit.Keys, suffix))
	}
	for _, k := range r.Limit.Keys {
		for _, key := range [2]string{k + suffix, k} {
			if kmh := r.speedKMH(tags.Get(key)); kmh > 0 {
				return kmh
			}
		}
	}
	return 0
}

// speedKMH reads a limit: a number, one in miles an hour, or the code of a zone
// ("CN:urban", "DE:zone30"). 0 means that nothing can be made of it.
func (r rules) speedKMH(s string) float64 {
	s, _, _ = strings.Cut(s, ";")
	s = strings.ToLower(strings.TrimSpace(s))
	if s == "" {
		return 0
	}
	if n, rest := leadingNumber(s); rest != s {
		if n <= 0 || n > 400 {
			return 0
		}
		if r.Limit.MPH > 0 && (strings.Contains(rest, "mph") || strings.Contains(rest, "mp/h")) {
			return n * r.Limit.MPH
		}
		return n
	}
	if kmh := r.Limit.Zones[s]; kmh > 0 {
		return kmh
	}
	_, word, ok := strings.Cut(s, ":")
	if !ok {
		word = s
	}
	if kmh := r.Limit.Zones[word]; kmh > 0 {
		return kmh
	}
	if zone, ok := strings.CutPrefix(word, "zone"); ok && r.Limit.ZoneNumbers {
		if n, err := strconv.ParseFloat(strings.TrimLeft(zone, ":"), 64); err == nil && n > 0 && n <= 400 {
			return n
		}
	}
	return 0
}

// lanes does what cycle lanes do: they have a speed of their own, and may lead
// against a one-way street.
func (r rules) lanes(tags Tags, both [2]*direction, implied bool) {
	var opposite, right, left bool
	oneway := both[0].wrong || both[1].wrong || implied
	for _, key := range []string{"cycleway", "cycleway:left", "cycleway:right", "cycleway:both"} {
		v := tags.Get(key)
		lane := r.Cycleway.Lanes.Has(v)
		opposite = opposite || r.Cycleway.Opposite.Has(v)
		right = right || lane && key != "cycleway:left"
		left = left || lane && (key != "cycleway:right" || oneway)
		if r.Cycleway.OneWayKeys {
			if o := tags.Get(key + ":oneway"); o == "no" || o == "-1" {
				opposite = true
			}
		}
	}
	faster := func(d *direction) {
		d.wrong = false
		if r.Cycleway.KMH > 0 {
			d.kmh = r.Cycleway.KMH
		}
	}
	switch {
	case opposite && oneway && !r.saysOneWay(tags):
		faster(both[0])
		faster(both[1])
	case oneway && (right || left):
		for _, d := range both {
			if !d.wrong {
				faster(d)
			}
		}
	case !oneway:
		if right {
			faster(both[0])
		}
		if left {
			faster(both[1])
		}
	}
}

// saysOneWay says that the mode's own key makes the way one-way, which no lane of the
// general kind overrules.
func (r rules) saysOneWay(tags Tags) bool {
	return r.Cycleway.OneWayKeys && len(r.OneWay.Keys) > 0 && tags.Get(r.OneWay.Keys[0]) != ""
}

// push walks the cycle where it may not be ridden. Known is that a table or the
// default knows the way.
func (r rules) push(tags Tags, both [2]*direction, implied, known bool) {
	if r.Push.KMH == 0 {
		return
	}
	if matches(r.Push.Dismount, tags) {
		for _, d := range both {
			d.kmh = r.Push.KMH
			d.wrong = d.wrong && !r.Push.Against
		}
		return
	}
	if matches(r.Push.Unless, tags) {
		return
	}
	kmh := tabled(r.Push.Speed, tags)
	for i, d := range both {
		if d.kmh > 0 && !(d.wrong && r.Push.Against) {
			continue
		}
		pace := kmh
		if pace == 0 && (matches(r.Push.Where, tags) || r.Push.Ridden && known) && !(i == 1 && implied) {
			pace = r.Push.KMH
		}
		if pace > 0 {
			d.kmh = pace
			d.wrong = d.wrong && !r.Push.Against
		}
	}
}
