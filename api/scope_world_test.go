package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// The town of the visitors, and another one.
const (
	home, away = "331004001", "331004002"
	upThere    = "331004"
)

var roles = []dispatch.Role{
	dispatch.RoleAdmin, dispatch.RoleOperator, dispatch.RoleDutyLeader, dispatch.RoleTownLeader, dispatch.RoleDistrictSupervisor,
	dispatch.RoleOfficer, dispatch.RoleGridWorker, dispatch.RolePartTimer, dispatch.RoleGridChief, dispatch.RoleInstructor,
	dispatch.RoleAuditor, dispatch.RoleDevice,
}

// visitor is somebody of a role who goes through every door: of the police of the
// home town, with a patrol of their own.
type visitor struct {
	dispatch.Viewer
	token string
}

// planted is a row of each kind that belong together: a case with its report, photo,
// assignment and operator's item, the patrol that it was given to, and a grid.
type planted struct {
	name                                     string
	thing                                    dispatch.Thing // of the case
	unit                                     dispatch.Thing // of the patrol
	ground                                   dispatch.Thing // of the grid
	caseID, report, assignment, patrol       uuid.UUID
	grid, place                              uuid.UUID
	staff, device, shift, enrolment, revisit uuid.UUID
	hook                                     uuid.UUID
	photo                                    string
	item                                     int64
	cells                                    []string
}

// marks are what gives a kind of row away wherever it is read.
func (p *planted) marks(v dispatch.Viewer) (out []string) {
	if !dispatch.Visible(v, p.thing) {
		out = append(out, p.caseID.String(), p.report.String(), p.assignment.String(), p.photo, "N-"+p.name)
		out = append(out, p.cells...)
	}
	if !dispatch.Visible(v, p.unit) {
		out = append(out, p.hook.String(), "HOOK-"+p.name, p.patrol.String(), "PAT-"+p.name, p.staff.String(), "STAFF-"+p.name, p.device.String(), "DEV-"+p.name, p.shift.String())
	}
	if !dispatch.VisibleOnMap(v, p.ground) {
		out = append(out, p.grid.String(), p.place.String(), "GRID-"+p.name, "PLACE-"+p.name)
	}
	return out
}

// kind says what a mark is of.
func (p *planted) kind(mark string) string {
	switch mark {
	case p.patrol.String(), "PAT-" + p.name:
		return "PAT-"
	case p.grid.String(), "GRID-" + p.name:
		return "GRID-"
	}
	return mark
}

// scopeWorld is a town with visitors of every role and what is theirs and what is not.
type scopeWorld struct {
	*town
	visitors map[dispatch.Role]*visitor
	foreign  []*planted
	missing  *planted // what is not there at all
	planted  int
}

func setupScope(t *testing.T, watch func(*dispatch.Service) api.Socket) *scopeWorld {
	t.Helper()
	w := &scopeWorld{town: setupTownWith(t, watch), visitors: map[dispatch.Role]*visitor{}}
	for _, role := range roles {
		w.visitors[role] = w.visit(role)
	}
	elsewhere := dispatch.DistrictID{UUID: uuid.Must(uuid.NewV7())}
	w.exec(`INSERT INTO districts (id, code, name_zh, name_en) VALUES ($1, 'other', '邻区', 'Next')`, elsewhere)
	w.exec(`INSERT INTO areas (district_id, code, name, level, parent_code) VALUES ($1, '331004', '邻区', 'district', NULL), ($1, '331004001', '邻镇', 'town', '331004')`, elsewhere)
	w.exec(`INSERT INTO departments (district_id, code, name_zh, name_en) VALUES ($1, 'police', '公安', 'Police'), ($1, 'market', '市场监管', 'Market')`, elsewhere)
	here := dispatch.DistrictID{UUID: pgdb.District}
	w.foreign = []*planted{
		w.plant("other-town", here, away, "police", visitor{}),
		w.plant("other-department", here, home, "market", visitor{}),
		w.plant("other-district", elsewhere, home, "police", visitor{}),
	}
	id := uuid.Must(uuid.NewV7())
	w.missing = &planted{name: "missing", caseID: id, report: id, assignment: id, patrol: id, grid: id, place: id, staff: id, device: id, shift: id, enrolment: id, revisit: id, hook: id, item: 1 << 40, photo: hex.EncodeToString(make([]byte, 32))}
	return w
}

