package api

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// Every way in which a case names another counts as a look at that one, should it be covert.
func TestACaseNamesThoseBesideIt(t *testing.T) {
	t.Parallel()
	id := func() dispatch.CaseID { return dispatch.CaseID{UUID: uuid.New()} }
	past, held, joined, ruled, found := id(), id(), id(), id(), id()
	var c dispatch.CaseDetail
	c.Past = []dispatch.PastCase{{CaseID: past}}
	c.Holds = []dispatch.JoinedCase{{CaseID: held}}
	c.Course.Joined = &dispatch.Joined{CaseID: joined}
	c.Precedents = []dispatch.Precedent{{CaseID: ruled}}
	c.Revisits = []dispatch.Revisit{{}, {NewCase: &found}}
	named := beside(c)
	for how, want := range map[string]dispatch.CaseID{"near it": past, "joined to it": held, "that it was joined to": joined, "ruled on": ruled, "found again": found} {
		if !slices.Contains(named, want) {
			t.Errorf("a case %s is not among those named", how)
		}
	}
	if len(named) != 5 || len(beside(dispatch.CaseDetail{})) != 0 {
		t.Errorf("%d are named", len(named))
	}
}
