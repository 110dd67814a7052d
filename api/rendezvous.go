package api

import (
	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/geo"
)

func (s *Server) moveRendezvous(c echo.Context) error {
	id, version, err := changedCase(c)
	if err != nil {
		return err
	}
	var in NewRendezvous
	if err := s.readJSON(c, "NewRendezvous", false, &in); err != nil {
		return err
	}
	changed, err := s.cases.MeetThere(c.Request().Context(), viewer(c), id, version, &geo.Point{Lon: in.Lon, Lat: in.Lat})
	return answerCase(c, changed, err)
}

func (s *Server) dropRendezvous(c echo.Context) error {
	id, version, err := changedCase(c)
	if err != nil {
		return err
	}
	changed, err := s.cases.MeetThere(c.Request().Context(), viewer(c), id, version, nil)
	return answerCase(c, changed, err)
}
