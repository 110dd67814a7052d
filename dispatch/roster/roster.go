// Package roster reads the register's tables as districts send them: departments,
// areas, staff, categories, places and shifts in CSV. It checks every row against
// the rules and against what the register already knows, and says which rows are
// refused, where and why; the others can be stored. It stores nothing itself.
package roster

import (
	"errors"
	"io"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gridpatrol/gridpatrol/geo/feature"
)

// Refusal is a row that is not taken, by line, column and stable code.
type Refusal = feature.Refusal

// The codes of refusals that this package makes, beside those of package feature.
const (
	CodeRequired   = "required"    // a field that must not be empty is
	CodeValue      = "bad_value"   // a field holds what it may not
	CodeDuplicate  = "duplicate"   // an earlier row has the same code
	CodeDepartment = "department"  // there is no such department
	CodeArea       = "area"        // there is no such area, or it cannot stand there
	CodeGrid       = "grid"        // no version of the grids has this one
	CodePatrol     = "patrol"      // there is no such patrol, or its rows disagree
	CodeDevice     = "device"      // a device cannot speak for two patrols
	CodeSecondPost = "second_post" // a grid has one full-time worker
)

// Change is one thing that an import did to the register, or would do.
type Change struct {
	What   string `json:"what"` // department, area, staff, ...
	Code   string `json:"code"`
	Change string `json:"change"` // added, changed, closed
	Detail string `json:"detail,omitempty"`
}

// The ways in which a thing changes.
const (
	Added   = "added"
	Changed = "changed"
	Closed  = "closed"
)

// Result is what every import answers. Accepted counts rows, changed or not.
type Result struct {
	Accepted int       `json:"accepted"`
	Refused  []Refusal `json:"refused"`
	Changes  []Change  `json:"changes"`
}

// NewResult makes one whose lists are empty rather than null in JSON.
func NewResult(accepted int, refused []Refusal) Result {
	r := Result{Accepted: accepted, Refused: []Refusal{}, Changes: []Change{}}
	r.Refused = append(r.Refused, refused...)
	slices.SortStableFunc(r.Refused, func(a, b Refusal) int { return a.Line - b.Line })
	return r
}

// Known is what the register holds already, for rows that refer to it.
type Known struct {
	Departments map[string]bool
	AreaLevels  map[string]string // level by code
	Patrols     map[string]KnownPatrol
	// Grids are the codes of all versions; empty where no grid was ever imported,
	// and then any code is taken.
	Grids map[string]bool
	// Named are the codes of the areas, and of the grids in force, by name.
	Named map[string][]string
}

// KnownPatrol is a patrol as the register has it.
type KnownPatrol struct {
	Department, Mode string
	WorksIn          []string
}

// row is a table row with the refusals it earned. The first fault of a row
// counts, so that one cause does not make five messages.
type row struct {
	feature.Row
	fault *Refusal
}

func (r *row) refuse(column, code, format string, args ...any) {
	if r.fault == nil {
		r.fault = r.Refuse(column, code, format, args...)
	}
}

func (r *row) required(columns ...string) {
	for _, c := range columns {
		if r.Get(c) == "" {
			r.refuse(c, CodeRequired, "%s must not be empty", c)
		}
	}
}

func (r *row) oneOf(column string, allowed ...string) string {
	v := r.Get(column)
	if v != "" && !slices.Contains(allowed, v) {
		r.refuse(column, CodeValue, "%.60q is none of %s", v, strings.Join(allowed, ", "))
	}
	return v
}

func (r *row) like(column string, pattern *regexp.Regexp, want string) string {
	v := r.Get(column)
	if v != "" && !pattern.MatchString(v) {
		r.refuse(column, CodeValue, "%.60q is not %s", v, want)
	}
	return v
}

// list splits a field at semicolons; empty parts and repeats are dropped, the
// order stays.
func (r *row) list(column string) []string {
	out := []string{}
	for part := range strings.SplitSeq(r.Get(column), ";") {
		if part = strings.TrimSpace(part); part != "" && !slices.Contains(out, part) {
			out = append(out, part)
		}
	}
	return out
}

var (
	departmentCode = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	phone          = regexp.MustCompile(`^[0-9+() -]{3,32}$`)
	areaCode       = regexp.MustCompile(`^[A-Za-z0-9._-]{1,32}$`)
	categoryCode   = regexp.MustCompile(`^[A-Z][0-9]{2}$`)
	plainCode      = regexp.MustCompile(`^[\pL\pN._:-]{1,64}$`)
)

const (
	wantPhone          = "a telephone number: digits, spaces, +, - and brackets, 3 to 32"
	wantDepartmentCode = "a department code: small letters, digits and _, up to 32"
	wantAreaCode       = "an area code: letters, digits, dot, - and _, up to 32"
	wantPlainCode      = "a code: letters, digits, dot, colon, - and _, up to 64"
)

// decode runs a table through a check of single rows. Codes must not repeat where
// the check answers one.
func decode[T any](in io.Reader, needed, optional []string, check func(*row) (code string, value T)) (good []T, refused []Refusal, err error) {
	return decodeRows(rows(in, needed, optional), check)
}

// decodeRows is decode of rows that were read already.
func decodeRows[T any](all iter.Seq2[feature.Row, error], check func(*row) (code string, value T)) (good []T, refused []Refusal, err error) {
	seen := map[string]string{} // where each code stands
	for r, err := range all {
		var refusal *Refusal
		if errors.As(err, &refusal) {
			refused = append(refused, *refusal)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		checked := &row{Row: r}
		code, value := check(checked)
		if code != "" && checked.fault == nil {
			if first, again := seen[code]; again {
				checked.refuse("code", CodeDuplicate, "%q stands in %s already", code, first)
			} else if seen[code] = "line " + strconv.Itoa(r.Line); r.Number > 0 {
				seen[code] = "feature " + strconv.Itoa(r.Number)
			}
		}
		if checked.fault != nil {
			refused = append(refused, *checked.fault)
			continue
		}
		good = append(good, value)
	}
	return good, refused, nil
}

func rows(in io.Reader, needed, optional []string) iter.Seq2[feature.Row, error] {
	return feature.CSV(in, needed, optional, feature.Limits{})
}
