package realtime

import (
	"sync/atomic"

	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// Stats counts what a BeaconServer has done since it was opened.
type Stats struct {
	Sockets    int
	Commits    int64
	Kept       int64
	Duplicates int64
	Doubtful   int64
	Rejected   map[beacon.Code]int64
	// Away is true while the database takes no fixes and nothing is acknowledged.
	Away bool
}

type stats struct {
	commits, kept, duplicates, doubtful atomic.Int64
	rejected                            [len(codes)]atomic.Int64
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
	for i := range p.track {
		if p.track[i].Verdict != 0 {
			b.stats.doubtful.Add(1)
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
		Doubtful: b.stats.doubtful.Load(), Rejected: map[beacon.Code]int64{},
	}
	for i, code := range codes {
		s.Rejected[code] = b.stats.rejected[i].Load()
	}
	for _, w := range b.writers {
		s.Away = s.Away || w.away.Load()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s.Sockets = len(b.sockets)
	return s
}
