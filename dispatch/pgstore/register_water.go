package pgstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch/roster"
	"github.com/gridpatrol/gridpatrol/geo/feature"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/jackc/pgx/v5"
	"github.com/twpayne/go-geom/encoding/ewkb"
)

const (
	selectWaters = `SELECT kind, name, coalesce(width_m, 0) AS width_m, ST_AsEWKB(geom) AS shape FROM waters WHERE district_id = $1 ORDER BY id`
	insertWater  = `INSERT INTO waters (id, district_id, kind, name, width_m, geom)
VALUES ($1, $2, $3, $4, nullif($5::double precision, 0), ST_GeomFromEWKB($6))`
)

type waterRow struct {
	Kind   string  `db:"kind"`
	Name   string  `db:"name"`
	WidthM float64 `db:"width_m"`
	Shape  []byte  `db:"shape"`
}

func (w waterRow) equal(o waterRow) bool {
	return w.Kind == o.Kind && w.Name == o.Name && w.WidthM == o.WidthM && slices.Equal(w.Shape, o.Shape)
}

// Water replaces all the water there is by what can be used of a file; a file
// with nothing usable replaces nothing.
func (g *Register) Water(ctx context.Context, features iter.Seq2[feature.Feature, error], o RegisterOptions) (roster.Result, error) {
	good, refused, err := roster.Waters(features)
	if err != nil {
		return roster.Result{}, err
	}
	result := roster.NewResult(len(good), refused)
	if len(good) == 0 {
		return result, nil
	}
	rows := make([]waterRow, len(good))
	for i, w := range good {
		shape, err := ewkb.Marshal(w.Geom, binary.LittleEndian)
		if err != nil {
			return roster.Result{}, fmt.Errorf("encode water %d: %w", w.Number, err)
		}
		rows[i] = waterRow{w.Kind, w.Name, w.WidthM, shape}
	}
	err = g.tx(ctx, o, func(tx pgx.Tx) error {
		found, err := tx.Query(ctx, selectWaters, pgdb.District)
		if err != nil {
			return fmt.Errorf("read water: %w", err)
		}
		before, err := pgx.CollectRows(found, pgx.RowToStructByName[waterRow])
		if err != nil {
			return fmt.Errorf("read water: %w", err)
		}
		if slices.EqualFunc(before, rows, waterRow.equal) {
			return nil
		}
		result.Changes = append(result.Changes, roster.Change{What: "water", Change: roster.Changed,
			Detail: fmt.Sprintf("%d rivers and lakes take the place of %d", len(rows), len(before))})
		batch := &pgx.Batch{}
		batch.Queue(`DELETE FROM waters WHERE district_id = $1`, pgdb.District)
		for _, w := range rows {
			batch.Queue(insertWater, uuid.Must(uuid.NewV7()), pgdb.District, w.Kind, w.Name, w.WidthM, w.Shape)
		}
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return fmt.Errorf("write water: %w", err)
		}
		return bump(ctx, tx, result.Changes, "water")
	})
	return result, err
}
