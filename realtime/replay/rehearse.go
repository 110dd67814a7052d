package replay

import (
	"time"

	"github.com/gridpatrol/gridpatrol/geo/track"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// Judge answers what a service would say to a fix that came at now: the code of a
// reject, or a verdict, empty for none.
type Judge func(f beacon.Fix, now time.Time) (reject, verdict string)

// Rehearse gives the account that Play would give, without sending anything: as if
// each point came when it is played, but not before now.
func Rehearse(plan *Plan, open OpenFile, judgeFor func(device string, speed float64) Judge, now time.Time) *Account {
	if open == nil {
		open = track.Open
	}
	a := newAccount(plan)
	a.DryRun = true
	for _, q := range plan.Queues {
		for _, t := range q.Tracks {
			one, judge := a.of[t], judgeFor(t.Device, t.speed)
			for p, err := range open(t.File) {
				if err != nil || p.Device != t.Recorder {
					continue
				}
				fix, came := t.fix(p), now
				one.Sent++
				fix.Seq = one.Sent
				if plan.Start != nil && fix.T.After(now) {
					came = fix.T
				}
				one.Acked++
				switch reject, verdict := judge(fix, came); {
				case reject != "":
					one.reject(reject, p.Line, "")
				case verdict != "":
					one.Verdicts[verdict]++
					one.example(verdict, p.Line, "")
				default:
					one.Verdicts[Good]++
				}
			}
		}
	}
	a.close()
	return a
}
