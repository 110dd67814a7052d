package whatif

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

const (
	// MostReports bounds how much is played at once, and MostSpan how long a time.
	MostReports = 20_000
	MostSpan    = 31 * 24 * time.Hour
)

// Comparison is what came of it. Columns[0] is what really happened.
type Comparison struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Reports int       `json:"reports"`
	Parts   int       `json:"parts"`
	// SlackS is how much longer than promised people took, in the middle: every arrival
	// that was played has it added.
	SlackS  float64  `json:"slack_s"`
	Columns []Column `json:"columns"`
}

// Column is one way it went, or would have gone.
type Column struct {
	Name        string    `json:"name"`
	Patrols     int       `json:"patrols"`
	All         Figures   `json:"all"`
	Departments []Figures `json:"departments"`
	Towns       []Figures `json:"towns"`
}

// Figures are of the parts of one department, of one town, or of all.
type Figures struct {
	Of       string   `json:"of"`
	Parts    int      `json:"parts"`
	Unserved int      `json:"unserved"`
	MedianS  *float64 `json:"median_s"` // of those served; null where nobody was
	P90S     *float64 `json:"p90_s"`
	WorstS   *float64 `json:"worst_s"`
	TotalS   float64  `json:"total_s"`
	// AgainstS is how much later than really, in the middle of the parts that were served
	// both ways, of which there are Both; less than nothing is sooner.
	AgainstS *float64 `json:"against_really_s"`
	Both     int      `json:"served_both_ways"`
	// UnservedReally are those among the unserved for whom somebody really came.
	UnservedReally int `json:"unserved_though_served_really"`
}

// ErrAsk is wrapped by errors that say what is wrong with a question.
var ErrAsk = errors.New("what-if")

// Compare plays what was reported from one time to another by each of the setups.
// progress, where not nil, hears how much of the time is played.
func Compare(ctx context.Context, past Past, roads Roads, from, to time.Time, setups []Setup, progress func(done, of time.Duration)) (Comparison, error) {
	if !from.Before(to) || to.Sub(from) > MostSpan {
		return Comparison{}, fmt.Errorf("%w: from %s to %s is not a time of at most %v", ErrAsk, from.Format(time.RFC3339), to.Format(time.RFC3339), MostSpan)
	}
	for _, s := range setups {
		if err := s.Check(); err != nil {
			return Comparison{}, fmt.Errorf("%w: %w", ErrAsk, err)
		}
	}
	begin := from.Add(-WarmUp)
	reports, err := past.Reports(ctx, begin, to)
	if err != nil {
		return Comparison{}, fmt.Errorf("read what was reported: %w", err)
	}
	if len(reports) > MostReports {
		return Comparison{}, fmt.Errorf("%w: %d reports are more than %d; ask for a shorter time", ErrAsk, len(reports), MostReports)
	}
	onDuty, err := past.OnDuty(ctx, begin, to.Add(GiveUp))
	if err != nil {
		return Comparison{}, fmt.Errorf("read who was on duty: %w", err)
	}
	out := Comparison{From: from, To: to}
	for _, r := range reports {
		if !r.At.Before(from) {
			out.Reports++
			out.Parts += len(r.Parts)
		}
	}
	stays, slack := habits(reports)
	out.SlackS = slack.Seconds()
	tracks := &trails{}
	plays := make([]*play, len(setups))
	for i, s := range setups {
		patrols := onDuty
		if s.Roster != nil {
			patrols = s.Roster
		}
		plays[i] = newPlay(s, patrols, reports, begin, &play{roads: roads, stays: stays, slack: slack, tracks: tracks})
	}
	// Whoever waits when the time is over is seen to the end.
	end := to.Add(GiveUp + time.Second)
	first, err := past.Fixes(ctx, begin.Add(-LostAfter), begin)
	if err != nil {
		return Comparison{}, fmt.Errorf("read tracks: %w", err)
	}
	tracks.turn(first)
	for at := begin; at.Before(end); at = at.Add(step) {
		next := at.Add(step)
		if next.After(end) {
			next = end
		}
		fixes, err := past.Fixes(ctx, at, next)
		if err != nil {
			return Comparison{}, fmt.Errorf("read tracks: %w", err)
		}
		tracks.turn(fixes)
		for _, p := range plays {
			if err := p.until(ctx, next); err != nil {
				return Comparison{}, err
			}
		}
		if progress != nil {
			progress(next.Sub(begin), end.Sub(begin))
		}
	}
	out.Columns = append(out.Columns, column("really", len(onDuty), reports, from, func(i, k int) *float64 { return reports[i].Parts[k].ArrivedS }))
	for i, p := range plays {
		came := map[[2]int]*float64{}
		for _, w := range p.all {
			came[[2]int{w.report, w.part}] = w.arrivedS
		}
		out.Columns = append(out.Columns, column(setups[i].Name(), len(p.units), reports, from, func(i, k int) *float64 { return came[[2]int{i, k}] }))
	}
	return out, nil
}

