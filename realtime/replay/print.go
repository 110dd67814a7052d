package replay

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
)

// verdictWords explains what a verdict means, where its name does not.
var verdictWords = map[string]string{
	Good:             "kept without a doubt",
	Kept:             "kept; with which doubts is with the service",
	Earlier:          "settled by an earlier run of this replay, and not kept",
	Unheard:          "rejected; the reason was lost with the line",
	"late":           "kept; came when it was no longer fresh, or after a newer one",
	"jump":           "kept, doubtful: faster than the patrol can move",
	"mock":           "kept, doubtful: the device says that the place is not its own",
	"accuracy":       "kept, doubtful: an accuracy circle above 500 m",
	"frozen":         "kept, doubtful: one place to the last digit while moving",
	"gcj02":          "kept, doubtful: the device went over to GCJ-02, half a kilometre off",
	"bd09":           "kept, doubtful: the device went over to BD-09, up to a kilometre off",
	"future":         "rejected, quarantined: more than 2 min ahead of the service",
	"too_old":        "rejected, quarantined: more than 7 days ago; --start now plays it as of today",
	"off_duty":       "rejected: the patrol was off duty then; not kept",
	"unknown_device": "rejected: the device spoke for no patrol then",
	"null_island":    "rejected: 0, 0 means no position",
	"bad_coordinate": "rejected: no place on earth",
	"bad_field":      "rejected: a measure that cannot be",
	"syntax":         "not a point of the format",
	"fields":         "too few or too many fields",
	"encoding":       "not UTF-8",
	"geometry":       "no usable shape",
	"too_large":      "beyond the limits",
	"time":           "no usable time",
	"place":          "no numbers for a place",
}

// Print writes the account for a person.
func (a *Account) Print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FILE\tDEVICE\tREAD\tREFUSED\tSENT\tACKED\tLENGTH\tSPAN\tMOVING\tVERDICTS")
	for _, t := range a.Tracks {
		name := shortName(t.File)
		if t.Recorder != "" {
			name += "#" + t.Recorder
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t%s\n", name, orDash(t.Device), t.Read, total(t.Refused), t.Sent, t.Acked,
			kilometres(t.LengthM), clock(t.PlayedTo.Sub(t.PlayedFrom)), clock(time.Duration(t.MovingS*float64(time.Second))), counts(t.Verdicts))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	s := &a.Total
	p := printer{w: w}
	p.say("\ntracks: %d, %s long, %s moving as recorded", len(a.Tracks), kilometres(a.LengthM), clock(time.Duration(a.MovingS*float64(time.Second))))
	p.say("%d read = %d refused + %d sent + %d there already + %d not sent", s.Read, total(s.Refused), s.Sent, s.Already, s.Unsent)
	if !a.DryRun {
		p.say("%d acknowledged, %d unanswered, %d lost, %d doubled", s.Acked, s.Unacked, s.Lost, s.Doubled)
	}
	for _, name := range byCount(s.Refused) {
		p.kind("refused, "+name, s.Refused[name], verdictWords[name], a, name)
	}
	for _, name := range byCount(s.Verdicts) {
		words := verdictWords[name]
		if words == "" && strings.Contains(name, ",") {
			words = "kept, with these doubts together"
		}
		p.kind(name, s.Verdicts[name], words, a, name)
	}
	for _, t := range a.Faulty() {
		p.say("%s: %s", t.File, t.Fault)
	}
	switch {
	case a.DryRun:
		p.say("dry run: judged as the service would; nothing was sent, nothing stored")
	case a.Stopped:
		p.say("stopped before the end; what was acknowledged is kept")
	}
	return p.err
}

// printer keeps the first fault of writing.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) say(format string, args ...any) {
	if _, err := fmt.Fprintf(p.w, format+"\n", args...); err != nil && p.err == nil {
		p.err = err
	}
}

// kind says how many points came out one way, with the first of them.
func (p *printer) kind(name string, n int64, words string, a *Account, what string) {
	p.say("  %-16s %8d  %s", name, n, words)
	if what == Good || what == Kept || what == Earlier {
		return
	}
	shown := 0
	for _, t := range a.Tracks {
		for _, e := range t.Examples {
			if e.What != what || e.Line == 0 {
				continue
			}
			if shown++; shown > maxExamples {
				return
			}
			detail := ""
			if e.Detail != "" {
				detail = ": " + e.Detail
			}
			p.say("                            %s line %d%s", shortName(t.File), e.Line, detail)
		}
	}
}

// shortName is a file's name with its folder, which tells tracks of people apart.
func shortName(path string) string {
	if folder := filepath.Base(filepath.Dir(path)); folder != "." && folder != string(filepath.Separator) {
		return folder + "/" + filepath.Base(path)
	}
	return filepath.Base(path)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func kilometres(m float64) string { return fmt.Sprintf("%.2f km", m/1000) }

func clock(d time.Duration) string {
	s := int(max(0, d).Round(time.Second).Seconds())
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

func counts(of map[string]int64) string {
	var words []string
	for _, name := range byCount(of) {
		words = append(words, fmt.Sprintf("%s %d", name, of[name]))
	}
	return orDash(strings.Join(words, " · "))
}
