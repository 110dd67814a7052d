package track

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/gridpatrol/gridpatrol/geo/feature"
)

// Bounds of what a stranger's XML may ask for. Entities of its own are not read at
// all, so that it cannot grow.
const (
	maxElementBytes = 1 << 20
	maxDepth        = 64
)

// GPX reads the track points of GPX 1.0 and 1.1, over all tracks and segments.
// Routes and waypoints were never walked and are passed over. A point without a
// time is refused.
func GPX(r io.Reader) iter.Seq2[Point, error] {
	return func(yield func(Point, error) bool) {
		g := gpx{meter: &meter{in: r, left: maxElementBytes}}
		g.xml = xml.NewDecoder(g.meter)
		g.xml.CharsetReader = func(charset string, _ io.Reader) (io.Reader, error) {
			return nil, fmt.Errorf("it is written in %.40q; save it as UTF-8", charset)
		}
		for {
			p, err := g.next()
			if errors.Is(err, io.EOF) {
				return
			}
			var refusal *feature.Refusal
			if err != nil && !errors.As(err, &refusal) {
				line, _ := g.xml.InputPos()
				yield(Point{Line: line}, fmt.Errorf("line %d: the GPX cannot be read on: %w", line, err))
				return
			}
			if !yield(p, err) {
				return
			}
		}
	}
}

type gpx struct {
	*meter
	xml  *xml.Decoder
	path []string // names of the open elements
}

// meter fails where one element goes beyond its allowance.
type meter struct {
	in   io.Reader
	left int
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.in.Read(p)
	if m.left -= n; m.left < 0 {
		return 0, fmt.Errorf("%w: an element of more than %d bytes", feature.ErrTooLarge, maxElementBytes)
	}
	return n, err
}

// token reads one token and keeps the path of open elements.
func (g *gpx) token() (xml.Token, error) {
	t, err := g.xml.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case xml.StartElement:
		g.left = maxElementBytes
		if len(g.path) == 0 && t.Name.Local != "gpx" {
			return nil, fmt.Errorf("its root is %.40q, a GPX file begins with gpx", t.Name.Local)
		}
		if len(g.path) == maxDepth {
			return nil, fmt.Errorf("%w: elements lie more than %d deep", feature.ErrTooLarge, maxDepth)
		}
		g.path = append(g.path, t.Name.Local)
	case xml.EndElement:
		g.path = g.path[:len(g.path)-1]
	}
	return t, nil
}

// next reads on to the end of the next track point.
func (g *gpx) next() (Point, error) {
	for {
		t, err := g.token()
		if err != nil {
			return Point{}, err
		}
		start, is := t.(xml.StartElement)
		if is && start.Name.Local == "trkpt" && len(g.path) > 1 && g.path[len(g.path)-2] == "trkseg" {
			return g.point(start)
		}
	}
}

func (g *gpx) point(start xml.StartElement) (Point, error) {
	line, _ := g.xml.InputPos()
	depth := len(g.path)
	text := map[string]string{} // of the point's own children
	for len(g.path) >= depth {
		t, err := g.token()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return Point{}, err
		}
		if words, is := t.(xml.CharData); is && len(g.path) == depth+1 {
			switch name := g.path[depth]; name {
			case "time", "speed", "course":
				text[name] += string(words)
			}
		}
	}
	attribute := map[string]string{}
	for _, a := range start.Attr {
		attribute[a.Name.Local] = a.Value
	}
	p := blank(line)
	if refusal := p.place(attribute["lon"], attribute["lat"]); refusal != nil {
		return p, refusal
	}
	if strings.TrimSpace(text["time"]) == "" {
		return p, refuse(line, "time", CodeTime, "the point has no time; a track that is replayed needs one for each point")
	}
	var err error
	if p.T, err = moment(text["time"]); err != nil {
		// Times of GPX are UTC; some programs leave out the letter that says so.
		bare, bareErr := time.Parse("2006-01-02T15:04:05.999999999", strings.TrimSpace(text["time"]))
		if bareErr != nil || bare.Year() < 1970 {
			return p, refuse(line, "time", CodeTime, "time: %v", err)
		}
		p.T = bare.UTC()
	}
	// GPX 1.0 has both; a receiver that writes nonsense into them costs the point nothing.
	_ = p.measure(&p.SpeedMS, "speed", text["speed"], 0, maxSpeedMS)
	_ = p.measure(&p.HeadingDeg, "course", text["course"], 0, 360)
	return p, nil
}
