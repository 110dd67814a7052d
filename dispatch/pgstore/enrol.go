package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

const enrolmentColumns = `e.id, e.patrol_id, p.code AS patrol_code, p.name AS patrol_name, p.department, gp_area_path(p.district_id, p.area_code) AS areas,
  e.staff_id, e.made_at, e.expires_at, e.used_at, e.device_id, e.install, e.withdrawn_at IS NOT NULL AS withdrawn, (SELECT gp_now()) AS now,
  (SELECT count(DISTINCT b.device_id) FROM device_bindings b WHERE b.patrol_id = e.patrol_id)::int AS devices
FROM enrolments e JOIN patrols p ON p.id = e.patrol_id`

type enrolmentRow struct {
	ID         uuid.UUID  `db:"id"`
	PatrolID   uuid.UUID  `db:"patrol_id"`
	PatrolCode string     `db:"patrol_code"`
	PatrolName string     `db:"patrol_name"`
	Department string     `db:"department"`
	Areas      []string   `db:"areas"`
	StaffID    *uuid.UUID `db:"staff_id"`
	MadeAt     time.Time  `db:"made_at"`
	ExpiresAt  time.Time  `db:"expires_at"`
	UsedAt     *time.Time `db:"used_at"`
	DeviceID   *uuid.UUID `db:"device_id"`
	Install    *uuid.UUID `db:"install"`
	Withdrawn  bool       `db:"withdrawn"`
	Now        time.Time  `db:"now"`
	Devices    int        `db:"devices"`
}

func (s *Store) enrolment(rows pgx.Rows, err error) (dispatch.Enrolment, error) {
	if err != nil {
		return dispatch.Enrolment{}, err
	}
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[enrolmentRow])
	if errors.Is(err, pgx.ErrNoRows) {
		return dispatch.Enrolment{}, missing("enrolment")
	}
	if err != nil {
		return dispatch.Enrolment{}, fmt.Errorf("read enrolment: %w", err)
	}
	e := dispatch.Enrolment{ID: dispatch.EnrolmentID{UUID: r.ID},
		Patrol: dispatch.PatrolRef{ID: dispatch.PatrolID{UUID: r.PatrolID}, Code: r.PatrolCode, Name: r.PatrolName},
		MadeAt: r.MadeAt.UTC(), ExpiresAt: r.ExpiresAt.UTC(), UsedAt: utcOrNil(r.UsedAt), Withdrawn: r.Withdrawn, Now: r.Now.UTC(), Devices: r.Devices,
		Scope: dispatch.Thing{District: s.district, Areas: r.Areas, Departments: []string{r.Department}}}
	if r.StaffID != nil {
		e.StaffID = &dispatch.StaffID{UUID: *r.StaffID}
	}
	if r.DeviceID != nil && r.Install != nil {
		e.DeviceID, e.Install = &dispatch.DeviceID{UUID: *r.DeviceID}, *r.Install
	}
	return e, nil
}

const withdrawOlder = `
UPDATE enrolments SET withdrawn_at = gp_now()
WHERE patrol_id = $1 AND staff_id IS NOT DISTINCT FROM $2 AND used_at IS NULL AND withdrawn_at IS NULL AND expires_at > gp_now()`

const insertEnrolment = `
INSERT INTO enrolments (id, district_id, code_hash, patrol_id, staff_id, made_by, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, gp_now() + $7::interval)`

const oneEnrolment = `SELECT ` + enrolmentColumns + ` WHERE e.district_id = $1 AND e.id = $2`

// OpenEnrolment implements dispatch.PeopleStore.
func (s *Store) OpenEnrolment(ctx context.Context, in dispatch.NewEnrolment, decide func(time.Time) (dispatch.PeopleTurn, error)) (made dispatch.Enrolment, err error) {
	err = s.db.Tx(ctx, func(tx pgx.Tx) error {
		var now time.Time
		if err := tx.QueryRow(ctx, `SELECT gp_now()`).Scan(&now); err != nil {
			return err
		}
		turn, err := decide(now.UTC())
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, withdrawOlder, in.Patrol.UUID, orNull(in.Staff)); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, insertEnrolment, in.ID.UUID, s.district.UUID, in.CodeHash, in.Patrol.UUID, orNull(in.Staff), orNull(in.MadeBy), in.TTL)
		if err != nil {
			return err
		}
		if err := s.writePeople(ctx, tx, turn); err != nil {
			return err
		}
		made, err = s.enrolment(tx.Query(ctx, oneEnrolment, s.district.UUID, in.ID.UUID))
		return err
	})
	return made, fault(err)
}

