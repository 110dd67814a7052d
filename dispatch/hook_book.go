package dispatch

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"slices"
	"time"
)

// HookStore keeps webhooks, and what is on its way to them.
type HookStore interface {
	// Hooks answers those that were not deleted, the oldest first.
	Hooks(ctx context.Context) ([]Hook, error)
	Hook(ctx context.Context, id HookID) (Hook, error)
	// HookScope answers an area and all above it, nil where there is none, and whether
	// there is a department.
	HookScope(ctx context.Context, area, department string) (areas []string, known bool, err error)
	// AddHook keeps a new one with its secret, MostHooks of them at most; ChangeHook writes
	// what decide makes of one under its lock, and ends what waits for one that is disabled;
	// DropHook does so for ever, and forgets the secret.
	AddHook(ctx context.Context, h Hook, secret []byte, decide func(now time.Time) (Event, error)) error
	ChangeHook(ctx context.Context, id HookID, decide func(was Hook, now time.Time) (Hook, Event, error)) error
	DropHook(ctx context.Context, id HookID, decide func(was Hook, now time.Time) (Event, error)) error
	HookCallStore
}

// AddressFault says why no message can be sent to an address, by its form; "" where one can.
type AddressFault interface{ AddressFault(address string) string }

// hookSecretBytes is the length of a secret.
const hookSecretBytes = 32

// Hooks answers the webhooks that are the viewer's business.
func (s *Service) Hooks(ctx context.Context, v Viewer) ([]Hook, error) {
	if err := allow(v, ActAdminister); err != nil {
		return nil, err
	}
	all, err := s.Store.Hooks(ctx)
	return slices.DeleteFunc(all, func(h Hook) bool { return !Manages(v, ActAdminister, h.thing(s.District)) }), err
}

// Hook answers one of them.
func (s *Service) Hook(ctx context.Context, v Viewer, id HookID) (Hook, error) {
	if err := allow(v, ActAdminister); err != nil {
		return Hook{}, err
	}
	h, err := s.Store.Hook(ctx, id)
	if err == nil && !Manages(v, ActAdminister, h.thing(s.District)) {
		err = hidden("webhook")
	}
	return h, err
}

// MakeHook registers a webhook and answers its secret, which nobody is ever shown again.
func (s *Service) MakeHook(ctx context.Context, v Viewer, h Hook) (Hook, []byte, error) {
	if err := s.settleHook(ctx, v, &h); err != nil {
		return Hook{}, nil, err
	}
	h.ID, h.MadeBy = NewID[hookKind](), v.Account.OrNull()
	secret := make([]byte, hookSecretBytes)
	_, _ = rand.Read(secret) // never fails (crypto/rand ends the program instead)
	err := s.Store.AddHook(ctx, h, secret, func(now time.Time) (Event, error) {
		before, after := changed(facts{}, h.facts())
		return newChange("webhook.made", now, s.District, CaseID{}, PatrolID{}, v, h.facts(), before, after)
	})
	if err != nil {
		return Hook{}, nil, err
	}
	h, err = s.Store.Hook(ctx, h.ID)
	return h, secret, err
}

// settleHook says by field what of a webhook cannot be.
func (s *Service) settleHook(ctx context.Context, v Viewer, h *Hook) error {
	if err := allow(v, ActAdminister); err != nil {
		return err
	}
	if s.Post == nil {
		return &Fault{Kind: Unavailable, Code: "no-webhooks", Detail: "This node sends no webhooks."}
	}
	faults := h.check(s.Post.AddressFault)
	areas, known, err := s.Store.HookScope(ctx, h.AreaCode, h.Department)
	if err != nil {
		return err
	}
	h.Areas = areas
	if h.AreaCode != "" && len(areas) == 0 {
		faults = append(faults, FieldFault{"/area_code", "is no area of the district; give one of those of /api/v1/areas, or leave it out"})
	}
	if h.Department != "" && !known {
		faults = append(faults, FieldFault{"/department", "is no department of the district; give one of those of /api/v1/departments, or leave it out"})
	}
	if len(faults) == 0 && !Manages(v, ActAdminister, h.thing(s.District)) {
		if v.AreaCode != "" && !slices.Contains(h.Areas, v.AreaCode) {
			faults = append(faults, FieldFault{"/area_code", "must be " + v.AreaCode + " or lie in it, as you do"})
		}
		if v.Department != "" && h.Department != v.Department {
			faults = append(faults, FieldFault{"/department", "must be " + v.Department + ", as yours is"})
		}
	}
	if len(faults) > 0 {
		return wrongRules(faults)
	}
	return nil
}

