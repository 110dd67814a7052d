package roster

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// RuleColumns are the columns of categories that say what holds beside who goes. A table
// need not have them, and where a cell is empty the rule stays as it is, so that a table
// sent again undoes nothing that was set on the page.
var RuleColumns = []string{"revisit_days", "crews", "listed", "article", "same_m", "same_hours", "same_joins", "covert_hours", "check_percent"}

// none in a cell takes a rule away, which an empty cell does not.
const none = "none"

// RuleCells is what a row says of the rules; nil stays as it is.
type RuleCells struct {
	RevisitDays  []int
	Crews        []dispatch.Crew
	Listed       *bool
	Article      *string
	SameM        *float64
	SameMin      *int
	SameJoins    *bool
	CovertHours  *int
	CheckPercent *int
}

// Over answers the rules with what the row says put over them.
func (c RuleCells) Over(r dispatch.CategoryRules) dispatch.CategoryRules {
	if c.RevisitDays != nil {
		r.RevisitDays = c.RevisitDays
	}
	if c.Crews != nil {
		r.Crews = c.Crews
	}
	put(&r.Listed, c.Listed)
	put(&r.Article, c.Article)
	put(&r.Same.DistanceM, c.SameM)
	put(&r.Same.Minutes, c.SameMin)
	put(&r.Same.Joins, c.SameJoins)
	put(&r.CovertHours, c.CovertHours)
	put(&r.CheckPercent, c.CheckPercent)
	return r
}

func put[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// ruleCells reads the rules of a row; calls are the departments that its category may
// call. It answers nil where the row says nothing of them.
func (r *row) ruleCells(calls []string) *RuleCells {
	if !slices.ContainsFunc(RuleColumns, func(c string) bool { return r.Get(c) != "" }) {
		return nil
	}
	c := &RuleCells{Listed: r.yesNo("listed"), SameJoins: r.yesNo("same_joins"),
		CovertHours: number[int](r, "covert_hours", strconv.Atoi), CheckPercent: number[int](r, "check_percent", strconv.Atoi),
		SameM:       number(r, "same_m", func(s string) (float64, error) { return strconv.ParseFloat(s, 64) }),
		RevisitDays: r.days("revisit_days"), Crews: r.crews("crews", calls)}
	if hours := number(r, "same_hours", func(s string) (float64, error) { return strconv.ParseFloat(s, 64) }); hours != nil {
		const most = 24 * 14
		if !(*hours >= 0 && *hours <= most) {
			r.refuse("same_hours", CodeValue, "%q must be 0 to %d hours", r.Get("same_hours"), most)
		} else {
			minutes := int(*hours * 60)
			c.SameMin = &minutes
		}
	}
	if article := r.Get("article"); article != "" {
		c.Article = &article
	}
	if c.Listed != nil && !*c.Listed && c.Article == nil {
		r.refuse("article", CodeRequired, "article must not be empty where listed is no: say by which article the grid may not be asked this")
	}
	if r.fault == nil {
		r.checkRules(*c)
	}
	return c
}

// checkRules holds the row to what the door holds a change on the page to.
func (r *row) checkRules(c RuleCells) {
	for _, f := range dispatch.CategoryRuleFaults(c.Over(dispatch.UsualRules)) {
		column, _, _ := strings.Cut(strings.TrimPrefix(f.Pointer, "/"), "/")
		switch f.Pointer {
		case "/same/distance_m":
			column = "same_m"
		case "/same/minutes":
			column = "same_hours"
		}
		r.refuse(column, CodeValue, "%.60q %s", r.Get(column), f.Detail)
	}
}

func (r *row) yesNo(column string) *bool {
	v := r.oneOf(column, "yes", "no")
	if v == "" {
		return nil
	}
	yes := v == "yes"
	return &yes
}

func number[T any](r *row, column string, parse func(string) (T, error)) *T {
	cell := r.Get(column)
	if cell == "" {
		return nil
	}
	v, err := parse(cell)
	if err != nil {
		r.refuse(column, CodeValue, "%.60q is not a number; leave it empty to let the rule stay", cell)
		return nil
	}
	return &v
}

func (r *row) days(column string) []int {
	parts := r.list(column)
	switch {
	case len(parts) == 0:
		return nil
	case len(parts) == 1 && parts[0] == none:
		return []int{}
	}
	out := make([]int, len(parts))
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil {
			r.refuse(column, CodeValue, "%.60q is not days such as 3;7;30, nor %s", r.Get(column), none)
			return nil
		}
		out[i] = n
	}
	return out
}

// crews reads "police:2;environment:1/camera": departments, how many people of each, and
// skills that one of them must have.
func (r *row) crews(column string, calls []string) []dispatch.Crew {
	parts := r.list(column)
	switch {
	case len(parts) == 0:
		return nil
	case len(parts) == 1 && parts[0] == none:
		return []dispatch.Crew{}
	}
	out := make([]dispatch.Crew, len(parts))
	for i, p := range parts {
		department, rest, _ := strings.Cut(p, ":")
		fields := strings.Split(rest, "/")
		people, err := strconv.Atoi(strings.TrimSpace(fields[0]))
		if err != nil {
			r.refuse(column, CodeValue, "%.60q is not a crew such as police:2 or environment:1/camera, nor %s", p, none)
			return nil
		}
		c := dispatch.Crew{Department: strings.TrimSpace(department), People: people, Skills: []string{}}
		for _, skill := range fields[1:] {
			c.Skills = append(c.Skills, strings.TrimSpace(skill))
		}
		if !slices.Contains(calls, c.Department) {
			r.refuse(column, CodeDepartment, "%.60q is not called by this category, so it brings nobody; name one of %s", c.Department, strings.Join(calls, ", "))
		}
		out[i] = c
	}
	return out
}
