package dispatch

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// HookKind is one kind of news that a webhook may ask for. The kinds are fewer than those
// of events, and stay when events are told apart in other ways.
type HookKind string

// The kinds of news of a case, and the ping that tests a webhook.
const (
	HookOpened     HookKind = "case.opened"     // its place, and so its town, is known
	HookStage      HookKind = "case.stage"      // it went on to another stage
	HookClosed     HookKind = "case.closed"     // closed, or void
	HookSent       HookKind = "case.sent"       // somebody was sent
	HookArrived    HookKind = "case.on_scene"   // somebody arrived
	HookShortfall  HookKind = "case.shortfall"  // a department has nobody to send
	HookWarned     HookKind = "case.warned"     // three quarters of a limit are over
	HookOverdue    HookKind = "case.overdue"    // a limit is over
	HookUrged      HookKind = "case.urged"      // 催办
	HookSupervised HookKind = "case.supervised" // 督办
	HookPing       HookKind = "ping"
)

// HookKinds are those that can be asked for.
var HookKinds = []HookKind{HookOpened, HookStage, HookClosed, HookSent, HookArrived, HookShortfall, HookWarned, HookOverdue, HookUrged, HookSupervised}

// newsOf is which news an event of a case is, beside those of where the case has come to.
var newsOf = map[string]HookKind{
	"stage": HookStage, "assignment.offered": HookSent, "assignment.on_scene": HookArrived, "shortfall": HookShortfall,
	"clock.warned": HookWarned, "clock.overdue": HookOverdue, "clock.district": HookOverdue, "urged": HookUrged, "supervised": HookSupervised,
}

// Why a webhook is told nothing.
const (
	HookOffByHand   = "by_hand"
	HookOffFailing  = "failing"  // nothing was taken for HookPatience
	HookOffGone     = "gone"     // it answered 410
	HookOffOverfull = "overfull" // more waits for it than MostHookWaiting
)

const (
	// MostHooks is how many webhooks a district may have.
	MostHooks = 20
	// MostHookWaiting bounds what waits for one webhook.
	MostHookWaiting = 10_000
	// HookPatience is how long a webhook may take nothing before it is disabled.
	HookPatience = 72 * time.Hour

	maxHookName = 100  // runes
	maxHookURL  = 2000 // bytes
)

// Hook is somebody outside who is told that cases move on. An empty AreaCode is the whole
// district, an empty Department every one; both are that of its viewer.
type Hook struct {
	ID         HookID
	Name       string
	URL        string
	Kinds      []HookKind
	AreaCode   string
	Department string
	Version    int64
	MadeAt     time.Time
	MadeBy     *AccountID
	// DisabledBecause is one of the HookOff constants, empty where it is told.
	DisabledBecause string
	// FailingSince is when the first try failed that none that went well has followed.
	FailingSince *time.Time
	LastFault    string // of the last try that failed
	DeliveredAt  *time.Time
	// Areas are that of AreaCode and all above it.
	Areas []string
}

// viewer is the webhook as Visible knows it. Its role grants nothing: what is covert is
// not seen, and there is no patrol or account whose own a case could be.
func (h Hook) viewer(district DistrictID) Viewer {
	return Viewer{District: district, Role: RoleWebhook, AreaCode: h.AreaCode, Department: h.Department}
}

// thing is whose business the webhook is.
func (h Hook) thing(district DistrictID) Thing {
	return Thing{District: district, Areas: h.Areas, Departments: []string{h.Department}}
}

// HookNews is one message to one webhook, as it is written with the change that it tells of.
type HookNews struct {
	ID   HookCallID
	Hook HookID
	Kind HookKind
	Case CaseID
	Body []byte
}

// HookBody is what is sent. It names the case and where it has come to; neither people,
// nor places, nor words of anybody.
type HookBody struct {
	ID        HookCallID `json:"id"`
	Type      HookKind   `json:"type"`
	Timestamp time.Time  `json:"timestamp"` // of the change, not of the try
	Data      *HookCase  `json:"data"`
}

