package dispatch

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// CategoryRules is what a category says beside who goes.
type CategoryRules struct {
	Code string `json:"code"`
	// Mode is how its reports are sent, Urgency by which limits their clocks go: urgent,
	// ordinary or hard. Empty, where rules are set, leaves them as they are. Both are dated:
	// a case keeps those under which it was reported.
	Mode         DispatchMode `json:"dispatch_mode"`
	Urgency      string       `json:"urgency"`
	CheckPercent int          `json:"check_percent"`
	// Listed says that it is on the published list; Article is by which it is, or is not.
	Listed  bool   `json:"listed"`
	Article string `json:"article"`
	// Same says when two reports of it are one matter; RevisitDays are the days after its
	// end on which the place is looked at again.
	Same        SameRule `json:"same"`
	RevisitDays []int    `json:"revisit_days"`
	// CovertHours is how long a case of it is covert from its report on; 0: it is not.
	CovertHours int `json:"covert_hours"`
	// Crews are of the departments that are to bring more than one patrol. Nil, where they
	// are set, leaves them as they are.
	Crews []Crew `json:"crews"`
	// Calls are the departments that it calls, which only the table of categories changes.
	Calls []string `json:"-"`
	// Reason is why rules are set; what is read has none.
	Reason string `json:"-"`
}

// RuleStore keeps them.
type RuleStore interface {
	CategoryRules(ctx context.Context) ([]CategoryRules, error)
	// SetCategoryRules answers NotFound where there is no such category. Event is told what
	// the rules were, under the lock under which they are changed; where it fails they are not.
	SetCategoryRules(ctx context.Context, r CategoryRules, event func(was CategoryRules, now time.Time) (Event, error)) error
	// Tiers counts cases that were closed in a span by their tier, and answers the span.
	Tiers(ctx context.Context, v Viewer, from, to time.Time) (Tiers, map[string]int, error)
	Past(ctx context.Context, v Viewer, c Case, withinM float64, days, limit int) ([]PastCase, error)
}

// NotListed is the fault of a report of work that the published list does not hold.
func NotListed(code, article string) error {
	detail := fmt.Sprintf("Category %s is not on the published list of what may be asked of the grid", code)
	if article != "" {
		detail += ": " + article
	}
	return &Fault{Kind: Invalid, Code: "not-on-the-list", Detail: detail + ".",
		Fields: []FieldFault{{Pointer: "/category", Detail: "is not on the published list; turn to the department itself"}}}
}

// CategoryRules lists what categories say; one without a row has the defaults.
func (s *Service) CategoryRules(ctx context.Context) ([]CategoryRules, error) {
	return s.Store.CategoryRules(ctx)
}

// In characters.
const (
	maxArticle    = 500
	maxRuleReason = 500
)

// SetCategoryRules changes what a category says. It is recorded.
func (s *Service) SetCategoryRules(ctx context.Context, v Viewer, r CategoryRules) error {
	if err := allow(v, ActEditCalendar); err != nil {
		return err
	}
	r.Article, r.Reason = strings.TrimSpace(r.Article), strings.TrimSpace(r.Reason)
	if r.RevisitDays == nil {
		r.RevisitDays = []int{}
	}
	faults := CategoryRuleFaults(r)
	if utf8.RuneCountInString(r.Reason) > maxRuleReason {
		faults = append(faults, FieldFault{"/reason", fmt.Sprintf("may have %d characters at most", maxRuleReason)})
	}
	if len(faults) > 0 {
		return wrongRules(faults)
	}
	return s.Store.SetCategoryRules(ctx, r, func(was CategoryRules, now time.Time) (Event, error) {
		if faults := strangers(r.Crews, was.Calls); len(faults) > 0 {
			return Event{}, wrongRules(faults)
		}
		is := r
		if is.Crews == nil {
			is.Crews = was.Crews
		}
		if is.Mode == "" {
			is.Mode = was.Mode
		}
		if is.Urgency == "" {
			is.Urgency = was.Urgency
		}
		said := is.facts()
		if r.Reason != "" {
			said["reason"] = r.Reason
		}
		before, after := changed(was.facts(), is.facts())
		return newChange("category_rules", now, s.District, CaseID{}, PatrolID{}, v, said, before, after)
	})
}

func wrongRules(faults []FieldFault) error {
	return &Fault{Kind: Invalid, Code: "invalid", Detail: "What was sent cannot be used: " + faults[0].Detail + ".", Fields: faults}
}

