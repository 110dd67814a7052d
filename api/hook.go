package api

import (
	"context"
	"encoding/base64"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// HookDesk is what the door asks about webhooks. *dispatch.Service is one.
type HookDesk interface {
	Hooks(context.Context, dispatch.Viewer) ([]dispatch.Hook, error)
	Hook(context.Context, dispatch.Viewer, dispatch.HookID) (dispatch.Hook, error)
	MakeHook(context.Context, dispatch.Viewer, dispatch.Hook) (h dispatch.Hook, secret []byte, err error)
	ChangeHook(context.Context, dispatch.Viewer, dispatch.HookID, dispatch.HookChange) (dispatch.Hook, error)
	DropHook(context.Context, dispatch.Viewer, dispatch.HookID) error
	PingHook(context.Context, dispatch.Viewer, dispatch.HookID) (dispatch.HookCallSeen, error)
	HookCalls(context.Context, dispatch.Viewer, dispatch.HookID, dispatch.PageAsk) (dispatch.Page[dispatch.HookCallSeen], error)
}

func (s *Server) hookRoutes() {
	administer := may(dispatch.ActAdminister)
	s.add("GET", "/api/v1/webhooks", administer, s.listHooks)
	s.add("POST", "/api/v1/webhooks", administer, s.makeHook)
	s.add("GET", "/api/v1/webhooks/:id", administer, s.getHook)
	s.add("PATCH", "/api/v1/webhooks/:id", administer, s.changeHook)
	s.add("DELETE", "/api/v1/webhooks/:id", administer, s.dropHook)
	// It waits for somebody else's server, for as long as any other request may take.
	s.echo.Add("POST", "/api/v1/webhooks/:id/test", withTimeout(2*s.maxTime, maxJSON, s.guard(administer, s.testHook)))
	s.add("GET", "/api/v1/webhooks/:id/deliveries", administer, s.listHookCalls)
}

// webhook is a webhook as it leaves. Its secret never does.
func webhook(h dispatch.Hook) Webhook {
	out := Webhook{Id: h.ID.UUID, Name: h.Name, Url: h.URL, Kinds: []WebhookKind{}, AreaCode: h.AreaCode, Department: h.Department,
		Enabled: h.DisabledBecause == "", FailingSince: h.FailingSince, LastFault: h.LastFault, LastDeliveredAt: h.DeliveredAt, Version: h.Version, MadeAt: h.MadeAt}
	for _, k := range h.Kinds {
		out.Kinds = append(out.Kinds, WebhookKind(k))
	}
	if h.DisabledBecause != "" {
		because := WebhookDisabledBecause(h.DisabledBecause)
		out.DisabledBecause = &because
	}
	return out
}

func (s *Server) listHooks(c echo.Context) error {
	all, err := s.hooks.Hooks(c.Request().Context(), viewer(c))
	if err != nil {
		return err
	}
	out := WebhookList{Items: []Webhook{}}
	for _, h := range all {
		out.Items = append(out.Items, webhook(h))
	}
	return answer(c, http.StatusOK, out)
}

func hookKinds(words []string) []dispatch.HookKind {
	out := []dispatch.HookKind{}
	for _, w := range words {
		out = append(out, dispatch.HookKind(w))
	}
	return out
}

func (s *Server) makeHook(c echo.Context) error {
	var in NewWebhook
	if err := s.readJSON(c, "NewWebhook", false, &in); err != nil {
		return err
	}
	h, secret, err := s.hooks.MakeHook(c.Request().Context(), viewer(c), dispatch.Hook{Name: in.Name, URL: in.Url, Kinds: hookKinds(in.Kinds),
		AreaCode: deref(in.AreaCode), Department: deref(in.Department)})
	if err != nil {
		return err
	}
	return answer(c, http.StatusCreated, WebhookMade{Webhook: webhook(h), Secret: "whsec_" + base64.StdEncoding.EncodeToString(secret)})
}

func (s *Server) getHook(c echo.Context) error {
	var id dispatch.HookID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	return answerHook(c)(s.hooks.Hook(c.Request().Context(), viewer(c), id))
}

func (s *Server) changeHook(c echo.Context) error {
	var id dispatch.HookID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	var in WebhookChange
	if err := s.readJSON(c, "WebhookChange", false, &in); err != nil {
		return err
	}
	change := dispatch.HookChange{Version: deref(in.Version), Name: in.Name, URL: in.Url, AreaCode: in.AreaCode, Department: in.Department, Enabled: in.Enabled}
	if in.Kinds != nil {
		change.Kinds = hookKinds(*in.Kinds)
	}
	return answerHook(c)(s.hooks.ChangeHook(c.Request().Context(), viewer(c), id, change))
}

func answerHook(c echo.Context) func(dispatch.Hook, error) error {
	return func(h dispatch.Hook, err error) error {
		if err != nil {
			return err
		}
		return answer(c, http.StatusOK, webhook(h))
	}
}

func (s *Server) dropHook(c echo.Context) error {
	var id dispatch.HookID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	if err := s.hooks.DropHook(c.Request().Context(), viewer(c), id); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Server) testHook(c echo.Context) error {
	var id dispatch.HookID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	seen, err := s.hooks.PingHook(c.Request().Context(), viewer(c), id)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, seen)
}

func (s *Server) listHookCalls(c echo.Context) error {
	var id dispatch.HookID
	if err := pathID(c, "id", &id); err != nil {
		return err
	}
	q := query{c: c}
	var ask dispatch.PageAsk
	ask.Limit, ask.Cursor = q.page(200, 50)
	if err := q.err(); err != nil {
		return err
	}
	page, err := s.hooks.HookCalls(c.Request().Context(), viewer(c), id, ask)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, page)
}