// HookCase is the case of a message, as the change left it.
type HookCase struct {
	CaseID   CaseID `json:"case_id"`
	Number   string `json:"number"`
	Stage    Stage  `json:"stage"`
	Urgency  string `json:"urgency"`
	Category string `json:"category"`
	Version  int64  `json:"version"`
}

// newsFor is what the webhooks hear of a change: each kind of news once, however many
// events it is made of. Where nobody asks for it, nothing is done.
func newsFor(hooks []Hook, was, is Case, events []Event, at time.Time) ([]HookNews, error) {
	if len(hooks) == 0 {
		return nil, nil
	}
	kinds := newsKinds(was, is, events)
	var out []HookNews
	for _, h := range hooks {
		if h.DisabledBecause != "" || !slices.ContainsFunc(kinds, func(k HookKind) bool { return slices.Contains(h.Kinds, k) }) {
			continue
		}
		if !Visible(h.viewer(is.Scope.District), is.Scope) {
			continue
		}
		for _, k := range kinds {
			if !slices.Contains(h.Kinds, k) {
				continue
			}
			n := HookNews{ID: NewID[hookCallKind](), Hook: h.ID, Kind: k, Case: is.ID}
			var err error
			if n.Body, err = json.Marshal(HookBody{ID: n.ID, Type: k, Timestamp: at.UTC(), Data: &HookCase{CaseID: is.ID, Number: is.Number,
				Stage: is.Stage, Urgency: is.Urgency, Category: is.Category, Version: is.Version}}); err != nil {
				return nil, fmt.Errorf("write news of case %s: %w", is.Number, err)
			}
			out = append(out, n)
		}
	}
	return out, nil
}

// newsKinds are the kinds of news of a change, each once. A case is news once its place is
// known: before that nobody knows whose town it concerns.
func newsKinds(was, is Case, events []Event) (out []HookKind) {
	add := func(k HookKind) {
		if k != "" && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	for _, e := range events {
		if e.Kind == "located" && len(was.Scope.Areas) == 0 {
			add(HookOpened)
		}
		add(newsOf[e.Kind])
	}
	if is.Stage != was.Stage && (is.Stage == StageClosed || is.Stage == StageVoid) {
		add(HookClosed)
	}
	return out
}

// check trims what a person typed and says all that is wrong with it, by field.
func (h *Hook) check(addressFault func(string) string) (faults []FieldFault) {
	bad := func(pointer, detail string) { faults = append(faults, FieldFault{pointer, detail}) }
	h.Name, h.URL = strings.TrimSpace(h.Name), strings.TrimSpace(h.URL)
	switch n := utf8.RuneCountInString(h.Name); {
	case n == 0:
		bad("/name", "is missing; say whose system it is")
	case n > maxHookName:
		bad("/name", fmt.Sprintf("may have %d characters at most", maxHookName))
	}
	if len(h.URL) > maxHookURL {
		bad("/url", fmt.Sprintf("may have %d bytes at most", maxHookURL))
	} else if fault := addressFault(h.URL); fault != "" {
		bad("/url", fault)
	}
	if len(h.Kinds) == 0 {
		bad("/kinds", "is empty; name at least one kind of news")
	}
	for i, k := range h.Kinds {
		switch {
		case !slices.Contains(HookKinds, k):
			bad(fmt.Sprintf("/kinds/%d", i), "is no kind of news; there are "+joinKinds())
		case slices.Index(h.Kinds, k) < i:
			bad(fmt.Sprintf("/kinds/%d", i), "is named twice")
		}
	}
	return faults
}

func joinKinds() string {
	words := make([]string, len(HookKinds))
	for i, k := range HookKinds {
		words[i] = string(k)
	}
	return strings.Join(words, ", ")
}
