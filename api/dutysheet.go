package api

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// DutyRoster answers who is on duty where, with their telephones, as far as a viewer
// may see them. The duty sheet is made of it.
type DutyRoster interface {
	DutySheet(ctx context.Context, v dispatch.Viewer) (DutySheet, error)
}

// DutySheet is who is on duty at a time. Area is the code of the viewer's area,
// empty for the whole district.
type DutySheet struct {
	At       time.Time
	Area     string
	AreaName string
	Towns    []DutyTown // that of grids without a town has no code
	Patrols  []DutyPatrol
}

// DutyTown is a town with its information room and its grids.
type DutyTown struct {
	Code, Name, Phone string
	Leaders           []DutyPerson
	Grids             []DutyGrid
}

// DutyGrid is a grid and who is to be called for it; nil where nobody is named.
type DutyGrid struct {
	Code, Name string
	Special    bool
	Person     *DutyPerson
}

// DutyPerson is somebody with a telephone. Part is what they are to a grid; empty
// otherwise.
type DutyPerson struct {
	ID                uuid.UUID
	Name, Phone, Part string
	OnDuty            bool
}

// DutyPatrol is a patrol that is on duty, with its people.
type DutyPatrol struct {
	ID                     uuid.UUID
	Code, Name, Department string
	Mode                   dispatch.Mode
	Status                 dispatch.Status
	Members                []DutyPerson
}

// people answers everybody whose telephone is on the sheet, each once.
func (d DutySheet) people() []uuid.UUID {
	var ids []uuid.UUID
	add := func(people ...DutyPerson) {
		for _, p := range people {
			if p.Phone != "" {
				ids = append(ids, p.ID)
			}
		}
	}
	for _, t := range d.Towns {
		add(t.Leaders...)
		for _, g := range t.Grids {
			if g.Person != nil {
				add(*g.Person)
			}
		}
	}
	for _, p := range d.Patrols {
		add(p.Members...)
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

// What fits on a few pages of paper for a district; a town has one page.
const (
	sheetDistrictCases = 60
	sheetPatrols       = 240
	sheetReadsCases    = 1000
)

// dutySheet prints who is on duty and what is open. It holds people's telephones, so
// the print is written down before it leaves.
func (s *Server) dutySheet(c echo.Context) error {
	q := query{c: c}
	lang := q.oneOf("lang", "zh", "en")
	if err := q.err(); err != nil {
		return err
	}
	if lang == "" {
		lang = preferred(c.Request().Header.Get("Accept-Language"))
	}
	ctx, v := c.Request().Context(), viewer(c)
	sheet, err := s.roster.DutySheet(ctx, v)
	if err != nil {
		return err
	}
	veil, err := s.patrols.Veil(ctx, v)
	if err != nil {
		return err
	}
	for i := range sheet.Patrols {
		if p := &sheet.Patrols[i]; veil.Over(dispatch.PatrolID{UUID: p.ID}) {
			p.Status = dispatch.Assigned
		}
	}
	cases, more, err := s.openCases(ctx, v)
	if err != nil {
		return err
	}
	departments, err := s.register.Departments(ctx, v.District)
	if err != nil {
		return err
	}
	categories, err := s.register.Categories(ctx, v.District, nil)
	if err != nil {
		return err
	}
	page, shown := newSheetPage(sheet, sheetContext{
		zone: s.zone, by: theCaller(c).Name, cases: cases, moreCases: more, departments: departments, categories: categories, words: sheetWords[lang],
	})
	var body bytes.Buffer
	if err := sheetTemplate.Execute(&body, page); err != nil {
		return err
	}
	if err := s.auth.RecordDutyPrint(ctx, v, sheet.people(), shown); err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Content-Security-Policy", sheetPolicy)
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set("Content-Language", sheetWords[lang].Lang)
	h.Set("Vary", "Accept-Language, Cookie, Authorization")
	return c.HTMLBlob(http.StatusOK, body.Bytes())
}

// preferred reads Accept-Language: English only where Chinese is not taken as well.
func preferred(accept string) string {
	accept = strings.ToLower(accept)
	if strings.Contains(accept, "en") && !strings.Contains(accept, "zh") {
		return "en"
	}
	return "zh"
}

// openCases answers what is open within scope: overdue first, then urgent, then the
// oldest; more is how many there are beyond what is read.
func (s *Server) openCases(ctx context.Context, v dispatch.Viewer) (cases []dispatch.Case, more bool, err error) {
	open := true
	f := dispatch.CaseFilter{Open: &open, PageAsk: dispatch.PageAsk{Limit: 200}}
	for {
		page, err := s.cases.Cases(ctx, v, f)
		if err != nil {
			return nil, false, err
		}
		// Paper lies about: what is covert is on none, whoever prints it.
		cases = append(cases, slices.DeleteFunc(page.Items, func(k dispatch.Case) bool { return k.Covert != nil })...)
		if page.NextCursor == nil {
			break
		}
		if len(cases) >= sheetReadsCases {
			more = true
			break
		}
		f.Cursor = *page.NextCursor
	}
	rank := func(c dispatch.Case) int {
		switch {
		case c.Overdue:
			return 0
		case c.Urgency == "urgent":
			return 1
		}
		return 2
	}
	slices.SortStableFunc(cases, func(a, b dispatch.Case) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), a.MadeAt.Compare(b.MadeAt)) })
	return cases, more, nil
}
