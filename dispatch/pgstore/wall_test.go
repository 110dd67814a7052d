package pgstore_test

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgscope"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"
)

// TestTheWallShowsWhatVisibleSays asks the tables themselves, without any of the
// conditions that our own queries carry: what comes is what the one rule says, for
// any viewer.
func TestTheWallShowsWhatVisibleSays(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.photographed()
	ctx := context.Background()
	cases := map[uuid.UUID]dispatch.Thing{}
	for _, c := range w.allCases() {
		cases[c.ID.UUID] = c.Scope
	}
	patrols := map[uuid.UUID]dispatch.Thing{}
	for id, scope := range w.patrolScopes() {
		patrols[id.UUID] = scope
	}
	// Where a patrol was is hidden by the covert cases it is on.
	tracked := map[uuid.UUID]dispatch.Thing{}
	for id, scope := range patrols {
		for _, c := range cases {
			for _, s := range c.Secrets {
				if s.Hides(dispatch.PatrolID{UUID: id}, geo.Point{Lon: 121, Lat: 28}, time.Now().Add(time.Hour)) {
					scope.Secrets = append(scope.Secrets, s)
				}
			}
		}
		tracked[id] = scope
	}
	// A commander's right is to the case, and to the dots on it; tracks stay with the scope.
	within := func(v dispatch.Viewer, t dispatch.Thing) bool {
		unit := t
		unit.Secrets = nil
		return dispatch.Visible(v, unit) && dispatch.Visible(v, t)
	}
	// A reporter keeps what they sent, whatever became of it.
	receipt := func(v dispatch.Viewer, t dispatch.Thing) bool {
		own := t
		own.Secrets = nil
		own.Areas, own.Departments, own.Patrols = []string{"nowhere"}, nil, nil
		v2 := v
		v2.AreaCode = "somewhere else"
		return dispatch.Visible(v, t) || dispatch.Visible(v2, own)
	}
	grids := map[uuid.UUID]dispatch.Thing{}
	for code, path := range paths {
		w.exec(`INSERT INTO grids (id, district_id, version_id, code, name, kind, area_code, area_m2, geom)
			SELECT gen_random_uuid(), district_id, version_id, 'G-' || $1, 'g', 'general', nullif($1, ''), 1,
			  ST_Multi(ST_MakeEnvelope(100 + 0.1 * n, 20, 100.1 + 0.1 * n, 20.1, 4326)) FROM grids, (SELECT $2::float8 AS n) x WHERE code = 'G-001'`, code, len(grids))
		grids[ask[uuid.UUID](w.world, `SELECT id FROM grids WHERE code = 'G-' || $1`, code)] = dispatch.Thing{District: district, Areas: path}
	}
	grids[ask[uuid.UUID](w.world, `SELECT id FROM grids WHERE code = 'G-001'`)] = dispatch.Thing{District: district, Areas: paths["T1V1"]}
	w.exec(`INSERT INTO places (id, district_id, code, name, kind, geom) SELECT id, district_id, code, 'p', 'camera', ST_Centroid(geom) FROM grids`)
	w.exec(`INSERT INTO tracks (district_id, device_id, stream, seq, t, received_at, patrol_id, cell, lon, lat, mock)
		SELECT district_id, gen_random_uuid(), gen_random_uuid(), 1, gp_now(), gp_now(), id, 1, 121, 28, false FROM patrols`)

	w.staffed()
	people, devices := map[uuid.UUID]dispatch.Thing{}, map[uuid.UUID]dispatch.Thing{}
	for _, p := range w.everybody() {
		people[p.ID.UUID] = p.Scope
	}
	for _, d := range w.everyDevice() {
		devices[d.ID.UUID] = d.Scope
	}
	// Area and department bound people and devices; one's own work is no part of it.
	managed := func(v dispatch.Viewer, t dispatch.Thing) bool {
		v.Patrol, v.Account, v.Device = dispatch.PatrolID{}, dispatch.AccountID{}, dispatch.DeviceID{}
		return dispatch.Visible(v, t)
	}

	visible := func(v dispatch.Viewer, of map[uuid.UUID]dispatch.Thing, rule func(dispatch.Viewer, dispatch.Thing) bool) []uuid.UUID {
		out := []uuid.UUID{}
		for id, thing := range of {
			if rule(v, thing) {
				out = append(out, id)
			}
		}
		return sorted(out)
	}
	// Each look names the thing that its row hangs on.
	looks := []struct {
		query string
		of    map[uuid.UUID]dispatch.Thing
		rule  func(dispatch.Viewer, dispatch.Thing) bool
	}{
		{`SELECT id FROM cases`, cases, dispatch.Visible},
		{`SELECT case_id FROM reports`, cases, receipt},
		{`SELECT DISTINCT case_id FROM case_events WHERE case_id IS NOT NULL`, cases, dispatch.Visible},
		{`SELECT r.case_id FROM reports r JOIN report_photos p ON p.report_id = r.id`, cases, receipt},
		{`SELECT encode(substr(sha256, 1, 16), 'hex')::uuid FROM photos`, cases, receipt},
		{`SELECT id FROM patrols`, patrols, dispatch.Visible},
		{`SELECT patrol_id FROM duties`, patrols, dispatch.Visible},
		{`SELECT patrol_id FROM tracks_seen`, tracked, within},
		{`SELECT id FROM people_seen`, people, managed},
		{`SELECT id FROM device_states_seen`, devices, managed},
		{`SELECT id FROM grids`, grids, dispatch.VisibleOnMap},
		{`SELECT id FROM grids_seen`, grids, dispatch.VisibleOnMap},
		{`SELECT id FROM places`, grids, dispatch.VisibleOnMap},
		{`SELECT id FROM places_seen`, grids, dispatch.VisibleOnMap},
	}
	seen, hidden := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		v := w.anyViewer(r)
		err := w.db.As(ctx, pgscope.Of(v), func(tx pgx.Tx) error {
			for _, look := range looks {
				rows, err := tx.Query(ctx, look.query)
				if err != nil {
					return err
				}
				got, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
				if err != nil {
					return err
				}
				want := visible(v, look.of, look.rule)
				if !slices.Equal(sorted(got), want) {
					r.Errorf("viewer %+v: %s shows %d rows, the rule %d", v, look.query, len(got), len(want))
				}
				seen, hidden = seen+len(want), hidden+len(look.of)-len(want)
			}
			// An assignment goes with its case, whoever it was given to.
			var foreign int
			err := tx.QueryRow(ctx, `SELECT count(*) FROM assignments WHERE NOT case_id = ANY ($1)`, visible(v, cases, dispatch.Visible)).Scan(&foreign)
			if err == nil && foreign > 0 {
				r.Errorf("viewer %+v: %d assignments of cases that are not theirs", v, foreign)
			}
			return err
		})
		if err != nil {
			r.Fatal(err)
		}
	})
	if !t.Failed() && (seen < 500 || hidden < 500) {
		t.Errorf("the sample is lopsided: %d seen, %d hidden", seen, hidden)
	}
}

