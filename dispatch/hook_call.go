package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// HookCallStore keeps the messages to webhooks.
type HookCallStore interface {
	// LeaseCalls takes messages that are due, of each webhook that is not busy a few at
	// most, and puts their next try off by the lease. Each is counted as tried.
	LeaseCalls(ctx context.Context, limit, each int, busy []HookID, lease time.Duration) ([]HookCall, error)
	// OpenCall writes a message that is tried at once by whoever asks.
	OpenCall(ctx context.Context, id HookID, lease time.Duration, body func(now time.Time) (HookNews, error)) (HookCall, error)
	// EndCall notes what came of a try, unless another has begun meanwhile. It answers
	// since when the webhook has taken nothing.
	EndCall(ctx context.Context, c HookCall, end HookCallEnd) (failingSince *time.Time, now time.Time, err error)
	// HookCalls answers the messages to a webhook, the newest first.
	HookCalls(ctx context.Context, id HookID, ask PageAsk) (Page[HookCallSeen], error)
	HookCallSeen(ctx context.Context, id HookCallID) (HookCallSeen, error)
	// OverfullHooks answers those for which more waits than that.
	OverfullHooks(ctx context.Context, most int) ([]HookID, error)
}

// HookCall is one try to bring a message to a webhook.
type HookCall struct {
	ID     HookCallID
	Hook   Hook // what Visible needs of it, and its address
	Secret []byte
	Kind   HookKind
	Case   CaseID // zero for a ping
	Body   []byte
	Tries  int // this one counted
}

// HookCallState is what has become of a message.
type HookCallState string

// The states of a message. One is withheld when its case may not be told of any more.
const (
	CallWaiting   HookCallState = "waiting"
	CallDelivered HookCallState = "delivered"
	CallGivenUp   HookCallState = "given_up"
	CallWithheld  HookCallState = "withheld"
)

// HookCallEnd is what came of a try. Again is how long until the next one, of one that
// still waits.
type HookCallEnd struct {
	State  HookCallState
	Again  time.Duration
	Answer HookAnswer
}

// HookAnswer is what a webhook answered: Status is 0 where it did not, and Text says why
// then. Text is short, printable, and by nobody we trust.
type HookAnswer struct {
	Status     int
	Text       string
	Took       time.Duration
	RetryAfter time.Duration // 0: it did not ask for one
}

// OK says whether it took the message.
func (a HookAnswer) OK() bool { return a.Status >= 200 && a.Status <= 299 }

// HookCallSeen is a message as an administrator sees it.
type HookCallSeen struct {
	ID      HookCallID    `json:"id"`
	Kind    HookKind      `json:"kind"`
	CaseID  *CaseID       `json:"case_id"`
	MadeAt  time.Time     `json:"made_at"`
	State   HookCallState `json:"state"`
	NextAt  *time.Time    `json:"next_at"`
	Tries   int           `json:"tries"`
	Status  *int          `json:"status"`
	Answer  string        `json:"answer"`
	TookMS  *int          `json:"took_ms"`
	EndedAt *time.Time    `json:"ended_at"`
}

// HookPost carries a message to an address. It answers what came back, whatever that was.
type HookPost interface {
	AddressFault
	Post(ctx context.Context, to string, id HookCallID, secret, body []byte) HookAnswer
}

const (
	// callLease is how long a try may be under way before another node takes it for dead.
	callLease = 45 * time.Second
	// callsEach is how many messages to one webhook are under way at once on a node.
	callsEach = 4
)

// callWaits are the times between tries, those that the Standard Webhooks specification
// (1.0.0) gives as its example: ten tries in three days.
var callWaits = []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}

// mostRetryAfter bounds how long a webhook may put itself off.
const mostRetryAfter = 24 * time.Hour

// DueCalls leases what is to be brought to webhooks now, limit at most; of those that are
// busy none.
func (s *Service) DueCalls(ctx context.Context, limit int, busy []HookID) ([]HookCall, error) {
	if s.Post == nil {
		return nil, nil
	}
	return s.Store.LeaseCalls(ctx, limit, callsEach, busy, callLease)
}

