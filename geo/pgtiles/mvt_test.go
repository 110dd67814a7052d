package pgtiles_test

import (
	"errors"
	"math"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gridpatrol/gridpatrol/geo"
)

// A reader of the Mapbox Vector Tile 2.1 format, as much of it as these tests
// need: text properties, and the corners of lines and rings in degrees.

type shape [][]geo.Point

func (s shape) bound() geo.Box {
	b := geo.Box{West: 180, South: 90, East: -180, North: -90}
	for _, part := range s {
		for _, p := range part {
			b = geo.Box{West: min(b.West, p.Lon), South: min(b.South, p.Lat), East: max(b.East, p.Lon), North: max(b.North, p.Lat)}
		}
	}
	return b
}

// tileAt is the tile of a zoom that holds a place.
func tileAt(z int, lon, lat float64) (x, y int) {
	n := math.Exp2(float64(z))
	r := lat * math.Pi / 180
	return int((lon + 180) / 360 * n), int((1 - math.Log(math.Tan(r)+1/math.Cos(r))/math.Pi) / 2 * n)
}

// draw answers the features of the tile's one layer by a text property.
func draw(t *testing.T, tile []byte, z, x, y int, layer, by string) map[string]shape {
	t.Helper()
	out := map[string]shape{}
	if len(tile) == 0 {
		return out
	}
	var name string
	var keys, values []string
	var features [][]byte
	err := fields(tile, func(num protowire.Number, body []byte, _ uint64) error {
		return fields(body, func(num protowire.Number, body []byte, _ uint64) error {
			switch num {
			case 1:
				name = string(body)
			case 2:
				features = append(features, body)
			case 3:
				keys = append(keys, string(body))
			case 4:
				text := ""
				err := fields(body, func(num protowire.Number, body []byte, _ uint64) error { text = string(body); return nil })
				values = append(values, text)
				return err
			}
			return nil
		})
	})
	for _, f := range features {
		var tags, commands []uint64
		err = errors.Join(err, fields(f, func(num protowire.Number, body []byte, _ uint64) (err error) {
			switch num {
			case 2:
				tags, err = varints(body)
			case 4:
				commands, err = varints(body)
			}
			return err
		}))
		for i := 0; i+1 < len(tags); i += 2 {
			if keys[tags[i]] == by {
				out[values[tags[i+1]]] = corners(commands, z, x, y)
			}
		}
	}
	if err != nil || name != layer {
		t.Fatalf("layer %q, %v", name, err)
	}
	return out
}

func fields(b []byte, each func(num protowire.Number, body []byte, v uint64) error) error {
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		var body []byte
		var v uint64
		switch kind {
		case protowire.BytesType:
			body, n = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		default:
			n = protowire.ConsumeFieldValue(num, kind, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		if err := each(num, body, v); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func varints(b []byte) (out []uint64, err error) {
	for len(b) > 0 {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		out, b = append(out, v), b[n:]
	}
	return out, nil
}

// corners follows the pen: 1 moves it, 2 draws, 7 closes.
func corners(commands []uint64, z, x, y int) (out shape) {
	var cx, cy int64
	n := math.Exp2(float64(z))
	for i := 0; i < len(commands); {
		command, count := commands[i]&7, commands[i]>>3
		i++
		if command == 7 {
			continue
		}
		for range count {
			cx += protowire.DecodeZigZag(commands[i])
			cy += protowire.DecodeZigZag(commands[i+1])
			i += 2
			if command == 1 {
				out = append(out, nil)
			}
			lon := (float64(x)+float64(cx)/4096)/n*360 - 180
			lat := math.Atan(math.Sinh(math.Pi*(1-2*(float64(y)+float64(cy)/4096)/n))) * 180 / math.Pi
			out[len(out)-1] = append(out[len(out)-1], geo.Point{Lon: lon, Lat: lat})
		}
	}
	return out
}
