package pgtrack_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/pgtrack"
)

// Two nodes see the same changes, one of them late: each is written once. A patrol that
// was never heard of has nothing to lose, and one that is gone from the register keeps
// nobody else from being written down. Crossings stand beside, and pages follow each
// other without a gap.
func TestTheRecordOfPresenceIsWrittenOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	store := pgtrack.New(db)
	if err := db.Owner(t.Context(), func(conn *pgx.Conn) error {
		_, err := conn.Exec(t.Context(), fencedDistrict)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var patrol dispatch.PatrolID
	var district dispatch.DistrictID
	if err := db.QueryRow(t.Context(), `SELECT id, district_id FROM patrols`).Scan(&patrol.UUID, &district.UUID); err != nil {
		t.Fatal(err)
	}
	began := time.Now().Add(-time.Hour).Truncate(time.Second)
	at := func(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }
	ahead := began.Add(100 * time.Hour)
	turn := func(presence string, when time.Time) string {
		t.Helper()
		now, err := store.Turn(t.Context(), []pgtrack.Turned{{Patrol: dispatch.PatrolID{UUID: uuid.New()}, Presence: presence, At: when}, {Patrol: patrol, Presence: presence, At: when}})
		if err != nil {
			t.Fatal(err)
		}
		return now[patrol]
	}
	for _, s := range []struct {
		presence string
		when     time.Time
		now      string
	}{
		{"off_duty", time.Time{}, ""}, {"lost", at(0), ""}, // never heard of
		{"online", at(1), "online"}, {"online", at(1), "online"}, {"online", at(5), "online"},
		{"stale", at(125), "stale"}, {"online", at(90), "stale"}, // a node that lags
		{"online", at(200), "online"}, {"stale", at(125), "online"},
		{"lost", at(800), "lost"}, {"lost", at(800), "lost"},
		{"off_duty", time.Time{}, "off_duty"}, {"online", at(900), "off_duty"},
		{"online", ahead, "online"}, {"off_duty", time.Time{}, "off_duty"}, // a clock that is ahead of ours keeps nobody on duty
	} {
		if now := turn(s.presence, s.when); now != s.now {
			t.Errorf("%s at %v: %q is written down, want %q", s.presence, s.when, now, s.now)
		}
	}
	grid := pgtrack.FenceName{Kind: pgtrack.OwnGrid, Name: "G1,G2"}
	for _, c := range []pgtrack.Crossed{{Patrol: patrol, FenceName: grid, Inside: true, At: at(10)}, {Patrol: patrol, FenceName: grid, Inside: true, At: at(11)},
		{Patrol: patrol, FenceName: grid, At: at(800), Why: pgtrack.WhyLost}} {
		if _, err := store.Cross(t.Context(), []pgtrack.Crossed{c}); err != nil {
			t.Fatal(err)
		}
	}
	operator := dispatch.Viewer{District: district, Role: dispatch.RoleOperator}
	var told []string
	var after realtime.MomentCursor
	for page := 0; ; page++ {
		was, found, err := store.Moments(t.Context(), operator, patrol, began, began.Add(24*time.Hour), after, 2)
		if err != nil || was != "" || page > 9 {
			t.Fatalf("%q, %v", was, err)
		}
		if len(found) == 0 {
			break
		}
		for _, m := range found {
			text := m.Kind
			if m.Area != nil {
				text += " " + *m.Area + " " + *m.Name
			}
			if m.Because != nil {
				text += " since " + *m.Because
			}
			if m.Kind != "off_duty" { // of the database's present
				text = fmt.Sprintf("%.0f %s", m.At.Sub(began).Seconds(), text)
			}
			told = append(told, text)
			after = realtime.MomentCursor{At: m.At, ID: m.ID}
		}
	}
	want := []string{"1 online", "10 entered grid G1,G2", "125 stale", "200 online", "800 lost", "800 left grid G1,G2 since " + pgtrack.WhyLost, "off_duty"}
	if !slices.Equal(told, want) {
		t.Errorf("the record is\n%s, want\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
	// A crossing between is no presence, and the first page of two at one moment is not the last.
	if was, _, err := store.Moments(t.Context(), operator, patrol, at(15), at(700), realtime.MomentCursor{}, 9); err != nil || was != "online" {
		t.Errorf("after it came into a fence it was %q, %v", was, err)
	}
	if was, _, err := store.Moments(t.Context(), operator, patrol, at(150), at(700), realtime.MomentCursor{}, 9); err != nil || was != "stale" {
		t.Errorf("after its signal was late it was %q, %v", was, err)
	}
	var one []realtime.PresenceMoment
	for after = (realtime.MomentCursor{}); ; after = (realtime.MomentCursor{At: one[0].At, ID: one[0].ID}) {
		_, found, err := store.Moments(t.Context(), operator, patrol, at(800), at(801), after, 1)
		if err != nil || len(found) == 0 {
			if err != nil || len(one) != 2 {
				t.Errorf("at one moment, page by page: %+v, %v", one, err)
			}
			break
		}
		one = append(found, one...)
	}
	if was, found, err := store.Moments(t.Context(), operator, patrol, at(300), at(700), realtime.MomentCursor{}, 9); err != nil || was != "online" || len(found) != 0 {
		t.Errorf("in between it was %q, %+v, %v", was, found, err)
	}
	if _, found, err := store.Moments(t.Context(), operator, patrol, ahead.Add(-time.Hour), ahead.Add(time.Hour), realtime.MomentCursor{}, 9); err != nil || len(found) != 2 ||
		found[1].Kind != "off_duty" || !found[1].At.After(found[0].At) {
		t.Errorf("who went home with a clock that is ahead: %+v, %v", found, err)
	}
	stranger := dispatch.Viewer{District: district, Role: dispatch.RoleTownLeader, AreaCode: "elsewhere"}
	if was, found, err := store.Moments(t.Context(), stranger, patrol, began, began.Add(24*time.Hour), realtime.MomentCursor{}, 9); err != nil || was != "" || len(found) != 0 {
		t.Errorf("a stranger is told %q, %+v, %v", was, found, err)
	}
}

// Whether a program plays a patrol is as the register says, also of what a node writes down
// that has only just begun and has seen nobody, and of a fence that is no more.
func TestWhatAProgramPlaysIsMarked(t *testing.T) {
	t.Parallel()
	for _, simulated := range []bool{true, false} {
		db := pgtest.New(t)
		store := pgtrack.New(db)
		var patrol dispatch.PatrolID
		var district dispatch.DistrictID
		if err := db.Owner(t.Context(), func(conn *pgx.Conn) error {
			if _, err := conn.Exec(t.Context(), fencedDistrict); err != nil {
				return err
			}
			return conn.QueryRow(t.Context(), `UPDATE patrols SET simulated = $1 RETURNING id, district_id`, simulated).Scan(&patrol.UUID, &district.UUID)
		}); err != nil {
			t.Fatal(err)
		}
		began := time.Now().Add(-time.Hour)
		if _, err := store.Turn(t.Context(), []pgtrack.Turned{{Patrol: patrol, Presence: "online", At: began}}); err != nil {
			t.Fatal(err)
		}
		grid, gone := pgtrack.FenceName{Kind: pgtrack.OwnGrid, Name: "G1,G2"}, pgtrack.FenceName{Kind: pgtrack.AroundSpot, Name: "L9"}
		for _, c := range []pgtrack.Crossed{{Patrol: patrol, FenceName: grid, Inside: true, At: began.Add(time.Minute)}, {Patrol: patrol, FenceName: grid, Why: pgtrack.WhyLost},
			{Patrol: patrol, FenceName: gone, Inside: true, At: began.Add(time.Minute)}} {
			if _, err := store.Cross(t.Context(), []pgtrack.Crossed{c}); err != nil {
				t.Fatal(err)
			}
		}
		if err := store.ForgetSides(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, found, err := store.Moments(t.Context(), dispatch.Viewer{District: district, Role: dispatch.RoleOperator}, patrol, began.Add(-time.Hour), began.Add(2*time.Hour), realtime.MomentCursor{}, 9)
		if err != nil || len(found) != 5 {
			t.Fatalf("%+v, %v", found, err)
		}
		for _, m := range found {
			if m.Simulated != simulated {
				t.Errorf("of a patrol that is played %v: %+v", simulated, m)
			}
		}
		var marked int
		if err := db.QueryRow(t.Context(), `SELECT count(*) FROM case_events WHERE patrol_id = $1 AND (body -> 'detail' ->> 'simulated')::boolean = $2`, patrol.UUID, simulated).Scan(&marked); err != nil || marked != 4 {
			t.Errorf("%d events are marked so, %v", marked, err)
		}
	}
}
