package mission

import "slices"

// Town is a place that must not be left without: whoever of the candidates, or of
// patrols that are none, could be there in time.
type Town struct {
	// Near are the candidates that could be there in time.
	Near []Seat
	// Others says that patrols which are no candidates could, so that the town is safe
	// whoever goes.
	Others bool
}

// Seat names a candidate of a want, both by index.
type Seat struct{ Want, Candidate int }

// Left are the indices of the towns that a team would leave without anybody. A town
// that nobody is near to before the team goes is not left by it.
func Left(team Team, towns []Town) []int {
	var left []int
	for t, town := range towns {
		if town.Others || len(town.Near) == 0 {
			continue
		}
		if !slices.ContainsFunc(town.Near, func(s Seat) bool { return !goes(team, s) }) {
			left = append(left, t)
		}
	}
	return left
}

func goes(team Team, s Seat) bool { return slices.Contains(team.Chosen[s.Want], s.Candidate) }

// mostTries bounds how many teams Keeping looks at.
const mostTries = 256

// Keeping gives the best team that leaves no town without, in the order of Choose
// and filling the wants that Choose fills; ok is false where there is none, or none
// was found within a bounded number of tries.
//
// Somebody near each town must stay, so where a team leaves one, the search parts:
// once without each of those who are near it. What is best without some can only be
// as good as with them, so the best of the open parts is looked at first, and the
// first that leaves no town is the best there is.
func Keeping(wants []Want, towns []Town) (team Team, ok bool, err error) {
	if err := check(wants); err != nil {
		return Team{}, false, err
	}
	whole := choose(wants, nil)
	type part struct {
		team   Team
		barred map[seat]bool
	}
	open := []part{{whole, map[seat]bool{}}}
	for range mostTries {
		if len(open) == 0 {
			return Team{}, false, nil
		}
		at := 0
		for i := range open {
			if better(open[i].team, open[at].team) {
				at = i
			}
		}
		p := open[at]
		open = slices.Delete(open, at, at+1)
		left := Left(p.team, towns)
		if len(left) == 0 {
			return p.team, true, nil
		}
		for _, s := range towns[left[0]].Near {
			barred := map[seat]bool{{s.Want, s.Candidate}: true}
			for b := range p.barred {
				barred[b] = true
			}
			next := choose(wants, barred)
			if slices.Equal(lacking(next), lacking(whole)) {
				open = append(open, part{next, barred})
			}
		}
	}
	return Team{}, false, nil
}

func lacking(t Team) []bool {
	out := make([]bool, len(t.Lacks))
	for i, l := range t.Lacks {
		out[i] = l != (Lack{})
	}
	return out
}

// better is the order of Choose.
func better(a, b Team) bool {
	if a.LatestMS != b.LatestMS {
		return a.LatestMS < b.LatestMS
	}
	if a.SpreadMS != b.SpreadMS {
		return a.SpreadMS < b.SpreadMS
	}
	return a.TotalMS < b.TotalMS
}