// Enrolment implements dispatch.PeopleStore.
func (s *Store) Enrolment(ctx context.Context, id dispatch.EnrolmentID) (dispatch.Enrolment, error) {
	e, err := s.enrolment(s.db.Query(ctx, oneEnrolment, s.district.UUID, id.UUID))
	return e, fault(err)
}

// WithdrawEnrolment implements dispatch.PeopleStore.
func (s *Store) WithdrawEnrolment(ctx context.Context, id dispatch.EnrolmentID, decide func(dispatch.Enrolment) (dispatch.PeopleTurn, error)) error {
	return s.changeEnrolment(ctx, oneEnrolment, id.UUID, func(tx pgx.Tx, e dispatch.Enrolment) error {
		turn, err := decide(e)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE enrolments SET withdrawn_at = coalesce(withdrawn_at, gp_now()) WHERE id = $1`, id.UUID); err != nil {
			return err
		}
		return s.writePeople(ctx, tx, turn)
	})
}

const enrolmentOfCode = `SELECT ` + enrolmentColumns + ` WHERE e.district_id = $1 AND e.code_hash = $2`

// Redeem implements dispatch.PeopleStore. The row's lock makes the second of two
// phones with one code come after the first, and find it used.
func (s *Store) Redeem(ctx context.Context, codeHash []byte, decide func(dispatch.Enrolment) (dispatch.PeopleTurn, error)) error {
	return s.changeEnrolment(ctx, enrolmentOfCode, codeHash, func(tx pgx.Tx, e dispatch.Enrolment) error {
		turn, err := decide(e)
		if err != nil {
			return err
		}
		return s.writePeople(ctx, tx, turn)
	})
}

// changeEnrolment locks an enrolment, then its patrol: two codes of one patrol that
// are used at once must not name two devices alike.
func (s *Store) changeEnrolment(ctx context.Context, query string, key any, change func(pgx.Tx, dispatch.Enrolment) error) error {
	return fault(s.db.Tx(ctx, func(tx pgx.Tx) error {
		found, err := s.enrolment(tx.Query(ctx, query+` FOR UPDATE OF e`, s.district.UUID, key))
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT FROM patrols WHERE id = $1 FOR NO KEY UPDATE`, found.Patrol.ID.UUID); err != nil {
			return err
		}
		e, err := s.enrolment(tx.Query(ctx, query, s.district.UUID, key))
		if err != nil {
			return err
		}
		return change(tx, e)
	}))
}

const insertEnrolled = `
INSERT INTO devices (id, district_id, code, name, model, enrolled_at)
VALUES ($1::uuid, $2, CASE WHEN EXISTS (SELECT FROM devices WHERE district_id = $2 AND code = $3) THEN $3 || '-' || left($1::uuid::text, 8) ELSE $3 END,
  nullif($4, ''), nullif($5, ''), gp_now())`

const useEnrolment = `UPDATE enrolments SET used_at = coalesce(used_at, gp_now()), device_id = $2, install = $3 WHERE id = $1`

const insertToken = `
INSERT INTO tokens (id, district_id, secret_hash, hint, device_id, expires_at) VALUES ($1, $2, $3, $4, $5, gp_now() + $6::interval)`

func (s *Store) queueEnrolled(batch *pgx.Batch, d dispatch.EnrolledDevice) {
	if d.Again {
		batch.Queue(`UPDATE tokens SET revoked_at = gp_now() WHERE device_id = $1 AND revoked_at IS NULL`, d.ID.UUID)
	} else {
		batch.Queue(insertEnrolled, d.ID.UUID, s.district.UUID, d.Code, d.Name, d.Model).Exec(must("make device"))
	}
	batch.Queue(insertToken, d.Token.ID, s.district.UUID, d.Token.Hash, d.Token.Hint, d.ID.UUID, d.Token.TTL)
	batch.Queue(useEnrolment, d.Enrolment.UUID, d.ID.UUID, d.Install).Exec(must("use enrolment"))
}
