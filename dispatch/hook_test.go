package dispatch

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// newsTo are the kinds of news that a webhook hears of a change.
func newsTo(t testing.TB, h Hook, was, is Case, events ...string) (out []HookKind) {
	t.Helper()
	var all []Event
	for _, k := range events {
		all = append(all, Event{Kind: k})
	}
	news, err := newsFor([]Hook{h}, was, is, all, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range news {
		out = append(out, n.Kind)
	}
	return out
}

func hookCase(district DistrictID, areas, departments []string) Case {
	return Case{ID: NewID[caseKind](), Number: "20260503-0001", Stage: StageDispatched, Version: 4,
		Scope: Thing{District: district, Areas: areas, Departments: departments}}
}

// A webhook is told what somebody of its town and department may see, each kind once, and
// of a covert case nothing: not that it became so, and not of one that was given to the
// very patrol or account that the webhook's maker is.
func TestWhatAWebhookIsTold(t *testing.T) {
	t.Parallel()
	here := NewID[districtKind]()
	located := hookCase(here, []string{"V1", "T1", "D"}, []string{"police", "environment"})
	born := located
	born.Stage, born.Scope.Areas = StageReported, nil
	covert := located
	covert.Covert = &Covert{Until: time.Now().Add(time.Hour)}
	covert.Commanders = []AccountID{NewID[accountKind]()}
	covert.Rescope()
	closed := located
	closed.Stage = StageClosed
	all := Hook{Kinds: HookKinds}
	for name, c := range map[string]struct {
		hook    Hook
		was, is Case
		events  []string
		want    string
	}{
		"a whole walk is one message of each kind": {all, born, located, []string{"located", "stage", "stage", "stage", "assignment.offered", "assignment.offered"}, "case.opened case.stage case.sent"},
		"before its place is known":                {all, born, born, []string{"reported"}, ""},
		"planned again":                            {all, located, located, []string{"located"}, ""},
		"closed":                                   {all, located, closed, []string{"result", "stage"}, "case.stage case.closed"},
		"what nobody outside asks for":             {all, located, located, []string{"told", "viewed.case", "notice.seen"}, ""},
		"another kind is wanted":                   {Hook{Kinds: []HookKind{HookOverdue}}, located, located, []string{"stage"}, ""},
		"of its town":                              {Hook{Kinds: HookKinds, AreaCode: "T1"}, located, located, []string{"urged"}, "case.urged"},
		"of another town":                          {Hook{Kinds: HookKinds, AreaCode: "T2"}, located, located, []string{"urged"}, ""},
		"of its department":                        {Hook{Kinds: HookKinds, Department: "police"}, located, located, []string{"urged"}, "case.urged"},
		"of another department":                    {Hook{Kinds: HookKinds, Department: "fire"}, located, located, []string{"urged"}, ""},
		"a covert case":                            {all, covert, covert, []string{"stage", "assignment.offered", "clock.overdue"}, ""},
		"it becomes covert":                        {all, located, covert, []string{"covert", "stage"}, ""},
		"it is covert no more":                     {all, covert, located, []string{"covert.released", "stage"}, "case.stage"},
		"disabled":                                 {Hook{Kinds: HookKinds, DisabledBecause: HookOffByHand}, located, located, []string{"stage"}, ""},
	} {
		var words []string
		for _, k := range newsTo(t, c.hook, c.was, c.is, c.events...) {
			words = append(words, string(k))
		}
		if got := strings.Join(words, " "); got != c.want {
			t.Errorf("%s: told %q, want %q", name, got, c.want)
		}
	}
}

// Whatever the case and the webhook: told of it is only who Visible lets see it with no
// account, patrol or right of their own; and the body names it and nothing else of it.
func TestNoWebhookIsToldWhatItMayNotSee(t *testing.T) {
	t.Parallel()
	here := NewID[districtKind]()
	rapid.Check(t, func(t *rapid.T) {
		place := rapid.SampledFrom([]string{"", "D", "T1", "T2", "V1"})
		unit := rapid.SampledFrom([]string{"", "police", "fire"})
		c := hookCase(here, rapid.SliceOf(place).Draw(t, "areas"), rapid.SliceOf(unit).Draw(t, "departments"))
		c.Description = "words of somebody"
		c.Commanders = []AccountID{NewID[accountKind]()}
		if rapid.Bool().Draw(t, "covert") {
			c.Covert = &Covert{Until: time.Now().Add(time.Hour), Reason: "why"}
		}
		c.Assignments = []Assignment{{ID: NewID[assignmentKind](), PatrolID: NewID[patrolKind](), State: OnTheWay, MadeAt: time.Now()}}
		c.Rescope()
		h := Hook{ID: NewID[hookKind](), Kinds: HookKinds, AreaCode: place.Draw(t, "area"), Department: unit.Draw(t, "department")}
		news, err := newsFor([]Hook{h}, c, c, []Event{{Kind: "stage"}}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		may := c.Covert == nil && (h.AreaCode == "" || slices.Contains(c.Scope.Areas, h.AreaCode)) && (h.Department == "" || slices.Contains(c.Scope.Departments, h.Department))
		if (len(news) > 0) != may {
			t.Fatalf("%d messages, may be told: %v", len(news), may)
		}
		for _, n := range news {
			var body map[string]any
			if err := json.Unmarshal(n.Body, &body); err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{"words of", c.Assignments[0].PatrolID.String(), c.Commanders[0].String(), "why"} {
				if strings.Contains(string(n.Body), secret) {
					t.Fatalf("%s tells of %q", n.Body, secret)
				}
			}
		}
	})
}

// The tries are those of the table, a fifth sooner or later, never after the tenth; who
// asks for more time has it, and a ping is tried once.
func TestWhenAMessageIsTriedAgain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tries, by := rapid.IntRange(1, 20).Draw(t, "tries"), rapid.Float64Range(0, 1).Draw(t, "by")
		asked := time.Duration(rapid.IntRange(0, 7*24*3600).Draw(t, "retry-after")) * time.Second
		status := rapid.SampledFrom([]int{0, 199, 200, 204, 299, 301, 404, 429, 500, 503}).Draw(t, "status")
		end := callEnd(HookCall{Kind: HookStage, Tries: tries}, HookAnswer{Status: status, RetryAfter: asked}, by)
		switch {
		case status >= 200 && status <= 299:
			if end.State != CallDelivered {
				t.Fatalf("%d: %+v", status, end)
			}
		case tries >= 10:
			if end.State != CallGivenUp {
				t.Fatalf("try %d: %+v", tries, end)
			}
		default:
			want := callWaits[tries-1]
			low, high := want*8/10, max(want*12/10, min(asked, mostRetryAfter))
			if end.State != CallWaiting || end.Again < low-time.Second || end.Again > high+time.Second || end.Again < min(asked, mostRetryAfter) {
				t.Fatalf("try %d asked for %v: %+v", tries, asked, end)
			}
		}
		if ping := callEnd(HookCall{Kind: HookPing, Tries: 1}, HookAnswer{Status: 500}, by); ping.State != CallGivenUp {
			t.Fatalf("a ping: %+v", ping)
		}
	})
}

