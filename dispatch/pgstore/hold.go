package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// holdTable is one of the dated relations: what it hangs on and is locked by, what
// reads it, and the three things that can happen to a row. $1 and $2 are the row's two
// names, $3 and $4 its new ends, $5 when it began; what comes after is more of what a
// row says. A row that somebody else has changed meanwhile is found no
// more, and then nothing is written.
type holdTable struct {
	lock, read, begin, change, drop string
	what                            string
	key                             func(dispatch.Hold) any
	names                           func(dispatch.Hold) [2]any
}

const began = ` AND nullif(lower(valid), '-infinity') IS NOT DISTINCT FROM $5::timestamptz`

const ends = `nullif(lower(h.valid), '-infinity') AS since, nullif(upper(h.valid), 'infinity') AS until`

var holdTables = map[dispatch.HoldKind]holdTable{
	dispatch.MemberHold: {
		what: "staff member",
		lock: `SELECT true FROM staff WHERE district_id = $1 AND id = $2 FOR NO KEY UPDATE`,
		read: `SELECT NULL::uuid AS id, h.patrol_id, h.staff_id, NULL::uuid AS device_id, '' AS grid, '' AS part, NULL::uuid AS for_id, '' AS source,
  p.name, ` + ends + `
FROM patrol_members h JOIN patrols p ON p.id = h.patrol_id WHERE p.district_id = $1 AND h.staff_id = $2 ORDER BY lower(h.valid) NULLS FIRST`,
		begin:  `INSERT INTO patrol_members (patrol_id, staff_id, valid) VALUES ($1, $2, tstzrange($3, $4))`,
		change: `UPDATE patrol_members SET valid = tstzrange($3, $4) WHERE patrol_id = $1 AND staff_id = $2` + began,
		drop:   `DELETE FROM patrol_members WHERE patrol_id = $1 AND staff_id = $2 AND $3::timestamptz IS NOT DISTINCT FROM $3 AND $4::timestamptz IS NOT DISTINCT FROM $4` + began,
		key:    func(h dispatch.Hold) any { return h.Staff.UUID },
		names:  func(h dispatch.Hold) [2]any { return [2]any{h.Patrol.UUID, h.Staff.UUID} },
	},
	dispatch.BindingHold: {
		what: "device",
		lock: `SELECT true FROM devices WHERE district_id = $1 AND id = $2 FOR NO KEY UPDATE`,
		read: `SELECT NULL::uuid AS id, h.patrol_id, NULL::uuid AS staff_id, h.device_id, '' AS grid, '' AS part, NULL::uuid AS for_id, '' AS source,
  p.name, ` + ends + `
FROM device_bindings h JOIN patrols p ON p.id = h.patrol_id WHERE p.district_id = $1 AND h.device_id = $2 ORDER BY lower(h.valid) NULLS FIRST`,
		begin:  `INSERT INTO device_bindings (patrol_id, device_id, valid) VALUES ($1, $2, tstzrange($3, $4))`,
		change: `UPDATE device_bindings SET valid = tstzrange($3, $4) WHERE patrol_id = $1 AND device_id = $2` + began,
		drop:   `DELETE FROM device_bindings WHERE patrol_id = $1 AND device_id = $2 AND $3::timestamptz IS NOT DISTINCT FROM $3 AND $4::timestamptz IS NOT DISTINCT FROM $4` + began,
		key:    func(h dispatch.Hold) any { return h.Device.UUID },
		names:  func(h dispatch.Hold) [2]any { return [2]any{h.Patrol.UUID, h.Device.UUID} },
	},
	// A grid is a code and no row, so its people are locked by the code's hash.
	dispatch.PostHold: {
		what: "grid",
		lock: `SELECT pg_advisory_xact_lock(hashtextextended('grid_staff ' || $1::uuid || ' ' || $2::text, 0)) IS NOT NULL`,
		read: `SELECT NULL::uuid AS id, NULL::uuid AS patrol_id, h.staff_id, NULL::uuid AS device_id, h.grid_code AS grid, h.part, h.for_staff_id AS for_id, '' AS source,
  s.name, ` + ends + `
FROM grid_staff h JOIN staff s ON s.id = h.staff_id WHERE h.district_id = $1 AND h.grid_code = $2 ORDER BY lower(h.valid) NULLS FIRST`,
		begin:  `INSERT INTO grid_staff (grid_code, staff_id, valid, district_id, part, for_staff_id) VALUES ($1, $2, tstzrange($3, $4), $5, $6, $7)`,
		change: `UPDATE grid_staff SET valid = tstzrange($3, $4) WHERE grid_code = $1 AND staff_id = $2` + began + ` AND district_id = $6 AND part = $7`,
		drop: `DELETE FROM grid_staff WHERE grid_code = $1 AND staff_id = $2 AND $3::timestamptz IS NOT DISTINCT FROM $3 AND $4::timestamptz IS NOT DISTINCT FROM $4` + began +
			` AND district_id = $6 AND part = $7`,
		key:   func(h dispatch.Hold) any { return h.Grid },
		names: func(h dispatch.Hold) [2]any { return [2]any{h.Grid, h.Staff.UUID} },
	},
	dispatch.DutyHold: {
		what: "patrol",
		lock: `SELECT true FROM patrols WHERE district_id = $1 AND id = $2 FOR NO KEY UPDATE`,
		read: `SELECT d.id, d.patrol_id, NULL::uuid AS staff_id, NULL::uuid AS device_id, '' AS grid, '' AS part, NULL::uuid AS for_id, d.source,
  '' AS name, nullif(lower(d.during), '-infinity') AS since, nullif(upper(d.during), 'infinity') AS until
FROM duties d JOIN patrols p ON p.id = d.patrol_id WHERE p.district_id = $1 AND d.patrol_id = $2
  AND d.during && tstzrange(gp_now() - interval '400 days', NULL) ORDER BY lower(d.during) NULLS FIRST`,
		begin:  `INSERT INTO duties (patrol_id, id, during, source) VALUES ($1, $2, tstzrange($3, $4), $5)`,
		change: `UPDATE duties SET during = tstzrange($3, $4) WHERE patrol_id = $1 AND id = $2 AND nullif(lower(during), '-infinity') IS NOT DISTINCT FROM $5::timestamptz`,
		drop: `DELETE FROM duties WHERE patrol_id = $1 AND id = $2 AND $3::timestamptz IS NOT DISTINCT FROM $3 AND $4::timestamptz IS NOT DISTINCT FROM $4
  AND nullif(lower(during), '-infinity') IS NOT DISTINCT FROM $5::timestamptz`,
		key:   func(h dispatch.Hold) any { return h.Patrol.UUID },
		names: func(h dispatch.Hold) [2]any { return [2]any{h.Patrol.UUID, h.ID.UUID} },
	},
}

