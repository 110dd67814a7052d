package pgstore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgscope"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/jackc/pgx/v5"
)

// The second wall costs no question its index: what lies near is asked of the
// spatial index, the reports of a day of the index of their times, and notices of that
// of their reader, for a viewer of the whole district and for one of a town.
func TestTheWallKeepsTheIndexes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`INSERT INTO grids (id, district_id, version_id, code, name, kind, area_code, area_m2, geom)
		SELECT gen_random_uuid(), district_id, version_id, 'N' || n, 'g', 'general', CASE WHEN n % 2 = 0 THEN 'T1' ELSE 'T2' END, 1,
		  ST_Multi(ST_MakeEnvelope(110 + n * 0.01, 20, 110.01 + n * 0.01, 21, 4326)) FROM grids, generate_series(0, 199) n WHERE code = 'G-001'`)
	w.exec(`INSERT INTO places (id, district_id, code, name, kind, geom)
		SELECT gen_random_uuid(), $1, 'P' || n, 'p', CASE WHEN n % 2 = 0 THEN 'camera' ELSE 'factory' END,
		  ST_SetSRID(ST_MakePoint(110.005 + (n % 200) * 0.01, 20.005 + (n / 200) * 0.01), 4326) FROM generate_series(0, 19999) n`, pgdb.District)
	w.exec(`INSERT INTO cases (id, district_id, number, stage, dispatch, category, urgency, lon, lat, cell, areas, departments, made_at)
		SELECT gen_random_uuid(), $1, 'n' || n, 'filed', 'none', 'C01', 'urgent', 121, 28, 1, CASE WHEN n % 2 = 0 THEN '{T1,D}' ELSE '{T2,D}' END::text[], '{police}',
		  gp_now() - n * interval '20 minutes' FROM generate_series(0, 19999) n`, pgdb.District)
	w.exec(`INSERT INTO reports (id, district_id, case_id, category, lon, lat, sent_lon, sent_lat, sent_crs, cell, description, observed_at, received_at)
		SELECT gen_random_uuid(), district_id, id, category, lon, lat, lon, lat, 'wgs84', 1, '', made_at, made_at FROM cases ORDER BY made_at`)
	w.exec(`INSERT INTO notices (district_id, case_id, report_id, account_id, why, text_zh, text_en)
		SELECT district_id, case_id, id, CASE WHEN abs(hashtext(id::text)) % 1000 = 7 THEN $1 ELSE gen_random_uuid() END, 'received', '收到', 'received' FROM reports`, w.operator.Account)
	w.exec(`INSERT INTO devices (id, district_id, code) SELECT gen_random_uuid(), $1, 'D' || n FROM generate_series(0, 1999) n`, pgdb.District)
	w.exec(`INSERT INTO device_bindings (device_id, patrol_id, valid) SELECT id, $1, tstzrange(gp_now() - interval '1 h', NULL) FROM devices`, w.ids["P1"])
	if err := w.db.Owner(context.Background(), func(conn *pgx.Conn) error {
		_, err := conn.Exec(context.Background(), "ANALYZE areas, grids, grid_versions, places, cases, reports, assignments, notices, devices, device_bindings")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	near := 500.0
	now := time.Now()
	for _, area := range []string{"", "T1"} {
		v := w.operator
		v.AreaCode = area
		for _, ask := range []struct {
			what, query, index, scan string
			args                     []any
		}{
			{"the nearest cameras", pgstore.NearPlaces, "places_near", "Seq Scan on places", []any{district.UUID, area, 111.0, 20.5, []string{"camera"}, nil, 3}},
			{"the places around", pgstore.NearPlaces, "places_near", "Seq Scan on places", []any{district.UUID, area, 111.0, 20.5, []string{"factory"}, &near, 20}},
			{"one's notices", pgstore.ListNotices, "notices_account", "Seq Scan on notices", append(w.store.Whose(v), int64(1)<<62, false, 51)},
			{"what one has not read", pgstore.CountUnseen, "notices_unseen_account", "Seq Scan on notices", append(w.store.Whose(v), 100)},
			{"the devices", pgstore.ListDevices, "device_bindings_device_id", "Seq Scan on tracks", []any{district.UUID, area, "", "", nil, false, 51}},
			{"a day of cells", pgstore.ReportPoints, "reports_received", "Seq Scan on reports", append(w.store.Scope(v), now.Add(-24*time.Hour), now)},
		} {
			plan := w.explain(v, ask.query, ask.args...)
			if !strings.Contains(plan, ask.index) || strings.Contains(plan, ask.scan) {
				t.Errorf("area %q: %s do not go by %s:\n%s", area, ask.what, ask.index, plan)
			}
		}
	}
}

// What work took is asked of the last that a department did, once a department: with all
// patrols out, every shortfall would otherwise read the whole past for each of them.
func TestReliefReadsThePastOfADepartmentOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`INSERT INTO patrols (id, district_id, code, name, department, mode, status)
		SELECT gen_random_uuid(), $1, 'R' || n, 'r', 'police', 'car', 'off_duty' FROM generate_series(0, 99) n`, pgdb.District)
	w.exec(`INSERT INTO cases (id, district_id, number, stage, dispatch, category, urgency, lon, lat, cell)
		SELECT gen_random_uuid(), $1, 'n' || n, 'filed', 'none', 'C01', 'urgent', 121, 28, 1 FROM generate_series(0, 4999) n`, pgdb.District)
	w.exec(`INSERT INTO plans (id, district_id, case_id, state, why, input, output) SELECT id, district_id, id, 'committed', '', '', '' FROM cases`)
	w.exec(`INSERT INTO assignments (id, district_id, case_id, patrol_id, plan_id, department, kind, part, state, mode, arrived_at, ended_at)
		SELECT l.id, l.district_id, l.case_id, p.id, l.id, p.department, 'department', 'lead', 'done', 'car', gp_now() - interval '1 h', gp_now()
		FROM plans l, patrols p WHERE p.code = 'P1'`)
	w.exec(`ANALYZE patrols, cases, assignments`)
	var plan []string
	err := w.db.Tx(t.Context(), func(tx pgx.Tx) error {
		rows, err := tx.Query(t.Context(), "EXPLAIN (ANALYZE, TIMING off, COSTS off) "+pgstore.Relief,
			pgdb.District, []string{"police", "env", "police"}, []string{}, []float64{})
		if err != nil {
			return err
		}
		plan, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(plan, "\n")
	if !strings.Contains(text, "assignments_took") || !strings.Contains(text, "on assignments x (actual rows=25 loops=2)") || strings.Contains(text, "Seq Scan on assignments") {
		t.Errorf("who is free soonest reads more than 50 of each department:\n%s", text)
	}
}

func (w *world) explain(v dispatch.Viewer, query string, args ...any) string {
	w.t.Helper()
	var plan []string
	err := w.db.As(context.Background(), pgscope.Of(v), func(tx pgx.Tx) error {
		rows, err := tx.Query(context.Background(), "EXPLAIN (ANALYZE) "+query, args...)
		if err != nil {
			return err
		}
		plan, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Join(plan, "\n")
}

// BenchmarkLists reads the first page of 20,000 cases.
func BenchmarkLists(b *testing.B) {
	w := newWorld(b)
	w.exec(`INSERT INTO cases (id, district_id, number, stage, dispatch, category, urgency, lon, lat, cell, areas, departments)
		SELECT gen_random_uuid(), $1, 'n' || n, 'filed', 'none', 'C01', 'urgent', 121, 28, 1, CASE WHEN n % 2 = 0 THEN '{T1,D}' ELSE '{T2,D}' END::text[], '{police}'
		FROM generate_series(0, 19999) n`, pgdb.District)
	w.exec(`INSERT INTO plans (id, district_id, case_id, state, why, input, output) SELECT id, district_id, id, 'committed', '', '', '' FROM cases`)
	w.exec(`INSERT INTO assignments (id, district_id, case_id, patrol_id, plan_id, department, kind, part, state, mode)
		SELECT gen_random_uuid(), c.district_id, c.id, p.id, c.id, p.department, 'department', 'lead', 'done', 'car' FROM cases c, patrols p WHERE p.code IN ('P1', 'E1')
		  AND c.number NOT LIKE CASE p.code WHEN 'P1' THEN '%7' ELSE '%8' END`)
	if err := w.db.Owner(context.Background(), func(conn *pgx.Conn) error {
		_, err := conn.Exec(context.Background(), "ANALYZE")
		return err
	}); err != nil {
		b.Fatal(err)
	}
	for name, edit := range map[string]func(*dispatch.Viewer){
		"district": func(*dispatch.Viewer) {},
		"town":     func(v *dispatch.Viewer) { v.AreaCode = "T1" },
		"worker":   func(v *dispatch.Viewer) { v.Role, v.Patrol = dispatch.RoleGridWorker, w.ids["P1"] },
		"nobody's": func(v *dispatch.Viewer) {
			v.Role, v.Patrol = dispatch.RoleGridWorker, dispatch.PatrolID{UUID: uuid.New()}
		},
	} {
		b.Run(name, func(b *testing.B) {
			v := w.operator
			edit(&v)
			for range b.N {
				if _, err := w.store.Cases(context.Background(), v, dispatch.CaseFilter{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