// HookChange is what is to become of a webhook; what is nil stays. A Version of 0 is not
// compared.
type HookChange struct {
	Version              int64
	Name, URL            *string
	Kinds                []HookKind
	AreaCode, Department *string
	Enabled              *bool
}

func (c HookChange) of(h Hook) Hook {
	set := func(to *string, from *string) {
		if from != nil {
			*to = *from
		}
	}
	set(&h.Name, c.Name)
	set(&h.URL, c.URL)
	set(&h.AreaCode, c.AreaCode)
	set(&h.Department, c.Department)
	if c.Kinds != nil {
		h.Kinds = c.Kinds
	}
	if c.Enabled != nil && *c.Enabled {
		h.DisabledBecause, h.FailingSince, h.LastFault = "", nil, ""
	} else if c.Enabled != nil && h.DisabledBecause == "" {
		h.DisabledBecause = HookOffByHand
	}
	return h
}

// ChangeHook changes a webhook, disables it, or enables it again.
func (s *Service) ChangeHook(ctx context.Context, v Viewer, id HookID, c HookChange) (Hook, error) {
	was, err := s.Hook(ctx, v, id)
	if err != nil {
		return Hook{}, err
	}
	want := c.of(was)
	if err := s.settleHook(ctx, v, &want); err != nil {
		return Hook{}, err
	}
	err = s.Store.ChangeHook(ctx, id, func(is Hook, now time.Time) (Hook, Event, error) {
		if c.Version != 0 && c.Version != is.Version || is.Version != was.Version {
			return is, Event{}, &Fault{Kind: Conflict, Code: CodeOldVersion,
				Detail: fmt.Sprintf("The webhook has version %d by now; read it again before changing it.", is.Version)}
		}
		before, after := changed(is.facts(), want.facts())
		e, err := newChange("webhook.changed", now, s.District, CaseID{}, PatrolID{}, v, want.facts(), before, after)
		want.Version = is.Version + 1
		return want, e, err
	})
	if err != nil {
		return Hook{}, err
	}
	return s.Store.Hook(ctx, id)
}

// DropHook deletes a webhook: it is told nothing more, and its secret is forgotten.
func (s *Service) DropHook(ctx context.Context, v Viewer, id HookID) error {
	if _, err := s.Hook(ctx, v, id); err != nil {
		return err
	}
	return s.Store.DropHook(ctx, id, func(was Hook, now time.Time) (Event, error) {
		return newChange("webhook.deleted", now, s.District, CaseID{}, PatrolID{}, v, was.facts(), facts{"state": was.facts()["state"]}, facts{"state": "deleted"})
	})
}

// facts are what an event says of a webhook. Of its address it says the host alone, since
// the rest may be a key to somebody's door.
func (h Hook) facts() facts {
	host := ""
	if u, err := url.Parse(h.URL); err == nil {
		host = u.Host
	}
	state := "enabled"
	if h.DisabledBecause != "" {
		state = "disabled: " + h.DisabledBecause
	}
	return facts{"webhook": h.ID, "name": h.Name, "host": host, "kinds": h.Kinds, "area": h.AreaCode, "department": h.Department, "state": state}
}
