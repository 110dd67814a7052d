// Package realtimetest lays out a small district for tests of beacons: a town, a
// department, and patrols that each have one device and are on duty.
package realtimetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/realtime/pgtrack"
)

// Unit is a patrol with its device.
type Unit struct {
	Patrol dispatch.PatrolID
	Device dispatch.DeviceID
}

// Area and Department of every unit.
const (
	Area       = "town-1"
	Department = "police"
)

// Lay inserts n units by car, free and on duty from half a day before now to half
// a day after it, and makes the partitions of tracks.
func Lay(t testing.TB, db *pgdb.DB, n int, now time.Time) []Unit {
	t.Helper()
	units := make([]Unit, n)
	err := db.Owner(context.Background(), func(conn *pgx.Conn) error {
		var b pgx.Batch
		b.Queue(`INSERT INTO departments (district_id, code, name_zh, name_en) VALUES ($1, $2, '公安', 'Police')`, pgdb.District, Department)
		b.Queue(`INSERT INTO areas (district_id, code, name, level) VALUES ($1, 'district', '区', 'district')`, pgdb.District)
		b.Queue(`INSERT INTO areas (district_id, code, name, level, parent_code) VALUES ($1, $2, '镇', 'town', 'district')`, pgdb.District, Area)
		for i := range units {
			u := Unit{}
			u.Patrol.UUID, u.Device.UUID = uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
			units[i] = u
			code := fmt.Sprintf("unit-%05d", i)
			b.Queue(`INSERT INTO patrols (id, district_id, code, name, department, mode, area_code, status) VALUES ($1, $2, $3, $3, $4, 'car', $5, 'free')`,
				u.Patrol.UUID, pgdb.District, code, Department, Area)
			b.Queue(`INSERT INTO devices (id, district_id, code) VALUES ($1, $2, $3)`, u.Device.UUID, pgdb.District, code)
			b.Queue(`INSERT INTO device_bindings (device_id, patrol_id, valid) VALUES ($1, $2, tstzrange($3, NULL))`, u.Device.UUID, u.Patrol.UUID, now.AddDate(0, 0, -30))
			b.Queue(`INSERT INTO duties (id, patrol_id, during, source) VALUES (gen_random_uuid(), $1, tstzrange($2, $3), 'shift')`,
				u.Patrol.UUID, now.Add(-12*time.Hour), now.Add(12*time.Hour))
		}
		return conn.SendBatch(context.Background(), &b).Close()
	})
	if err != nil {
		t.Fatalf("lay out units: %v", err)
	}
	if _, err := pgtrack.EnsurePartitions(context.Background(), db, 7); err != nil {
		t.Fatal(err)
	}
	return units
}

// Exec runs one statement as owner.
func Exec(t testing.TB, db *pgdb.DB, query string, args ...any) {
	t.Helper()
	err := db.Owner(context.Background(), func(conn *pgx.Conn) error {
		_, err := conn.Exec(context.Background(), query, args...)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}
