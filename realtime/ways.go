package realtime

import (
	"slices"
	"time"
)

// What is sent after a gap comes in one message, of which the live map shows the newest
// place alone. Whoever asks where the patrol went meanwhile hears of the way.

const (
	// wayLeast is how long a way takes that is worth telling: below it the newest place
	// tells as much.
	wayLeast = 2 * time.Second
	// mailboxWay bounds the places of ways that wait for one reader; a way beyond it is not
	// told.
	mailboxWay = 20_000
)

// tellWays tells of the ways in what is on disk now: places without a doubt but that of
// their age, in order of their times.
func (b *BeaconServer) tellWays(track []TrackFix) {
	for len(track) > 0 {
		n := 1
		for n < len(track) && track[n].Patrol == track[0].Patrol {
			n++
		}
		run := track[:n]
		track = track[n:]
		if n == 1 || run[n-1].shown.T.Sub(run[0].shown.T).Abs() < wayLeast {
			continue
		}
		way := make([]Place, 0, n)
		for i := range run {
			if f := &run[i]; (f.Verdict &^ Late).shows() {
				way = append(way, f.place())
			}
		}
		slices.SortStableFunc(way, func(x, y Place) int { return x.T.Compare(y.T) })
		if len(way) > 1 {
			b.bus.Publish(Message{Way: way})
		}
	}
}