// strangers are the crews of departments that a category does not call: nobody of them
// comes, so what they are to bring would never be asked for.
func strangers(crews []Crew, calls []string) (out []FieldFault) {
	for i, c := range crews {
		if !slices.Contains(calls, c.Department) {
			out = append(out, FieldFault{fmt.Sprintf("/crews/%d/department", i),
				fmt.Sprintf("%.60q is not called by this category, so it brings nobody; name one of %s", c.Department, strings.Join(calls, ", "))})
		}
	}
	return out
}

// UsualRules are the rules of a category that says nothing.
var UsualRules = CategoryRules{CheckPercent: UsualCheckPercent, Listed: true, Same: UsualSame, RevisitDays: []int{}, Crews: []Crew{}}

// facts are the rules as events have them.
func (r CategoryRules) facts() facts {
	return facts{"code": r.Code, "dispatch_mode": r.Mode, "urgency": r.Urgency, "check_percent": r.CheckPercent, "listed": r.Listed, "article": r.Article,
		"same": r.Same, "revisit_days": r.RevisitDays, "covert_hours": r.CovertHours, "crews": r.Crews}
}

// changed answers what is not as it was, as it was and as it is.
func changed(was, is facts) (before, after facts) {
	before, after = facts{}, facts{}
	for key, now := range is {
		if !reflect.DeepEqual(was[key], now) {
			before[key], after[key] = was[key], now
		}
	}
	return before, after
}

// UsualCheckPercent of what is settled on the spot is checked.
const UsualCheckPercent = 20

// CategoryRuleFaults answers all that is wrong with rules, by field.
func CategoryRuleFaults(r CategoryRules) (out []FieldFault) {
	bad := func(pointer, detail string, args ...any) {
		out = append(out, FieldFault{pointer, fmt.Sprintf(detail, args...)})
	}
	if r.Mode != "" && r.Mode != Auto && r.Mode != Confirm && r.Mode != Manual {
		bad("/dispatch_mode", "must be auto, confirm or manual")
	}
	if r.Urgency != "" && !slices.Contains(urgencies, r.Urgency) {
		bad("/urgency", "must be urgent, ordinary or hard")
	}
	if r.CheckPercent < 0 || r.CheckPercent > 100 {
		bad("/check_percent", "must be 0 to 100")
	}
	if r.CovertHours < 0 || r.CovertHours > mostCovertHours {
		bad("/covert_hours", "must be 0 (not covert) to %d", mostCovertHours)
	}
	if utf8.RuneCountInString(r.Article) > maxArticle {
		bad("/article", "may have %d characters at most", maxArticle)
	}
	out = append(out, r.Same.faults()...)
	if len(r.RevisitDays) > mostRevisits {
		bad("/revisit_days", "may be %d at most", mostRevisits)
	}
	for i, n := range r.RevisitDays {
		if n < 1 || n > mostNights || i > 0 && n <= r.RevisitDays[i-1] {
			bad(fmt.Sprintf("/revisit_days/%d", i), "must be 1 to %d days after the end, each later than the one before", mostNights)
		}
	}
	if !r.Listed && r.Article == "" {
		bad("/article", "is missing; say by which article it is not on the list")
	}
	return append(out, crewFaults(r.Crews)...)
}

const (
	mostCrews       = 16
	mostCovertHours = 720
)

// crewFaults answers what is wrong with what departments are to bring.
func crewFaults(crews []Crew) (out []FieldFault) {
	if len(crews) > mostCrews {
		return []FieldFault{{"/crews", fmt.Sprintf("may be %d at most", mostCrews)}}
	}
	for i, c := range crews {
		bad := func(field, detail string) {
			out = append(out, FieldFault{fmt.Sprintf("/crews/%d/%s", i, field), detail})
		}
		switch {
		case c.Department == "" || c.Department == GridDepartment || local(c.Department):
			bad("department", "must be a department that the category calls")
		case slices.ContainsFunc(crews[:i], func(o Crew) bool { return o.Department == c.Department }):
			bad("department", "is there twice")
		case c.People < 1 || c.People > mostPeople:
			bad("people", fmt.Sprintf("must be 1 to %d", mostPeople))
		case len(c.Skills) > mostSkills:
			bad("skills", fmt.Sprintf("may be %d at most", mostSkills))
		}
		for k, skill := range c.Skills {
			if skill == "" || utf8.RuneCountInString(skill) > maxSkill {
				bad(fmt.Sprintf("skills/%d", k), fmt.Sprintf("must have 1 to %d characters", maxSkill))
			}
		}
	}
	return out
}
