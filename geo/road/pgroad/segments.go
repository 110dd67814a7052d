package pgroad

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

const copySegments = `COPY road_segments (district_id, segment, class, rank, name, along, against, length_m, geom) FROM STDIN`

func storeSegments(ctx context.Context, tx pgx.Tx, n *road.Network) error {
	_, err := tx.Conn().PgConn().CopyFrom(ctx, &segmentRows{net: n}, copySegments)
	return err
}

// segmentRows is the text that COPY reads, made a few segments at a time.
type segmentRows struct {
	net  *road.Network
	next int
	buf  []byte
	rest []byte
}

func (r *segmentRows) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.next == r.net.Segments() {
			return 0, io.EOF
		}
		r.buf = r.buf[:0]
		for len(r.buf) < 1<<16 && r.next < r.net.Segments() {
			r.row(r.next)
			r.next++
		}
		r.rest = r.buf
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

var copyEscape = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)

func (r *segmentRows) row(i int) {
	s := r.net.Segment(i)
	b := append(r.buf, pgdb.District.String()...)
	b = append(b, '\t')
	b = strconv.AppendInt(b, int64(i), 10)
	b = append(b, '\t')
	b = append(b, s.Class.String()...)
	b = append(b, '\t')
	b = strconv.AppendInt(b, int64(s.Class), 10)
	b = append(b, '\t')
	b = append(b, copyEscape.Replace(s.Name)...)
	for _, modes := range []road.ModeSet{s.Along, s.Against} {
		b = append(b, "\t{"...)
		b = append(b, strings.Join(modes.Strings(), ",")...)
		b = append(b, '}')
	}
	b = append(b, '\t')
	b = strconv.AppendFloat(b, s.LengthM, 'f', 2, 64)
	b = append(b, '\t')
	b = hex.AppendEncode(b, ewkb(s))
	r.buf = append(b, '\n')
}

// ewkb is the line as PostGIS reads it: little-endian, with its SRID.
func ewkb(s road.Segment) []byte {
	const lineString, hasSRID, wgs84 = 2, 0x20000000, 4326
	b := make([]byte, 0, 13+16*len(s.Points))
	b = append(b, 1)
	b = binary.LittleEndian.AppendUint32(b, lineString|hasSRID)
	b = binary.LittleEndian.AppendUint32(b, wgs84)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s.Points)))
	for _, p := range s.Points {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(p.Lon))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(p.Lat))
	}
	return b
}
