package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
)

// CaseDesk is what the door asks about cases. *dispatch.Service is one.
type CaseDesk interface {
	Cases(context.Context, dispatch.Viewer, dispatch.CaseFilter) (dispatch.Page[dispatch.Case], error)
	Case(context.Context, dispatch.Viewer, dispatch.CaseID) (dispatch.CaseDetail, error)
	Dispatch(context.Context, dispatch.Viewer, dispatch.CaseID, int64, dispatch.Order) (dispatch.CaseDetail, error)
	Undo(context.Context, dispatch.Viewer, dispatch.CaseID, int64) (dispatch.CaseDetail, error)
	CloseCase(context.Context, dispatch.Viewer, dispatch.CaseID, int64, dispatch.Closing) (dispatch.CaseDetail, error)
	Calendar(context.Context) (dispatch.CalendarBook, error)
	SetDay(context.Context, dispatch.Viewer, dispatch.CalendarDay) (dispatch.CalendarBook, error)
	SetDays(context.Context, dispatch.Viewer, []dispatch.CalendarDay) (dispatch.CalendarBook, error)
	SetHours(context.Context, dispatch.Viewer, []dispatch.WorkSpan) (dispatch.CalendarBook, error)
	CategoryRules(context.Context) ([]dispatch.CategoryRules, error)
	SetCategoryRules(context.Context, dispatch.Viewer, dispatch.CategoryRules) error
	DispatchRules(context.Context) (dispatch.DispatchRules, error)
	SetDispatchRules(ctx context.Context, v dispatch.Viewer, want dispatch.DispatchRules, reason string) (dispatch.DispatchRules, error)
	Revisits(context.Context, dispatch.Viewer) ([]dispatch.Revisit, error)
	ClearRevisit(ctx context.Context, v dispatch.Viewer, id dispatch.RevisitID, note string, photos []dispatch.NewPhoto) (dispatch.Revisit, error)
	Tiers(ctx context.Context, v dispatch.Viewer, from, to time.Time) (dispatch.Tiers, error)
	Move(context.Context, dispatch.Viewer, dispatch.CaseID, int64, dispatch.MoveOrder) (dispatch.CaseDetail, error)
	MeetThere(context.Context, dispatch.Viewer, dispatch.CaseID, int64, *geo.Point) (dispatch.CaseDetail, error)
	Cover(context.Context, dispatch.Viewer, dispatch.CaseID, int64, dispatch.CoverOrder) (dispatch.CaseDetail, error)
	Release(context.Context, dispatch.Viewer, dispatch.CaseID, int64, string) (dispatch.CaseDetail, error)
	Answer(context.Context, dispatch.Viewer, dispatch.CaseID, dispatch.AssignmentID, dispatch.Verb, int64, string) (dispatch.CaseDetail, error)
	FinishShowing(ctx context.Context, v dispatch.Viewer, id dispatch.CaseID, aid dispatch.AssignmentID, version int64, result string, shown dispatch.Shown) (dispatch.CaseDetail, error)
	Command(context.Context, dispatch.Viewer, dispatch.CaseID, int64, dispatch.MissionOrder) (dispatch.CaseDetail, error)
}

// caseDetail is a case as it leaves: its photos say where they can be read.
type caseDetail struct {
	dispatch.CaseDetail
	Reports  []report   `json:"reports"`
	Revisits []revisit  `json:"revisits"`
	Evidence []evidence `json:"evidence"`
}

func (s *Server) listCases(c echo.Context) error {
	q := query{c: c}
	var f dispatch.CaseFilter
	f.Open = q.flag("open")
	f.Stage = dispatch.Stage(q.oneOf("stage", s.spec.words("Stage")...))
	f.Waiting = q.oneOf("waiting", dispatch.Waitings...)
	f.Department, f.Category = q.text("department"), q.category("category")
	f.Limit, f.Cursor = q.page(200, 50)
	if err := q.err(); err != nil {
		return err
	}
	page, err := s.cases.Cases(c.Request().Context(), viewer(c), f)
	if err != nil {
		return err
	}
	if err := s.auth.RecordCaseViews(c.Request().Context(), viewer(c), pgauth.ViewedInList, pgauth.CovertOf(page.Items)); err != nil {
		return err
	}
	return answer(c, http.StatusOK, page)
}

