// Package pgscope says in the database's words who looks: the one place where a
// dispatch.Viewer becomes what the policies of the tables compare rows with.
package pgscope

import (
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// Of is the viewer as the second wall knows them.
func Of(v dispatch.Viewer) pgdb.Viewer {
	return pgdb.Viewer{District: v.District.UUID, Account: v.Account.UUID, Device: v.Device.UUID, Patrol: v.Patrol.UUID,
		Staff: v.Staff.UUID, Wide: !v.OwnWorkOnly(),
		Phones: dispatch.May(v, dispatch.ActSeePhones), Covert: dispatch.May(v, dispatch.ActSeeCovert), Area: v.AreaCode, Department: v.Department}
}