// Whoever is not named sees nothing, and nobody reads what no policy of theirs covers.
func TestTheWallWithoutAViewer(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.photographed()
	w.staffed()
	ctx := context.Background()
	const granted = `SELECT c.oid::regclass::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'district_id'
		WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v') AND has_any_column_privilege('gp_viewer', c.oid, 'SELECT') ORDER BY 1`
	rows, err := w.db.Query(ctx, granted)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 15 {
		t.Fatalf("%v, %v", tables, err)
	}
	for _, set := range []string{"", "SELECT set_config('gp.viewer', '', true)", "SELECT set_config('gp.viewer', '{}', true)",
		`SELECT set_config('gp.viewer', '{"district":"` + uuid.NewString() + `","wide":true,"area":"","department":""}', true)`} {
		err := w.db.Tx(ctx, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SET LOCAL ROLE gp_viewer; "+set); err != nil {
				return err
			}
			for _, table := range tables {
				var n int
				if err := tx.QueryRow(ctx, "SELECT count(district_id) FROM "+table).Scan(&n); err != nil {
					return err
				}
				if n > 0 && table != "road_segments" {
					t.Errorf("after %q a viewer sees %d rows of %s", set, n, table)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range []string{"tracks", "idempotency_keys", "accounts", "sessions", "tokens", "tickets", "position_views", "outbox", "plans", "deadlines"} {
		err := w.db.As(ctx, pgscope.Of(w.operator), func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "SELECT FROM "+table)
			return err
		})
		if err == nil {
			t.Errorf("a viewer reads %s", table)
		}
	}
	if err := w.db.As(ctx, pgscope.Of(w.operator), func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "SELECT phone FROM staff")
		return err
	}); err == nil {
		t.Error("a viewer reads phone numbers")
	}
	// Whose role may have no telephones is given none, whatever else they see.
	for role, want := range map[dispatch.Role]bool{dispatch.RoleOperator: true, dispatch.RoleOfficer: true, dispatch.RoleAuditor: false, dispatch.RoleGridWorker: false} {
		v := w.operator
		v.Role = role
		var phones int
		err := w.db.As(ctx, pgscope.Of(v), func(tx pgx.Tx) error { return tx.QueryRow(ctx, "SELECT count(phone) FROM phones_seen").Scan(&phones) })
		if err != nil || (phones > 0) != want {
			t.Errorf("%s reads %d telephones, %v", role, phones, err)
		}
	}
	if role := ask[string](w.world, `SELECT current_user`); role != "gp_app" {
		t.Errorf("a connection comes back in the role %s", role)
	}
}

func sorted(ids []uuid.UUID) []uuid.UUID {
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return ids
}

// photographed gives each case a photo of its own, named after it.
func (w *town) photographed() {
	w.exec(`INSERT INTO photos (district_id, sha256, media_type, width, height, content)
		SELECT district_id, decode(replace(id::text, '-', '') || repeat('00', 16), 'hex'), 'image/png', 1, 1, '' FROM cases`)
	w.exec(`INSERT INTO report_photos (district_id, report_id, position, sha256)
		SELECT district_id, id, 0, decode(replace(case_id::text, '-', '') || repeat('00', 16), 'hex') FROM reports`)
}

// anyViewer is a viewer of any role, with or without a scope, sometimes one of the
// reporters or patrols of the town, sometimes of another district.
func (w *town) anyViewer(r *rapid.T) dispatch.Viewer {
	ids := slices.SortedFunc(maps.Keys(w.patrolScopes()), func(a, b dispatch.PatrolID) int { return slices.Compare(a.UUID[:], b.UUID[:]) })
	v := dispatch.Viewer{District: district,
		Account: rapid.SampledFrom(w.accounts).Draw(r, "account"), Device: rapid.SampledFrom(w.devices).Draw(r, "device"),
		Role: rapid.SampledFrom(roles).Draw(r, "role"), AreaCode: rapid.SampledFrom([]string{"", "D", "T1", "T1V1", "T2", "elsewhere", `it's \ "odd"`}).Draw(r, "area"),
		Department: rapid.SampledFrom([]string{"", "police", "environment", "grid", "nobody"}).Draw(r, "department"),
		Patrol:     rapid.SampledFrom(append([]dispatch.PatrolID{{}, {}, {}, {}}, ids...)).Draw(r, "patrol")}
	if rapid.IntRange(0, 19).Draw(r, "district") == 0 {
		v.District = dispatch.DistrictID{UUID: uuid.New()}
	}
	return v
}
