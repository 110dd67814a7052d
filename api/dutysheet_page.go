package api

import (
	"crypto/sha256"
	_ "embed" // the page and its style
	"encoding/base64"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

//go:embed dutysheet.css
var sheetCSS string

//go:embed dutysheet.html
var sheetHTML string

// The page asks nobody for anything: its style is in it, and there is no script. So
// it can be saved, and printed again when the network is gone.
var (
	sheetTemplate = template.Must(template.New("dutysheet").Funcs(template.FuncMap{"short": shortGrid}).Parse(sheetHTML))
	sheetPolicy   = "default-src 'none'; style-src 'sha256-" + sheetDigest() + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

func sheetDigest() string {
	sum := sha256.Sum256([]byte(sheetCSS))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// sheetContext is what a page is made of beside the duty itself.
type sheetContext struct {
	zone        *time.Location
	by          string
	cases       []dispatch.Case
	moreCases   bool
	departments []Department
	categories  []Category
	words       *sheetText
}

// sheetPage is the page, all words chosen.
type sheetPage struct {
	Text        *sheetText
	CSS         template.CSS
	Class       string // compact: a district, smaller and in more columns; roomy: a quiet town, larger
	Title       string
	At, By      string
	Towns       []DutyTown
	Departments []sheetDepartment
	PatrolsLeft int // on duty, not listed
	Cases       []sheetCase
	CasesTitle  string
	CasesLeft   string // not listed, in words
	GridsOn     int
	Grids       int
}

type sheetDepartment struct {
	Name    string
	Patrols []sheetPatrol
}

type sheetPatrol struct {
	DutyPatrol
	ModeText, StatusText string
}

type sheetCase struct {
	Number, Category, Grid, At, Text, Stage, Since string
	Who                                            []string
	Overdue, Urgent                                bool
}

// newSheetPage also answers how many cases are listed.
func newSheetPage(d DutySheet, c sheetContext) (sheetPage, int) {
	w := c.words
	p := sheetPage{
		Text: w, CSS: template.CSS(sheetCSS), Title: d.AreaName, By: c.by,
		At: d.At.In(c.zone).Format("2006-01-02 15:04:05 -07:00") + " (" + c.zone.String() + ")", Towns: d.Towns,
	}
	for _, t := range d.Towns {
		for _, g := range t.Grids {
			if g.Special {
				continue
			}
			p.Grids++
			if g.Person != nil && g.Person.OnDuty {
				p.GridsOn++
			}
		}
	}
	names := map[string]string{}
	for _, x := range c.departments {
		names[x.Code] = w.pick(x.NameZh, x.NameEn)
	}
	if len(d.Patrols) > sheetPatrols {
		p.PatrolsLeft = len(d.Patrols) - sheetPatrols
		d.Patrols = d.Patrols[:sheetPatrols]
	}
	for _, x := range d.Patrols {
		name := named(names, x.Department)
		if n := len(p.Departments); n == 0 || p.Departments[n-1].Name != name {
			p.Departments = append(p.Departments, sheetDepartment{Name: name})
		}
		last := &p.Departments[len(p.Departments)-1]
		last.Patrols = append(last.Patrols, sheetPatrol{x, w.Mode[x.Mode], w.Status[x.Status]})
	}
	most := sheetDistrictCases
	if len(d.Towns) > 1 {
		p.Class = "compact"
	} else {
		most = townCases(p.Grids, len(d.Patrols))
		if isRoomy(p.Grids, len(d.Patrols), len(c.cases)) {
			p.Class = "roomy"
		}
	}
	p.listCases(c, most)
	return p, len(p.Cases)
}

// What a town's one page holds, in millimetres: what is left below the head, and how
// high a row of grids, of patrols and a case of two lines are.
const sheetRoomMM, gridRowMM, patrolRowMM, caseRowMM = 236, 3.9, 11, 7.4

// townCases is how many cases are listed so that a town keeps to one page.
func townCases(grids, patrols int) int {
	left := sheetRoomMM - math.Ceil(float64(grids)/4)*gridRowMM - math.Ceil(float64(patrols)/3)*patrolRowMM
	return max(8, int(left/caseRowMM))
}

// isRoomy says whether all of it fits a quarter larger, in three columns.
func isRoomy(grids, patrols, cases int) bool {
	const larger = 1.25
	high := math.Ceil(float64(grids)/3)*gridRowMM + math.Ceil(float64(patrols)/3)*patrolRowMM + float64(cases)*caseRowMM*1.3
	return high*larger < sheetRoomMM
}

func (p *sheetPage) listCases(c sheetContext, most int) {
	w := c.words
	categories := map[string]string{}
	for _, x := range c.categories {
		categories[x.Code] = w.pick(x.NameZh, x.NameEn)
	}
	listed := c.cases[:min(len(c.cases), most)]
	for _, x := range listed {
		line := sheetCase{
			Number: x.Number, Category: named(categories, x.Category), At: fmt.Sprintf("%.4f, %.4f", x.Lon, x.Lat), Text: clipped(x.Description, 36),
			Stage: w.Stage[x.Stage], Since: x.MadeAt.In(c.zone).Format("01-02 15:04"), Overdue: x.Overdue, Urgent: x.Urgency == "urgent",
		}
		if x.Responsible.Name != nil {
			line.Grid = *x.Responsible.Name
		}
		for _, a := range x.Assignments {
			if a.State.Active() && !slices.Contains(line.Who, a.PatrolName) {
				line.Who = append(line.Who, a.PatrolName)
			}
		}
		p.Cases = append(p.Cases, line)
	}
	total := fmt.Sprint(len(c.cases))
	if c.moreCases {
		total += "+"
	}
	p.CasesTitle = fmt.Sprintf(w.CasesTitle, total)
	if left := len(c.cases) - len(listed); left > 0 || c.moreCases {
		count := fmt.Sprint(left)
		if c.moreCases {
			count += "+"
		}
		p.CasesLeft = fmt.Sprintf(w.CasesLeft, count)
	}
}

// shortGrid leaves out the word that every name of a grid ends in, and what it begins
// with like its town, under whose name it stands: three digits fit a narrow column,
// and the same two letters all the way down tell nobody anything.
func shortGrid(town, name string) string {
	short := []rune(strings.TrimSuffix(name, "网格"))
	n := 0
	for _, letter := range town {
		if n == len(short) || short[n] != letter {
			break
		}
		n++
	}
	if n < len(short) {
		return string(short[n:])
	}
	return name
}

func named(names map[string]string, code string) string {
	if name, ok := names[code]; ok {
		return name
	}
	return code
}

// clipped keeps a text to one line of so many letters.
func clipped(text string, letters int) string {
	line := []rune(strings.Join(strings.Fields(text), " "))
	if len(line) <= letters {
		return string(line)
	}
	return string(line[:letters-1]) + "…"
}
