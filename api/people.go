package api

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// PeopleDesk is what the door asks about people, shifts and devices.
// *dispatch.Service is one.
type PeopleDesk interface {
	PatrolAt(context.Context, dispatch.Viewer, dispatch.PatrolID, time.Time) (dispatch.PatrolDetail, error)
	AddMember(context.Context, dispatch.Viewer, dispatch.PatrolID, dispatch.NewMember) (dispatch.PatrolDetail, error)
	EndMember(context.Context, dispatch.Viewer, dispatch.PatrolID, dispatch.StaffID, dispatch.Ending) (dispatch.PatrolDetail, error)
	AddPost(context.Context, dispatch.Viewer, dispatch.GridID, dispatch.NewPost) error
	EndPost(context.Context, dispatch.Viewer, dispatch.GridID, dispatch.StaffID, string, dispatch.Ending) error
	People(context.Context, dispatch.Viewer, dispatch.PeopleFilter) (dispatch.Page[dispatch.Person], error)

	PatrolShifts(context.Context, dispatch.Viewer, dispatch.PatrolID, time.Time, time.Time) ([]dispatch.Shift, error)
	AddShift(context.Context, dispatch.Viewer, dispatch.PatrolID, time.Time, time.Time) (dispatch.Shift, error)
	ChangeShift(context.Context, dispatch.Viewer, dispatch.DutyID, dispatch.ShiftChange) (dispatch.Shift, error)
	EndShift(context.Context, dispatch.Viewer, dispatch.DutyID) error

	Devices(context.Context, dispatch.Viewer, dispatch.DeviceFilter) (dispatch.Page[dispatch.Device], error)
	Device(context.Context, dispatch.Viewer, dispatch.DeviceID) (dispatch.Device, error)
	BindDevice(context.Context, dispatch.Viewer, dispatch.DeviceID, dispatch.NewBinding) (dispatch.Device, error)
	UnbindDevice(context.Context, dispatch.Viewer, dispatch.DeviceID, dispatch.Ending) (dispatch.Device, error)
	RevokeDevice(context.Context, dispatch.Viewer, dispatch.DeviceID, string) (dispatch.Device, error)

	OpenEnrolment(context.Context, dispatch.Viewer, dispatch.PatrolID, dispatch.StaffID, []byte) (dispatch.Enrolment, error)
	Enrolment(context.Context, dispatch.Viewer, dispatch.EnrolmentID) (dispatch.Enrolment, error)
	WithdrawEnrolment(context.Context, dispatch.Viewer, dispatch.EnrolmentID) error
	Redeem(context.Context, dispatch.Redemption) (dispatch.Redeemed, error)
}

func (s *Server) peopleRoutes() {
	manage := may(dispatch.ActManagePeople)
	enrol := may(dispatch.ActEnrolDevice)
	s.add("POST", "/api/v1/patrols/:id/members", manage, s.addMember)
	s.add("DELETE", "/api/v1/patrols/:id/members/:staff_id", manage, s.endMember)
	s.add("GET", "/api/v1/patrols/:id/shifts", may(dispatch.ActSeePatrols, dispatch.ActSetStatus), s.listShifts)
	s.add("POST", "/api/v1/patrols/:id/shifts", manage, s.addShift)
	s.add("PUT", "/api/v1/shifts/:id", manage, s.changeShift)
	s.add("DELETE", "/api/v1/shifts/:id", manage, s.endShift)
	s.add("POST", "/api/v1/grids/:id/people", manage, s.addGridPerson)
	s.add("DELETE", "/api/v1/grids/:id/people/:staff_id", manage, s.endGridPerson)
	s.add("GET", "/api/v1/staff", manage, s.listStaff)
	s.add("GET", "/api/v1/devices", manage, s.listDevices)
	s.add("GET", "/api/v1/devices/:id", manage, s.getDevice)
	s.add("POST", "/api/v1/devices/:id/bind", manage, s.bindDevice)
	s.add("POST", "/api/v1/devices/:id/unbind", manage, s.unbindDevice)
	s.add("POST", "/api/v1/devices/:id/revoke", may(dispatch.ActRevokeDevice), s.revokeDevice)
	s.add("POST", "/api/v1/enrolments", enrol, s.openEnrolment)
	s.add("POST", "/api/v1/enrolments/redeem", anybody, s.redeemEnrolment)
	s.add("GET", "/api/v1/enrolments/:id", enrol, s.getEnrolment)
	s.add("DELETE", "/api/v1/enrolments/:id", enrol, s.withdrawEnrolment)
}

func (s *Server) addMember(c echo.Context) error {
	var id dispatch.PatrolID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	var in NewMember
	if err := s.readJSON(c, "NewMember", false, &in); err != nil {
		return err
	}
	changed, err := s.people.AddMember(c.Request().Context(), viewer(c), id, dispatch.NewMember{
		Staff: dispatch.StaffID{UUID: in.StaffId}, From: in.From, Until: in.Until, Move: is(in.Move), Reason: said(in.Reason)})
	if err != nil {
		return err
	}
	return s.answerPatrol(c, http.StatusCreated, changed)
}

