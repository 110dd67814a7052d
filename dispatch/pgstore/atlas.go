package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo/grid"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/jackc/pgx/v5"
	"github.com/twpayne/go-geom"
	"github.com/twpayne/go-geom/encoding/ewkb"
)

const mapVersions = `SELECT id, lower(valid) AS valid_from, upper(valid) AS valid_until FROM grid_versions
WHERE district_id = $1 AND state = 'active' ORDER BY lower(valid)`

const mapGrids = `SELECT id, code, name, kind, coalesce(area_code, '') AS area_code, categories, ST_AsEWKB(geom) AS shape
FROM grids WHERE version_id = $1 ORDER BY code`

// MapVersions reads every activated version of the grids with its index, those
// still to come included, and the revision of the grids that it read them at.
func (s *Store) MapVersions(ctx context.Context) (versions []dispatch.MapVersion, revision int64, err error) {
	read := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, s.db.Pool, read, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT revision FROM revisions WHERE topic = 'grids'`).Scan(&revision); err != nil {
			return err
		}
		parents, err := areaParents(ctx, tx)
		if err != nil {
			return err
		}
		type versionRow struct {
			ID         dispatch.MapID
			ValidFrom  *time.Time
			ValidUntil *time.Time
		}
		rows, err := tx.Query(ctx, mapVersions, s.district)
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, pgx.RowToStructByName[versionRow])
		if err != nil {
			return err
		}
		for _, row := range found {
			v := dispatch.MapVersion{ID: row.ID}
			if row.ValidFrom != nil {
				v.From = *row.ValidFrom
			}
			if row.ValidUntil != nil {
				v.Until = *row.ValidUntil
			}
			if v.Grids, v.Index, err = readGrids(ctx, tx, row.ID, parents); err != nil {
				return fmt.Errorf("version %s: %w", row.ID, err)
			}
			versions = append(versions, v)
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read the maps: %w", err)
	}
	return versions, revision, nil
}

func readGrids(ctx context.Context, tx pgx.Tx, id dispatch.MapID, parents map[string]string) ([]dispatch.GridRow, *grid.Index, error) {
	type gridRow struct {
		ID         dispatch.GridID
		Code       string
		Name       string
		Kind       string
		AreaCode   string
		Categories []string
		Shape      []byte
	}
	rows, err := tx.Query(ctx, mapGrids, id)
	if err != nil {
		return nil, nil, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[gridRow])
	if err != nil {
		return nil, nil, err
	}
	out := make([]dispatch.GridRow, len(found))
	shapes := make([]grid.Grid, len(found))
	for i, g := range found {
		shape, err := ewkb.Unmarshal(g.Shape)
		if err != nil {
			return nil, nil, fmt.Errorf("grid %s: %w", g.Code, err)
		}
		polygons, ok := shape.(*geom.MultiPolygon)
		if !ok {
			return nil, nil, fmt.Errorf("grid %s is a %T, not a multipolygon", g.Code, shape)
		}
		out[i] = dispatch.GridRow{
			ID: g.ID, Code: g.Code, Name: g.Name, Kind: g.Kind, Areas: upwards(g.AreaCode, parents), Categories: g.Categories,
		}
		shapes[i] = grid.Grid{Code: g.Code, Special: g.Kind == "special", Geom: polygons}
	}
	index, err := grid.New(shapes)
	return out, index, err
}

func areaParents(ctx context.Context, tx pgx.Tx) (map[string]string, error) {
	rows, err := tx.Query(ctx, `SELECT code, coalesce(parent_code, '') FROM areas WHERE district_id = $1`, pgdb.District)
	if err != nil {
		return nil, err
	}
	parents := map[string]string{}
	var code, parent string
	_, err = pgx.ForEachRow(rows, []any{&code, &parent}, func() error {
		parents[code] = parent
		return nil
	})
	return parents, err
}

// upwards is an area and every area above it. A register that names an area as
// its own ancestor ends the walk.
func upwards(code string, parents map[string]string) []string {
	var out []string
	for ; code != "" && len(out) <= len(parents); code = parents[code] {
		out = append(out, code)
	}
	return out
}
