package pgview

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
)

// The people of a grid at a time, the patrol that each was in then, and the shift that it
// was in.
const peopleThen = `SELECT s.part, p.id, p.code, p.name, nullif(lower(s.valid), '-infinity'), nullif(upper(s.valid), 'infinity'), f.id, f.name,
  m.patrol_id, m.code, m.name, nullif(lower(m.valid), '-infinity'), nullif(upper(m.valid), 'infinity'),
  d.id, nullif(lower(d.during), '-infinity'), nullif(upper(d.during), 'infinity'), d.source
FROM grid_staff s JOIN staff p ON p.id = s.staff_id LEFT JOIN staff f ON f.id = s.for_staff_id
LEFT JOIN LATERAL (SELECT m.patrol_id, m.valid, t.code, t.name FROM patrol_members m JOIN patrols t ON t.id = m.patrol_id
  WHERE m.staff_id = p.id AND m.valid @> $3::timestamptz ORDER BY lower(m.valid) DESC LIMIT 1) m ON true
LEFT JOIN duties d ON d.patrol_id = m.patrol_id AND d.during @> $3::timestamptz
WHERE s.district_id = $1 AND s.grid_code = $2 AND s.valid @> $3::timestamptz
ORDER BY array_position(ARRAY['worker', 'substitute', 'part_timer', 'chief', 'instructor'], s.part), p.code`

// PeopleThen answers who had which part in a grid at a time, as far as the viewer may
// see them, and what that rests on.
func (s *Store) PeopleThen(ctx context.Context, v dispatch.Viewer, grid string, at time.Time) ([]api.PersonThen, error) {
	out, err := readAs(ctx, s, v, scanPersonThen, peopleThen, v.District, grid, at)
	if err != nil {
		return nil, fmt.Errorf("read who was responsible: %w", err)
	}
	var rows []askedRow
	for i := range out {
		for j := range out[i].Sources {
			rows = append(rows, askedOf(grid, out[i], &out[i].Sources[j]))
		}
	}
	return out, s.setBy(ctx, v, rows)
}

func scanPersonThen(row pgx.CollectableRow) (p api.PersonThen, err error) {
	var other, patrol, duty *uuid.UUID
	var name, code, patrolName, source *string
	member, shift := api.SourceThen{What: api.SourceThenWhatMember}, api.SourceThen{What: api.SourceThenWhatShift}
	err = row.Scan(&p.Part, &p.StaffId, &p.Code, &p.Name, &p.Since, &p.Until, &other, &name, &patrol, &code, &patrolName,
		&member.Since, &member.Until, &duty, &shift.Since, &shift.Until, &source)
	if err != nil {
		return p, err
	}
	p.Sources = []api.SourceThen{{What: api.SourceThenWhatPost, Since: p.Since, Until: p.Until}}
	if other != nil && name != nil {
		p.StandsInFor = &api.NamedPerson{StaffId: *other, Name: *name}
	}
	if patrol != nil {
		p.Patrol = &api.PatrolRef{Id: *patrol, Code: *code, Name: *patrolName}
		p.Sources = append(p.Sources, member)
	}
	if duty != nil {
		p.OnDuty = true
		p.Shift = &api.ShiftThen{DutyId: *duty, From: shift.Since, Until: shift.Until, Source: api.ShiftThenSource(*source)}
		p.Sources = append(p.Sources, shift)
	}
	return p, nil
}

// askedRow is a dated row of the register whose changes are looked for.
type askedRow struct {
	changes  *[]api.ChangeThen
	left     string     // what a change by hand left of it, as JSON
	since    *time.Time // when it begins; nil: the id in left is enough
	patrol   *uuid.UUID // whose duty was begun by hand, at began
	began    *time.Time
	imported *string // what an import says that it changed, as JSON
	from, to *time.Time
}

// everSince is when an import lets people be in a patrol that were in none before.
var everSince = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func askedOf(grid string, p api.PersonThen, source *api.SourceThen) askedRow {
	source.Changes = []api.ChangeThen{}
	row := askedRow{changes: &source.Changes, since: source.Since, began: source.Since}
	if source.Since == nil {
		row.since = &time.Time{} // as an event has one that was always so
	}
	imported := func(what, code string, from, to *time.Time) {
		text := jsonText([]map[string]string{{"what": what, "code": code}})
		row.imported, row.from, row.to = &text, from, to
	}
	from := source.Since
	until := from
	if from != nil && from.Equal(everSince) {
		until = nil
	}
	switch source.What {
	case api.SourceThenWhatPost:
		row.left = jsonText([]map[string]any{{"grid": grid, "staff": p.StaffId, "part": p.Part}})
		imported("post", p.Code, from, until)
	case api.SourceThenWhatMember:
		row.left = jsonText([]map[string]any{{"patrol": p.Patrol.Id, "staff": p.StaffId}})
		imported("member", p.Code, from, until)
	case api.SourceThenWhatShift:
		row.left, row.since = jsonText([]map[string]any{{"id": p.Shift.DutyId}}), nil
		if p.Shift.Source == api.ShiftThenSourceManual {
			row.patrol = &p.Patrol.Id
		} else {
			imported("shifts", p.Patrol.Code, nil, source.Until)
		}
	}
	return row
}

