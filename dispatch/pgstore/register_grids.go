package pgstore

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch/roster"
	"github.com/gridpatrol/gridpatrol/geo/feature"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/proof"
	"github.com/gridpatrol/gridpatrol/proof/pgproof"
	"github.com/jackc/pgx/v5"
	"github.com/twpayne/go-geom/encoding/ewkb"
)

// GridImport says what the properties of a map's features mean, and what to do
// with the version they make.
type GridImport struct {
	RegisterOptions
	Source string // where the map is from, for people
	// The names of properties. Code is needed; without Kind every grid is general.
	Code, Name, Kind, Area, Categories string
	// Activate puts the version in force, from EffectiveFrom on; zero is at once.
	Activate      bool
	EffectiveFrom time.Time
	AcceptGaps    bool
}

// GridResult is what an import of grids answers.
type GridResult struct {
	roster.Result
	Version   string    `json:"version,omitempty"` // none in a dry run, or where nothing changed
	Activated bool      `json:"activated"`
	Checked   GridCheck `json:"checked"`
}

// GridCheck is the report on a version: what is wrong with it and what was
// repaired, each with its area.
type GridCheck struct {
	Grids    int           `json:"grids"`
	AreaM2   float64       `json:"area_m2"` // sum over general grids
	UnionM2  float64       `json:"union_m2"`
	Overlaps []GridOverlap `json:"overlaps"`
	Gaps     []GridGap     `json:"gaps"`
	Repaired []GridRepair  `json:"repaired"`
	Invalid  []GridRepair  `json:"invalid"`
}

// GridOverlap is ground that two grids of one kind both claim.
type GridOverlap struct {
	A      string  `json:"a"`
	B      string  `json:"b"`
	AreaM2 float64 `json:"area_m2"`
}

// GridGap is ground within the map that no general grid claims, with a point in it.
type GridGap struct {
	Lon    float64 `json:"lon"`
	Lat    float64 `json:"lat"`
	AreaM2 float64 `json:"area_m2"`
}

// GridRepair is a grid that was not as it should be. AreaM2 is what it has now.
type GridRepair struct {
	Code   string  `json:"code"`
	What   string  `json:"what"`
	AreaM2 float64 `json:"area_m2"`
}

const (
	// toleratedM2 is the overlap or gap that rounding of coordinates explains.
	toleratedM2 = 1.0
	// reportedM2 is the smallest overlap or gap that the report names.
	reportedM2 = 0.01
)

// ErrNotActivated says that the version lies there as a draft, and why.
var ErrNotActivated = errors.New("the map was stored as a draft and not activated")

// gridFeature is a feature that passed what can be seen of it alone.
type gridFeature struct {
	line                   int
	code, name, kind, area string
	categories             []string
	shape                  []byte // EWKB
	repairs                []string
}

// Grids imports a map: the features become one draft version, which is checked
// and, if asked, activated at once. ErrNotActivated comes with a full result.
func (g *Register) Grids(ctx context.Context, features iter.Seq2[feature.Feature, error], o GridImport) (GridResult, error) {
	var result GridResult
	var notActivated error
	err := g.tx(ctx, o.RegisterOptions, func(tx pgx.Tx) error {
		k, err := known(ctx, tx)
		if err != nil {
			return err
		}
		good, refused, err := readGridFeatures(features, k, o)
		if err != nil {
			return err
		}
		draft := &gridDraft{tx: tx, id: uuid.Must(uuid.NewV7())}
		invalid, err := draft.store(ctx, o.Source, good)
		if err != nil {
			return err
		}
		refused = append(refused, invalid...)
		result = GridResult{Result: roster.NewResult(len(good)-len(invalid), refused), Version: draft.id.String()}
		if result.Checked, err = draft.check(ctx, good, invalid); err != nil {
			return err
		}
		if result.Changes, err = draft.changes(ctx); err != nil {
			return err
		}
		if !o.Activate {
			return nil
		}
		if len(result.Changes) == 0 { // the map in force says the same
			result.Version = ""
			return draft.drop(ctx)
		}
		notActivated, err = draft.activate(ctx, result.Checked, o)
		result.Activated = err == nil && notActivated == nil
		return err
	})
	if err != nil {
		return GridResult{}, fmt.Errorf("import grids: %w", err)
	}
	if o.DryRun {
		result.Version, result.Activated = "", false
	}
	return result, notActivated
}

