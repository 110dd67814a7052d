package realtime

import (
	"bytes"
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// plan is a batch in the making: what is to be written, and what to say when it is.
type plan struct {
	roster *Roster
	asOf   time.Duration // the roster was the register then, since the service was opened
	stale  bool          // something came after that
	zone   *time.Location
	known  map[StreamKey]StreamRecord

	streams    map[StreamKey]*StreamRecord // as they will stand
	changed    map[StreamKey]bool
	track      []TrackFix
	quarantine []QuarantinedFix
	offDuty    map[OffDutyCount]int64 // by device and day
	doubts     map[StreamKey]Verdict  // those that are Mendable
	duplicates int
	moved      []Place           // kept after all by a newer roster
	shown      []Place           // where they were whose fixes are not kept for a wrong clock alone
	rejects    [][]beacon.Reject // by submission
	overflow   []bool            // by submission: one hole too many
}

func (p *plan) add(i int, s *submission) {
	p.stale = p.stale || s.came >= p.asOf
	record := p.streams[s.key]
	if record == nil {
		known := p.known[s.key]
		record = &StreamRecord{Progress: known.clone(), Version: known.Version}
		p.streams[s.key] = record
	}
	record.HeldFrom(s.lowest)
	settle := func(seq int64) bool {
		if record.Settled(seq) {
			p.duplicates++
			return false
		}
		if !record.Settle(seq) {
			p.overflow[i] = true
			return false
		}
		p.changed[s.key] = true
		return true
	}
	for _, r := range s.rejects {
		if settle(r.Seq) {
			p.rejects[i] = append(p.rejects[i], r)
		}
	}
	for k := range s.fixes {
		if d := s.fixes[k]; settle(d.fix.Seq) {
			p.addFix(i, s, d)
		}
	}
}

func (p *plan) addFix(i int, s *submission, d judged) {
	if d.inTime && s.revision != p.roster.Revision {
		refused := d.reject.Code != ""
		d.place(s.key.Device, p.roster)
		if refused && d.live() {
			kept := d.track(s.key, s.received)
			p.moved = append(p.moved, kept.place())
		}
	}
	switch d.reject.Code {
	case "":
		p.track = append(p.track, d.track(s.key, s.received))
		if doubts := d.verdict & Mendable; doubts != 0 {
			if p.doubts == nil {
				p.doubts = map[StreamKey]Verdict{}
			}
			p.doubts[s.key] |= doubts
		}
		return
	case beacon.Future, beacon.TooOld:
		p.quarantine = append(p.quarantine, QuarantinedFix{Key: s.key, Fix: d.fix, Code: d.reject.Code, ReceivedAt: s.received})
		if d.showsOnly && p.roster.OnDuty(d.patrol.ID, d.shown.T) {
			kept := d.track(s.key, s.received)
			p.shown = append(p.shown, kept.place())
		}
	case beacon.OffDuty:
		if p.offDuty == nil {
			p.offDuty = map[OffDutyCount]int64{}
		}
		y, m, day := d.fix.T.In(p.zone).Date()
		p.offDuty[OffDutyCount{Device: s.key.Device, Day: time.Date(y, m, day, 0, 0, 0, 0, time.UTC)}]++
	}
	p.rejects[i] = append(p.rejects[i], d.reject)
}

// batch is what is to be written, or nil when all was there already. Streams and
// counts come in the order of their keys, so that two nodes lock them in one order.
func (p *plan) batch() *Batch {
	if len(p.changed) == 0 {
		return nil
	}
	b := &Batch{RosterRevision: p.roster.Revision, RosterMayMove: !p.stale, Track: p.track, Quarantine: p.quarantine}
	for key := range p.changed {
		record := p.streams[key]
		b.Streams = append(b.Streams, StreamUpdate{Key: key, Progress: record.Progress, Was: record.Version, Doubts: p.doubts[key]})
	}
	slices.SortFunc(b.Streams, func(x, y StreamUpdate) int {
		if c := bytes.Compare(x.Key.Device.UUID[:], y.Key.Device.UUID[:]); c != 0 {
			return c
		}
		return bytes.Compare(x.Key.Stream[:], y.Key.Stream[:])
	})
	for count, fixes := range p.offDuty {
		count.Fixes = fixes
		b.OffDuty = append(b.OffDuty, count)
	}
	slices.SortFunc(b.OffDuty, func(x, y OffDutyCount) int {
		if c := bytes.Compare(x.Device.UUID[:], y.Device.UUID[:]); c != 0 {
			return c
		}
		return x.Day.Compare(y.Day)
	})
	return b
}
