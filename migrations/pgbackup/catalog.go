package pgbackup

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/migrations"
)

// tableInfo is a table as the catalogue describes it. Partitions are part of their
// table.
type tableInfo struct {
	name    string
	columns []string
	points  []string // the tables that its foreign keys point at
	stored  bool     // holds bytes that do not compress
	bytes   int64    // as the server estimates them
	xids    []string // columns of type xid8
}

// Columns that are computed are computed again. What an extension made belongs to
// the extension.
const listTables = `SELECT c.relname,
  (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''),
  coalesce((SELECT array_agg(DISTINCT f.relname::text) FROM pg_constraint k JOIN pg_class f ON f.oid = k.confrelid
   WHERE k.conrelid = c.oid AND k.contype = 'f' AND f.oid <> c.oid), '{}'),
  EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.atttypid = 'bytea'::regtype AND a.attstorage = 'e'),
  (SELECT coalesce(sum(pg_table_size(t.relid)), 0)::bigint FROM pg_partition_tree(c.oid) t WHERE t.isleaf)
    + CASE WHEN c.relkind = 'r' THEN pg_table_size(c.oid) ELSE 0 END,
  coalesce((SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'xid8'::regtype), '{}')
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname`

// tables are ours, in the order in which they can be loaded, and the names of
// those that are not ours.
func tables(ctx context.Context, q migrations.Querier) (ours []tableInfo, strange []string, err error) {
	rows, err := q.Query(ctx, listTables)
	if err != nil {
		return nil, nil, fmt.Errorf("list the tables: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t tableInfo, err error) {
		return t, row.Scan(&t.name, &t.columns, &t.points, &t.stored, &t.bytes, &t.xids)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("list the tables: %w", err)
	}
	known := migrations.Tables()
	for _, t := range all {
		switch {
		case t.name == migrations.VersionTable || t.name == migrations.RestoreMark:
		case known[t.name]:
			ours = append(ours, t)
		default:
			strange = append(strange, t.name)
		}
	}
	return inOrder(ours), strange, nil
}

// inOrder puts a table behind those it points at; tables that point at one another
// in a ring come last, by name.
func inOrder(all []tableInfo) []tableInfo {
	var ordered []tableInfo
	done := map[string]bool{}
	for len(ordered) < len(all) {
		before := len(ordered)
		for _, t := range all {
			if done[t.name] || slices.ContainsFunc(t.points, func(p string) bool {
				return !done[p] && slices.ContainsFunc(all, func(o tableInfo) bool { return o.name == p })
			}) {
				continue
			}
			done[t.name] = true
			ordered = append(ordered, t)
		}
		if len(ordered) > before {
			continue
		}
		for _, t := range all {
			if !done[t.name] {
				done[t.name] = true
				ordered = append(ordered, t)
			}
		}
	}
	return ordered
}

const listPartitions = `SELECT c.relname, p.relname, pg_get_expr(c.relpartbound, c.oid)
FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid JOIN pg_class p ON p.oid = i.inhparent
WHERE c.relispartition AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY c.relname`

func partitions(ctx context.Context, q migrations.Querier) ([]Partition, error) {
	rows, err := q.Query(ctx, listPartitions)
	if err != nil {
		return nil, fmt.Errorf("list the partitions: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Partition])
	if err != nil {
		return nil, fmt.Errorf("list the partitions: %w", err)
	}
	return found, nil
}

const listSequences = `SELECT c.relname FROM pg_class c WHERE c.relkind = 'S' AND c.relnamespace = 'public'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
    AND d.refobjid = to_regclass('public.` + migrations.VersionTable + `'))
ORDER BY c.relname`

// sequences are read last: what they say now is beyond every row of the snapshot.
func sequences(ctx context.Context, q migrations.Querier) ([]Sequence, error) {
	rows, err := q.Query(ctx, listSequences)
	if err != nil {
		return nil, fmt.Errorf("list the sequences: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list the sequences: %w", err)
	}
	found := make([]Sequence, len(names))
	for i, name := range names {
		found[i].Name = name
		rows, err := q.Query(ctx, "SELECT last_value, is_called FROM "+quoted(name))
		if err != nil {
			return nil, fmt.Errorf("read the sequence %s: %w", name, err)
		}
		_, err = pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (struct{}, error) {
			return struct{}{}, row.Scan(&found[i].Last, &found[i].Called)
		})
		if err != nil {
			return nil, fmt.Errorf("read the sequence %s: %w", name, err)
		}
	}
	return found, nil
}

// allXids is a query of every transaction id that any row carries, or "".
func allXids(tables []tableInfo) string {
	var parts []string
	for _, t := range tables {
		for _, column := range t.xids {
			parts = append(parts, fmt.Sprintf("SELECT %s AS x FROM %s WHERE %[1]s IS NOT NULL", quoted(column), quoted(t.name)))
		}
	}
	return strings.Join(parts, " UNION ")
}

func quoted(names ...string) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = pgx.Identifier{name}.Sanitize()
	}
	return strings.Join(out, ", ")
}