type holdRow struct {
	ID       *uuid.UUID `db:"id"`
	PatrolID *uuid.UUID `db:"patrol_id"`
	StaffID  *uuid.UUID `db:"staff_id"`
	DeviceID *uuid.UUID `db:"device_id"`
	Grid     string     `db:"grid"`
	Part     string     `db:"part"`
	ForID    *uuid.UUID `db:"for_id"`
	Source   string     `db:"source"`
	Name     string     `db:"name"`
	Since    *time.Time `db:"since"`
	Until    *time.Time `db:"until"`
}

func (r holdRow) hold() dispatch.Hold {
	h := dispatch.Hold{Grid: r.Grid, Part: r.Part, Source: r.Source, Name: r.Name, Span: spanOf(r.Since, r.Until)}
	for from, to := range map[*uuid.UUID]*uuid.UUID{r.ID: &h.ID.UUID, r.PatrolID: &h.Patrol.UUID, r.StaffID: &h.Staff.UUID,
		r.DeviceID: &h.Device.UUID, r.ForID: &h.For.UUID} {
		if from != nil {
			*to = *from
		}
	}
	return h
}

func spanOf(since, until *time.Time) (s dispatch.Span) {
	if since != nil {
		s.From = since.UTC()
	}
	if until != nil {
		s.Until = until.UTC()
	}
	return s
}

