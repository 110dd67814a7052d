package dispatch

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// Explain writes for a person why a case went to whom: the grid that is
// responsible, and for each plan every candidate with minutes by road and by air,
// the age of the fix, the rank, and why not. The case is given by number or id.
//
// Each plan is made again from the input that was stored with it, and the text
// says whether it comes out the same to the byte.
func Explain(ctx context.Context, store CaseStore, ref string) (string, error) {
	var id CaseID
	if u, err := uuid.Parse(ref); err == nil {
		id.UUID, ref = u, ""
	}
	c, err := store.Case(ctx, id, ref)
	if err != nil {
		return "", err
	}
	plans, err := store.Plans(ctx, c.ID)
	if err != nil {
		return "", fmt.Errorf("read plans of case %s: %w", c.Number, err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "case %s  %s  category %s (%s)  stage %s  dispatch %s\n", c.Number, c.ID, c.Category, c.Urgency, c.Stage, c.Dispatch)
	fmt.Fprintf(&b, "place %.6f, %.6f  cell %s  reported %s\n", c.Lon, c.Lat, c.Cell, c.MadeAt.Format("2006-01-02 15:04:05Z07:00"))
	explainGrid(&b, c)
	for _, d := range c.Departments {
		fmt.Fprintf(&b, "calls %s as %s: %s\n", d.Code, d.Part, d.Because)
	}
	if len(plans) == 0 {
		b.WriteString("\nno plan has been made\n")
	}
	for i, p := range plans {
		if err := explainPlan(ctx, &b, i+1, p); err != nil {
			return "", fmt.Errorf("plan %d of case %s: %w", i+1, c.Number, err)
		}
	}
	return b.String(), nil
}

func explainGrid(b *strings.Builder, c Case) {
	if c.Responsible.Code == nil {
		b.WriteString("no grid is responsible: none lies within 2 km\n")
		return
	}
	fmt.Fprintf(b, "responsible grid %s (%s), share %.0f %%, %s", *c.Responsible.Code, *c.Responsible.Kind, 100*c.Responsible.Share, c.Responsible.Basis)
	if c.Responsible.DistanceM != nil {
		fmt.Fprintf(b, " at %.0f m", *c.Responsible.DistanceM)
	}
	if c.RunnerUp != nil && c.RunnerUp.Code != nil {
		fmt.Fprintf(b, "; runner-up %s, share %.0f %%", *c.RunnerUp.Code, 100*c.RunnerUp.Share)
	}
	b.WriteByte('\n')
}

func explainPlan(ctx context.Context, b *strings.Builder, n int, p PlanRecord) error {
	var in PlanInput
	var out Plan
	if err := json.Unmarshal(p.Input, &in); err != nil {
		return fmt.Errorf("read input: %w", err)
	}
	if err := json.Unmarshal(p.Output, &out); err != nil {
		return fmt.Errorf("read output: %w", err)
	}
	replayed := "replays to the byte"
	if again, err := Replay(p.Input); err != nil {
		replayed = "cannot be replayed: " + err.Error()
	} else if !bytes.Equal(again, p.Output) {
		replayed = "DOES NOT replay: what is stored is not what the rules answer"
	}
	fmt.Fprintf(b, "\nplan %d (%s), because %s, at %s; %s\n", n, p.State, p.Why, in.Now.Format("15:04:05Z07:00"), replayed)
	explainTeam(b, out)
	for _, team := range out.Teams {
		fmt.Fprintf(b, "  %s %s: %s (%d considered)\n", cmp.Or(team.Part, strings.ReplaceAll(team.Kind, "_", " ")), team.Department, outcomeOf(team), team.Considered)
		table := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(table, "rank\tpatrol\tmode\troad min\troad km\tair min\tfix age s\t\tnot chosen because\t")
		for _, c := range team.Candidates {
			because := "goes"
			if c.RejectedBecause != nil {
				because = *c.RejectedBecause
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", orDash(rankText(c.Rank)), c.Code, c.Mode, orDash(minutes(c.EtaS)),
				orDash(scaled(c.RoadM, 1000, "%.1f")), orDash(airMinutes(ctx, c, in.Place)), orDash(scaled(c.FixAgeS, 1, "%.0f")), stand(c), because)
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// outcomeOf is who goes of a department, or why nobody does, and what is lacking still.
func outcomeOf(team Pick) string {
	if team.Chosen == nil {
		return "nobody: " + strings.ReplaceAll(string(team.Shortfall), "_", " ")
	}
	if team.OnScene {
		return team.Candidates[0].Code + " is there already"
	}
	var codes []string
	for _, c := range team.Candidates {
		if slices.Contains(team.going(), c.PatrolID) {
			codes = append(codes, c.Code)
		}
	}
	out := strings.Join(codes, ", ") + " goes"
	if len(codes) > 1 {
		out = strings.Join(codes, ", ") + " go"
	}
	if l := team.Lacks; l != nil {
		if l.People > 0 {
			out += fmt.Sprintf(", %d people short", l.People)
		}
		if len(l.Skills) > 0 {
			out += ", without " + strings.Join(l.Skills, ", ")
		}
	}
	return out
}

// explainTeam tells of a plan of several patrols how they arrive, and whom that leaves
// without police.
func explainTeam(b *strings.Builder, out Plan) {
	if t := out.Team; t != nil {
		fmt.Fprintf(b, "  together: %d patrols, the last there in %s min, the first waits %s min for it\n", t.Patrols, minutes(&t.LatestS), minutes(&t.SpreadS))
	}
	if c := out.Cover; c != nil {
		var towns, next []string
		for _, t := range c.Towns {
			towns = append(towns, t.Name)
		}
		for _, n := range c.Next {
			next = append(next, n.Code)
		}
		fmt.Fprintf(b, "  leaves %s without police within %d min; ", strings.Join(towns, ", "), CoverWithinS/60)
		if c.NextLatestS == nil {
			b.WriteString("no team leaves none\n")
		} else {
			fmt.Fprintf(b, "the best team that leaves none: %s, the last there in %s min\n", strings.Join(next, ", "), minutes(c.NextLatestS))
		}
	}
}

func rankText(rank *int) string {
	if rank == nil {
		return ""
	}
	return fmt.Sprint(*rank)
}

func minutes(s *float64) string { return scaled(s, 60, "%.1f") }

// airMinutes is what the stand-in without roads would promise.
func airMinutes(ctx context.Context, c Candidate, place geo.Point) string {
	mode, err := road.ParseMode(string(c.Mode))
	if err != nil || c.Lon == nil || c.Lat == nil {
		return ""
	}
	times, err := road.Straight{}.ManyToOne(ctx, mode, []geo.Point{{Lon: *c.Lon, Lat: *c.Lat}}, place)
	if err != nil {
		return ""
	}
	return minutes(&times[0].DurationS)
}

// stand says where times are estimates.
func stand(c Candidate) string {
	if c.EtaKind != nil && *c.EtaKind == road.KindStraight {
		return "straight"
	}
	return ""
}

func scaled(v *float64, by float64, format string) string {
	if v == nil {
		return ""
	}
	return fmt.Sprintf(format, *v/by)
}

func orDash(s string) string { return cmp.Or(s, "-") }
