package realtime

import "github.com/gridpatrol/gridpatrol/dispatch"

// right is what makes two viewers see the same patrols: all that the rule of
// visibility reads of a viewer. Bytes are shared between viewers of one right only.
type right struct{ who dispatch.Viewer }

func rightOf(who dispatch.Viewer) right {
	// Patrols are not reported by anybody and staff is not asked, so that accounts of
	// one scope share what they see.
	who.Account, who.Staff, who.Device, who.From = dispatch.AccountID{}, dispatch.StaffID{}, dispatch.DeviceID{}, ""
	who.Simulated = false
	return right{who: who}
}

// sees decides whether a patrol is shown at all. Every frame of the live channel, of
// either subprotocol, dots and counts, passes here and nowhere else; what else it
// reads of a viewer must be left standing in rightOf.
func (r *right) sees(s *Standing) bool {
	return s.Placed && dispatch.Visible(r.who, s.Thing())
}
