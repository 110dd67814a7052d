package pgview

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgscope"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/proof"
)

const dossierEvents = `SELECT e.xid::text, e.id, e.kind, e.at, e.body FROM case_events e WHERE e.case_id = $1 ORDER BY e.xid, e.id LIMIT 5000`

const dossierLinks = `SELECT event_id, position, hash FROM event_chain c JOIN unnest($2::text[], $3::bigint[]) AS x (xid, id)
  ON c.xid = x.xid::xid8 AND c.event_id = x.id WHERE c.district_id = $1`

// The heads that vouch for these events: the first at or after each.
const dossierHeads = `SELECT DISTINCT h.body FROM unnest($2::bigint[]) AS x (position)
CROSS JOIN LATERAL (SELECT body FROM event_heads WHERE district_id = $1 AND position >= x.position ORDER BY position LIMIT 1) h`

// Names of those who act in these events, as the register has them now.
const dossierNames = `
SELECT 'account:' || a.id, coalesce(s.name || ' (' || a.username || ')', a.username) FROM accounts a LEFT JOIN staff s ON s.id = a.staff_id
  WHERE a.district_id = $1 AND a.id = ANY ($2)
UNION ALL SELECT 'device:' || d.id, coalesce(d.name || ' (' || d.code || ')', d.code) FROM devices d WHERE d.district_id = $1 AND d.id = ANY ($2)
UNION ALL SELECT 'patrol:' || p.id, p.name || ' (' || p.code || ')' FROM patrols p WHERE p.district_id = $1 AND p.id = ANY ($2)
UNION ALL SELECT 'staff:' || s.id, s.name FROM staff s WHERE s.district_id = $1 AND s.id = ANY ($2)
UNION ALL SELECT 'grid:' || g.id, g.name || ' (' || g.code || ')' FROM grids g WHERE g.district_id = $1 AND g.id = ANY ($2)`

