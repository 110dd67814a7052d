package pgstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// What really happened, as a what-if reads it: when patrols were wanted, when the first
// of each department was there, how long it stayed.
func TestPastIsWhatHappened(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	past := pgstore.Past{DB: w.db}
	from := ask[time.Time](w, `SELECT gp_now()`)
	auto := w.file("C01")      // environment and police, at once
	byHand := w.file("C04")    // environment, when an operator sends
	w.file("C11")              // the town's: no department
	untouched := w.file("A05") // police, and nobody ever sends
	pgtest.Advance(t, w.db, 5*time.Minute)
	w.mustAnswer(auto, "E1", dispatch.Arrive)
	pgtest.Advance(t, w.db, 20*time.Minute)
	w.mustAnswer(auto, "E1", dispatch.Finish)
	if _, err := w.desk.Dispatch(ctx, w.operator, byHand.ID, 0, dispatch.Order{}); err != nil {
		t.Fatal(err)
	}
	pgtest.Advance(t, w.db, time.Minute)

	reports, err := past.Reports(ctx, from, from.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if len(reports) != 2 || reports[0].Number != auto.Number || reports[1].Number != byHand.Number {
		t.Fatalf("reports %+v; %s was never sent", reports, untouched.Number)
	}
	first := reports[0]
	eq(t, "town", first.Town, "T1")
	eq(t, "urgent", first.Urgent, true)
	eq(t, "parts", len(first.Parts), 2)
	near := func(what string, got *float64, want float64) {
		t.Helper()
		if got == nil || *got < want || *got > want+60 { // the test itself takes a while
			t.Errorf("%s: %v, want %v s", what, got, want)
		}
	}
	environment, police := first.Parts[0], first.Parts[1]
	near("there after", environment.ArrivedS, 300)
	near("stayed", environment.StayS, 1200)
	if environment.LateS == nil {
		t.Error("the offer and the promise are known")
	}
	if police.Department != "police" || police.ArrivedS != nil {
		t.Errorf("police never came: %+v", police)
	}
	if at := reports[1].At.Sub(first.At); at < 25*time.Minute {
		t.Errorf("an operator sent the second one 25 min later, not %v", at)
	}

	patrols, err := past.OnDuty(ctx, from, from.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	var codes string
	for _, p := range patrols {
		codes += " " + p.Code
		if len(p.Duty) != 1 || !p.Duty[0].Holds(from) {
			t.Errorf("%s is on duty %v", p.Code, p.Duty)
		}
	}
	eq(t, "patrols of departments", codes, " E1 P1 P2")
	w.exec(`UPDATE patrols SET simulated = true WHERE code = 'P2'`)
	w.exec(`UPDATE reports SET simulated = true WHERE case_id = $1`, auto.ID.UUID)
	patrols, _ = past.OnDuty(ctx, from, from.Add(time.Hour))
	reports, _ = past.Reports(ctx, from, from.Add(time.Hour))
	if len(patrols) != 2 || len(reports) != 1 {
		t.Errorf("what is simulated is left out: %d patrols, %d reports", len(patrols), len(reports))
	}
	past.Simulated = true
	patrols, _ = past.OnDuty(ctx, from, from.Add(time.Hour))
	reports, _ = past.Reports(ctx, from, from.Add(time.Hour))
	if len(patrols) != 3 || len(reports) != 2 {
		t.Errorf("unless asked for: %d patrols, %d reports", len(patrols), len(reports))
	}
}

func TestPastCannotWrite(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	err := pgstore.InThePast(db, func(tx pgx.Tx) error {
		_, err := tx.Exec(context.Background(), `UPDATE patrols SET version = version + 1`)
		return err
	})
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "25006" {
		t.Errorf("a write: %v, want read_only_sql_transaction", err)
	}
}
