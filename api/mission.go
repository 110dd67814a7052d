package api

import (
	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

func (s *Server) commandMission(c echo.Context) error {
	id, version, err := changedCase(c)
	if err != nil {
		return err
	}
	act := c.Param("action")
	if !s.spec.isWord("MissionAction", act) {
		return errNotFound
	}
	var in MissionOrder
	if err := s.readJSON(c, "MissionOrder", true, &in); err != nil {
		return err
	}
	o := dispatch.MissionOrder{Act: dispatch.MissionAct(act), Department: deref(in.Department), People: deref(in.People), Skills: deref(in.Skills),
		Patrol: dispatch.PatrolID{UUID: deref(in.PatrolId)}, Assignment: dispatch.AssignmentID{UUID: deref(in.AssignmentId)},
		Reason: deref(in.Reason), Anyway: deref(in.Anyway)}
	changed, err := s.cases.Command(c.Request().Context(), viewer(c), id, version, o)
	return answerCase(c, changed, err)
}
