package whatif

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
	"time"
)

// Write prints the comparison for a person: a table for all parts, one by department
// and one by town.
func (c Comparison) Write(w io.Writer) error {
	fmt.Fprintf(w, "%d reports with %d parts, %s to %s; times are from the report to the arrival\n",
		c.Reports, c.Parts, c.From.Format(time.RFC3339), c.To.Format(time.RFC3339))
	if c.SlackS > 0 {
		fmt.Fprintf(w, "whoever is played takes %.0f s longer than the way, as people did then\n", c.SlackS)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\t\tparts\tmedian\tp90\tworst\tunserved\tagainst really\t")
	for i, col := range c.Columns {
		c.line(table, col.Name, fmt.Sprintf("%d patrols", col.Patrols), col.All, i == 0)
	}
	for k, really := range c.Columns[0].Departments {
		for i, col := range c.Columns {
			c.line(table, of(i == 0, really.Of), col.Name, col.Departments[k], i == 0)
		}
	}
	for k, really := range c.Columns[0].Towns {
		for i, col := range c.Columns {
			c.line(table, of(i == 0, "town "+really.Of), col.Name, col.Towns[k], i == 0)
		}
	}
	return table.Flush()
}

func of(first bool, name string) string {
	if first {
		return name
	}
	return ""
}

// line compares with what really happened over the parts that were served both ways:
// the medians of different parts say nothing about one another.
func (c Comparison) line(w io.Writer, first, second string, f Figures, itself bool) {
	against := ""
	if !itself && f.AgainstS != nil {
		switch d := *f.AgainstS; {
		case math.Abs(d) < 0.5:
			against = "as soon"
		case d < 0:
			against = span(-d) + " sooner"
		default:
			against = span(d) + " later"
		}
		against += fmt.Sprintf(" (of %d)", f.Both)
	}
	unserved := fmt.Sprint(f.Unserved)
	if f.UnservedReally > 0 {
		unserved += fmt.Sprintf(" (%d really served)", f.UnservedReally)
	}
	fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t\n", first, second, f.Parts, or(f.MedianS), or(f.P90S), or(f.WorstS), unserved, against)
}

func or(s *float64) string {
	if s == nil {
		return "-"
	}
	return span(*s)
}

// span writes minutes and seconds.
func span(s float64) string {
	n := int(math.Round(s))
	return fmt.Sprintf("%d:%02d", n/60, n%60)
}
