package pgtest_test

import (
	"context"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

func databaseNow(t *testing.T, db *pgdb.DB) time.Time {
	t.Helper()
	var now time.Time
	if err := db.QueryRow(context.Background(), "SELECT gp_now()").Scan(&now); err != nil {
		t.Fatal(err)
	}
	return now
}

func TestEachDatabaseIsItsOwn(t *testing.T) {
	t.Parallel()
	one, two := pgtest.New(t), pgtest.New(t)
	if _, err := one.Exec(t.Context(), "UPDATE districts SET name_en = 'changed'"); err != nil {
		t.Fatal(err)
	}
	var name, role string
	if err := two.QueryRow(t.Context(), "SELECT name_en, current_user FROM districts").Scan(&name, &role); err != nil {
		t.Fatal(err)
	}
	if name != "District" || role != "gp_app" {
		t.Errorf("second database reads %q in role %q, want District in role gp_app", name, role)
	}
}

func TestClockMovesAndRunsOn(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	want := time.Date(2026, 5, 3, 21, 40, 0, 0, time.UTC)
	pgtest.SetNow(t, db, want)
	if got := databaseNow(t, db); got.Before(want) || got.Sub(want) > time.Minute {
		t.Errorf("after SetNow gp_now() = %v, want just after %v", got, want)
	}
	before := databaseNow(t, db)
	pgtest.Advance(t, db, 2*time.Hour)
	if moved := databaseNow(t, db).Sub(before); moved < 2*time.Hour || moved > 2*time.Hour+time.Minute {
		t.Errorf("Advance by 2 h moved gp_now() by %v", moved)
	}
}

func TestDatabaseGoesWithItsTest(t *testing.T) {
	t.Parallel()
	var url string
	t.Run("inner", func(t *testing.T) { url = pgtest.URL(t) })
	if db, err := pgdb.Open(t.Context(), pgdb.Config{URL: url, AllowUnsafeCommit: true}); err == nil {
		db.Close()
		t.Error("the database is still there after its test")
	}
}

func BenchmarkFreshDatabase(b *testing.B) {
	for b.Loop() {
		pgtest.URL(b)
	}
}
