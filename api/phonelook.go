package api

import (
	"bytes"
	"slices"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// seePhones writes down whose telephones an answer holds, before it leaves; none, and
// nothing is written. One's own is nobody's business.
func (s *Server) seePhones(c echo.Context, staff []uuid.UUID) error {
	v := viewer(c)
	staff = slices.DeleteFunc(staff, func(id uuid.UUID) bool { return id == v.Staff.UUID })
	if len(staff) == 0 {
		return nil
	}
	slices.SortFunc(staff, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return s.auth.RecordLook(c.Request().Context(), v, "phones", dispatch.CaseID{}, map[string]any{"staff": slices.Compact(staff)})
}
