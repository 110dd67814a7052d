package api

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
)

// cookieName of the session.
const cookieName = "gp_session"

// access is what a route asks of its caller. The zero value asks for somebody
// who is signed in.
type access struct {
	open   bool              // anybody
	anyOf  []dispatch.Action // the role grants one of these at least
	socket string            // a WebSocket: tickets for this purpose are taken too
	cookie bool              // a socket that takes the cookie
	code   bool              // a follow-up code is enough; the handler checks it
}

var (
	anybody  = access{open: true}
	signedIn = access{}
)

func may(actions ...dispatch.Action) access { return access{anyOf: actions} }

// caller is who asks, and by what means they proved it.
type caller struct {
	pgauth.Identity
	session string // the cookie's secret; empty for a token
}

const callerKey = "gridpatrol.caller"

// viewer answers who asks; the route's access has made sure that there is one.
func viewer(c echo.Context) dispatch.Viewer { return theCaller(c).Viewer }

func theCaller(c echo.Context) caller {
	who, _ := c.Get(callerKey).(caller)
	return who
}

var errSignIn = refuse(http.StatusUnauthorized, "unauthenticated",
	"Sign in first (POST /api/v1/session), or send a valid token as Authorization: Bearer.").with("WWW-Authenticate", "Bearer")

// guard lets a request through when its caller satisfies the route's access.
func (s *Server) guard(a access, next echo.HandlerFunc) echo.HandlerFunc {
	if a.open {
		return next
	}
	return func(c echo.Context) error {
		if a.code && c.Request().Header.Get(followUpHeader) != "" {
			return next(c)
		}
		who, err := s.identify(c, a)
		if errors.Is(err, pgauth.ErrUnknown) {
			return errSignIn
		}
		if err != nil {
			return err
		}
		who.Viewer.From = c.RealIP()
		c.Set(callerKey, who)
		if len(a.anyOf) > 0 && !slices.ContainsFunc(a.anyOf, func(act dispatch.Action) bool { return dispatch.May(who.Viewer, act) }) {
			return forbidden(who.Viewer)
		}
		return next(c)
	}
}

func forbidden(v dispatch.Viewer) error {
	return refuse(http.StatusForbidden, "forbidden", "The role "+string(v.Role)+" may not do this; ask somebody whose role may.")
}

// identify finds the caller: by bearer token, by ticket where a socket is
// opened, else by cookie.
func (s *Server) identify(c echo.Context, a access) (caller, error) {
	r := c.Request()
	ctx := r.Context()
	if token, ok := bearer(r); ok {
		who, err := s.auth.ByToken(ctx, token)
		return caller{Identity: who}, err
	}
	if a.socket != "" {
		if ticket := ticketOf(r); ticket != "" {
			who, err := s.auth.ByTicket(ctx, ticket, a.socket)
			return caller{Identity: who}, err
		}
		if !a.cookie {
			return caller{}, pgauth.ErrUnknown
		}
	}
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return caller{}, pgauth.ErrUnknown
	}
	who, err := s.auth.BySession(ctx, cookie.Value)
	if err != nil {
		return caller{}, err
	}
	found := caller{Identity: who, session: cookie.Value}
	if a.socket != "" {
		return found, s.checkOrigin(r, true)
	}
	return found, s.checkWrite(r, cookie.Value)
}

// checkWrite keeps other pages from writing with a person's cookie.
func (s *Server) checkWrite(r *http.Request, secret string) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	if err := s.checkOrigin(r, false); err != nil {
		return err
	}
	if !pgauth.CSRFMatches(secret, r.Header.Get("X-CSRF-Token")) {
		return refuse(http.StatusForbidden, "csrf", "Send the csrf of GET /api/v1/session as X-CSRF-Token.",
			FieldProblem{Pointer: "/header/X-CSRF-Token", Detail: "is missing or does not belong to this session"})
	}
	return nil
}

// checkOrigin lets our own pages through, and those of the origins that the
// configuration names. A browser always says where a socket comes from.
func (s *Server) checkOrigin(r *http.Request, needed bool) error {
	origin := r.Header.Get("Origin")
	if origin == "" && !needed && r.Header.Get("Sec-Fetch-Site") != "cross-site" {
		return nil
	}
	u, err := url.Parse(origin)
	if err == nil && u.Host != "" && (u.Host == r.Host || slices.Contains(s.origins, strings.ToLower(origin))) {
		return nil
	}
	return refuse(http.StatusForbidden, "origin", "Pages of this origin may not use the session; name it in GRIDPATROL_ORIGINS if they should.",
		FieldProblem{Pointer: "/header/Origin", Detail: "is not allowed"})
}

func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimSpace(token), true
}

// ticketOf finds the subprotocol ticket.<value>.
func ticketOf(r *http.Request) string {
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for _, protocol := range strings.Split(line, ",") {
			if value, ok := strings.CutPrefix(strings.TrimSpace(protocol), "ticket."); ok {
				return value
			}
		}
	}
	return ""
}
