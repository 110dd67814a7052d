package track

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/gridpatrol/gridpatrol/geo/feature"
)

const (
	pltHeader    = 6 // lines
	maxLineBytes = 4 << 10
)

// PLT reads a track of GeoLife: six header lines, then lat, lon, 0, altitude in
// feet, days since 1899-12-30, date and time of day in GMT.
func PLT(r io.Reader) iter.Seq2[Point, error] {
	return func(yield func(Point, error) bool) {
		in := bufio.NewReaderSize(r, maxLineBytes)
		for line := 1; ; line++ {
			text, long, err := readLine(in)
			switch {
			case errors.Is(err, io.EOF) && text == "":
				if line <= pltHeader {
					yield(Point{Line: line}, fmt.Errorf("line %d: a PLT file begins with six header lines; this one ends before", line))
				}
				return
			case err != nil && !errors.Is(err, io.EOF):
				yield(Point{Line: line}, fmt.Errorf("line %d: %w", line, err))
				return
			case line <= pltHeader:
				if _, refusal := pltPoint(line, text); refusal == nil {
					yield(Point{Line: line}, fmt.Errorf("line %d: holds a point already; a PLT file begins with six header lines", line))
					return
				}
				continue
			}
			p, refusal := pltPoint(line, text)
			if long {
				refusal = refuse(line, "", feature.CodeTooLarge, "the line has more than %d bytes", maxLineBytes)
			}
			switch {
			case refusal == nil:
				if !yield(p, nil) {
					return
				}
			case strings.TrimSpace(text) != "":
				if !yield(p, refusal) {
					return
				}
			}
		}
	}
}

// readLine reads one line, of a long one no more than its beginning.
func readLine(in *bufio.Reader) (text string, long bool, err error) {
	part, err := in.ReadSlice('\n')
	text = strings.TrimRight(string(part), "\r\n")
	for errors.Is(err, bufio.ErrBufferFull) {
		long = true
		_, err = in.ReadSlice('\n')
	}
	return text, long, err
}

func pltPoint(line int, text string) (Point, *feature.Refusal) {
	p := blank(line)
	fields := strings.Split(text, ",")
	if len(fields) != 7 {
		return p, refuse(line, "", feature.CodeFields, "has %d fields; 7 are needed: lat,lon,0,altitude,days,date,time", len(fields))
	}
	if refusal := p.place(fields[1], fields[0]); refusal != nil {
		return p, refusal
	}
	when := strings.TrimSpace(fields[5]) + " " + strings.TrimSpace(fields[6])
	t, err := time.Parse("2006-01-02 15:04:05", when)
	if err != nil || t.Year() < 1970 {
		return p, refuse(line, "time", CodeTime, "%.40q is no date and time of day such as 2008-10-23 02:53:04", when)
	}
	p.T = t.UTC()
	return p, nil
}
