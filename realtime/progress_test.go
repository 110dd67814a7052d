package realtime

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// The slow twin of Progress is a set of sequences.
func TestProgressAgainstASet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var p Progress
		settled := map[int64]bool{}
		lowest := int64(1)
		steps := rapid.IntRange(1, 120).Draw(t, "steps")
		for range steps {
			if rapid.IntRange(0, 9).Draw(t, "what") == 0 {
				lowest = max(lowest, rapid.Int64Range(1, 60).Draw(t, "lowest"))
				p.HeldFrom(lowest)
			} else {
				seq := rapid.Int64Range(1, 60).Draw(t, "seq")
				if !p.Settle(seq) {
					t.Fatalf("Settle(%d) refused with %d holes", seq, len(p.Beyond))
				}
				settled[seq] = true
			}
			if got, want := p, fromSet(settled, lowest); !cmp.Equal(got, want, equateEmpty) {
				t.Fatalf("lowest %d, set %v:\n got %+v\nwant %+v", lowest, settled, got, want)
			}
			for seq := int64(1); seq <= 62; seq++ {
				if want := settled[seq] || seq < lowest; p.Settled(seq) != want {
					t.Fatalf("Settled(%d) = %v, want %v in %+v", seq, !want, want, p)
				}
			}
		}
	})
}

var equateEmpty = cmp.Transformer("ranges", func(r []beacon.Range) []beacon.Range {
	if len(r) == 0 {
		return nil
	}
	return r
})

func fromSet(settled map[int64]bool, lowest int64) Progress {
	in := func(seq int64) bool { return settled[seq] || seq < lowest }
	var p Progress
	for in(p.Acked + 1) {
		p.Acked++
	}
	for seq := p.Acked + 2; seq <= 61; seq++ {
		if !in(seq) {
			continue
		}
		if n := len(p.Beyond); n > 0 && p.Beyond[n-1].Last == seq-1 {
			p.Beyond[n-1].Last = seq
		} else {
			p.Beyond = append(p.Beyond, beacon.Range{First: seq, Last: seq})
		}
	}
	return p
}

func TestProgressBoundsItsHoles(t *testing.T) {
	t.Parallel()
	var p Progress
	for i := range int64(MaxHoles) {
		if !p.Settle(2 * (i + 1)) {
			t.Fatalf("hole %d refused", i+1)
		}
	}
	if p.Settle(2 * (MaxHoles + 1)) {
		t.Fatal("one hole too many was taken")
	}
	if !p.Settle(1) || p.Acked != 2 || len(p.Beyond) != MaxHoles-1 {
		t.Fatalf("filling the first hole: %d acked, %d ranges", p.Acked, len(p.Beyond))
	}
}
