package pgroad

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	wkb "github.com/twpayne/go-geom/encoding/ewkb"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/feature"
)

// Survey is a table, or a view, of roads that somebody drew, in any database with
// PostGIS: which of its columns says what, in the words of the package drawn. Columns
// maps a word such as class, speed_kmh or oneway to the name of a column; Values maps
// a value of the class column to a class.
type Survey struct {
	Table   string // name or schema.name
	Geom    string // empty: the only column of type geometry
	ID      string // names a row for people; empty: its number in the order read
	Columns map[string]string
	Classes map[string]string
	SRID    int     // of geometries that have none
	CRS     geo.CRS // gcj02 or bd09 where degrees are shifted so
}

// The codes of refusals that this file adds.
const (
	CodeSRID      = "srid"
	CodeTransform = "transform"
)

// ErrSurvey says that a table cannot be read as roads; what is wrong with it follows.
var ErrSurvey = errors.New("the table cannot be read")

// batchRows is how many rows are projected at once; a batch with a bad row is halved
// until that one is alone.
const batchRows = 500

// surveyRow is a row on its way.
type surveyRow struct {
	feature feature.Feature
	id      string
	shape   []byte // EWKB as stored
	srid    int
	bad     *feature.Refusal
}

// Features reads the table as features in WGS-84. A row that cannot be used comes as a
// *feature.Refusal and loses nobody else; any other error ends the reading. progress,
// where not nil, hears how many rows of how many were read.
func (s Survey) Features(ctx context.Context, pool *pgxpool.Pool, progress func(read, total int64)) iter.Seq2[feature.Feature, error] {
	return func(yield func(feature.Feature, error) bool) {
		query, keys, err := s.query(ctx, pool)
		if err != nil {
			yield(feature.Feature{}, err)
			return
		}
		var total int64
		if err := pool.QueryRow(ctx, `SELECT count(*) FROM `+s.table()).Scan(&total); err != nil {
			var denied *pgconn.PgError
			if errors.As(err, &denied) && denied.Code == "42501" {
				err = fmt.Errorf("%w; grant SELECT on it to the role this program works as, or name the database with a role of its own by --from", err)
			}
			yield(feature.Feature{}, fmt.Errorf("%w: %w", ErrSurvey, err))
			return
		}
		rows, err := pool.Query(ctx, query)
		if err != nil {
			yield(feature.Feature{}, fmt.Errorf("%w: %w", ErrSurvey, err))
			return
		}
		defer rows.Close()
		var batch []surveyRow
		number := 0
		flush := func() bool {
			if err := s.project(ctx, pool, batch); err != nil {
				yield(feature.Feature{}, err)
				return false
			}
			for _, r := range batch {
				var err error
				if r.bad != nil {
					err = r.bad
				}
				if !yield(r.feature, err) {
					return false
				}
			}
			batch = batch[:0]
			if progress != nil {
				progress(int64(number), total)
			}
			return true
		}
		for rows.Next() {
			number++
			row, err := s.scan(rows, number, keys)
			if err != nil {
				yield(feature.Feature{}, fmt.Errorf("%w: row %d: %w", ErrSurvey, number, err))
				return
			}
			if batch = append(batch, row); len(batch) == batchRows && !flush() {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(feature.Feature{}, fmt.Errorf("%w: %w", ErrSurvey, err))
			return
		}
		flush()
	}
}

func (s Survey) table() string { return pgx.Identifier(strings.SplitN(s.Table, ".", 2)).Sanitize() }

const surveyColumns = `SELECT a.attname, t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`

// query makes the statement, after a look at the columns there are.
func (s Survey) query(ctx context.Context, pool *pgxpool.Pool) (sql string, keys []string, err error) {
	rows, err := pool.Query(ctx, surveyColumns, s.table())
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrSurvey, err)
	}
	var names, shapes []string
	var name, kind string
	if _, err := pgx.ForEachRow(rows, []any{&name, &kind}, func() error {
		names = append(names, name)
		if kind == "geometry" || kind == "geography" {
			shapes = append(shapes, name)
		}
		return nil
	}); err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrSurvey, err)
	}
	if len(names) == 0 {
		return "", nil, fmt.Errorf("%w: there is no table %s in this database, or it may not be read; name it as schema.table", ErrSurvey, s.Table)
	}
	shape := s.Geom
	switch {
	case len(shapes) == 0:
		return "", nil, fmt.Errorf("%w: %s has no column of type geometry; name a table that has one, or cast a column to it in a view", ErrSurvey, s.Table)
	case shape == "" && len(shapes) == 1:
		shape = shapes[0]
	case shape == "":
		return "", nil, fmt.Errorf("%w: %s has %d columns of type geometry (%s); say which with --geom", ErrSurvey, s.Table, len(shapes), strings.Join(shapes, ", "))
	case !slices.Contains(shapes, shape):
		return "", nil, fmt.Errorf("%w: %s has no column %q of type geometry; it has %s", ErrSurvey, s.Table, shape, strings.Join(shapes, ", "))
	}
	column := func(name string) string { return pgx.Identifier{name}.Sanitize() }
	id := `''`
	order := ""
	if s.ID != "" {
		if !slices.Contains(names, s.ID) {
			return "", nil, fmt.Errorf("%w: %s has no column %q; it has %s", ErrSurvey, s.Table, s.ID, strings.Join(names, ", "))
		}
		id, order = column(s.ID)+"::text", " ORDER BY "+column(s.ID)
	}
	parts := []string{"coalesce(" + id + ", '')", "ST_AsEWKB(" + column(shape) + "::geometry)", "coalesce(ST_SRID(" + column(shape) + "::geometry), 0)"}
	for key := range s.Columns {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if !slices.Contains(names, s.Columns[key]) {
			return "", nil, fmt.Errorf("%w: %s has no column %q for %s; it has %s", ErrSurvey, s.Table, s.Columns[key], key, strings.Join(names, ", "))
		}
		parts = append(parts, "coalesce("+column(s.Columns[key])+"::text, '')")
	}
	return "SELECT " + strings.Join(parts, ", ") + " FROM " + s.table() + order, keys, nil
}