func readGridFeatures(features iter.Seq2[feature.Feature, error], k roster.Known, o GridImport) (good []gridFeature, refused []roster.Refusal, err error) {
	lines := map[string]int{}
	for f, err := range features {
		var refusal *roster.Refusal
		if errors.As(err, &refusal) {
			refused = append(refused, *refusal)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		g, refusal := gridOf(f, k, o)
		if refusal == nil && lines[g.code] != 0 {
			refusal = &roster.Refusal{Column: o.Code, Code: roster.CodeDuplicate, Detail: fmt.Sprintf("%q is the feature of line %d already", g.code, lines[g.code])}
		}
		if refusal != nil {
			refusal.Line, refusal.Feature = g.line, f.Number
			refused = append(refused, *refusal)
			continue
		}
		lines[g.code] = g.line
		good = append(good, g)
	}
	return good, refused, nil
}

func gridOf(f feature.Feature, k roster.Known, o GridImport) (gridFeature, *roster.Refusal) {
	g := gridFeature{line: f.Line, code: f.Properties[o.Code], name: f.Properties[o.Name], kind: f.Properties[o.Kind],
		area: f.Properties[o.Area], categories: []string{}}
	if g.line == 0 {
		g.line = f.Number
	}
	refuse := func(column, code, format string, args ...any) (gridFeature, *roster.Refusal) {
		return g, &roster.Refusal{Column: column, Code: code, Detail: fmt.Sprintf(format, args...)}
	}
	if g.code == "" {
		return refuse(o.Code, roster.CodeRequired, "the feature has no property %q; name the property that holds the grid's code", o.Code)
	}
	if len(g.code) > 64 {
		return refuse(o.Code, roster.CodeValue, "%.70q is too long for a code", g.code)
	}
	if g.name == "" {
		g.name = g.code
	}
	switch g.kind {
	case "":
		g.kind = "general"
	case "general", "special":
	default:
		return refuse(o.Kind, roster.CodeValue, "%.40q is none of general, special", g.kind)
	}
	if g.area != "" && k.AreaLevels[g.area] == "" {
		return refuse(o.Area, roster.CodeArea, "there is no area %.40q; import areas first", g.area)
	}
	if text := f.Properties[o.Categories]; text != "" {
		if json.Unmarshal([]byte(text), &g.categories) != nil {
			g.categories = strings.FieldsFunc(text, func(r rune) bool { return r == ';' || r == ',' || r == ' ' })
		}
		if g.kind == "general" && len(g.categories) > 0 {
			return refuse(o.Categories, roster.CodeValue, "only a special grid claims categories")
		}
	}
	shape, repairs, err := feature.Polygons(f.Geom)
	if err == nil {
		g.repairs = repairs
		g.shape, err = ewkb.Marshal(shape, binary.LittleEndian)
	}
	if err != nil {
		return refuse("", feature.CodeGeometry, "%v", err)
	}
	return g, nil
}

// gridDraft is the version being made.
type gridDraft struct {
	tx pgx.Tx
	id uuid.UUID
	// reasons says what PostGIS found wrong with a grid before it repaired it.
	reasons map[string]string
	areas   map[string]float64
}

const insertDraft = `INSERT INTO grid_versions (id, district_id, state, source) VALUES ($1, $2, 'draft', $3)`

// A ring that crosses itself is cut into its parts; what is left without area is
// no grid.
const insertGrid = `
WITH sent AS (SELECT ST_GeomFromEWKB($8) AS geom), mended AS (
  SELECT CASE WHEN ST_IsValid(geom) THEN '' ELSE ST_IsValidReason(geom) END AS reason,
    ST_Multi(ST_CollectionExtract(CASE WHEN ST_IsValid(geom) THEN geom ELSE ST_MakeValid(geom, 'method=structure') END, 3)) AS geom FROM sent
), stored AS (
  INSERT INTO grids (id, district_id, version_id, code, name, kind, area_code, categories, area_m2, geom)
  SELECT gen_random_uuid(), $1, $2, $3, $4, $5, nullif($6, ''), $7, ST_Area(geom::geography), geom
  FROM mended WHERE NOT ST_IsEmpty(geom) AND ST_Area(geom) > 0
  RETURNING area_m2
)
SELECT reason, (SELECT area_m2 FROM stored) FROM mended`

func (d *gridDraft) store(ctx context.Context, source string, good []gridFeature) (invalid []roster.Refusal, err error) {
	d.reasons, d.areas = map[string]string{}, map[string]float64{}
	batch := &pgx.Batch{}
	batch.Queue(insertDraft, d.id, pgdb.District, source)
	for _, g := range good {
		batch.Queue(insertGrid, pgdb.District, d.id, g.code, g.name, g.kind, g.area, g.categories, g.shape).QueryRow(func(row pgx.Row) error {
			var reason string
			var area *float64
			if err := row.Scan(&reason, &area); err != nil {
				return fmt.Errorf("grid %s: %w", g.code, err)
			}
			if area == nil {
				invalid = append(invalid, roster.Refusal{Line: g.line, Code: feature.CodeGeometry, Detail: fmt.Sprintf("grid %q has no area: %s", g.code, reason)})
				return nil
			}
			d.areas[g.code] = *area
			if reason != "" {
				d.reasons[g.code] = reason
			}
			return nil
		})
	}
	if err := d.tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("store a draft: %w", err)
	}
	return invalid, nil
}

