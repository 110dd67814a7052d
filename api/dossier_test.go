package api_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// outside is anything by which a page could ask somebody for something.
var outside = regexp.MustCompile(`(?i)<(script|link|iframe|object|embed)|url\(|@import|https?://|\ssrc="[^d]|\son\w+=`)

// A dossier holds all it shows, says what was before and after, and names who did it;
// what a reporter wrote cannot act in it; and that it was seen is an event of the case.
func TestDossier(t *testing.T) {
	t.Parallel()
	w := setupScope(t, nil)
	operator, auditor := w.visitors[dispatch.RoleOperator], w.visitors[dispatch.RoleAuditor]
	p := w.plant("told", operator.District, home, "police", visitor{})
	w.exec(`UPDATE cases SET description = $2 WHERE id = $1`, p.caseID, `<script>alert("夜间")</script>`)
	w.want(http.StatusOK, call{method: "POST", path: "/api/v1/cases/" + p.caseID.String() + "/close", token: operator.token, body: `{"reason":"已查处"}`})
	path := "/api/v1/cases/" + p.caseID.String() + "/dossier"
	for lang, want := range map[string][]string{
		"zh": {"案卷", "N-told", p.photo, "已派遣", "结案", "已查处", "operator", "值班员", "<svg", "待封存", "无缩略图", "&lt;script&gt;"},
		"en": {"Case dossier", "N-told", p.photo, "Closed", "not sealed yet", "SHA-256 of the original"},
	} {
		r := w.want(http.StatusOK, call{path: path + "?lang=" + lang, token: auditor.token})
		page := string(r.body)
		for _, text := range want {
			if !strings.Contains(page, text) {
				t.Errorf("the page in %s does not say %q", lang, text)
			}
		}
		if found := outside.FindString(page); found != "" {
			t.Errorf("the page in %s reaches outside of itself: %s", lang, found)
		}
		if policy := r.header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") || r.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v", r.header)
		}
	}
	if n := ask[int](w.bundle, `SELECT count(*) FROM case_events WHERE kind = 'viewed.dossier' AND case_id = $1 AND body->>'actor' = 'account:' || $2::text`,
		p.caseID, auditor.Account.String()); n != 2 {
		t.Errorf("%d looks are on record, want 2", n)
	}
	w.want(http.StatusForbidden, call{path: path, token: w.visitors[dispatch.RoleGridWorker].token})
	w.want(http.StatusBadRequest, call{path: path + "?lang=fr", token: auditor.token})
}