// habits are how long patrols of each department stay, in the middle, and how much
// longer than promised they take.
func habits(reports []Report) (stays map[string]time.Duration, slack time.Duration) {
	stayS, lateS := map[string][]float64{}, []float64{}
	for _, r := range reports {
		for _, p := range r.Parts {
			if p.StayS != nil {
				stayS[p.Department] = append(stayS[p.Department], *p.StayS)
			}
			if p.LateS != nil {
				lateS = append(lateS, *p.LateS)
			}
		}
	}
	stays = map[string]time.Duration{}
	for d, list := range stayS {
		slices.Sort(list)
		stays[d] = seconds(*quantile(list, 0.5))
	}
	slices.Sort(lateS)
	if mid := quantile(lateS, 0.5); mid != nil {
		slack = max(0, seconds(*mid).Round(time.Second))
	}
	return stays, slack
}

// column gathers when parts were served.
func column(name string, patrols int, reports []Report, from time.Time, served func(report, part int) *float64) Column {
	c := Column{Name: name, Patrols: patrols}
	all, departments, towns := tally{}, map[string]*tally{}, map[string]*tally{}
	in := func(m map[string]*tally, key string) *tally {
		if m[key] == nil {
			m[key] = &tally{}
		}
		return m[key]
	}
	for i, r := range reports {
		if r.At.Before(from) {
			continue // only there so that not everybody is free
		}
		for k, p := range r.Parts {
			s := served(i, k)
			for _, t := range []*tally{&all, in(departments, p.Department), in(towns, cmp.Or(r.Town, "-"))} {
				t.add(s, p.ArrivedS)
			}
		}
	}
	c.All = all.figures("all")
	c.Departments, c.Towns = sorted(departments), sorted(towns)
	return c
}

func sorted(m map[string]*tally) []Figures {
	out := []Figures{}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[key].figures(key))
	}
	return out
}

type tally struct {
	parts, missed int
	s, against    []float64
}

func (t *tally) add(served, really *float64) {
	t.parts++
	switch {
	case served != nil:
		t.s = append(t.s, *served)
		if really != nil {
			t.against = append(t.against, *served-*really)
		}
	case really != nil:
		t.missed++
	}
}

func (t *tally) figures(of string) Figures {
	slices.Sort(t.s)
	slices.Sort(t.against)
	f := Figures{AgainstS: quantile(t.against, 0.5), Both: len(t.against), Of: of, Parts: t.parts, Unserved: t.parts - len(t.s), UnservedReally: t.missed,
		MedianS: quantile(t.s, 0.5), P90S: quantile(t.s, 0.9), WorstS: quantile(t.s, 1)}
	for _, s := range t.s {
		f.TotalS += s
	}
	f.TotalS = math.Round(f.TotalS*10) / 10
	return f
}

// quantile is the smallest value that at least the share q of a sorted list do not
// exceed, nil of an empty one.
func quantile(sorted []float64, q float64) *float64 {
	if len(sorted) == 0 {
		return nil
	}
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	v := math.Round(sorted[max(0, i)]*10) / 10
	return &v
}