// Neighbours share borders, so the cheap test for common ground comes first.
const draftOverlaps = `
SELECT a.code, b.code, ST_Area(ST_Intersection(a.geom, b.geom)::geography) AS area_m2
FROM grids a JOIN grids b ON b.version_id = a.version_id AND b.kind = a.kind AND b.code > a.code AND a.geom && b.geom
WHERE a.version_id = $1 AND ST_Relate(a.geom, b.geom, '2********')`

// A gap is a hole in the union of all general grids.
const draftGaps = `
WITH whole AS (SELECT ST_Union(geom) AS geom FROM grids WHERE version_id = $1 AND kind = 'general'),
parts AS (SELECT (ST_Dump(geom)).geom FROM whole),
holes AS (SELECT ST_MakePolygon(ST_ExteriorRing(r.geom)) AS geom FROM parts, ST_DumpRings(parts.geom) r WHERE r.path[1] > 0),
-- an exclave may fill a hole of the part around it
gaps AS (SELECT (ST_Dump(ST_Difference(h.geom, w.geom))).geom FROM holes h, whole w)
SELECT ST_X(at), ST_Y(at), area_m2
FROM (SELECT ST_PointOnSurface(geom) AS at, ST_Area(geom::geography) AS area_m2 FROM gaps WHERE ST_Dimension(geom) = 2) g`

const draftAreas = `
SELECT count(*)::int, coalesce(sum(area_m2) FILTER (WHERE kind = 'general'), 0),
  coalesce(ST_Area((SELECT ST_Union(geom) FROM grids WHERE version_id = $1 AND kind = 'general')::geography), 0)
FROM grids WHERE version_id = $1`

const keepCheck = `UPDATE grid_versions SET checked = $2 WHERE id = $1`