func (s *Server) getCase(c echo.Context) error {
	var id dispatch.CaseID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	found, err := s.cases.Case(c.Request().Context(), viewer(c), id)
	if err == nil && found.Covert != nil {
		// Who looks is on record before they see anything.
		err = s.auth.RecordLook(c.Request().Context(), viewer(c), "case", id, map[string]any{"case": id})
	}
	if err == nil {
		err = s.auth.RecordCovertAmong(c.Request().Context(), viewer(c), pgauth.ViewedInList, beside(found))
	}
	return answerCase(c, found, err)
}

// beside are the cases that a case names: those near it, and those that are one with it.
func beside(found dispatch.CaseDetail) (ids []dispatch.CaseID) {
	for _, k := range found.Past {
		ids = append(ids, k.CaseID)
	}
	for _, k := range found.Holds {
		ids = append(ids, k.CaseID)
	}
	for _, k := range found.Precedents {
		ids = append(ids, k.CaseID)
	}
	for _, r := range found.Revisits {
		if r.NewCase != nil {
			ids = append(ids, *r.NewCase)
		}
	}
	if found.Course.Joined != nil {
		ids = append(ids, found.Course.Joined.CaseID)
	}
	return ids
}

func (s *Server) dispatchCase(c echo.Context) error {
	id, version, err := changedCase(c)
	if err != nil {
		return err
	}
	var in DispatchOrder
	if err := s.readJSON(c, "DispatchOrder", true, &in); err != nil {
		return err
	}
	var order dispatch.Order
	if in.Note != nil {
		order.Note = *in.Note
	}
	if in.Choices != nil {
		for _, choice := range *in.Choices {
			order.Choices = append(order.Choices, dispatch.Choice{
				Department: choice.Department, PatrolID: dispatch.PatrolID{UUID: choice.PatrolId}, Adds: deref(choice.Adds),
			})
		}
	}
	changed, err := s.cases.Dispatch(c.Request().Context(), viewer(c), id, version, order)
	return answerCase(c, changed, err)
}

func (s *Server) undoDispatch(c echo.Context) error {
	id, version, err := changedCase(c)
	if err != nil {
		return err
	}
	changed, err := s.cases.Undo(c.Request().Context(), viewer(c), id, version)
	return answerCase(c, changed, err)
}

func (s *Server) closeCase(c echo.Context) error {
	id, version, err := changedCase(c)
	if err != nil {
		return err
	}
	var in Closing
	if err := s.readJSON(c, "Closing", true, &in); err != nil {
		return err
	}
	var o dispatch.Closing
	if in.Reason != nil {
		o.Reason = *in.Reason
	}
	if in.Answer != nil {
		o.Answer = *in.Answer
	}
	changed, err := s.cases.CloseCase(c.Request().Context(), viewer(c), id, version, o)
	return answerCase(c, changed, err)
}

func (s *Server) answerAssignment(c echo.Context) error {
	id, version, err := changedCase(c)
	if err != nil {
		return err
	}
	var aid dispatch.AssignmentID
	if err := pathID(c, "aid", &aid); err != nil {
		return err
	}
	verb := dispatch.Verb(c.Param("action"))
	if !s.spec.isWord("AssignmentAction", string(verb)) {
		return errNotFound
	}
	held := s.uploads.hold()
	defer held.release()
	var in AssignmentAnswer
	shown, err := s.readStep(c, held, "answer", "AssignmentAnswer", true, &in)
	if err != nil {
		return err
	}
	if len(shown.Photos) > 0 && verb != dispatch.Finish {
		return invalid(FieldProblem{Pointer: "/form/photo", Detail: "goes with done alone; leave it out, or say done"})
	}
	said := deref(in.Reason)
	if verb == dispatch.Finish {
		said = deref(in.Result)
	} else if in.Result != nil {
		return invalid(FieldProblem{Pointer: "/result", Detail: "goes with done alone; leave it out, or say done"})
	}
	ctx, cancel := s.working(c)
	defer cancel()
	if len(shown.Photos) > 0 {
		changed, err := s.cases.FinishShowing(ctx, viewer(c), id, aid, version, said, shown)
		return answerCase(c, changed, err)
	}
	changed, err := s.cases.Answer(ctx, viewer(c), id, aid, verb, version, said)
	return answerCase(c, changed, err)
}

