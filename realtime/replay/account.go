package replay

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Verdicts beside those of the service.
const (
	Good    = "ok"      // kept without a doubt
	Kept    = "kept"    // kept; nobody could look with which verdict
	Earlier = "earlier" // settled by an earlier run, and not kept then
	Unheard = "unheard" // rejected, by a word that was lost with the line
)

// Sums count points. Read is Refused, Unsent, Unacked and all Verdicts together;
// Verdicts hold what an earlier run of the same replay left, too.
type Sums struct {
	Read     int64            `json:"read"`
	Refused  map[string]int64 `json:"refused"` // lines that are no point, by code
	Unsent   int64            `json:"unsent"`  // the replay ended before their time
	Already  int64            `json:"already"` // settled by an earlier run of the same replay
	Sent     int64            `json:"sent"`
	Acked    int64            `json:"acked"` // of the sent: on disk, or rejected by name
	Unacked  int64            `json:"unacked"`
	Verdicts map[string]int64 `json:"verdicts"` // by what the service said or keeps
	Lost     int64            `json:"lost"`     // acknowledged, and not there; never, or tell us
	Doubled  int64            `json:"doubled"`  // there more than once; never, or tell us
}

// TrackAccount is the account of one track.
type TrackAccount struct {
	File     string    `json:"file"`
	Recorder string    `json:"recorder,omitempty"`
	Device   string    `json:"device,omitempty"`
	Stream   uuid.UUID `json:"stream"`
	Sums
	Examples     []Example `json:"examples"`
	RecordedFrom time.Time `json:"recorded_from"`
	RecordedTo   time.Time `json:"recorded_to"`
	PlayedFrom   time.Time `json:"played_from"`
	PlayedTo     time.Time `json:"played_to"`
	LengthM      float64   `json:"length_m"`
	MovingS      float64   `json:"moving_s"`
	OutOfOrder   int64     `json:"out_of_order"`
	Fault        string    `json:"fault,omitempty"` // what ended the file before its end

	rejects map[string]int64 // by name, in this run
}

// Account says of every point what became of it.
type Account struct {
	Tracks  []*TrackAccount `json:"tracks"`
	Total   Sums            `json:"total"`
	LengthM float64         `json:"length_m"`
	MovingS float64         `json:"moving_s"`
	DryRun  bool            `json:"dry_run"`
	Stopped bool            `json:"stopped"`

	of map[*Track]*TrackAccount
}

func newAccount(p *Plan) *Account {
	a := &Account{of: map[*Track]*TrackAccount{}}
	for _, t := range p.Tracks() {
		one := &TrackAccount{
			File: t.File, Recorder: t.Recorder, Device: t.Device, Stream: t.Stream,
			Sums:     Sums{Read: t.Points + total(t.Refused), Refused: t.Refused, Verdicts: map[string]int64{}},
			Examples: slices.Clone(t.Survey.Examples), RecordedFrom: t.Earliest, RecordedTo: t.Last,
			LengthM: t.LengthM, MovingS: t.Moving.Seconds(), OutOfOrder: t.OutOfOrder, Fault: t.Fault,
			rejects: map[string]int64{},
		}
		if one.Refused == nil {
			one.Refused = map[string]int64{}
		}
		if t.Points > 0 {
			one.PlayedFrom, one.PlayedTo = t.at(t.Earliest), t.End()
		}
		a.of[t] = one
		a.Tracks = append(a.Tracks, one)
	}
	return a
}

func total(counts map[string]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

func (a *TrackAccount) example(what string, line int, detail string) {
	n := 0
	for _, e := range a.Examples {
		if e.What == what {
			n++
		}
	}
	if n < maxExamples {
		a.Examples = append(a.Examples, Example{What: what, Line: line, Detail: detail})
	}
}

// reject counts what the service rejected by name.
func (a *TrackAccount) reject(code string, line int, detail string) {
	a.Verdicts[code]++
	a.rejects[code]++
	a.example(code, line, detail)
}

func (a *TrackAccount) rejected() int64 { return total(a.rejects) }

func (a *TrackAccount) kept(n int64) {
	if n > 0 {
		a.Verdicts[Kept] += n
	}
	if a.Already > 0 {
		a.Verdicts[Earlier] += a.Already
	}
}

// settle takes over what the ledger holds of the stream and finds what is missing
// from it, or there twice.
//
// A line that broke in between may have taken a reject with it: what is settled and
// not kept was then rejected for a reason that nobody heard, and is no loss.
func (a *TrackAccount) settle(t Tally, reconnected bool) {
	for verdict, n := range t.Kept {
		if verdict == "" {
			verdict = Good
		}
		a.Verdicts[verdict] += n
	}
	a.Doubled = t.Rows - t.Fixes
	missing := a.Acked - a.rejected() - t.Above
	before := a.Already - (t.Fixes - t.Above)
	for code, n := range t.Quarantined {
		n -= a.rejects[code]
		a.count(code, min(n, before+missing))
		fromBefore := max(0, min(n, before))
		before -= fromBefore
		missing -= max(0, min(n-fromBefore, missing))
	}
	a.count(Earlier, before)
	if reconnected {
		a.count(Unheard, missing)
		missing = 0
	}
	a.Lost = missing
}

func (a *TrackAccount) count(verdict string, n int64) {
	if n > 0 {
		a.Verdicts[verdict] += n
	}
}

// nameLines gives doubtful fixes the lines of their points.
func (a *TrackAccount) nameLines(open OpenFile, t *Track, seqs map[string][]int64) error {
	wanted := map[int64]string{}
	for verdict, of := range seqs {
		for _, seq := range of {
			wanted[seq] = verdict
		}
	}
	var seq int64
	for p, err := range open(t.File) {
		if len(wanted) == 0 {
			return nil
		}
		if err != nil || p.Device != t.Recorder {
			continue
		}
		seq++
		if verdict, want := wanted[seq]; want {
			delete(wanted, seq)
			a.example(verdict, p.Line, "")
		}
	}
	return nil
}

// close sums up.
func (a *Account) close() {
	a.Total = Sums{Refused: map[string]int64{}, Verdicts: map[string]int64{}}
	s := &a.Total
	for _, t := range a.Tracks {
		t.Unsent = t.Read - total(t.Refused) - t.Already - t.Sent
		s.Read += t.Read
		s.Unsent += t.Unsent
		s.Already += t.Already
		s.Sent += t.Sent
		s.Acked += t.Acked
		s.Unacked += t.Unacked
		s.Lost += t.Lost
		s.Doubled += t.Doubled
		for code, n := range t.Refused {
			s.Refused[code] += n
		}
		for verdict, n := range t.Verdicts {
			s.Verdicts[verdict] += n
		}
		a.LengthM += t.LengthM
		a.MovingS += t.MovingS
	}
}

// Accounted is every point that the account says something about; a whole account
// has Read of them.
func (s *Sums) Accounted() int64 {
	return total(s.Refused) + s.Unsent + s.Unacked + total(s.Verdicts) + s.Lost
}

// Faulty are the tracks whose file broke off.
func (a *Account) Faulty() (faulty []*TrackAccount) {
	for _, t := range a.Tracks {
		if t.Fault != "" {
			faulty = append(faulty, t)
		}
	}
	return faulty
}

// byCount lists counts, the largest first, "ok" before all.
func byCount(counts map[string]int64) []string {
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(x, y string) int {
		switch {
		case x == y:
			return 0
		case x == Good:
			return -1
		case y == Good:
			return 1
		case counts[x] != counts[y]:
			return int(counts[y] - counts[x])
		}
		return strings.Compare(x, y)
	})
	return names
}