func (d *gridDraft) check(ctx context.Context, good []gridFeature, invalid []roster.Refusal) (GridCheck, error) {
	c := GridCheck{Overlaps: []GridOverlap{}, Gaps: []GridGap{}, Repaired: []GridRepair{}, Invalid: []GridRepair{}}
	for _, g := range good {
		area, stored := d.areas[g.code]
		if !stored {
			c.Invalid = append(c.Invalid, GridRepair{Code: g.code, What: "no_area"})
			continue
		}
		for _, what := range g.repairs {
			c.Repaired = append(c.Repaired, GridRepair{g.code, what, area})
		}
		if reason := d.reasons[g.code]; reason != "" {
			c.Repaired = append(c.Repaired, GridRepair{g.code, reason, area})
		}
	}
	batch := &pgx.Batch{}
	batch.Queue(draftAreas, d.id).QueryRow(func(row pgx.Row) error { return row.Scan(&c.Grids, &c.AreaM2, &c.UnionM2) })
	batch.Queue(draftOverlaps, d.id).Query(func(rows pgx.Rows) error {
		var o GridOverlap
		_, err := pgx.ForEachRow(rows, []any{&o.A, &o.B, &o.AreaM2}, func() error {
			if o.AreaM2 >= reportedM2 {
				c.Overlaps = append(c.Overlaps, o)
			}
			return nil
		})
		return err
	})
	batch.Queue(draftGaps, d.id).Query(func(rows pgx.Rows) error {
		var g GridGap
		_, err := pgx.ForEachRow(rows, []any{&g.Lon, &g.Lat, &g.AreaM2}, func() error {
			if g.AreaM2 >= reportedM2 {
				c.Gaps = append(c.Gaps, g)
			}
			return nil
		})
		return err
	})
	if err := d.tx.SendBatch(ctx, batch).Close(); err != nil {
		return c, fmt.Errorf("check a draft: %w", err)
	}
	slices.SortFunc(c.Overlaps, func(a, b GridOverlap) int { return compareArea(a.AreaM2, b.AreaM2) })
	slices.SortFunc(c.Gaps, func(a, b GridGap) int { return compareArea(a.AreaM2, b.AreaM2) })
	_, err := d.tx.Exec(ctx, keepCheck, d.id, c)
	return c, err
}

// compareArea puts the largest first.
func compareArea(a, b float64) int {
	switch {
	case a > b:
		return -1
	case a < b:
		return 1
	}
	return 0
}

const draftChanges = `
WITH old AS (SELECT g.* FROM grids g JOIN grid_versions v ON v.id = g.version_id
  WHERE v.district_id = $2 AND v.state = 'active' AND upper_inf(v.valid)),
new AS (SELECT * FROM grids WHERE version_id = $1)
SELECT coalesce(new.code, old.code) AS code,
  CASE WHEN old.id IS NULL THEN 'added' WHEN new.id IS NULL THEN 'closed' ELSE 'changed' END AS change,
  CASE WHEN old.id IS NULL OR new.id IS NULL THEN '' ELSE concat_ws(', ', CASE WHEN new.name <> old.name THEN format('name: %s -> %s', old.name, new.name) END,
    CASE WHEN new.kind <> old.kind THEN format('kind: %s -> %s', old.kind, new.kind) END,
    CASE WHEN new.area_code IS DISTINCT FROM old.area_code THEN format('area_code: %s -> %s', old.area_code, new.area_code) END,
    CASE WHEN new.categories <> old.categories THEN format('categories: %s -> %s', old.categories, new.categories) END,
    CASE WHEN NOT ST_Equals(new.geom, old.geom) THEN format('area_m2: %s -> %s', round(old.area_m2), round(new.area_m2)) END) END AS detail
FROM new FULL JOIN old ON old.code = new.code
WHERE old.id IS NULL OR new.id IS NULL OR (new.name, new.kind, new.categories) <> (old.name, old.kind, old.categories)
  OR new.area_code IS DISTINCT FROM old.area_code OR NOT ST_Equals(new.geom, old.geom)
ORDER BY 1`

