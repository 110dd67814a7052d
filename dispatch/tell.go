package dispatch

import "slices"

// Reporter is one report of a case and who hears of it. Account and Device are both
// zero where somebody filed on behalf of a resident: then the follow-up code is the
// way to what was said.
type Reporter struct {
	Report  ReportID
	Account AccountID
	Device  DeviceID
}

// is says whether the viewer is this reporter: whoever does something need not be
// told of it.
func (r Reporter) is(v Viewer) bool {
	return (!r.Account.IsZero() && r.Account == v.Account) || (!r.Device.IsZero() && r.Device == v.Device)
}

// toReporters tells everybody who reported the case, in the transaction that makes
// it so: the words are kept with the report, and pushed to whoever is connected.
func (t *turn) toReporters(why string, w Words) {
	for _, r := range t.reporters {
		t.Notices, t.Tell = noteReporter(t.Notices, t.Tell, t.Case, r, why, w, t.actor)
	}
}

func noteReporter(notices []Notice, tell []Announcement, c Case, r Reporter, why string, w Words, actor Viewer) ([]Notice, []Announcement) {
	n := Notice{Report: r.Report, Account: r.Account, Device: r.Device, CaseID: c.ID, Number: c.Number, Why: why, Text: w, Seen: r.is(actor)}
	notices = append(notices, n)
	if !n.Seen && (!r.Account.IsZero() || !r.Device.IsZero()) {
		tell = append(tell, Announcement{District: c.Scope.District, Notice: &n})
	}
	return notices, tell
}

// tellSent tells who goes. goers whose department had somebody before who will not
// come are a change; the others are news.
func (t *turn) tellSent(sent []Assignment) {
	var fresh, changed []goer
	for _, a := range sent {
		if a.State == There {
			continue // the reporter is there already: it is they who look first
		}
		g := goer{a.Department, a.EtaS}
		if slices.ContainsFunc(t.Case.Assignments, func(old Assignment) bool {
			return old.ID != a.ID && old.Kind == a.Kind && old.Department == a.Department && old.OfferedAt != nil &&
				slices.Contains([]AssignmentState{Declined, Expired, Recalled}, old.State)
		}) {
			changed = append(changed, g)
		} else {
			fresh = append(fresh, g)
		}
	}
	if len(fresh) > 0 {
		t.toReporters(WhySent, saidSent(t.names, fresh, false))
	}
	if len(changed) > 0 {
		t.toReporters(WhyReplaced, saidSent(t.names, changed, true))
	}
}

// tellStep tells how far one department has come.
func (t *turn) tellStep(a Assignment) {
	if why, w := saidStep(t.names, a.Department, a.State); why != "" {
		t.toReporters(why, w)
	}
}
