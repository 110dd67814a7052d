package api

import (
	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// coverOrder is what a request asks to be kept secret, as the core takes it.
func coverOrder(in NewCover) dispatch.CoverOrder {
	o := dispatch.CoverOrder{Reason: in.Reason}
	if in.Until != nil {
		o.Until = in.Until.UTC()
	}
	if in.Commanders != nil {
		for _, id := range *in.Commanders {
			o.Commanders = append(o.Commanders, dispatch.AccountID{UUID: id})
		}
	}
	return o
}

func (s *Server) coverCase(c echo.Context) error {
	id, version, err := changedCase(c)
	if err != nil {
		return err
	}
	var in NewCover
	if err := s.readJSON(c, "NewCover", false, &in); err != nil {
		return err
	}
	changed, err := s.cases.Cover(c.Request().Context(), viewer(c), id, version, coverOrder(in))
	return answerCase(c, changed, err)
}

func (s *Server) releaseCase(c echo.Context) error {
	id, version, err := changedCase(c)
	if err != nil {
		return err
	}
	reason, err := s.readReason(c)
	if err != nil {
		return err
	}
	changed, err := s.cases.Release(c.Request().Context(), viewer(c), id, version, reason)
	return answerCase(c, changed, err)
}
