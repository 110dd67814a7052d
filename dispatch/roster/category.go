package roster

import (
	"io"
	"slices"
)

// Category is a row of categories.
type Category struct {
	Line                  int
	Code, NameZH, NameEN  string
	Lead                  string
	Joint, Optional       []string
	Urgency, DispatchMode string
	Skill                 string // what the lead's patrol must be able to do; empty: nothing special
	// Rules is what the row says beside who goes; nil: they stay as they are.
	Rules *RuleCells
}

// Categories reads code,name_zh,name_en,lead,joint,optional,urgency,dispatch_mode
// and perhaps skill and RuleColumns. A department need not have a row: the list names some that
// have no patrols, and the words village and town.
func Categories(in io.Reader) ([]Category, []Refusal, error) {
	needed := []string{"code", "name_zh", "name_en", "lead", "joint", "optional", "urgency", "dispatch_mode"}
	return decode(in, needed, append([]string{"skill"}, RuleColumns...), func(r *row) (string, Category) {
		r.required("code", "name_zh", "lead", "urgency", "dispatch_mode")
		c := Category{Line: r.Line, Code: r.like("code", categoryCode, "a category code: a capital letter and two digits"),
			NameZH: r.Get("name_zh"), NameEN: r.Get("name_en"), Lead: r.like("lead", departmentCode, wantDepartmentCode),
			Joint: r.list("joint"), Optional: r.list("optional"),
			Urgency:      r.oneOf("urgency", "urgent", "ordinary", "hard"),
			DispatchMode: r.oneOf("dispatch_mode", "auto", "confirm", "manual"), Skill: r.Get("skill")}
		if c.NameEN == "" {
			c.NameEN = c.NameZH
		}
		seen := []string{c.Lead}
		for _, part := range []struct {
			column string
			codes  []string
		}{{"joint", c.Joint}, {"optional", c.Optional}} {
			for _, d := range part.codes {
				if !departmentCode.MatchString(d) {
					r.refuse(part.column, CodeValue, "%.60q is not %s", d, wantDepartmentCode)
				}
				if slices.Contains(seen, d) {
					r.refuse(part.column, CodeDuplicate, "%q has a part in this category already", d)
				}
				seen = append(seen, d)
			}
		}
		c.Rules = r.ruleCells(seen)
		return c.Code, c
	})
}
