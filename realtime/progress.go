package realtime

import (
	"slices"
	"sort"

	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// Progress is which sequences of a stream are settled: on disk, or rejected by
// name. Everything up to Acked is (or is no longer held by the device), and the
// ranges in Beyond, which are sorted, apart from each other, and above Acked+1.
type Progress struct {
	Acked  int64
	Beyond []beacon.Range
}

// MaxHoles bounds Beyond. A device that sends what it holds in order makes no hole
// at all; one that makes more is asked to begin anew.
const MaxHoles = 256

// Settled says whether seq is settled.
func (p *Progress) Settled(seq int64) bool {
	if seq <= p.Acked {
		return true
	}
	i := p.after(seq)
	return i > 0 && p.Beyond[i-1].Last >= seq
}

// after is the index of the first range that begins above seq.
func (p *Progress) after(seq int64) int {
	return sort.Search(len(p.Beyond), func(i int) bool { return p.Beyond[i].First > seq })
}

// Settle adds seq and says whether it could: not when it would open one hole too
// many. Settling twice is harmless.
func (p *Progress) Settle(seq int64) bool {
	if p.Settled(seq) {
		return true
	}
	if seq == p.Acked+1 {
		p.Acked = seq
		p.absorb()
		return true
	}
	i := p.after(seq)
	joinsLeft := i > 0 && p.Beyond[i-1].Last == seq-1
	joinsRight := i < len(p.Beyond) && p.Beyond[i].First == seq+1
	switch {
	case joinsLeft && joinsRight:
		p.Beyond[i-1].Last = p.Beyond[i].Last
		p.Beyond = slices.Delete(p.Beyond, i, i+1)
	case joinsLeft:
		p.Beyond[i-1].Last = seq
	case joinsRight:
		p.Beyond[i].First = seq
	case len(p.Beyond) == MaxHoles:
		return false
	default:
		p.Beyond = slices.Insert(p.Beyond, i, beacon.Range{First: seq, Last: seq})
	}
	return true
}

// HeldFrom takes a device's word that it holds nothing below lowest.
func (p *Progress) HeldFrom(lowest int64) {
	if lowest-1 > p.Acked {
		p.Acked = lowest - 1
		p.absorb()
	}
}

// absorb swallows the ranges that Acked has reached.
func (p *Progress) absorb() {
	n := 0
	for n < len(p.Beyond) && p.Beyond[n].First <= p.Acked+1 {
		p.Acked = max(p.Acked, p.Beyond[n].Last)
		n++
	}
	p.Beyond = slices.Delete(p.Beyond, 0, n)
}

// clone is a copy that shares nothing.
func (p *Progress) clone() Progress {
	return Progress{Acked: p.Acked, Beyond: slices.Clone(p.Beyond)}
}