// Dossier reads what the events of a case are and what proves them. The viewer's scope
// bounds the events; names are those of whom these events name.
func (s *Store) Dossier(ctx context.Context, v dispatch.Viewer, id dispatch.CaseID) (api.DossierRecord, error) {
	out := api.DossierRecord{Names: map[string]string{}}
	var xids []string
	var ids []int64
	err := s.db.As(ctx, pgscope.Of(v), func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT gp_now()`).Scan(&out.Now); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, dossierEvents, id)
		if err != nil {
			return err
		}
		out.Events, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e api.DossierEvent, err error) {
			var xid string
			var n int64
			err = row.Scan(&xid, &n, &e.Kind, &e.At, &e.Body)
			xids, ids = append(xids, xid), append(ids, n)
			return e, err
		})
		return err
	})
	if err != nil {
		return out, fmt.Errorf("read the events of a case: %w", err)
	}
	rows, err := s.db.Query(ctx, dossierLinks, v.District, xids, ids)
	if err != nil {
		return out, fmt.Errorf("read the chain: %w", err)
	}
	var event, position int64
	var hash []byte
	var positions []int64
	_, err = pgx.ForEachRow(rows, []any{&event, &position, &hash}, func() error {
		at := slices.Index(ids, event)
		out.Events[at].Position, out.Events[at].Hash = position, hex.EncodeToString(hash)
		positions = append(positions, position)
		return nil
	})
	if err != nil {
		return out, fmt.Errorf("read the chain: %w", err)
	}
	if rows, err = s.db.Query(ctx, dossierHeads, v.District, positions); err != nil {
		return out, fmt.Errorf("read the heads: %w", err)
	}
	heads, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return out, fmt.Errorf("read the heads: %w", err)
	}
	for _, body := range heads {
		var h proof.Head
		if err := json.Unmarshal(body, &h); err != nil {
			return out, fmt.Errorf("read a head: %w", err)
		}
		out.Heads = append(out.Heads, h)
	}
	slices.SortFunc(out.Heads, func(a, b proof.Head) int { return int(a.Position - b.Position) })
	var named []uuid.UUID
	for _, e := range out.Events {
		collectIDs(e.Body, &named)
	}
	slices.SortFunc(named, func(a, b uuid.UUID) int { return strings.Compare(a.String(), b.String()) })
	if rows, err = s.db.Query(ctx, dossierNames, v.District, slices.Compact(named)); err != nil {
		return out, fmt.Errorf("read names: %w", err)
	}
	var who, name string
	if _, err = pgx.ForEachRow(rows, []any{&who, &name}, func() error { out.Names[who] = name; return nil }); err != nil {
		return out, fmt.Errorf("read names: %w", err)
	}
	return out, nil
}

// collectIDs finds every UUID in an event, alone or after a colon.
func collectIDs(v any, out *[]uuid.UUID) {
	switch v := v.(type) {
	case string:
		text := v[strings.LastIndexByte(v, ':')+1:]
		if id, err := uuid.Parse(text); err == nil && len(text) == 36 {
			*out = append(*out, id)
		}
	case []any:
		for _, e := range v {
			collectIDs(e, out)
		}
	case map[string]any:
		for _, e := range v {
			collectIDs(e, out)
		}
	}
}

// What is drawn around a case, within the box, as the viewer's map has it.
const (
	groundRoads = `SELECT rank::int, name, ST_AsGeoJSON(ST_SimplifyPreserveTopology(geom, $6), 6) FROM road_segments
WHERE district_id = $1 AND geom && ST_MakeEnvelope($2, $3, $4, $5, 4326) ORDER BY rank DESC, segment LIMIT 4000`
	groundGrids = `SELECT 0, g.name || ' ' || g.code, ST_AsGeoJSON(ST_SimplifyPreserveTopology(ST_Boundary(g.geom), $6), 6) FROM grids_seen g JOIN grid_versions v ON v.id = g.version_id
WHERE g.district_id = $1 AND g.geom && ST_MakeEnvelope($2, $3, $4, $5, 4326) AND v.state = 'active' AND v.valid @> $7::timestamptz ORDER BY g.code LIMIT 200`
	groundWater = `SELECT CASE WHEN ST_Dimension(geom) = 2 THEN 2 ELSE 1 END, name, ST_AsGeoJSON(ST_SimplifyPreserveTopology(geom, $6), 6) FROM waters_seen
WHERE district_id = $1 AND geom && ST_MakeEnvelope($2, $3, $4, $5, 4326) ORDER BY id LIMIT 500`
)

// Ground reads what lies in a box, at a time.
func (s *Store) Ground(ctx context.Context, v dispatch.Viewer, low, high geo.Point, at time.Time) (g api.DossierGround, err error) {
	detail := (high.Lon - low.Lon) / 900
	for _, part := range []struct {
		query string
		dst   *[]api.GroundShape
	}{{groundRoads, &g.Roads}, {groundGrids, &g.Grids}, {groundWater, &g.Waters}} {
		args := []any{v.District, low.Lon, low.Lat, high.Lon, high.Lat, detail}
		if part.dst == &g.Grids {
			args = append(args, at)
		}
		*part.dst, err = readAs(ctx, s, v, func(row pgx.CollectableRow) (shape api.GroundShape, err error) {
			var text []byte
			if err = row.Scan(&shape.Rank, &shape.Name, &text); err != nil {
				return shape, err
			}
			shape.Lines, err = linesOf(text)
			return shape, err
		}, part.query, args...)
		if err != nil {
			return g, fmt.Errorf("read what is drawn: %w", err)
		}
	}
	return g, nil
}

// linesOf takes a geometry apart into lines, whatever it is made of.
func linesOf(text []byte) ([][][2]float64, error) {
	var g struct {
		Type        string
		Coordinates json.RawMessage
	}
	if err := json.Unmarshal(text, &g); err != nil {
		return nil, err
	}
	switch g.Type {
	case "LineString":
		var line [][2]float64
		err := json.Unmarshal(g.Coordinates, &line)
		return [][][2]float64{line}, err
	case "MultiLineString", "Polygon":
		var lines [][][2]float64
		err := json.Unmarshal(g.Coordinates, &lines)
		return lines, err
	case "MultiPolygon":
		var polygons [][][][2]float64
		err := json.Unmarshal(g.Coordinates, &polygons)
		return slices.Concat(polygons...), err
	}
	return nil, errors.New("a geometry of the kind " + g.Type)
}
