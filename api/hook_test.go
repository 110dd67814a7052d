package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
)

// An administrator registers a system, sees its secret this once, tries it, reads what was
// sent, stops it, and deletes it. Nonsense is answered by field.
func TestAWebhookByTheDoor(t *testing.T) {
	t.Parallel()
	w := setupTown(t)
	admin := w.as(dispatch.RoleAdmin)
	do := func(status int, method, path, body string) reply {
		t.Helper()
		c := send(method, "/api/v1/webhooks"+path, body)
		c.token = admin
		return w.want(status, c)
	}
	made := read[api.WebhookMade](t, do(http.StatusCreated, "POST", "", `{"name":"大数据局","url":"https://example.org/x","kinds":["case.opened","case.closed"]}`))
	if !strings.HasPrefix(made.Secret, "whsec_") || len(made.Secret) < 40 || !made.Webhook.Enabled {
		t.Fatalf("%+v", made)
	}
	one := "/" + made.Webhook.Id.String()
	seen := read[api.WebhookDelivery](t, do(http.StatusOK, "POST", one+"/test", ""))
	if seen.State != "delivered" || seen.Kind != "ping" || seen.Status == nil || *seen.Status != 204 {
		t.Errorf("a test: %+v", seen)
	}
	page := read[api.WebhookDeliveryList](t, do(http.StatusOK, "GET", one+"/deliveries?limit=1", ""))
	if len(page.Items) != 1 || page.Items[0].Id != seen.Id {
		t.Errorf("what was sent: %+v", page)
	}
	off := read[api.Webhook](t, do(http.StatusOK, "PATCH", one, `{"version":1,"enabled":false,"name":"区大数据局"}`))
	if off.Enabled || off.DisabledBecause == nil || *off.DisabledBecause != "by_hand" || off.Name != "区大数据局" || off.Version != 2 {
		t.Errorf("switched off: %+v", off)
	}
	do(http.StatusConflict, "PATCH", one, `{"version":1,"enabled":true}`)
	for _, r := range []reply{do(http.StatusOK, "GET", "", ""), do(http.StatusOK, "GET", one, "")} {
		if strings.Contains(string(r.body), strings.TrimPrefix(made.Secret, "whsec_")) {
			t.Errorf("the secret is shown again: %s", r.body)
		}
	}
	for body, field := range map[string]string{
		`{"url":"https://example.org/","kinds":["case.opened"]}`:                                          "/name",
		`{"name":"x","url":"http://example.org/","kinds":["case.opened"]}`:                                "/url",
		`{"name":"x","url":"https://example.org/","kinds":["case.moved"]}`:                                "/kinds/0",
		`{"name":"x","url":"https://example.org/","kinds":[]}`:                                            "/kinds",
		`{"name":"x","url":"https://example.org/","kinds":["case.opened"],"area_code":"9"}`:               "/area_code",
		`{"name":"x","url":"https://example.org/","kinds":["case.opened"],"secret":"mine"}`:               "/secret",
		`{"name":"x","url":"https://example.org/","kinds":["case.opened"],"department":"weather bureau"}`: "/department",
	} {
		r := do(http.StatusBadRequest, "POST", "", body)
		if p := r.problem(); len(p.Errors) != 1 || p.Errors[0].Pointer != field {
			t.Errorf("%s: %s", body, r.body)
		}
	}
	do(http.StatusNoContent, "DELETE", one, "")
	do(http.StatusNotFound, "GET", one, "")
	do(http.StatusNotFound, "GET", "/x", "")
	if strings.Contains(w.log.String(), "whsec_") || strings.Contains(w.log.String(), strings.TrimPrefix(made.Secret, "whsec_")) {
		t.Error("the secret is in the log")
	}
}
