package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
)

func (s *Server) signIn(c echo.Context) error {
	if err := s.checkOrigin(c.Request(), false); err != nil {
		return err
	}
	var in SignIn
	if err := s.readJSON(c, "SignIn", false, &in); err != nil {
		return err
	}
	session, err := s.auth.SignIn(c.Request().Context(), in.Username, in.Password, c.RealIP())
	if err == pgauth.ErrUnknown {
		return refuse(http.StatusUnauthorized, "wrong-password", "The username or the password is wrong; check both and try again.")
	}
	if err != nil {
		return err
	}
	// The cookie outlives an idle session: it is the database that ends one.
	c.SetCookie(s.cookie(c, session.Secret, session.Until))
	return answer(c, http.StatusOK, sessionOf(caller{Identity: session.Identity, session: session.Secret}))
}

func (s *Server) getSession(c echo.Context) error {
	return answer(c, http.StatusOK, sessionOf(theCaller(c)))
}

func (s *Server) signOut(c echo.Context) error {
	who := theCaller(c)
	if who.session != "" {
		if err := s.auth.SignOut(c.Request().Context(), who.Viewer, who.session); err != nil {
			return err
		}
		c.SetCookie(s.cookie(c, "", time.Unix(0, 0)))
	}
	return c.NoContent(http.StatusNoContent)
}

// cookie is scripts' no business, and travels by TLS alone where there is TLS.
func (s *Server) cookie(c echo.Context, value string, until time.Time) *http.Cookie {
	cookie := &http.Cookie{
		Name: cookieName, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: c.Scheme() == "https", Expires: until,
	}
	if value == "" {
		cookie.MaxAge = -1
	}
	return cookie
}

// actions in the order in which a session lists them.
var actions = []dispatch.Action{
	dispatch.ActManagePeople, dispatch.ActEnrolDevice, dispatch.ActRevokeDevice, dispatch.ActSeePhones,
	dispatch.ActReport, dispatch.ActSeeCases, dispatch.ActSeeOriginals, dispatch.ActSeePatrols, dispatch.ActSeeTracks, dispatch.ActDispatch,
	dispatch.ActCloseCase, dispatch.ActAnswer, dispatch.ActSetStatus, dispatch.ActCommandPatrol, dispatch.ActSendBeacon,
	dispatch.ActWatchLive, dispatch.ActMapData, dispatch.ActAdminister, dispatch.ActSeeContacts, dispatch.ActDutySheet,
	dispatch.ActCloseRoads, dispatch.ActEditCalendar, dispatch.ActDossier, dispatch.ActCover, dispatch.ActSeeCovert,
}

func sessionOf(who caller) Session {
	v := who.Viewer
	out := Session{
		Kind: SessionKindAccount, Role: Role(v.Role), Name: who.Name, May: []string{},
		AccountId: idOrNil(v.Account), DeviceId: idOrNil(v.Device), PatrolId: idOrNil(v.Patrol),
		Scope:     Scope{AreaCode: textOrNil(v.AreaCode), Department: textOrNil(v.Department)},
		ExpiresAt: who.ExpiresAt,
	}
	if out.DeviceId != nil {
		out.Kind = SessionKindDevice
	}
	for _, a := range actions {
		if dispatch.May(v, a) {
			out.May = append(out.May, string(a))
		}
	}
	if who.session != "" {
		out.Csrf = textOrNil(pgauth.CSRF(who.session))
	}
	return out
}

func (s *Server) makeTicket(c echo.Context) error {
	var in NewTicket
	if err := s.readJSON(c, "NewTicket", false, &in); err != nil {
		return err
	}
	who := theCaller(c)
	needed := dispatch.ActWatchLive
	if in.For == NewTicketForBeacon {
		needed = dispatch.ActSendBeacon
	}
	if !dispatch.May(who.Viewer, needed) {
		return forbidden(who.Viewer)
	}
	ticket, until, err := s.auth.MakeTicket(c.Request().Context(), who.Identity, string(in.For))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, Ticket{Ticket: ticket, ExpiresAt: utc(until)})
}