func (s *Server) moveCase(c echo.Context) error {
	id, version, err := changedCase(c)
	if err != nil {
		return err
	}
	held := s.uploads.hold()
	defer held.release()
	var in CaseMove
	shown, err := s.readStep(c, held, "move", "CaseMove", false, &in)
	if err != nil {
		return err
	}
	o := dispatch.MoveOrder{Move: dispatch.Move(in.Move), Reason: deref(in.Reason), Result: deref(in.Result), Owner: deref(in.Owner),
		Days: deref(in.Days), Until: in.Until, Document: deref(in.Document), Hours: deref(in.Hours), Shown: shown}
	if in.Case != nil {
		o.Case.UUID = *in.Case
	}
	if in.Level != nil {
		o.Level = string(*in.Level)
	}
	ctx, cancel := s.working(c)
	defer cancel()
	changed, err := s.cases.Move(ctx, viewer(c), id, version, o)
	return answerCase(c, changed, err)
}

// deref is what an optional field holds, or nothing.
func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func (s *Server) readReason(c echo.Context) (string, error) {
	var in Note
	err := s.readJSON(c, "Note", true, &in)
	if in.Reason == nil {
		return "", err
	}
	return *in.Reason, err
}

// changedCase reads which case is to change and the version its caller saw, 0
// when they do not say.
func changedCase(c echo.Context) (id dispatch.CaseID, version int64, err error) {
	if err = pathID(c, "id", &id); err != nil {
		return id, 0, err
	}
	version, err = ifMatch(c)
	return id, version, err
}

// ifMatch reads the version out of If-Match; "*" and no header compare nothing.
func ifMatch(c echo.Context) (int64, error) {
	text := strings.TrimSpace(c.Request().Header.Get("If-Match"))
	if text == "" || text == "*" {
		return 0, nil
	}
	number := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(text, "W/"), `"`), `"`)
	version, err := strconv.ParseInt(number, 10, 64)
	if err != nil || version < 1 {
		return 0, invalid(FieldProblem{Pointer: "/header/If-Match", Detail: `must be one ETag as it was answered, such as "3"`})
	}
	return version, nil
}

func etag(version int64) string { return fmt.Sprintf(`"%d"`, version) }

func answerCase(c echo.Context, found dispatch.CaseDetail, err error) error {
	var fault *dispatch.Fault
	if errors.As(err, &fault) && fault.Code == dispatch.CodeOldVersion {
		return refuse(http.StatusPreconditionFailed, "old-version", fault.Detail,
			FieldProblem{Pointer: "/header/If-Match", Detail: "is not the case's version any more; read it again"})
	}
	if err != nil {
		return err
	}
	found.Moves, found.Precedents, found.Clocks, found.Past = some(found.Moves), some(found.Precedents), some(found.Clocks), some(found.Past)
	found.Holds, found.Been = some(found.Holds), some(found.Been)
	for i := range found.Past {
		found.Past[i].Reasons = some(found.Past[i].Reasons)
	}
	found.Nearby.Cameras, found.Nearby.Places = some(found.Nearby.Cameras), some(found.Nearby.Places)
	c.Response().Header().Set("ETag", etag(found.Version))
	return answer(c, http.StatusOK, caseDetail{CaseDetail: found, Reports: reports(found.Reports), Revisits: revisits(found.Revisits), Evidence: evidences(found.Evidence)})
}