// posted notes what is sent.
type posted struct {
	answer HookAnswer
	to     []string
}

func (*posted) AddressFault(string) string { return "" }
func (p *posted) Post(_ context.Context, to string, _ HookCallID, _, _ []byte) HookAnswer {
	p.to = append(p.to, to)
	return p.answer
}

// callStore holds one case and notes how tries end.
type callStore struct {
	only
	c    Case
	ends []HookCallEnd
}

func (s *callStore) Case(context.Context, CaseID, string) (Case, error) { return s.c, nil }
func (s *callStore) EndCall(_ context.Context, _ HookCall, end HookCallEnd) (*time.Time, time.Time, error) {
	s.ends = append(s.ends, end)
	return nil, time.Time{}, nil
}

// What was written while everybody could see the case is not sent once it is covert, nor
// once it went to another town.
func TestAMessageIsWithheldOnceItsCaseIsCovert(t *testing.T) {
	t.Parallel()
	here := NewID[districtKind]()
	open := hookCase(here, []string{"T1"}, []string{"police"})
	covert := open
	covert.Covert = &Covert{Until: time.Now().Add(time.Hour)}
	covert.Rescope()
	moved := open
	moved.Scope.Areas = []string{"T2"}
	for name, c := range map[string]struct {
		is   Case
		want HookCallState
	}{"open": {open, CallDelivered}, "covert": {covert, CallWithheld}, "of another town": {moved, CallWithheld}} {
		store, post := &callStore{c: c.is}, &posted{answer: HookAnswer{Status: 204}}
		s := &Service{Config: Config{District: here, Store: store, Post: post}}
		err := s.Call(t.Context(), HookCall{Kind: HookStage, Case: c.is.ID, Hook: Hook{URL: "x", AreaCode: "T1"}, Tries: 1})
		if err != nil || len(store.ends) != 1 || store.ends[0].State != c.want || (len(post.to) > 0) != (c.want == CallDelivered) {
			t.Errorf("%s: %v, ends %+v, sent %v", name, err, store.ends, post.to)
		}
	}
}

// A role that grants something would let a webhook see more than its town.
func TestAWebhookMayNothing(t *testing.T) {
	t.Parallel()
	if v := (Viewer{Role: RoleWebhook}); len(policy[RoleWebhook]) > 0 || May(v, ActSeeCovert) || May(v, ActSeeCases) || v.OwnWorkOnly() {
		t.Error("the role of webhooks grants something")
	}
}
