package pgstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

func TestTheRulesOfDispatchAreTheDistricts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	leader := dispatch.Viewer{District: district, Account: w.operator.Account, Role: dispatch.RoleDutyLeader}
	was, err := w.desk.DispatchRules(ctx)
	if err != nil {
		t.Fatal(err)
	}
	usual := dispatch.UsualDispatchRules
	usual.Version = was.Version
	eq(t, "at first", was, usual)
	want := dispatch.DispatchRules{Version: was.Version, HandOver: 20 * time.Minute, MoveSaves: 0, MoveQuiet: 5 * time.Minute}
	is, err := w.desk.SetDispatchRules(ctx, leader, want, "fewer moves at night")
	if err != nil {
		t.Fatal(err)
	}
	want.Version++
	eq(t, "set", is, want)
	if read, err := w.desk.DispatchRules(ctx); err != nil || read != want {
		t.Errorf("read again: %+v %v", read, err)
	}
	eq(t, "what is said", ask[string](w, `SELECT concat_ws(' ', body#>>'{before,hand_over_s}', body#>>'{after,hand_over_s}', body#>>'{before,move_saves_s}', body#>>'{after,move_saves_s}', body#>>'{detail,reason}')
		FROM case_events WHERE kind = 'dispatch_rules'`), "1800 1200 180 0 fewer moves at night")
	if _, err := w.desk.SetDispatchRules(ctx, leader, usual, ""); code(err) != dispatch.CodeOldVersion {
		t.Errorf("of an old version: %v", err)
	}
	if _, err := w.desk.SetDispatchRules(ctx, w.operator, want, ""); code(err) != "forbidden" {
		t.Errorf("by an operator: %v", err)
	}
	for field, bad := range map[string]dispatch.DispatchRules{
		"/hand_over_s":  {HandOver: 5 * time.Hour, MoveQuiet: time.Minute},
		"/move_saves_s": {MoveSaves: 30 * time.Second, MoveQuiet: time.Minute},
		"/move_quiet_s": {},
	} {
		_, err := w.desk.SetDispatchRules(ctx, leader, bad, "")
		var f *dispatch.Fault
		if !errors.As(err, &f) || f.Kind != dispatch.Invalid || len(f.Fields) != 1 || f.Fields[0].Pointer != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	w.exec(`DELETE FROM dispatch_rules`) // of a district that was made since
	if read, err := w.desk.DispatchRules(ctx); err != nil || read != dispatch.UsualDispatchRules {
		t.Errorf("without a row: %+v %v", read, err)
	}
	if _, err := w.desk.SetDispatchRules(ctx, leader, dispatch.UsualDispatchRules, ""); err != nil {
		t.Errorf("set without a row: %v", err)
	}
}
