package roster

import (
	"io"
	"strconv"
)

// Department is a row of departments.
type Department struct {
	Line                 int
	Code, NameZH, NameEN string
}

// Departments reads code,name_zh,name_en. Without an English name the Chinese one
// stands in.
func Departments(in io.Reader) ([]Department, []Refusal, error) {
	return decode(in, []string{"code", "name_zh", "name_en"}, nil, func(r *row) (string, Department) {
		r.required("code", "name_zh")
		d := Department{Line: r.Line, Code: r.like("code", departmentCode, wantDepartmentCode), NameZH: r.Get("name_zh"), NameEN: r.Get("name_en")}
		if d.NameEN == "" {
			d.NameEN = d.NameZH
		}
		return d.Code, d
	})
}

// Area is a row of areas.
type Area struct {
	Line                      int
	Code, Name, Level, Parent string
	// Phone is where a town's information room is called; empty leaves it as it is.
	Phone string
}

// Levels of areas, the highest first.
var levels = []string{"district", "town", "village"}

// Areas reads code,name,level,parent_code and perhaps phone. A town belongs to the district, a
// village to a town; the parent stands anywhere in the table, or in the register.
// The good ones come with parents before children.
func Areas(in io.Reader, known Known) ([]Area, []Refusal, error) {
	read, refused, err := decode(in, []string{"code", "name", "level", "parent_code"}, []string{"phone"}, func(r *row) (string, Area) {
		r.required("code", "name", "level")
		a := Area{Line: r.Line, Code: r.like("code", areaCode, wantAreaCode), Name: r.Get("name"),
			Level: r.oneOf("level", levels...), Parent: r.Get("parent_code"),
			Phone: r.like("phone", phone, wantPhone)}
		switch {
		case a.Level == "district" && a.Parent != "":
			r.refuse("parent_code", CodeArea, "a district has no parent")
		case a.Level != "district" && a.Parent == "":
			r.refuse("parent_code", CodeRequired, "a %s needs the code of its parent", a.Level)
		}
		if was, there := known.AreaLevels[a.Code]; there && was != a.Level {
			r.refuse("level", CodeArea, "%q is a %s in the register; an area does not change its level", a.Code, was)
		}
		return a.Code, a
	})
	if err != nil {
		return nil, nil, err
	}
	level := map[string]string{}
	district := ""
	for code, l := range known.AreaLevels {
		level[code] = l
		if l == "district" {
			district = code
		}
	}
	var good []Area
	for i, l := range levels { // from the top, so that a refused parent refuses its children
		for _, a := range read {
			if a.Level != l {
				continue
			}
			refuse := func(column, detail string) {
				refused = append(refused, Refusal{Line: a.Line, Column: column, Code: CodeArea, Detail: detail})
			}
			if l == "district" {
				if district != "" && district != a.Code {
					refuse("code", "the district is "+strconv.Quote(district)+" already; there is one only")
					continue
				}
				district = a.Code
			} else if above := level[a.Parent]; above != levels[i-1] {
				switch above {
				case "":
					refuse("parent_code", "there is no area "+strconv.Quote(a.Parent))
				default:
					refuse("parent_code", strconv.Quote(a.Parent)+" is a "+above+"; a "+l+" belongs to a "+levels[i-1])
				}
				continue
			}
			level[a.Code] = l
			good = append(good, a)
		}
	}
	return good, refused, nil
}