// visit makes somebody of a role.
func (w *scopeWorld) visit(role dispatch.Role) *visitor {
	w.t.Helper()
	v := &visitor{}
	code := string(role)
	v.District.UUID, v.Role = pgdb.District, role
	if role == dispatch.RoleDevice {
		v.token, v.Patrol = w.device("D-walk")
		w.exec(`UPDATE patrols SET area_code = $2, status = 'free' WHERE id = $1`, v.Patrol, home)
	} else {
		v.Account.UUID, v.Staff.UUID, v.Patrol.UUID = uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
		v.AreaCode, v.Department = home, "police"
		w.exec(`INSERT INTO staff (id, district_id, code, name, role, department, area_code) VALUES ($1, $2, $3, $3, $4, 'police', $5)`, v.Staff, v.District, "S-"+code, role, home)
		w.exec(`INSERT INTO patrols (id, district_id, code, name, department, mode, area_code, status) VALUES ($1, $2, $3, $3, 'police', 'car', $4, 'free')`, v.Patrol, v.District, "P-"+code, home)
		w.exec(`INSERT INTO patrol_members (patrol_id, staff_id, valid) VALUES ($1, $2, tstzrange(gp_now() - interval '1 h', NULL))`, v.Patrol, v.Staff)
		w.exec(`INSERT INTO accounts (id, district_id, username, role, area_code, department, staff_id, password_hash) VALUES ($1, $2, $3, $4, $5, 'police', $6, 'none')`,
			v.Account, v.District, code, role, home, v.Staff)
		var err error
		if _, v.token, err = w.auth.CreateToken(w.t.Context(), pgauth.Owner{Username: code}, 0); err != nil {
			w.t.Fatal(err)
		}
	}
	w.exec(`INSERT INTO duties (id, patrol_id, during, source) VALUES ($1, $2, tstzrange(gp_now() - interval '1 h', gp_now() + interval '8 h'), 'shift')`, uuid.New(), v.Patrol)
	at := geo.Point{Lon: 121.3855, Lat: 28.5855}
	w.live[v.Patrol] = dispatch.Position{PatrolID: v.Patrol, Department: "police", Point: at, T: w.live[w.policeID].T, Presence: dispatch.Online}
	return v
}

// own plants what a visitor may see: reported by them and given to their patrol, or
// only of their town and department.
func (w *scopeWorld) own(v *visitor, mine bool) *planted {
	w.planted++
	name := fmt.Sprintf("%s-%d", v.Role, w.planted)
	if mine {
		return w.plant(name, v.District, home, "police", *v)
	}
	return w.plant(name, v.District, home, "police", visitor{})
}

