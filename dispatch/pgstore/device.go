package pgstore

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

// A device belongs where the patrol is that it speaks for, or spoke for last: the view
// device_states knows (migration 22). A list reads what the viewer may see of it; a
// single device, which a rule looks at afterwards, is read of all.
const deviceColumns = `d.id, d.code, d.name, d.model, d.simulated, d.enrolled_at, d.revoked_at,
  d.patrol_id, coalesce(p.code, '') AS patrol_code, coalesce(p.name, '') AS patrol_name, d.department, d.bound, d.bound_since,
  gp_area_path(d.district_id, d.area_code) AS areas, d.last_seen, d.t, d.battery, d.tokens`

const oneDevice = `SELECT ` + deviceColumns + ` FROM device_states d LEFT JOIN patrols p ON p.id = d.patrol_id WHERE d.district_id = $1 AND d.id = $2`

const listDevices = below + `
SELECT ` + deviceColumns + ` FROM device_states_seen d LEFT JOIN patrol_names p ON p.id = d.patrol_id
WHERE d.district_id = $1 AND ($2::text = '' OR d.area_code IN (SELECT code FROM tree)) AND ($3::text = '' OR d.department = $3)
  AND d.code > $4 AND ($5::uuid IS NULL OR (d.patrol_id = $5 AND d.bound)) AND ($6 OR d.revoked_at IS NULL)
ORDER BY d.code LIMIT $7`

type deviceRow struct {
	ID         uuid.UUID  `db:"id"`
	Code       string     `db:"code"`
	Name       *string    `db:"name"`
	Model      *string    `db:"model"`
	Simulated  bool       `db:"simulated"`
	EnrolledAt *time.Time `db:"enrolled_at"`
	RevokedAt  *time.Time `db:"revoked_at"`
	PatrolID   *uuid.UUID `db:"patrol_id"`
	PatrolCode string     `db:"patrol_code"`
	PatrolName string     `db:"patrol_name"`
	Department *string    `db:"department"`
	Bound      bool       `db:"bound"`
	BoundSince *time.Time `db:"bound_since"`
	Areas      []string   `db:"areas"`
	LastSeen   *time.Time `db:"last_seen"`
	T          *time.Time `db:"t"`
	Battery    *float64   `db:"battery"`
	Tokens     int        `db:"tokens"`
}

func (s *Store) device(r deviceRow) dispatch.Device {
	d := dispatch.Device{ID: dispatch.DeviceID{UUID: r.ID}, Code: r.Code, Name: r.Name, Model: r.Model, Simulated: r.Simulated,
		EnrolledAt: utcOrNil(r.EnrolledAt), RevokedAt: utcOrNil(r.RevokedAt), LastSeen: utcOrNil(r.LastSeen), T: utcOrNil(r.T),
		Battery: r.Battery, Presence: dispatch.Lost, Tokens: r.Tokens, Scope: dispatch.Thing{District: s.district, Areas: r.Areas}}
	if r.Department != nil {
		d.Scope.Departments = []string{*r.Department}
	}
	if r.Bound && r.PatrolID != nil {
		d.Patrol = &dispatch.PatrolRef{ID: dispatch.PatrolID{UUID: *r.PatrolID}, Code: r.PatrolCode, Name: r.PatrolName}
		d.BoundSince = utcOrNil(r.BoundSince)
	}
	return d
}

// Device implements dispatch.PeopleStore.
func (s *Store) Device(ctx context.Context, id dispatch.DeviceID) (dispatch.Device, error) {
	rows, err := s.db.Query(ctx, oneDevice, s.district.UUID, id.UUID)
	if err != nil {
		return dispatch.Device{}, fault(err)
	}
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[deviceRow])
	if errors.Is(err, pgx.ErrNoRows) {
		return dispatch.Device{}, missing("device")
	}
	return s.device(found), fault(err)
}

// DeviceByCode finds a device by its code or its id.
func (s *Store) DeviceByCode(ctx context.Context, code string) (id dispatch.DeviceID, err error) {
	err = s.db.QueryRow(ctx, `SELECT id FROM devices WHERE district_id = $1 AND (code = $2 OR id::text = $2)`, s.district.UUID, code).Scan(&id.UUID)
	if errors.Is(err, pgx.ErrNoRows) {
		return id, missing("device")
	}
	return id, fault(err)
}

// Devices implements dispatch.PeopleStore.
func (s *Store) Devices(ctx context.Context, v dispatch.Viewer, f dispatch.DeviceFilter) (dispatch.Page[dispatch.Device], error) {
	after, err := f.After()
	if err != nil {
		return dispatch.Page[dispatch.Device]{}, err
	}
	limit := limitOf(f.PageAsk)
	found, err := readAs[deviceRow](ctx, s, v, listDevices, orNull(v.District), v.AreaCode, v.Department, after, orNull(f.Patrol), f.Revoked, limit+1)
	if err != nil {
		return dispatch.Page[dispatch.Device]{}, err
	}
	out := make([]dispatch.Device, len(found))
	for i, r := range found {
		out[i] = s.device(r)
	}
	return pageOf(out, limit, func(d dispatch.Device) string { return dispatch.CursorAfter(d.Code) }), nil
}

// queueRevoked ends a device and all that opens a door to it. The triggers of
// migration 11 make every node look at its sockets.
func queueRevoked(batch *pgx.Batch, id dispatch.DeviceID) {
	batch.Queue(`UPDATE devices SET revoked_at = coalesce(revoked_at, gp_now()) WHERE id = $1`, id.UUID).Exec(must("revoke device"))
	batch.Queue(`UPDATE tokens SET revoked_at = gp_now() WHERE device_id = $1 AND revoked_at IS NULL`, id.UUID)
	batch.Queue(`DELETE FROM tickets WHERE device_id = $1`, id.UUID)
}
