package dispatch

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
)

// secretive keeps a covert case.
type secretive struct {
	only
	secrets []Secret
}

func (s secretive) Secrets(context.Context) ([]Secret, error) { return s.secrets, nil }

// near answers everybody whoever is near, and inside what they are asked about.
type near struct {
	heard
	patrols []Patrol
}

func (n near) Within(ask WithinAsk) (out []Position, heads []Headcount) {
	for _, p := range n.patrols {
		at, known := n.heard[p.ID]
		one := Standing{PatrolID: p.ID, Point: at.Point, Presence: at.Presence, Status: p.Status, Scope: &p.Scope}
		if !known || ask.Department != "" && ask.Department != p.Department || !ask.Region.Contains(at.Point) || !ask.Admits(&one) {
			continue
		}
		if len(out) < ask.Limit {
			out = append(out, at)
		}
		i := slices.IndexFunc(heads, func(h Headcount) bool { return h.Department == p.Department })
		if i < 0 {
			i, heads = len(heads), append(heads, Headcount{Department: p.Department})
		}
		if heads[i].Count++; p.Status == Free {
			heads[i].Free++
		}
	}
	return out, heads
}

func (n near) Candidates(string, geo.Point, int) (out []Position) {
	for _, p := range n.heard {
		out = append(out, p)
	}
	return out
}

// been is where patrols were, and when.
type been map[PatrolID]map[time.Time]geo.Point

func (b been) Visited(_ context.Context, patrols []PatrolID, from, to time.Time) (out []Visit, err error) {
	for _, id := range patrols {
		for t, p := range b[id] {
			if !t.Before(from) && t.Before(to) {
				out = append(out, VisitAt(id, p))
			}
		}
	}
	return out, nil
}

// Each door that tells where patrols are, or were, tells nothing of one that a covert case
// hides to whoever does not know of the case: as if it had sent no place. Its commander and
// the patrol itself are told as ever, and so is everybody of a patrol that nothing hides.
func TestNoDoorTellsWhereAHiddenPatrolIs(t *testing.T) {
	t.Parallel()
	hour := time.Now().UTC().Truncate(time.Hour)
	claimed := hour.Add(-90 * time.Minute) // half past the hour
	commander := AccountID{UUID: NewID[caseKind]().UUID}
	for state, until := range map[string]*time.Time{"under way": nil, "done, at the target": &hour} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			w := setupCovering(t)
			store := secretive{only: w.Store.(only), secrets: []Secret{{Case: NewID[caseKind](), Areas: []string{"A", "D"}, Departments: []string{"police"},
				Commanders: []AccountID{commander}, Partakers: []PatrolID{w.ofA.ID}, Place: w.inA, Sent: []Errand{{Patrol: w.ofA.ID, From: claimed, Until: until}}}}}
			w.Store, w.Live = store, near{w.Live.(heard), store.patrols}
			w.Trails = been{
				w.ofA.ID: {claimed.Add(-45 * time.Minute): w.inB, claimed.Add(-20 * time.Minute): w.inA, claimed.Add(20 * time.Minute): w.inA},
				w.ofB.ID: {claimed.Add(20 * time.Minute): w.inB},
			}
			cells := func(from, to time.Time) func(Viewer) (int, error) {
				return func(v Viewer) (int, error) {
					found, looked, err := w.PatrolCells(t.Context(), v, 9, from, to)
					if slices.Contains(looked, w.ofA.ID) != (len(found) > 0 && slices.ContainsFunc(found, func(c CellCount) bool { return c.Cell == VisitAt(w.ofA.ID, w.inA).Cells[0] })) {
						t.Errorf("the looks that are recorded are not those that were had: %v", looked)
					}
					n := 0
					for _, c := range found {
						if c.Cell == VisitAt(w.ofA.ID, w.inA).Cells[0] {
							n += c.Count
						}
					}
					return n, err
				}
			}
			doors := map[string]func(Viewer) (int, error){
				"heat, now":                      cells(time.Time{}, time.Time{}),
				"heat, since the claim":          cells(claimed, hour),
				"heat, in the hour of the claim": cells(claimed.Add(-30*time.Minute), claimed),
				"heat, from before until after":  cells(claimed.Add(-30*time.Minute), hour.Add(time.Hour)),
				"nearest": func(v Viewer) (n int, err error) {
					found, err := w.Nearest(t.Context(), v, NearestAsk{Point: w.inA, Department: "police", Limit: 50})
					for _, p := range found {
						if p.PatrolID == w.ofA.ID {
							n++
						}
					}
					return n, err
				},
				"inside": func(v Viewer) (n int, err error) {
					found, err := w.Inside(t.Context(), v, InsideAsk{Region: geo.Around{Center: w.inA, ToM: 200}, Limit: 50})
					if len(found.Items) != found.Total || found.Total > 0 && found.Items[0].PatrolID != w.ofA.ID {
						t.Errorf("inside: %+v", found)
					}
					return found.Total, err
				},
				"coverage": func(v Viewer) (n int, err error) {
					got, err := w.Coverage(t.Context(), v, CoverageAsk{Department: "police", Res: 9})
					for _, c := range got.Cells { // the cell that it stands in is reached at once by nobody else
						if middle, _ := c.Cell.Center(); c.EtaS != nil && geo.DistanceM(middle, w.inA) < 400 && *c.EtaS < 60 {
							n = 1
						}
					}
					if slices.Contains(got.Patrols, w.ofA.ID) != (n == 1) {
						t.Errorf("counts %v", got.Patrols)
					}
					return n, err
				},
				"reach": func(v Viewer) (int, error) {
					got, err := w.Reach(t.Context(), v, ReachAsk{Patrol: w.ofA.ID, Minutes: 3})
					if KindOf(err) == Conflict {
						err = nil
					}
					return min(len(got.Cells), 1), err
				},
			}
			operator := Viewer{Role: RoleOperator, District: w.district}
			knows := operator
			knows.Account = commander
			own := Viewer{Role: RoleOfficer, District: w.district, Patrol: w.ofA.ID}
			for door, ask := range doors {
				for who, v := range map[string]Viewer{"an operator": operator, "its commander": knows, "the patrol's own officer": own, "an auditor": {Role: RoleAuditor, District: w.district}} {
					n, err := ask(v)
					if v.Role == RoleAuditor {
						if err == nil && n > 0 {
							t.Errorf("%s tells %s of %d", door, who, n)
						}
						continue
					}
					if err != nil {
						t.Fatalf("%s for %s: %v", door, who, err)
					}
					if told := n > 0; told != (v != operator) {
						t.Errorf("%s tells %s of a hidden patrol: %v", door, who, told)
					}
				}
			}
			// What nothing hides is told to all.
			found, err := w.Nearest(t.Context(), operator, NearestAsk{Point: w.inA, Department: "police", Limit: 50})
			if err != nil || !slices.ContainsFunc(found, func(p Nearest) bool { return p.PatrolID == w.ofB.ID }) {
				t.Errorf("the other is not among %v, %v", found, err)
			}
			past, _, err := w.PatrolCells(t.Context(), operator, 9, claimed.Add(-2*time.Hour), claimed.Add(-30*time.Minute))
			if err != nil || len(past) != 1 {
				t.Errorf("before the hour of the claim it was nowhere: %v, %v", past, err)
			}
		})
	}
}