// orEver is a time as a range's end: the zero time is none.
func orEver(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (s *Store) readHolds(ctx context.Context, on reader, t holdTable, key dispatch.Hold) (out dispatch.Holds, err error) {
	var rows []holdRow
	batch := &pgx.Batch{}
	batch.Queue(`SELECT gp_now()`).QueryRow(func(row pgx.Row) error { return row.Scan(&out.Now) })
	batch.Queue(t.read, s.district.UUID, t.key(key)).Query(collect(&rows))
	if err := on.SendBatch(ctx, batch).Close(); err != nil {
		return out, fmt.Errorf("read what is dated of a %s: %w", t.what, err)
	}
	out.Now = out.Now.UTC()
	for _, r := range rows {
		out.Holds = append(out.Holds, r.hold())
	}
	return out, nil
}

// Holds implements dispatch.PeopleStore.
func (s *Store) Holds(ctx context.Context, k dispatch.HoldKind, key dispatch.Hold) (dispatch.Holds, error) {
	out, err := s.readHolds(ctx, s.db, holdTables[k], key)
	return out, fault(err)
}

// ChangeHolds implements dispatch.PeopleStore. The rows are read after the lock, in a
// statement of their own, so that they are as the last change left them.
func (s *Store) ChangeHolds(ctx context.Context, k dispatch.HoldKind, key dispatch.Hold, decide func(dispatch.Holds) (dispatch.PeopleTurn, error)) error {
	t := holdTables[k]
	return fault(s.db.Tx(ctx, func(tx pgx.Tx) error {
		var there bool
		err := tx.QueryRow(ctx, t.lock, s.district.UUID, t.key(key)).Scan(&there)
		if errors.Is(err, pgx.ErrNoRows) {
			return missing(t.what)
		}
		if err != nil {
			return fmt.Errorf("lock %s: %w", t.what, err)
		}
		rows, err := s.readHolds(ctx, tx, t, key)
		if err != nil {
			return err
		}
		turn, err := decide(rows)
		if err != nil {
			return err
		}
		return s.writePeople(ctx, tx, turn)
	}))
}

// writePeople writes what a decision about people said. What goes and what is cut
// short comes before what begins, since a range may not overlap even in between.
func (s *Store) writePeople(ctx context.Context, tx pgx.Tx, turn dispatch.PeopleTurn) error {
	batch := &pgx.Batch{}
	if turn.Enrol != nil {
		s.queueEnrolled(batch, *turn.Enrol)
	}
	for _, begins := range []bool{false, true} {
		for _, e := range turn.Edits {
			if (e.Was == nil) == begins {
				s.queueEdit(batch, turn.Kind, e)
			}
		}
	}
	if !turn.Revoke.IsZero() {
		queueRevoked(batch, turn.Revoke)
	}
	s.prove(batch, turn.Events)
	if turn.Kind == dispatch.MemberHold && len(turn.Edits) > 0 {
		batch.Queue(bumpRoster) // the other two tables that the live side reads have triggers
	}
	err := tx.SendBatch(ctx, batch).Close()
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "23P01" || pg.ConstraintName == "grid_staff_one_worker") {
		return changedMeanwhile() // an import does not take our locks
	}
	return err
}

func changedMeanwhile() error {
	return &dispatch.Fault{Kind: dispatch.Conflict, Code: "changed-meanwhile", Detail: "Somebody else changed this in the same moment; look again and repeat what is still wanted."}
}

func (s *Store) queueEdit(batch *pgx.Batch, k dispatch.HoldKind, e dispatch.Edit) {
	t := holdTables[k]
	one := func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() != 1 {
			return changedMeanwhile()
		}
		return nil
	}
	if e.Was == nil {
		h := *e.Now
		names := t.names(h)
		args := []any{names[0], names[1], orEver(h.From), orEver(h.Until)}
		switch k {
		case dispatch.PostHold:
			args = append(args, s.district.UUID, h.Part, orNull(h.For))
		case dispatch.DutyHold:
			if h.ID.IsZero() {
				args[1] = uuid.Must(uuid.NewV7())
			}
			args = append(args, h.Source)
		}
		batch.Queue(t.begin, args...).Exec(one)
		return
	}
	names := t.names(*e.Was)
	query, to := t.drop, e.Was.Span
	if e.Now != nil {
		query, to = t.change, e.Now.Span
	}
	args := []any{names[0], names[1], orEver(to.From), orEver(to.Until), orEver(e.Was.From)}
	if k == dispatch.PostHold {
		args = append(args, s.district.UUID, e.Was.Part)
	}
	batch.Queue(query, args...).Exec(one)
}
