package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

func (s *Server) getDispatchRules(c echo.Context) error {
	r, err := s.cases.DispatchRules(c.Request().Context())
	return answerDispatchRules(c, r, err)
}

func (s *Server) setDispatchRules(c echo.Context) error {
	var in NewDispatchRules
	if err := s.readJSON(c, "NewDispatchRules", false, &in); err != nil {
		return err
	}
	// A number that no duration holds must not come round to one that is allowed.
	seconds := func(n int) time.Duration { return time.Duration(min(max(n, -1), 1_000_000)) * time.Second }
	want := dispatch.DispatchRules{Version: deref(in.Version), HandOver: seconds(in.HandOverS), MoveSaves: seconds(in.MoveSavesS), MoveQuiet: seconds(in.MoveQuietS)}
	r, err := s.cases.SetDispatchRules(c.Request().Context(), viewer(c), want, deref(in.Reason))
	return answerDispatchRules(c, r, err)
}

func answerDispatchRules(c echo.Context, r dispatch.DispatchRules, err error) error {
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, DispatchRules{Version: r.Version, HandOverS: int(r.HandOver.Seconds()),
		MoveSavesS: int(r.MoveSaves.Seconds()), MoveQuietS: int(r.MoveQuiet.Seconds())})
}