// jsonText is a value of our own making as JSON, which cannot fail.
func jsonText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// By hand, an event says which rows it left; that of the row that was asked for begins at
// the same time. An import says whom it gave something, in the moment in which the row
// begins; of the shifts of a table the last one before the shift's end counts. A duty that
// was begun by hand is the patrol's change of state in that moment.
const setBy = `SELECT x.n, e.kind, e.at, e.body ->> 'actor', coalesce(e.body ->> 'role', ''), coalesce(e.body -> 'detail' ->> 'reason', e.body ->> 'why', ''), c.position, c.hash
FROM unnest($2::text[], $3::timestamptz[], $4::uuid[], $5::timestamptz[], $6::text[], $7::timestamptz[], $8::timestamptz[]) WITH ORDINALITY
  AS x (left_rows, since, patrol, began, imported, imported_from, imported_to, n)
CROSS JOIN LATERAL (
  (SELECT e.xid, e.id, e.kind, e.at, e.body FROM case_events e
   WHERE e.district_id = $1 AND e.kind IN ('member.begins', 'member.ends', 'post.begins', 'post.ends', 'shift.added', 'shift.changed', 'shift.ended')
     AND e.body -> 'after' @> x.left_rows::jsonb
     AND (x.since IS NULL OR EXISTS (SELECT FROM jsonb_array_elements(e.body -> 'after') a
       WHERE a @> (x.left_rows::jsonb -> 0) AND (a ->> 'from')::timestamptz = x.since))
   ORDER BY e.xid DESC, e.id DESC LIMIT 18)
  UNION ALL
  (SELECT e.xid, e.id, e.kind, e.at, e.body FROM case_events e
   WHERE e.district_id = $1 AND e.kind = 'patrol.status' AND e.patrol_id = x.patrol AND e.at = x.began LIMIT 1)
  UNION ALL
  (SELECT e.xid, e.id, e.kind, e.at, e.body FROM case_events e
   WHERE e.district_id = $1 AND e.kind = 'register.changed' AND e.at BETWEEN coalesce(x.imported_from, '-infinity') AND coalesce(x.imported_to, 'infinity')
     AND e.body -> 'detail' -> 'changes' @> x.imported::jsonb
   ORDER BY CASE WHEN x.imported_from IS NULL THEN -extract(epoch FROM e.at) ELSE extract(epoch FROM e.at) END LIMIT 1)) e
LEFT JOIN event_chain c ON c.district_id = $1 AND c.xid = e.xid AND c.event_id = e.id
ORDER BY x.n, e.xid, e.id`

// setBy fills in who made the rows what they are. That the viewer may see the rows has
// been settled.
func (s *Store) setBy(ctx context.Context, v dispatch.Viewer, asked []askedRow) error {
	if len(asked) == 0 {
		return nil
	}
	var left []string
	var since, began, from, to []*time.Time
	var patrols []*uuid.UUID
	var imported []*string
	for _, r := range asked {
		left, since, patrols, began = append(left, r.left), append(since, r.since), append(patrols, r.patrol), append(began, r.began)
		imported, from, to = append(imported, r.imported), append(from, r.from), append(to, r.to)
	}
	rows, err := s.db.Query(ctx, setBy, v.District, left, since, patrols, began, imported, from, to)
	if err != nil {
		return fmt.Errorf("read who set it: %w", err)
	}
	var lists []*[]api.ChangeThen
	for _, r := range asked {
		lists = append(lists, r.changes)
	}
	return s.changesThen(ctx, v, rows, lists)
}

const mapSetBy = `SELECT 1, e.kind, e.at, e.body ->> 'actor', coalesce(e.body ->> 'role', ''), coalesce(e.body -> 'detail' ->> 'reason', e.body ->> 'why', ''), c.position, c.hash
FROM grids g JOIN case_events e ON e.district_id = $1 AND e.kind = 'map.activated' AND e.body -> 'detail' ->> 'map' = g.version_id::text
LEFT JOIN event_chain c ON c.district_id = $1 AND c.xid = e.xid AND c.event_id = e.id
WHERE g.district_id = $1 AND g.id = $2 ORDER BY e.xid, e.id LIMIT 20`

// MapSetBy answers who brought the map into force that a grid is drawn in.
func (s *Store) MapSetBy(ctx context.Context, v dispatch.Viewer, grid dispatch.GridID) ([]api.ChangeThen, error) {
	out := []api.ChangeThen{}
	rows, err := s.db.Query(ctx, mapSetBy, v.District, grid)
	if err != nil {
		return nil, fmt.Errorf("read who drew it so: %w", err)
	}
	return out, s.changesThen(ctx, v, rows, []*[]api.ChangeThen{&out})
}

// changesThen sorts events into the lists that their first column counts from 1, and names
// who acted.
func (s *Store) changesThen(ctx context.Context, v dispatch.Viewer, rows pgx.Rows, lists []*[]api.ChangeThen) error {
	var n int
	var c api.ChangeThen
	var hash []byte
	var actors []uuid.UUID
	_, err := pgx.ForEachRow(rows, []any{&n, &c.Kind, &c.At, &c.Actor, &c.Role, &c.Reason, &c.Position, &hash}, func() error {
		one := c
		one.At = c.At.UTC()
		if c.Position != nil {
			position, text := *c.Position, hex.EncodeToString(hash)
			one.Position, one.Hash = &position, &text
		}
		if id, err := uuid.Parse(c.Actor[strings.LastIndexByte(c.Actor, ':')+1:]); err == nil {
			actors = append(actors, id)
		}
		*lists[n-1] = append(*lists[n-1], one)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read who set it: %w", err)
	}
	slices.SortFunc(actors, func(a, b uuid.UUID) int { return strings.Compare(a.String(), b.String()) })
	named, err := s.db.Query(ctx, dossierNames, v.District, slices.Compact(actors))
	if err != nil {
		return fmt.Errorf("read names: %w", err)
	}
	names := map[string]string{}
	var who, name string
	if _, err := pgx.ForEachRow(named, []any{&who, &name}, func() error { names[who] = name; return nil }); err != nil {
		return fmt.Errorf("read names: %w", err)
	}
	for _, list := range lists {
		for i := range *list {
			(*list)[i].By = names[(*list)[i].Actor]
		}
	}
	return nil
}
