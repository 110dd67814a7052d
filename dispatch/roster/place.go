package roster

import (
	"io"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/feature"
	"github.com/twpayne/go-geom"
)

// Place is a thing that stands still and matters. At is WGS-84; Sent is what came
// in, in the datum CRS.
type Place struct {
	Line             int
	Code, Name, Kind string
	At               geo.Point
	Sent             geo.Point
	CRS              geo.CRS
	URL              string
	VisitsPerWeek    int
	FenceM           *int // within so many metres somebody has been there; 0 for no fence, nil leaves it as it stands
}

// PlaceKinds are the kinds of places.
var PlaceKinds = []string{"camera", "rental_house", "market", "factory", "other"}

// placeSchemes are what the address of a place may begin with.
var placeSchemes = []string{"http", "https", "rtsp"}

const (
	maxPlaceName = 200
	maxPlaceURL  = 2000
	// Below leastFenceM no fix could tell who is there.
	leastFenceM = 30
	mostFenceM  = 2000
)

// Places reads code,name,kind,lon,lat,url,visits_per_week and perhaps crs: wgs84,
// cgcs2000, gcj02 or bd09 (a row without one is in the datum crs), and fence_m.
func Places(in io.Reader, crs geo.CRS) ([]Place, []Refusal, error) {
	return decode(in, []string{"code", "name", "kind", "lon", "lat", "url", "visits_per_week"}, []string{"crs", "fence_m"},
		func(r *row) (string, Place) { return placeOf(r, crs) })
}

// PlaceFeatures reads points whose properties have the names of the columns of
// Places; others are passed over.
func PlaceFeatures(features iter.Seq2[feature.Feature, error], crs geo.CRS) ([]Place, []Refusal, error) {
	return decodeRows(pointRows(features), func(r *row) (string, Place) { return placeOf(r, crs) })
}

// pointRows makes rows whose lon and lat are the point of the feature.
func pointRows(features iter.Seq2[feature.Feature, error]) iter.Seq2[feature.Row, error] {
	return func(yield func(feature.Row, error) bool) {
		for f, err := range features {
			if err == nil {
				at, single := f.Geom.(*geom.Point)
				if single && !at.Empty() {
					f.Properties["lon"] = strconv.FormatFloat(at.X(), 'g', -1, 64)
					f.Properties["lat"] = strconv.FormatFloat(at.Y(), 'g', -1, 64)
				} else {
					err = f.Row().Refuse("geometry", feature.CodeGeometry, "a place is one Point; give the point where its door is")
				}
			}
			if !yield(f.Row(), err) {
				return
			}
		}
	}
}

func placeOf(r *row, crs geo.CRS) (string, Place) {
	if r.Number > 0 {
		r.required("code", "name", "kind")
	} else {
		r.required("code", "name", "kind", "lon", "lat")
	}
	p := Place{Line: r.Line, Code: r.like("code", plainCode, wantPlainCode), Name: r.Get("name"),
		Kind: r.oneOf("kind", PlaceKinds...), URL: r.Get("url"), CRS: crs}
	if len(p.Name) > maxPlaceName {
		r.refuse("name", CodeValue, "has %d bytes; %d are the most", len(p.Name), maxPlaceName)
	}
	p.locate(r)
	if p.URL != "" {
		checkPlaceURL(r, p.URL)
	}
	if text := r.Get("visits_per_week"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 168 {
			r.refuse("visits_per_week", CodeValue, "%.40q is no number of visits from 0 to 168", text)
		}
		p.VisitsPerWeek = n
	}
	if text := r.Get("fence_m"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n != 0 && n < leastFenceM || n > mostFenceM {
			r.refuse("fence_m", CodeValue, "%.40q is no radius from %d to %d m, nor 0 for none", text, leastFenceM, mostFenceM)
		}
		p.FenceM = &n
	}
	return p.Code, p
}

// locate reads the position and brings it to WGS-84, to a centimetre.
func (p *Place) locate(r *row) {
	column := func(of string) string {
		if r.Number > 0 {
			return "geometry"
		}
		return of
	}
	number := func(name string) float64 {
		v, err := strconv.ParseFloat(r.Get(name), 64)
		if err != nil {
			r.refuse(column(name), CodeValue, "%.40q is no number", r.Get(name))
		}
		return v
	}
	if text := r.Get("crs"); text != "" {
		crs, err := geo.ParseCRS(text)
		if err != nil {
			r.refuse("crs", CodeValue, "%v", err)
		}
		p.CRS = crs
	}
	p.Sent = geo.Point{Lon: number("lon"), Lat: number("lat")}
	if err := p.Sent.Check(); err != nil {
		r.refuse(column("lon"), CodeValue, "%v", err)
		return
	}
	p.At = geo.ToWGS84(p.Sent, p.CRS)
	if p.At != p.Sent {
		p.At = geo.Point{Lon: rounded(p.At.Lon), Lat: rounded(p.At.Lat)}
	}
}

// rounded keeps a conversion from making a change of what was imported before.
func rounded(degrees float64) float64 {
	v, _ := strconv.ParseFloat(strconv.FormatFloat(degrees, 'f', 7, 64), 64) // its own text
	return v
}

// checkPlaceURL refuses what is no address of a picture or a page, and a password
// in it: everybody who sees the map would read it.
func checkPlaceURL(r *row, text string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || !slices.Contains(placeSchemes, strings.ToLower(u.Scheme)):
		r.refuse("url", CodeValue, "is no address that is taken; it should begin with http://, https:// or rtsp:// and a host")
	case u.User != nil:
		r.refuse("url", CodeValue, "holds a user name or password, which everybody who sees the map would read; take it out")
	case len(text) > maxPlaceURL:
		r.refuse("url", CodeValue, "has %d bytes; %d are the most", len(text), maxPlaceURL)
	}
}
