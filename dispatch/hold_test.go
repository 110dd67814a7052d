package dispatch

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// hours is a time of the tests: so many hours after the beginning.
func hours(n int) time.Time {
	return time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Hour)
}

func ids[K any](n int) []ID[K] {
	out := make([]ID[K], n)
	for i := range out {
		out[i].UUID = uuid.UUID{15: byte(i + 1)}
	}
	return out
}

// apply is what a store does with edits. It fails where an edit names no row, as a
// store does.
func apply(t interface{ Fatalf(string, ...any) }, rows []Hold, edits []Edit) []Hold {
	for _, e := range edits {
		if e.Was != nil {
			i := slices.IndexFunc(rows, func(h Hold) bool { return h == *e.Was })
			if i < 0 {
				t.Fatalf("an edit names a row that is not there: %+v", *e.Was)
			}
			rows = slices.Delete(slices.Clone(rows), i, i+1)
		}
		if e.Now != nil {
			rows = append(rows, *e.Now)
		}
	}
	return rows
}

// Whatever is laid and cut, in whatever order, no two rows contradict each other at
// any instant, no row is empty, and at every instant the register says what a list of
// instants would say that was written over by each change.
func TestDatedRowsNeverOverlap(t *testing.T) {
	t.Parallel()
	const span = 40 // hours looked at; half hours in between are instants too
	people, patrols := ids[staffKind](3), ids[patrolKind](3)
	grids := []string{"G-1", "G-2"}
	kinds := map[string]struct {
		kind HoldKind
		draw func(*rapid.T) Hold
		// slot is what two holds that clash have in common, told is what it says.
		slot, told func(Hold) any
	}{
		"members": {MemberHold, func(r *rapid.T) Hold {
			return Hold{Staff: rapid.SampledFrom(people).Draw(r, "who"), Patrol: rapid.SampledFrom(patrols).Draw(r, "where")}
		}, func(h Hold) any { return h.Staff }, func(h Hold) any { return h.Patrol }},
		"workers": {PostHold, func(r *rapid.T) Hold {
			return Hold{Staff: rapid.SampledFrom(people).Draw(r, "who"), Grid: rapid.SampledFrom(grids).Draw(r, "grid"), Part: "worker"}
		}, func(h Hold) any { return h.Grid }, func(h Hold) any { return h.Staff }},
		"part-timers": {PostHold, func(r *rapid.T) Hold {
			return Hold{Staff: rapid.SampledFrom(people).Draw(r, "who"), Grid: rapid.SampledFrom(grids).Draw(r, "grid"), Part: "part_timer"}
		}, func(h Hold) any { return [2]any{h.Grid, h.Staff} }, func(Hold) any { return "yes" }},
	}
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(r *rapid.T) {
				var rows []Hold
				model := map[any][]any{} // slot to what holds at each half hour
				write := func(h Hold, s Span, what any) {
					slot := k.slot(h)
					if model[slot] == nil {
						model[slot] = make([]any, 2*span)
					}
					for i := range model[slot] {
						if s.Holds(hours(0).Add(time.Duration(i) * 30 * time.Minute)) {
							model[slot][i] = what
						}
					}
				}
				for range rapid.IntRange(1, 12).Draw(r, "steps") {
					if len(rows) > 0 && rapid.Bool().Draw(r, "cut") {
						row := rapid.SampledFrom(rows).Draw(r, "row")
						at := hours(rapid.IntRange(0, span-1).Draw(r, "at"))
						if !row.endsAfter(at) {
							continue // nothing to end: nextOf finds no such row
						}
						rows = apply(r, rows, []Edit{cut(row, at)})
						write(row, Span{maxTime(at, row.From), row.Until}, nil)
						continue
					}
					want := k.draw(r)
					from := rapid.IntRange(0, span-2).Draw(r, "from")
					want.From = hours(from)
					if rapid.Bool().Draw(r, "ends") {
						want.Until = hours(rapid.IntRange(from+1, span-1).Draw(r, "until"))
					}
					edits, _ := lay(k.kind, rows, want)
					rows = apply(r, rows, edits)
					write(want, want.Span, k.told(want))
				}
				for i, a := range rows {
					if a.Empty() {
						r.Fatalf("an empty row: %+v", a)
					}
					for _, b := range rows[i+1:] {
						if k.kind.clash(a, b) && a.Meets(b.Span) {
							r.Fatalf("two rows contradict each other:\n%+v\n%+v", a, b)
						}
					}
				}
				for slot, instants := range model {
					for i, want := range instants {
						at := hours(0).Add(time.Duration(i) * 30 * time.Minute)
						var got any
						if h, ok := inForce(rows, at, func(h Hold) bool { return k.slot(h) == slot }); ok {
							got = k.told(h)
						}
						if got != want {
							r.Fatalf("at %s: %v, want %v", at, got, want)
						}
					}
				}
			})
		})
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func TestMovingEndsAndBeginsAtOneInstant(t *testing.T) {
	t.Parallel()
	p, w := ids[patrolKind](2), ids[staffKind](1)[0]
	in := func(patrol PatrolID, from, until int) Hold {
		h := Hold{Staff: w, Patrol: patrol, Span: Span{From: hours(from)}}
		if until > 0 {
			h.Until = hours(until)
		}
		return h
	}
	for name, row := range map[string]struct {
		rows      []Hold
		want      Hold
		after     []Hold
		displaced int
	}{
		"into nothing":                    {nil, in(p[0], 8, 0), []Hold{in(p[0], 8, 0)}, 0},
		"from another patrol for good":    {[]Hold{in(p[0], 0, 0)}, in(p[1], 8, 0), []Hold{in(p[0], 0, 8), in(p[1], 8, 0)}, 1},
		"for a while, and back":           {[]Hold{in(p[0], 0, 0)}, in(p[1], 8, 12), []Hold{in(p[0], 0, 8), in(p[1], 8, 12), in(p[0], 12, 0)}, 1},
		"right after what ends":           {[]Hold{in(p[0], 0, 8)}, in(p[1], 8, 0), []Hold{in(p[0], 0, 8), in(p[1], 8, 0)}, 0},
		"right before what begins":        {[]Hold{in(p[0], 8, 0)}, in(p[1], 4, 8), []Hold{in(p[0], 8, 0), in(p[1], 4, 8)}, 0},
		"over what was planned":           {[]Hold{in(p[0], 10, 11)}, in(p[1], 8, 0), []Hold{in(p[1], 8, 0)}, 1},
		"at the instant the other begins": {[]Hold{in(p[0], 8, 0)}, in(p[1], 8, 0), []Hold{in(p[1], 8, 0)}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			edits, displaced := lay(MemberHold, row.rows, row.want)
			got := apply(t, row.rows, edits)
			byTime := func(a, b Hold) int { return a.From.Compare(b.From) }
			slices.SortFunc(got, byTime)
			slices.SortFunc(row.after, byTime)
			if d := cmp.Diff(row.after, got); d != "" {
				t.Error(d)
			}
			if len(displaced) != row.displaced {
				t.Errorf("displaced %d rows, want %d", len(displaced), row.displaced)
			}
		})
	}
}