func (s Survey) scan(rows pgx.Rows, number int, keys []string) (surveyRow, error) {
	row := surveyRow{feature: feature.Feature{Line: number, Properties: map[string]string{}}}
	values := make([]string, len(keys))
	into := []any{&row.id, &row.shape, &row.srid}
	for i := range values {
		into = append(into, &values[i])
	}
	if err := rows.Scan(into...); err != nil {
		return row, err
	}
	for i, key := range keys {
		value := strings.TrimSpace(values[i])
		if class, ok := s.Classes[value]; ok && key == "class" {
			value = class
		}
		if value != "" {
			row.feature.Properties[key] = value
		}
	}
	if row.srid == 0 {
		row.srid = s.SRID
	}
	switch {
	case row.shape == nil:
		row.refuse(s, feature.CodeGeometry, "it has no geometry")
	case row.srid == 0:
		row.refuse(s, CodeSRID, "its geometry does not say what it is projected in; give the table an SRID, or say --srid")
	}
	return row, nil
}

func (r *surveyRow) refuse(s Survey, code, detail string) {
	if r.id != "" {
		detail += fmt.Sprintf(" (%s = %s)", s.ID, r.id)
	}
	r.bad = &feature.Refusal{Line: r.feature.Line, Code: code, Detail: detail}
}

const projectRows = `SELECT ST_AsEWKB(ST_Force2D(ST_Transform(ST_SetSRID(ST_GeomFromEWKB(shape), srid), 4326)))
FROM unnest($1::bytea[], $2::int[]) WITH ORDINALITY AS r(shape, srid, n) ORDER BY n`

// project turns the shapes of a batch into WGS-84.
func (s Survey) project(ctx context.Context, pool *pgxpool.Pool, batch []surveyRow) error {
	var good []int
	var shapes [][]byte
	var srids []int
	for i := range batch {
		if batch[i].bad == nil {
			good, shapes, srids = append(good, i), append(shapes, batch[i].shape), append(srids, batch[i].srid)
		}
	}
	if len(good) == 0 {
		return nil
	}
	rows, err := pool.Query(ctx, projectRows, shapes, srids)
	var done [][]byte
	if err == nil {
		done, err = pgx.CollectRows(rows, pgx.RowTo[[]byte])
	}
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused) && len(good) == 1:
		batch[good[0]].refuse(s, CodeTransform, fmt.Sprintf("it cannot be projected from SRID %d: %s", srids[0], refused.Message))
		return nil
	case errors.As(err, &refused):
		middle := good[len(good)/2]
		if err := s.project(ctx, pool, batch[:middle]); err != nil {
			return err
		}
		return s.project(ctx, pool, batch[middle:])
	case err != nil:
		return fmt.Errorf("project roads: %w", err)
	}
	for k, i := range good {
		shape, err := wkb.Unmarshal(done[k])
		if err != nil {
			batch[i].refuse(s, feature.CodeGeometry, "its geometry cannot be read: "+err.Error())
			continue
		}
		if s.CRS != "" {
			flat := shape.FlatCoords()
			for c := 0; c+1 < len(flat); c += shape.Stride() {
				p := geo.ToWGS84(geo.Point{Lon: flat[c], Lat: flat[c+1]}, s.CRS)
				flat[c], flat[c+1] = p.Lon, p.Lat
			}
		}
		batch[i].feature.Geom = shape
	}
	return nil
}
