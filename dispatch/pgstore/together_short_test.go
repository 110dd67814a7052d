package pgstore_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// Two reports wait together and there is one patrol: the case that does not get it is told
// what any other would be, who was looked at and who is free soonest, which is the one that
// went to the other. A report that comes alone a moment later is told the same.
func TestAShortfallOfABatchSaysWhoIsFreeSoonest(t *testing.T) {
	t.Parallel()
	for _, off := range []bool{false, true} {
		name := "by its work"
		if off {
			name = "by the next shift"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.ordinary("O05", "police")
			w.ordinary("O06", "police")
			w.setStatus("P2", "break") // nobody knows until when
			if off {
				w.setStatus("P2", "off_duty")
				w.exec(`UPDATE duties SET during = tstzrange(gp_now() + interval '15 min', gp_now() + interval '8 h') WHERE patrol_id = $1`, w.ids["P2"].UUID)
			}
			near, far := w.fileAt("O05", 400), w.fileAt("O06", 800)
			pgtest.Advance(t, w.db, 3*time.Second)
			w.poll(w.node())
			eq(t, "who goes to the near one", who(w.see(near.ID).Case, "police"), "P1")
			said := func(c dispatch.Case) dispatch.Shortfall {
				t.Helper()
				for _, f := range w.see(c.ID).Shortfalls {
					if f.Department == "police" {
						return f
					}
				}
				t.Fatalf("case %s lacks nobody: %+v", c.Number, w.see(c.ID).Shortfalls)
				return dispatch.Shortfall{}
			}
			short := said(far)
			want := "P1"
			if off {
				want = "P2"
			}
			if short.Soonest == nil || short.Soonest.Code != want || short.Soonest.Estimated == off {
				t.Fatalf("the case that falls short by the match is told %+v, want that %s is free soonest", short.Soonest, want)
			}
			if len(short.Who) == 0 || !strings.Contains(short.Who[0].Because+short.Who[len(short.Who)-1].Because, "matched in the same batch") || short.People != 1 || short.Part == "" {
				t.Errorf("it is told of who was looked at: %+v", short)
			}
			w.open(func(c *dispatch.Config) { c.BatchWindow = -1 })
			single := said(w.fileAt("O06", 800))
			if single.Soonest == nil || single.Soonest.Code != want || single.Soonest.Estimated == off ||
				math.Abs(single.Soonest.At.Sub(short.Soonest.At).Seconds()) > 30 {
				t.Errorf("alone it is told %+v, in a batch %+v", single.Soonest, short.Soonest)
			}
			eq(t, "the same words for the rest", single.Part+string(single.Reason), short.Part+string(short.Reason))
		})
	}
}
