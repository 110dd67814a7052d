// Package doctor looks at a database and at the district in it, whether a service
// runs or not, and says what is wrong and what to do about it.
//
// It only reads. A check that cannot be made is a finding itself, so that one
// broken part does not hide the others.
package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Severity of a finding: warn is for the morning, fail for now.
type Severity string

// The severities, from the best.
const (
	OK   Severity = "ok"
	Warn Severity = "warn"
	Fail Severity = "fail"
)

// Finding is one thing that was looked at. Remedy is what to type or do; only what
// is ok needs none.
type Finding struct {
	Check    string   `json:"check"`
	Severity Severity `json:"severity"`
	Says     string   `json:"says"`
	Remedy   string   `json:"remedy,omitempty"`
}

// Patient is what is looked at.
type Patient struct {
	// Conn reaches the database as its owner.
	Conn *pgx.Conn
	// Disk answers what the private cluster's disk has free, and all of it; nil when
	// the database is elsewhere.
	Disk func() (free, total uint64, err error)
	// Now is this machine's clock; time.Now when nil.
	Now func() time.Time
}

// eachWithin bounds one check.
const eachWithin = 10 * time.Second

type check struct {
	name string
	look func(context.Context, *Patient) (Finding, error)
}

// checks in the order a person reads them: the ground first.
var checks = []check{
	{"clock", clock},
	{"durability", durability},
	{"checksums", checksums},
	{"versions", versions},
	{"schema", schema},
	{"disk", disk},
	{"partitions", partitions},
	{"strays", strays},
	{"backup", backup},
	{"service", service},
	{"photos", photos},
	{"grids", grids},
	{"drafts", drafts},
	{"staffing", staffing},
	{"substitutes", substitutes},
	{"towns", towns},
	{"departments", departments},
	{"categories", categories},
	{"roads", roads},
	{"devices", devices},
	{"positions", positions},
	{"accounts", accounts},
	{"tokens", tokens},
	{"webhooks", webhooks},
}

// Examine makes every check.
func Examine(ctx context.Context, p Patient) []Finding {
	if p.Now == nil {
		p.Now = time.Now
	}
	var all []Finding
	for _, c := range checks {
		looking, cancel := context.WithTimeout(ctx, eachWithin)
		f, err := c.look(looking, &p)
		cancel()
		if err != nil {
			f = fail("This could not be checked: "+err.Error()+".",
				"Look at the finding schema first; then run `gridpatrol migrate up` and `gridpatrol doctor` again.")
		}
		f.Check = c.name
		all = append(all, f)
	}
	return all
}

// Worst is the worst severity of all.
func Worst(all []Finding) Severity {
	worst := OK
	for _, f := range all {
		if f.Severity == Fail || (f.Severity == Warn && worst == OK) {
			worst = f.Severity
		}
	}
	return worst
}

func ok(format string, args ...any) Finding {
	return Finding{Severity: OK, Says: fmt.Sprintf(format, args...)}
}

func warn(says, remedy string) Finding { return Finding{Severity: Warn, Says: says, Remedy: remedy} }
func fail(says, remedy string) Finding { return Finding{Severity: Fail, Says: says, Remedy: remedy} }

// list asks for names.
func list(ctx context.Context, p *Patient, sql string) ([]string, error) {
	rows, err := p.Conn.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// some shows a few names of many.
func some(names []string) string {
	const few = 5
	slices.Sort(names)
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}