func (d *gridDraft) changes(ctx context.Context) ([]roster.Change, error) {
	rows, err := d.tx.Query(ctx, draftChanges, d.id, pgdb.District)
	if err != nil {
		return nil, fmt.Errorf("compare with the map in force: %w", err)
	}
	out := []roster.Change{}
	c := roster.Change{What: "grid"}
	_, err = pgx.ForEachRow(rows, []any{&c.Code, &c.Change, &c.Detail}, func() error {
		out = append(out, c)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("compare with the map in force: %w", err)
	}
	return out, nil
}

func (d *gridDraft) drop(ctx context.Context) error {
	_, err := d.tx.Exec(ctx, `DELETE FROM grid_versions WHERE id = $1`, d.id)
	return err
}

const activeSince = `
SELECT gp_now(), max(lower(valid)) FROM grid_versions WHERE district_id = $1 AND state = 'active'`

const closeActive = `
UPDATE grid_versions SET valid = tstzrange(lower(valid), $2) WHERE district_id = $1 AND state = 'active' AND valid @> $2::timestamptz`

const activateDraft = `
UPDATE grid_versions SET state = 'active', valid = tstzrange($2, NULL) WHERE id = $1`

// activate closes the map in force and opens this one at the same moment. The
// past is what happened: a map is not put in force before the present one began,
// nor before now where there is one.
func (d *gridDraft) activate(ctx context.Context, c GridCheck, o GridImport) (refused, err error) {
	if reason := c.refusal(o.AcceptGaps); reason != "" {
		return fmt.Errorf("%w: %s", ErrNotActivated, reason), nil
	}
	var now time.Time
	var last *time.Time
	if err := d.tx.QueryRow(ctx, activeSince, pgdb.District).Scan(&now, &last); err != nil {
		return nil, fmt.Errorf("activate a map: %w", err)
	}
	from := o.EffectiveFrom
	if from.IsZero() {
		from = now
	}
	switch {
	case last != nil && !from.After(*last):
		return fmt.Errorf("%w: another map takes effect at %s; choose a later time", ErrNotActivated, last.Format(time.RFC3339)), nil
	case last != nil && from.Before(now):
		return fmt.Errorf("%w: %s is past, and another map was in force then", ErrNotActivated, from.Format(time.RFC3339)), nil
	}
	batch := &pgx.Batch{}
	batch.Queue(closeActive, pgdb.District, from)
	batch.Queue(activateDraft, d.id, from)
	batch.Queue(`UPDATE revisions SET revision = revision + 1, changed_at = gp_now() WHERE topic = 'grids'`)
	if err := d.tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("activate a map: %w", err)
	}
	return nil, pgproof.Record(ctx, d.tx, proof.Entry{Kind: "map.activated", Actor: proof.Command,
		Detail: map[string]any{"map": d.id, "grids": c.Grids, "from": from.UTC()}})
}

// refusal says why a version must not come into force; empty when it may.
func (c GridCheck) refusal(acceptGaps bool) string {
	if c.Grids == 0 {
		return "it has no grid"
	}
	if len(c.Overlaps) > 0 && c.Overlaps[0].AreaM2 > toleratedM2 {
		o := c.Overlaps[0]
		return fmt.Sprintf("grids overlap by more than %g m2; the largest of %d overlaps is %s with %s, %.1f m2; mend the map and import it again", toleratedM2, len(c.Overlaps), o.A, o.B, o.AreaM2)
	}
	if !acceptGaps && len(c.Gaps) > 0 && c.Gaps[0].AreaM2 > toleratedM2 {
		g := c.Gaps[0]
		return fmt.Sprintf("there are gaps between grids; the largest of %d has %.1f m2, at %.6f, %.6f; mend the map, or accept gaps", len(c.Gaps), g.AreaM2, g.Lon, g.Lat)
	}
	return ""
}
