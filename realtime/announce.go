package realtime

import (
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// Announce hears what dispatch has committed: statuses move the index and the
// interval, cases go to the viewers, offers and recalls to the patrol's devices,
// notices to whomever they are for.
func (b *BeaconServer) Announce(a dispatch.Announcement) {
	switch {
	case a.Patrol != nil:
		s, changed := b.index.Apply(*a.Patrol)
		if !changed {
			return
		}
		b.bus.Publish(Message{Moved: &s})
		b.retell(&s)
	case a.Case != nil:
		// Before the case is told: whoever hears of it must find the places hidden.
		for _, s := range b.index.SetSecret(a.Case.ID, a.Case.Version, a.Case.Secret()) {
			b.bus.Publish(Message{Moved: &s})
		}
		b.bus.Publish(Message{Case: a.Case})
	case a.Offer != nil:
		b.Push(a.Offer.PatrolID, offerOf(a.Offer))
	case a.Notice != nil:
		b.notify(a.Notice)
	case a.Mission != nil:
		for _, id := range a.Mission.Patrols {
			b.Push(id, beacon.Mission{CaseID: a.Mission.CaseID.String(), State: string(a.Mission.State), InPlace: a.Mission.InPlace, Of: a.Mission.Of, MeetAt: a.Mission.MeetAt})
		}
	case a.HandOver != nil:
		b.Push(a.HandOver.PatrolID, beacon.HandOver{AssignmentID: a.HandOver.AssignmentID.String(), CaseID: a.HandOver.CaseID.String(),
			Reason: a.HandOver.Reason, EndsAt: a.HandOver.EndsAt})
	case a.Recall != nil:
		b.Push(a.Recall.PatrolID, beacon.Recall{
			AssignmentID: a.Recall.AssignmentID.String(), CaseID: a.Recall.CaseID.String(), Reason: a.Recall.Reason,
		})
	}
}

// notify says something to whomever it is for: to a device over its own socket, to a
// person through the viewers. Who is not connected finds it in their list.
func (b *BeaconServer) notify(n *dispatch.Notice) {
	if n.Device.IsZero() || !n.Account.IsZero() {
		b.bus.Publish(Message{Notice: n})
		return
	}
	message := beacon.Append(nil, noticeOf(n))
	for _, s := range b.of(n.Device) {
		s.send(message)
	}
}

func noticeOf(n *dispatch.Notice) beacon.Notice {
	out := beacon.Notice{CaseID: n.CaseID.String(), Number: n.Number, Why: n.Why, Text: beacon.Words{ZH: n.Text.ZH, EN: n.Text.EN}}
	if !n.Report.IsZero() {
		id := n.Report.String()
		out.ReportID = &id
	}
	return out
}

func offerOf(o *dispatch.Offer) beacon.Offer {
	return beacon.Offer{
		AssignmentID: o.AssignmentID.String(), CaseID: o.CaseID.String(), Kind: o.Kind, Category: o.Category,
		Lon: o.Lon, Lat: o.Lat, EtaS: o.EtaS, ExpiresAt: o.ExpiresAt,
	}
}

// Push sends a message to the devices that speak for a patrol now and says whether
// any socket took it. A device that does not read is closed at its bound.
func (b *BeaconServer) Push(patrol dispatch.PatrolID, m beacon.Down) bool {
	message := beacon.Append(nil, m)
	taken := false
	for _, device := range b.roster.Load().Devices(patrol, b.now()) {
		for _, s := range b.of(device) {
			taken = s.send(message) || taken
		}
	}
	return taken
}