// plant lays a case and all that hangs on it. It goes to the patrol of its visitor,
// or to one of its own.
func (w *scopeWorld) plant(name string, district dispatch.DistrictID, area, department string, whose visitor) *planted {
	w.t.Helper()
	newID := func() uuid.UUID { return uuid.Must(uuid.NewV7()) }
	p := &planted{name: name, caseID: newID(), report: newID(), assignment: newID(), patrol: whose.Patrol.UUID, grid: newID(), place: newID()}
	path := []string{area, upThere}
	east := 122 + 0.0005*float64(w.planted)
	if !dispatch.Visible(dispatch.Viewer{District: dispatch.DistrictID{UUID: pgdb.District}, AreaCode: home, Department: "police"},
		dispatch.Thing{District: district, Areas: path, Departments: []string{department}}) {
		east = 123 + 0.3*float64(len(name)) // cells of their own
	}
	if whose.token == "" {
		p.patrol = newID()
		w.exec(`INSERT INTO patrols (id, district_id, code, name, department, mode, area_code, status) VALUES ($1, $2, $3, $3, $4, 'car', $5, 'free')`, p.patrol, district, "PAT-"+name, department, area)
		w.exec(`INSERT INTO duties (id, patrol_id, during, source) VALUES ($1, $2, tstzrange(gp_now() - interval '1 h', gp_now() + interval '8 h'), 'shift')`, newID(), p.patrol)
		id := dispatch.PatrolID{UUID: p.patrol}
		// They stand beside the visitors: what keeps them from being seen is not the way.
		w.live[id] = dispatch.Position{PatrolID: id, Department: department, Point: geo.Point{Lon: 121.3856, Lat: 28.5856}, T: w.live[w.policeID].T, Presence: dispatch.Online}
	}
	north := 28.2
	for _, res := range []int{7, 8, 9} {
		p.cells = append(p.cells, cell.At(geo.Point{Lon: east, Lat: north}, res).String())
	}
	p.thing = dispatch.Thing{District: district, Areas: path, Departments: []string{department}, Patrols: []dispatch.PatrolID{{UUID: p.patrol}}, Reporter: whose.Account, ReportedBy: whose.Device}
	p.unit = dispatch.Thing{District: district, Areas: path, Departments: []string{department}, Patrols: []dispatch.PatrolID{{UUID: p.patrol}}}
	p.ground = dispatch.Thing{District: district, Areas: path}
	w.exec(`INSERT INTO cases (id, district_id, number, stage, dispatch, category, urgency, lon, lat, cell, areas, departments, reporter_account)
	  VALUES ($1, $2, $3, 'dispatched', 'done', 'B03', 'ordinary', $4, $5, $6, $7, $8, $9)`,
		p.caseID, district, "N-"+name, east, north, int64(cell.At(geo.Point{Lon: east, Lat: north}, 9)), path, []string{department}, orNil(whose.Account.UUID))
	w.exec(`INSERT INTO reports (id, district_id, case_id, category, lon, lat, sent_lon, sent_lat, sent_crs, cell, description, reporter_account, observed_at)
	  VALUES ($1, $2, $3, 'B03', $4, $5, $4, $5, 'wgs84', 1, $6, $7, gp_now())`, p.report, district, p.caseID, east, north, "N-"+name, orNil(whose.Account.UUID))
	p.revisit = newID()
	w.exec(`INSERT INTO revisits (id, district_id, case_id, after_days, category, lon, lat, opens_at, closes_at, state)
	  VALUES ($1, $2, $3, 3, 'B03', $4, $5, gp_now(), gp_now() + interval '2 h', 'open')`, p.revisit, district, p.caseID, east, north)
	sum := sha256.Sum256([]byte(name))
	p.photo = hex.EncodeToString(sum[:])
	w.exec(`INSERT INTO photos (district_id, sha256, media_type, width, height, content, bytes) VALUES ($1, $2, 'image/png', 1, 1, 'png', 3)`, district, sum[:])
	w.exec(`INSERT INTO report_photos (district_id, report_id, position, sha256) VALUES ($1, $2, 0, $3)`, district, p.report, sum[:])
	plan := newID()
	w.exec(`INSERT INTO plans (id, district_id, case_id, state, why, input, output) VALUES ($1, $2, $3, 'committed', 'test', '', '')`, plan, district, p.caseID)
	w.exec(`UPDATE assignments SET state = 'done', ended_at = gp_now() WHERE patrol_id = $1 AND active`, p.patrol)
	w.exec(`INSERT INTO assignments (id, district_id, case_id, patrol_id, plan_id, department, kind, part, state, mode, offered_at)
	  VALUES ($1, $2, $3, $4, $5, $6, 'department', 'lead', 'offered', 'car', gp_now())`, p.assignment, district, p.caseID, p.patrol, plan, department)
	w.exec(`UPDATE patrols SET status = 'assigned', claimed_by = $2, version = version + 1 WHERE id = $1`, p.patrol, p.assignment)
	p.staff, p.device, p.shift, p.enrolment = newID(), newID(), newID(), newID()
	w.exec(`INSERT INTO staff (id, district_id, code, name, role, department, area_code) VALUES ($1, $2, $3, $3, 'officer', $4, $5)`, p.staff, district, "STAFF-"+name, department, area)
	w.exec(`INSERT INTO patrol_members (patrol_id, staff_id, valid) VALUES ($1, $2, tstzrange(gp_now() - interval '1 h', NULL))`, p.patrol, p.staff)
	w.exec(`INSERT INTO devices (id, district_id, code) VALUES ($1, $2, $3)`, p.device, district, "DEV-"+name)
	w.exec(`INSERT INTO device_bindings (device_id, patrol_id, valid) VALUES ($1, $2, tstzrange(gp_now() - interval '1 h', NULL))`, p.device, p.patrol)
	w.exec(`INSERT INTO duties (id, patrol_id, during, source) VALUES ($1, $2, tstzrange(gp_now() + $3 * interval '1 day', gp_now() + $3 * interval '1 day' + interval '1 h'), 'shift')`, p.shift, p.patrol, 2+w.planted)
	w.exec(`INSERT INTO enrolments (id, district_id, code_hash, patrol_id, expires_at) VALUES ($1, $2, sha256($3), $4, gp_now() + interval '15 minutes')`, p.enrolment, district, []byte(name), p.patrol)
	p.item = ask[int64](w.bundle, `INSERT INTO operator_items (district_id, case_id, department, reason) VALUES ($1, $2, $3, 'all_busy') RETURNING id`, district, p.caseID, "fire")
	p.hook = newID()
	w.exec(`INSERT INTO webhooks (id, district_id, name, url, kinds, area_code, department) VALUES ($1, $2, $3, 'https://example.org/', '{case.opened}', $4, $5)`, p.hook, district, "HOOK-"+name, area, department)
	w.exec(`INSERT INTO webhook_secrets (webhook_id, district_id, secret) VALUES ($1, $2, sha256('x'))`, p.hook, district)
	version := ask[uuid.UUID](w.bundle, `SELECT coalesce((SELECT id FROM grid_versions WHERE district_id = $1 AND valid @> gp_now()), $2)`, district, newID())
	w.exec(`INSERT INTO grid_versions (id, district_id, state, source, valid) SELECT $1, $2, 'active', 'walk', tstzrange('2020-01-01', NULL) WHERE NOT EXISTS (SELECT FROM grid_versions WHERE id = $1)`, version, district)
	w.exec(`INSERT INTO grids (id, district_id, version_id, code, name, kind, area_code, area_m2, geom)
	  VALUES ($1, $2, $3, $4, $4, 'general', $5, 1e6, ST_Multi(ST_MakeEnvelope($6::float8, 28.19, $6::float8 + 0.01, 28.21, 4326)))`, p.grid, district, version, "GRID-"+name, area, east-0.005)
	w.exec(`INSERT INTO places (id, district_id, code, name, kind, geom) VALUES ($1, $2, $3, $3, 'camera', ST_SetSRID(ST_MakePoint($4, $5), 4326))`, p.place, district, "PLACE-"+name, east, north)
	return p
}

func orNil(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

func ask[T any](b *bundle, query string, args ...any) (v T) {
	b.t.Helper()
	if err := b.db.QueryRow(b.t.Context(), query, args...).Scan(&v); err != nil {
		b.t.Fatalf("%v in %.80s", err, query)
	}
	return v
}

// fingerprint is the state of every table but of who came in.
func (w *scopeWorld) fingerprint() map[string]string {
	w.t.Helper()
	out := map[string]string{}
	err := w.db.Owner(w.t.Context(), func(conn *pgx.Conn) error {
		rows, err := conn.Query(context.Background(), `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
		  AND NOT relispartition AND relname NOT IN ('spatial_ref_sys', 'sessions', 'tokens', 'tickets', 'nodes')`)
		if err != nil {
			return err
		}
		tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		for _, table := range tables {
			batch.Queue("SELECT coalesce(md5(string_agg(md5(x::text), '' ORDER BY md5(x::text))), '') FROM " + pgx.Identifier{table}.Sanitize() + " x").QueryRow(func(row pgx.Row) error {
				var sum string
				err := row.Scan(&sum)
				out[table] = sum
				return err
			})
		}
		return conn.SendBatch(context.Background(), batch).Close()
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}
