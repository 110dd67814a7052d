package main

import (
	"strconv"
	"testing"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// The oldest of many open cases are those that somebody answers for: a wall that shows the
// newest thousand would leave out just them.
func TestASnapshotShowsTheNewestAndWhatIsOverdue(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ open, overdue, want int }{
		{0, 0, 0}, {200, 200, 200}, {1000, 3, 1000}, {2500, 3, 1003}, {2500, 1400, 2000}, {1100, 1100, 1000},
	} {
		cases := make([]dispatch.Case, c.open) // newest first; the oldest are overdue
		for i := range cases {
			cases[i].ID = dispatch.CaseID{UUID: uuid.New()}
		}
		asked := 0
		got, err := newestAndOverdue(func(ask dispatch.CaseFilter) (page dispatch.Page[dispatch.Case], err error) {
			asked++
			from, list := 0, cases
			if ask.Waiting == "overdue" {
				list = cases[c.open-c.overdue:]
			}
			if ask.Cursor != "" {
				from, err = strconv.Atoi(ask.Cursor)
			}
			until := min(from+ask.Limit, len(list))
			page.Items = list[from:until]
			if until < len(list) {
				next := strconv.Itoa(until)
				page.NextCursor = &next
			}
			return page, err
		})
		if err != nil {
			t.Fatal(err)
		}
		seen := map[dispatch.CaseID]bool{}
		for i := range got {
			seen[got[i].ID] = true
		}
		if len(got) != c.want || len(seen) != c.want {
			t.Errorf("of %d open, %d overdue: %d are shown, %d different; want %d", c.open, c.overdue, len(got), len(seen), c.want)
		}
		if c.overdue > 0 && c.overdue <= 1000 && !seen[cases[c.open-1].ID] {
			t.Errorf("of %d open, %d overdue: the oldest is not shown", c.open, c.overdue)
		}
		if asked > 10 {
			t.Errorf("%d pages were read", asked)
		}
	}
}
