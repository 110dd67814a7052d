package api_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/proof"
	"github.com/gridpatrol/gridpatrol/proof/pgproof"
)

// Ten days of a grid, lived through its doors as they went by: an import, a worker who is
// replaced, a substitute, a shift that is cut short, a new map. An auditor asks afterwards,
// and is told whose night it was, what it rests on and who had set it so; and that is
// written down.
func TestAnAuditorAsksWhatAnAnswerRestsOn(t *testing.T) {
	t.Parallel()
	b, store, atlas, at := setupMay(t)
	record := func(tx pgx.Tx, kind string, detail map[string]any) error {
		return pgproof.Record(t.Context(), tx, proof.Entry{Kind: kind, Actor: proof.Command, Detail: detail})
	}
	drawn := func(prefix string, from, until time.Time) map[string]string {
		grids := b.drawGrids(prefix, from, until)
		version := ask[string](b, `SELECT version_id::text FROM grids WHERE id = $1`, grids[prefix+"1"])
		if err := b.db.Tx(t.Context(), func(tx pgx.Tx) error {
			return record(tx, "map.activated", map[string]any{"map": version, "grids": 5, "from": from.UTC()})
		}); err != nil {
			t.Fatal(err)
		}
		return grids
	}
	leader := b.as(dispatch.RoleTownLeader, func(a *account) { a.username = "leader" }, inTown)
	people, patrols := map[string]string{}, map[string]string{}
	for _, code := range []string{"chen", "lin", "zhao", "xu", "wu"} {
		people[code], patrols[code] = b.person(code), uuid.NewString()
		b.exec(`INSERT INTO patrols (id, district_id, code, name, department, mode, area_code) VALUES ($1, $2, $3, $3, 'grid', 'foot', '331004001')`, patrols[code], pgdb.District, "P-"+code)
	}
	post := func(path string, body map[string]any) api.Shift {
		t.Helper()
		r := b.want(http.StatusCreated, call{method: "POST", path: "/api/v1" + path, token: leader, body: body})
		if strings.HasSuffix(path, "/shifts") {
			return read[api.Shift](t, r)
		}
		return api.Shift{}
	}
	shift := func(code string, from, until time.Time) api.Shift {
		t.Helper()
		return post("/patrols/"+patrols[code]+"/shifts", map[string]any{"from": from, "until": until})
	}
	join := func(patrol, code string) {
		t.Helper()
		post("/patrols/"+patrols[patrol]+"/members", map[string]any{"staff_id": people[code], "move": true})
	}

	pgtest.Freeze(t, b.db, at(1, 7, 0))
	old := drawn("G-", at(1, 0, 0).AddDate(0, -3, 0), at(4, 0, 0))
	grid := "/grids/" + old["G-1"] + "/people"
	if err := b.db.Tx(t.Context(), func(tx pgx.Tx) error { // what an import of staff does
		if _, err := tx.Exec(t.Context(), `INSERT INTO grid_staff (district_id, grid_code, staff_id, part, valid) VALUES ($1, 'G-1', $2, 'chief', tstzrange(gp_now(), NULL))`, pgdb.District, people["xu"]); err != nil {
			return err
		}
		return record(tx, "register.changed", map[string]any{"changes": []map[string]string{{"what": "post", "code": "xu", "change": "added"}}})
	}); err != nil {
		t.Fatal(err)
	}
	post(grid, map[string]any{"staff_id": people["chen"], "part": "worker"})
	post(grid, map[string]any{"staff_id": people["chen"], "part": "part_timer", "until": at(1, 23, 0)})
	join("chen", "chen")
	join("zhao", "zhao")
	shift("chen", at(1, 8, 0), at(1, 18, 0))
	pgtest.Freeze(t, b.db, at(2, 7, 30))
	post(grid, map[string]any{"staff_id": people["lin"], "part": "worker", "move": true})
	join("lin", "lin")
	join("lin", "xu") // in the same moment
	join("chen", "zhao")
	shift("lin", at(2, 8, 0), at(2, 18, 0))
	shift("lin", at(3, 8, 0), at(3, 18, 0))
	pgtest.Freeze(t, b.db, at(3, 17, 0))
	post(grid, map[string]any{"staff_id": people["zhao"], "part": "substitute", "from": at(3, 18, 0), "until": at(3, 23, 0)})
	join("zhao", "zhao")
	night := shift("zhao", at(3, 18, 0), at(3, 23, 0))
	pgtest.Freeze(t, b.db, at(3, 20, 0))
	b.want(http.StatusOK, call{method: "PUT", path: "/api/v1/shifts/" + night.Id.String(), token: leader, body: map[string]any{"until": at(3, 22, 30)}})
	pgtest.Freeze(t, b.db, at(4, 9, 0))
	redrawn := drawn("N-", at(4, 0, 0), time.Time{})
	post("/grids/"+redrawn["N-1"]+"/people", map[string]any{"staff_id": people["wu"], "part": "worker"})
	join("wu", "wu")
	join("wu", "zhao")
	shift("wu", at(6, 8, 0), at(6, 18, 0))
	pgtest.Freeze(t, b.db, at(10, 12, 0))
	versions, _, err := store.MapVersions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	atlas.Replace(versions)
	b.seal()

	zone := at(10, 0, 0).Location()
	clock := func(at *time.Time) string {
		if at == nil {
			return "-"
		}
		return at.In(zone).Format("2 15:04")
	}
	// One line a person: part, name, the shift of that moment; then a line for each row
	// that it rests on, with who set it when.
	said := func(got api.ResponsibleThen) (out []string) {
		for _, p := range got.People {
			line := fmt.Sprintf("%s %s", p.Part, p.Name)
			if p.StandsInFor != nil {
				line += " for " + p.StandsInFor.Name
			}
			if p.Shift != nil {
				line += fmt.Sprintf(", %s from %s to %s", p.Shift.Source, clock(p.Shift.From), clock(p.Shift.Until))
			}
			if p.OnDuty != (p.Shift != nil) {
				t.Errorf("%s is on duty %v in the shift %+v", p.Name, p.OnDuty, p.Shift)
			}
			out = append(out, line)
			for _, s := range p.Sources {
				line := fmt.Sprintf("  %s %s to %s:", s.What, clock(s.Since), clock(s.Until))
				for _, c := range s.Changes {
					line += fmt.Sprintf(" %s %s by %s%s", clock(&c.At), c.Kind, c.By, strings.TrimPrefix(c.Actor, "account:"+accountOf(b, "leader")))
					if c.Position == nil || *c.Position == 0 || c.Hash == nil || len(*c.Hash) != 64 {
						t.Errorf("%s of %s stands at %v in the chain", c.Kind, p.Name, c.Position)
					}
				}
				out = append(out, line)
			}
		}
		return out
	}
	auditor := b.as(dispatch.RoleAuditor)
	asked := func(when time.Time, token string) api.ResponsibleThen {
		t.Helper()
		return read[api.ResponsibleThen](t, b.want(http.StatusOK, call{token: token,
			path: "/api/v1/responsible?lon=121.3851&lat=28.5851&at=" + url.QueryEscape(when.Format(time.RFC3339))}))
	}
	chief := []string{"chief xu", "  post 1 07:00 to -: 1 07:00 register.changed by command", "  member 2 07:30 to -: 2 07:30 member.begins by leader"}
	lin := []string{"  post 2 07:30 to -: 2 07:30 post.begins by leader", "  member 2 07:30 to -: 2 07:30 member.begins by leader"}
	for _, row := range []struct {
		when    time.Time
		grid    string
		answers string
		said    []string
	}{
		{at(1, 10, 0), old["G-1"], "chen", slices.Concat([]string{"worker chen, shift from 1 08:00 to 1 18:00", "  post 1 07:00 to 2 07:30: 1 07:00 post.begins by leader 2 07:30 post.begins by leader",
			"  member 1 07:00 to -: 1 07:00 member.begins by leader", "  shift 1 08:00 to 1 18:00: 1 07:00 shift.added by leader",
			"part_timer chen, shift from 1 08:00 to 1 18:00", "  post 1 07:00 to 1 23:00: 1 07:00 post.begins by leader", "  member 1 07:00 to -: 1 07:00 member.begins by leader",
			"  shift 1 08:00 to 1 18:00: 1 07:00 shift.added by leader"}, chief[:2])},
		{at(3, 21, 40), old["G-1"], "zhao", slices.Concat([]string{"worker lin"}, lin, []string{"substitute zhao for lin, shift from 3 18:00 to 3 22:30",
			"  post 3 18:00 to 3 23:00: 3 17:00 post.begins by leader", "  member 3 17:00 to 4 09:00: 3 17:00 member.begins by leader 4 09:00 member.begins by leader",
			"  shift 3 18:00 to 3 22:30: 3 17:00 shift.added by leader 3 20:00 shift.changed by leader"}, chief)},
		{at(3, 22, 45), old["G-1"], "xu", slices.Concat([]string{"worker lin"}, lin, []string{"substitute zhao for lin", "  post 3 18:00 to 3 23:00: 3 17:00 post.begins by leader",
			"  member 3 17:00 to 4 09:00: 3 17:00 member.begins by leader 4 09:00 member.begins by leader"}, chief)},
		{at(6, 9, 0), redrawn["N-1"], "wu", []string{"worker wu, shift from 6 08:00 to 6 18:00", "  post 4 09:00 to -: 4 09:00 post.begins by leader",
			"  member 4 09:00 to -: 4 09:00 member.begins by leader", "  shift 6 08:00 to 6 18:00: 4 09:00 shift.added by leader"}},
	} {
		got := asked(row.when, auditor)
		if got.Responsible.GridId == nil || got.Responsible.GridId.String() != row.grid || got.Answers == nil || got.Answers.String() != people[row.answers] {
			t.Errorf("at %s: grid %v, %v answers; want %s, %s", row.when, got.Responsible.GridId, got.Answers, row.grid, row.answers)
		}
		if is, want := strings.Join(said(got), "\n"), strings.Join(row.said, "\n"); is != want {
			t.Errorf("at %s it is said:\n%s\nwant:\n%s", row.when, is, want)
		}
		if len(got.MapChanges) != 1 || got.MapChanges[0].Kind != "map.activated" || got.MapChanges[0].Actor != "command" || got.MapChanges[0].Position == nil {
			t.Errorf("at %s the map rests on %+v", row.when, got.MapChanges)
		}
	}

	// Each look stands in the record with whom it showed; one that showed nobody does not.
	const looks = `SELECT count(*) FROM case_events WHERE kind = 'viewed.responsible'`
	if n := ask[int](b, looks); n != 4 {
		t.Errorf("%d looks are written down of 4", n)
	}
	if n := ask[int](b, looks+` AND body->>'role' = 'auditor' AND body->'detail' @> jsonb_build_object('grid', 'G-1', 'staff', jsonb_build_array($1::text))
	  AND (body->'detail'->>'at')::timestamptz = $2`, people["zhao"], at(3, 21, 40)); n != 1 {
		t.Errorf("of the look at zhao's night %d events tell", n)
	}
	if got := asked(at(4, 8, 0), auditor); got.Responsible.GridId == nil || got.Responsible.GridId.String() != redrawn["N-1"] || len(got.People) != 0 || ask[int](b, looks) != 4 {
		t.Errorf("before the new grid had people: %+v, and %d looks are written down", got, ask[int](b, looks))
	}
	if got := asked(at(3, 21, 40), b.as(dispatch.RoleTownLeader, within("331004002"))); len(got.People) != 0 || ask[int](b, looks) != 4 {
		t.Errorf("a leader elsewhere is told %+v, and %d looks are written down", got.People, ask[int](b, looks))
	}
}

// seal chains every event there is: one try leaves out what a transaction may still come
// before, also one of another database of the cluster.
func (b *bundle) seal() {
	b.t.Helper()
	sealer := &pgproof.Sealer{DB: b.db, District: pgdb.District, Log: slog.New(slog.DiscardHandler)}
	for all := ask[int](b, `SELECT count(*) FROM case_events`); ask[int](b, `SELECT count(*) FROM event_chain`) < all; {
		if _, err := sealer.Seal(b.t.Context()); err != nil {
			b.t.Fatal(err)
		}
	}
}

func accountOf(b *bundle, username string) string {
	b.t.Helper()
	return ask[string](b, `SELECT id::text FROM accounts WHERE username = $1`, username)
}
