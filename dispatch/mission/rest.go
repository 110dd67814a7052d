package mission

import "slices"

// Rested gives the team in which whoever was sent often lately is replaced by
// somebody who was sent less and is there at most withinMS later or sooner, with as
// many people and every skill that counted. The three figures are made anew; the
// last arrival grows by withinMS at most.
func Rested(wants []Want, team Team, withinMS int64) Team {
	out := Team{Chosen: make([][]int, len(wants)), Lacks: slices.Clone(team.Lacks)}
	first := int64(-1)
	for i, chosen := range team.Chosen {
		w := wants[i]
		taken := slices.Clone(chosen)
		for n, k := range taken {
			now, best := w.Candidates[k], k
			for j, c := range w.Candidates {
				away := c.ArrivalMS - now.ArrivalMS
				if c.Load < w.Candidates[best].Load && max(away, -away) <= withinMS && !slices.Contains(taken, j) &&
					c.People >= now.People && now.Skills&w.Skills&^c.Skills == 0 {
					best = j
				}
			}
			taken[n] = best
		}
		slices.Sort(taken)
		out.Chosen[i] = taken
		for _, k := range taken {
			at := w.Candidates[k].ArrivalMS
			out.TotalMS += at
			out.LatestMS = max(out.LatestMS, at)
			if first < 0 || at < first {
				first = at
			}
		}
	}
	out.SpreadMS = out.LatestMS - max(first, 0)
	return out
}