func (s *Server) endMember(c echo.Context) error {
	var id dispatch.PatrolID
	var staff dispatch.StaffID
	if err := pathIDs(c, &id, &staff); err != nil {
		return err
	}
	q := query{c: c}
	end := q.ending()
	if err := q.err(); err != nil {
		return err
	}
	changed, err := s.people.EndMember(c.Request().Context(), viewer(c), id, staff, end)
	if err != nil {
		return err
	}
	return s.answerPatrol(c, http.StatusOK, changed)
}

func (s *Server) addGridPerson(c echo.Context) error {
	var id dispatch.GridID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	var in NewGridPerson
	if err := s.readJSON(c, "NewGridPerson", false, &in); err != nil {
		return err
	}
	post := dispatch.NewPost{Staff: dispatch.StaffID{UUID: in.StaffId}, Part: string(in.Part), From: in.From, Until: in.Until,
		Move: is(in.Move), Reason: said(in.Reason)}
	if in.ForStaffId != nil {
		post.For.UUID = *in.ForStaffId
	}
	if err := s.people.AddPost(c.Request().Context(), viewer(c), id, post); err != nil {
		return err
	}
	return s.answerGrid(c, http.StatusCreated, id)
}

func (s *Server) endGridPerson(c echo.Context) error {
	var id dispatch.GridID
	var staff dispatch.StaffID
	if err := pathIDs(c, &id, &staff); err != nil {
		return err
	}
	q := query{c: c}
	part := q.oneOf("part", s.spec.words("GridPart")...)
	if part == "" && len(q.faults) == 0 {
		q.wrong("part", "is missing; say which part ends")
	}
	end := q.ending()
	if err := q.err(); err != nil {
		return err
	}
	if err := s.people.EndPost(c.Request().Context(), viewer(c), id, staff, part, end); err != nil {
		return err
	}
	return s.answerGrid(c, http.StatusOK, id)
}

func (s *Server) answerGrid(c echo.Context, status int, id dispatch.GridID) error {
	found, err := s.book.Grid(c.Request().Context(), viewer(c), id, nil)
	if err != nil {
		return err
	}
	return answer(c, status, found)
}

func (s *Server) listStaff(c echo.Context) error {
	q := query{c: c}
	f := dispatch.PeopleFilter{Text: q.text("q")}
	f.Limit, f.Cursor = q.page(200, 50)
	if err := q.err(); err != nil {
		return err
	}
	page, err := s.people.People(c.Request().Context(), viewer(c), f)
	if err != nil {
		return err
	}
	var called []uuid.UUID
	for _, p := range page.Items {
		if p.Phone != nil {
			called = append(called, p.ID.UUID)
		}
	}
	if err := s.seePhones(c, called); err != nil {
		return err
	}
	return answer(c, http.StatusOK, page)
}

// longestLook bounds one look at the shifts of a patrol.
const longestLook = 92 * 24 * time.Hour

func (s *Server) listShifts(c echo.Context) error {
	var id dispatch.PatrolID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	q := query{c: c}
	from, to := s.now(), time.Time{}
	if t := q.moment("from"); t != nil {
		from = *t
	}
	to = from.Add(14 * 24 * time.Hour)
	if t := q.moment("to"); t != nil {
		to = *t
	}
	if !to.After(from) {
		q.wrong("to", "must be after from")
	} else if to.Sub(from) > longestLook {
		q.wrong("to", "must be within 92 days of from")
	}
	if err := q.err(); err != nil {
		return err
	}
	shifts, err := s.people.PatrolShifts(c.Request().Context(), viewer(c), id, from, to)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, list[dispatch.Shift]{shifts})
}

func (s *Server) addShift(c echo.Context) error {
	var id dispatch.PatrolID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	var in NewShift
	if err := s.readJSON(c, "NewShift", false, &in); err != nil {
		return err
	}
	made, err := s.people.AddShift(c.Request().Context(), viewer(c), id, in.From, in.Until)
	if err != nil {
		return err
	}
	return answer(c, http.StatusCreated, made)
}

func (s *Server) changeShift(c echo.Context) error {
	var id dispatch.DutyID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	var in ShiftChange
	if err := s.readJSON(c, "ShiftChange", false, &in); err != nil {
		return err
	}
	if in.From == nil && in.Until == nil {
		return invalid(FieldProblem{Pointer: "/until", Detail: "is missing; give from or until"})
	}
	changed, err := s.people.ChangeShift(c.Request().Context(), viewer(c), id, dispatch.ShiftChange{From: in.From, Until: in.Until})
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, changed)
}

func (s *Server) endShift(c echo.Context) error {
	var id dispatch.DutyID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	if err := s.people.EndShift(c.Request().Context(), viewer(c), id); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// ending reads when something ends, and why.
func (q *query) ending() dispatch.Ending {
	return dispatch.Ending{At: q.moment("at"), Reason: q.text("reason")}
}

// pathIDs reads what a person is taken out of, and who.
func pathIDs[K any](c echo.Context, id *dispatch.ID[K], staff *dispatch.StaffID) error {
	if err := pathID(c, "id", id); err != nil {
		return err
	}
	return pathID(c, "staff_id", staff)
}

func is(b *bool) bool { return b != nil && *b }

func said(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func given(id *uuid.UUID) (u uuid.UUID) {
	if id != nil {
		u = *id
	}
	return u
}