func TestManages(t *testing.T) {
	t.Parallel()
	thing := Thing{District: DistrictID{UUID: uuid.UUID{1}}, Areas: []string{"V1", "T1", "D"}, Departments: []string{"grid"}}
	v := func(role Role, area, department string) Viewer {
		return Viewer{District: thing.District, Role: role, AreaCode: area, Department: department, Patrol: PatrolID{UUID: uuid.UUID{7}}}
	}
	for name, row := range map[string]struct {
		viewer Viewer
		may    bool
	}{
		"operator of the district":      {v(RoleOperator, "", ""), true},
		"leader of the town":            {v(RoleTownLeader, "T1", ""), true},
		"leader of another town":        {v(RoleTownLeader, "T2", ""), false},
		"leader without a town":         {v(RoleTownLeader, "", ""), false},
		"officer of the department":     {v(RoleOfficer, "", "grid"), true},
		"officer of another department": {v(RoleOfficer, "", "police"), false},
		"officer without a department":  {v(RoleOfficer, "", ""), false},
		"worker of the very patrol":     {v(RoleGridWorker, "", ""), false},
		"supervisor, who only looks":    {v(RoleDistrictSupervisor, "", ""), false},
		"device of the very patrol":     {v(RoleDevice, "", ""), false},
		"operator of another district":  {Viewer{District: DistrictID{UUID: uuid.UUID{9}}, Role: RoleOperator}, false},
	} {
		thing := thing
		thing.Patrols = []PatrolID{row.viewer.Patrol}
		if got := Manages(row.viewer, ActManagePeople, thing); got != row.may {
			t.Errorf("%s: %v, want %v", name, got, row.may)
		}
	}
}
