package realtime

import (
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// Stats counts what a BeaconServer has done since it was opened.
type Stats struct {
	Sockets    int
	Commits    int64
	Kept       int64
	Duplicates int64
	// Doubtful fixes were kept all the same; one with two doubts counts for each.
	Doubtful map[string]int64
	// Quarantined fixes are among the rejected, by name too; they are kept aside.
	Quarantined int64
	Rejected    map[beacon.Code]int64
	// Queued is how many fixes wait for a commit or are in one.
	Queued int64
	// Away is true while the database takes no fixes and nothing is acknowledged.
	Away bool
}

// Meter hears how the ledger does, from the writers' goroutines. It must not block.
type Meter interface {
	// Committed: one transaction put so many fixes on disk in that time.
	Committed(fixes int, took time.Duration)
	// Acked: one message waited so long from its receipt until it was on disk.
	Acked(waited time.Duration)
}

type noMeter struct{}

func (noMeter) Committed(int, time.Duration) {}
func (noMeter) Acked(time.Duration)          {}

// LiveStats counts what a LiveServer has done since it was made.
type LiveStats struct {
	Viewers int64 // looking now
	Frames  int64 // queued for viewers
	Bytes   int64 // of them
	Slow    int64 // viewers closed because they did not keep up
}

type liveStats struct{ viewers, frames, bytes, slow atomic.Int64 }

// Stats answers the counts so far.
func (l *LiveServer) Stats() LiveStats {
	return LiveStats{Viewers: l.stats.viewers.Load(), Frames: l.stats.frames.Load(), Bytes: l.stats.bytes.Load(), Slow: l.stats.slow.Load()}
}

type stats struct {
	commits, kept, duplicates, quarantined atomic.Int64
	doubtful                               [len(verdictNames)]atomic.Int64
	rejected                               [len(codes)]atomic.Int64
}

var codes = [...]beacon.Code{
	beacon.Future, beacon.NullIsland, beacon.BadCoordinate, beacon.BadField, beacon.TooOld, beacon.OffDuty, beacon.UnknownDevice,
}

func (b *BeaconServer) count(p *plan) {
	if len(p.changed) > 0 {
		b.stats.commits.Add(1)
	}
	b.stats.kept.Add(int64(len(p.track)))
	b.stats.duplicates.Add(int64(p.duplicates))
	b.stats.quarantined.Add(int64(len(p.quarantine)))
	for i := range p.track {
		for doubts := p.track[i].Verdict; doubts != 0; doubts &= doubts - 1 {
			b.stats.doubtful[bits.TrailingZeros8(uint8(doubts))].Add(1)
		}
	}
	for _, rejects := range p.rejects {
		for _, r := range rejects {
			for i, code := range codes {
				if code == r.Code {
					b.stats.rejected[i].Add(1)
				}
			}
		}
	}
}

// Stats answers the counts so far.
func (b *BeaconServer) Stats() Stats {
	s := Stats{
		Commits: b.stats.commits.Load(), Kept: b.stats.kept.Load(), Duplicates: b.stats.duplicates.Load(),
		Doubtful: map[string]int64{}, Quarantined: b.stats.quarantined.Load(), Rejected: map[beacon.Code]int64{},
	}
	for i, name := range verdictNames {
		s.Doubtful[name] = b.stats.doubtful[i].Load()
	}
	for i, code := range codes {
		s.Rejected[code] = b.stats.rejected[i].Load()
	}
	for _, w := range b.writers {
		s.Away = s.Away || w.away.Load()
		s.Queued += w.queued.Load()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s.Sockets = len(b.sockets)
	return s
}
