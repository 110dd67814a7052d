package api

import (
	"errors"
	"math"
	"net/http"
	"strconv"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
)

func (s *Server) listDevices(c echo.Context) error {
	q := query{c: c}
	var f dispatch.DeviceFilter
	if text := q.text("patrol_id"); text != "" {
		id, err := uuid.Parse(text)
		if err != nil || len(text) != 36 {
			q.wrong("patrol_id", "must be a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057")
		}
		f.Patrol.UUID = id
	}
	f.Revoked = is(q.flag("revoked"))
	f.Limit, f.Cursor = q.page(200, 50)
	if err := q.err(); err != nil {
		return err
	}
	page, err := s.people.Devices(c.Request().Context(), viewer(c), f)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, page)
}

func (s *Server) getDevice(c echo.Context) error {
	var id dispatch.DeviceID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	found, err := s.people.Device(c.Request().Context(), viewer(c), id)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, found)
}

func (s *Server) bindDevice(c echo.Context) error {
	var id dispatch.DeviceID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	var in NewBinding
	if err := s.readJSON(c, "NewBinding", false, &in); err != nil {
		return err
	}
	changed, err := s.people.BindDevice(c.Request().Context(), viewer(c), id,
		dispatch.NewBinding{Patrol: dispatch.PatrolID{UUID: in.PatrolId}, From: in.From, Reason: said(in.Reason)})
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, changed)
}

func (s *Server) unbindDevice(c echo.Context) error {
	var id dispatch.DeviceID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	var in Ending
	if err := s.readJSON(c, "Ending", true, &in); err != nil {
		return err
	}
	changed, err := s.people.UnbindDevice(c.Request().Context(), viewer(c), id, dispatch.Ending{At: in.At, Reason: said(in.Reason)})
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, changed)
}

func (s *Server) revokeDevice(c echo.Context) error {
	var id dispatch.DeviceID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	var in Note
	if err := s.readJSON(c, "Note", true, &in); err != nil {
		return err
	}
	changed, err := s.people.RevokeDevice(c.Request().Context(), viewer(c), id, said(in.Reason))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, changed)
}

// enrolPage is where a phone shows its code. The code stands in the fragment, which
// browsers send to nobody.
const enrolPage = "/enrol"

func (s *Server) openEnrolment(c echo.Context) error {
	var in NewEnrolment
	if err := s.readJSON(c, "NewEnrolment", false, &in); err != nil {
		return err
	}
	ctx := c.Request().Context()
	code := pgauth.NewCode()
	hash, err := s.auth.HashCode(ctx, code)
	if err != nil {
		return err
	}
	made, err := s.people.OpenEnrolment(ctx, viewer(c), dispatch.PatrolID{UUID: in.PatrolId}, dispatch.StaffID{UUID: given(in.StaffId)}, hash)
	if err != nil {
		return err
	}
	return answer(c, http.StatusCreated, struct {
		dispatch.Enrolment
		Code string `json:"code"`
		URL  string `json:"url"`
	}{made, code, c.Scheme() + "://" + c.Request().Host + enrolPage + "#" + code})
}

func (s *Server) getEnrolment(c echo.Context) error {
	var id dispatch.EnrolmentID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	found, err := s.people.Enrolment(c.Request().Context(), viewer(c), id)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, found)
}

func (s *Server) withdrawEnrolment(c echo.Context) error {
	var id dispatch.EnrolmentID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	if err := s.people.WithdrawEnrolment(c.Request().Context(), viewer(c), id); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// redeemEnrolment lets in whoever shows a good code. Nobody is known here yet, so a
// try counts until it was right.
func (s *Server) redeemEnrolment(c echo.Context) error {
	if err := s.checkOrigin(c.Request(), false); err != nil {
		return err
	}
	var in Redemption
	if err := s.readJSON(c, "Redemption", false, &in); err != nil {
		return err
	}
	code, ok := pgauth.PlainCode(in.Code)
	if !ok {
		return refuse(http.StatusBadRequest, dispatch.CodeBadEnrolment, "A code has eight letters and digits; compare it with the screen or the paper.",
			FieldProblem{Pointer: "/code", Detail: "is no code"})
	}
	giveBack, err := s.auth.TakeCode(c.RealIP())
	var throttled *pgauth.ThrottledError
	if errors.As(err, &throttled) {
		seconds := strconv.Itoa(max(1, int(math.Ceil(throttled.RetryAfter.Seconds()))))
		return refuse(http.StatusTooManyRequests, "throttled",
			"Too many wrong codes; wait "+seconds+" s and try again.").with("Retry-After", seconds)
	}
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	hash, err := s.auth.HashCode(ctx, code)
	if err != nil {
		giveBack()
		return err
	}
	token, kept := pgauth.NewDeviceToken()
	install := given(in.Install)
	if install == uuid.Nil {
		install = uuid.New() // known to nobody: the answer cannot be asked for again
	}
	made, err := s.people.Redeem(ctx, dispatch.Redemption{CodeHash: hash, Name: said(in.Name), Model: said(in.Model), Install: install, Token: kept, From: c.RealIP()})
	if dispatch.KindOf(err) != dispatch.Invalid {
		giveBack()
	}
	if err != nil {
		return err
	}
	who, err := s.auth.ByToken(ctx, token)
	if err != nil {
		return err
	}
	out := Enrolled{Token: token, ExpiresAt: utc(*who.ExpiresAt), Patrol: PatrolRef{Id: made.Patrol.ID.UUID, Code: made.Patrol.Code, Name: made.Patrol.Name}}
	out.Device.Id, out.Device.Code = made.Device.UUID, made.Code
	return answer(c, http.StatusCreated, out)
}