// Call makes one try. Whether its case may be told is asked again: it may have become
// covert since the message was written.
func (s *Service) Call(ctx context.Context, c HookCall) error {
	if !c.Case.IsZero() {
		switch _, err := s.visible(ctx, c.Hook.viewer(s.District), c.Case); {
		case KindOf(err) == NotFound:
			_, _, err := s.Store.EndCall(ctx, c, HookCallEnd{State: CallWithheld})
			return err
		case err != nil:
			return fmt.Errorf("ask whether a webhook may be told: %w", err)
		}
	}
	answer := s.Post.Post(ctx, c.Hook.URL, c.ID, c.Secret, c.Body)
	if ctx.Err() != nil {
		return nil // nobody knows what came of it; the lease runs out and it is tried again
	}
	end := callEnd(c, answer, rand.Float64())
	since, now, err := s.Store.EndCall(ctx, c, end)
	if err != nil {
		return fmt.Errorf("note what a webhook answered: %w", err)
	}
	switch {
	case c.Kind == HookPing || answer.OK():
		return nil
	case answer.Status == 410:
		return s.disableHook(ctx, c.Hook.ID, HookOffGone)
	case since != nil && now.Sub(*since) >= HookPatience:
		return s.disableHook(ctx, c.Hook.ID, HookOffFailing)
	}
	return nil
}

// callEnd says what follows from an answer. by, from 0 to 1, spreads the tries of what
// failed at one time: by a fifth to either side.
func callEnd(c HookCall, a HookAnswer, by float64) HookCallEnd {
	switch {
	case a.OK():
		return HookCallEnd{State: CallDelivered, Answer: a}
	case c.Kind == HookPing || c.Tries > len(callWaits):
		return HookCallEnd{State: CallGivenUp, Answer: a}
	}
	wait := callWaits[max(0, c.Tries-1)]
	wait = max(time.Duration(float64(wait)*(0.8+0.4*by)), min(a.RetryAfter, mostRetryAfter))
	return HookCallEnd{State: CallWaiting, Again: wait, Answer: a}
}

// disableHook has a webhook told nothing more until a person enables it.
func (s *Service) disableHook(ctx context.Context, id HookID, because string) error {
	err := s.Store.ChangeHook(ctx, id, func(is Hook, now time.Time) (Hook, Event, error) {
		if is.DisabledBecause != "" {
			return is, Event{}, errNothingToDo
		}
		want := is
		want.DisabledBecause, want.Version = because, is.Version+1
		before, after := changed(is.facts(), want.facts())
		said := want.facts()
		said["because"] = because
		e, err := newChange("webhook.disabled", now, s.District, CaseID{}, PatrolID{}, system, said, before, after)
		return want, e, err
	})
	if errors.Is(err, errNothingToDo) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("disable webhook %s: %w", id, err)
	}
	s.Log.WarnContext(ctx, "a webhook is disabled", "webhook", id, "because", because)
	return nil
}

// TidyHooks disables webhooks that cannot keep up.
func (s *Service) TidyHooks(ctx context.Context) error {
	ids, err := s.Store.OverfullHooks(ctx, MostHookWaiting)
	if err != nil {
		return fmt.Errorf("ask what waits for webhooks: %w", err)
	}
	for _, id := range ids {
		if err := s.disableHook(ctx, id, HookOffOverfull); err != nil {
			return err
		}
	}
	return nil
}

// PingHook sends a message that tells of nothing, and answers what came of it. A webhook
// that is disabled is tried too: before it is enabled again.
func (s *Service) PingHook(ctx context.Context, v Viewer, id HookID) (HookCallSeen, error) {
	if _, err := s.Hook(ctx, v, id); err != nil {
		return HookCallSeen{}, err
	}
	if s.Post == nil {
		return HookCallSeen{}, &Fault{Kind: Unavailable, Code: "no-webhooks", Detail: "This node sends no webhooks."}
	}
	c, err := s.Store.OpenCall(ctx, id, callLease, func(now time.Time) (HookNews, error) {
		n := HookNews{ID: NewID[hookCallKind](), Hook: id, Kind: HookPing}
		var err error
		n.Body, err = json.Marshal(HookBody{ID: n.ID, Type: HookPing, Timestamp: now.UTC()})
		return n, err
	})
	if err != nil {
		return HookCallSeen{}, err
	}
	if err := s.Call(ctx, c); err != nil {
		return HookCallSeen{}, err
	}
	return s.Store.HookCallSeen(ctx, c.ID)
}

// HookCalls answers what was sent to a webhook and what it answered, the newest first.
func (s *Service) HookCalls(ctx context.Context, v Viewer, id HookID, ask PageAsk) (Page[HookCallSeen], error) {
	if _, err := s.Hook(ctx, v, id); err != nil {
		return Page[HookCallSeen]{}, err
	}
	return s.Store.HookCalls(ctx, id, ask)
}
