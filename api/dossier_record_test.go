package api_test

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/proof/pgproof"
)

// rawCode is a kind of event or a constant as the code has it, where a word should be.
var rawCode = regexp.MustCompile(`<b>[a-z_]+(\.[a-z_]+)*</b>|<span class="(?:change|why)">[^<]*\b[a-z]+_[a-z_]+\b`)

// A year later an auditor reads what was urged, ordered, asked for, fed back and checked,
// by whom and until when, in their own language; where they met; and which signed head
// vouches for it.
func TestDossierTellsTheWholeCourse(t *testing.T) {
	t.Parallel()
	w := setupScope(t, nil)
	operator, leader, auditor := w.visitors[dispatch.RoleOperator], w.visitors[dispatch.RoleDutyLeader], w.visitors[dispatch.RoleAuditor]
	w.exec(`UPDATE accounts SET area_code = NULL, department = NULL WHERE id = ANY ($1)`, []string{operator.Account.String(), leader.Account.String()})
	p := w.plant("course", operator.District, home, "police", visitor{})
	w.exec(`UPDATE cases SET urgency = 'hard' WHERE id = $1`, p.caseID)
	moves := "/api/v1/cases/" + p.caseID.String() + "/moves"
	for _, m := range []struct{ by, body string }{
		{operator.token, `{"move":"urge","reason":"已过半小时"}`},
		{leader.token, `{"move":"supervise","level":"district","reason":"群众反映强烈","hours":6}`},
		{operator.token, `{"move":"sign"}`},
		{operator.token, `{"move":"start"}`},
		{operator.token, `{"move":"ask_extension","days":3,"reason":"需委托检测"}`},
		{leader.token, `{"move":"grant"}`},
		{operator.token, `{"move":"resume"}`},
		{operator.token, `{"move":"answer","result":"已约谈业主"}`},
		{operator.token, `{"move":"feedback","result":"查封酸洗槽 2 口 <b>停产</b>"}`},
		{leader.token, `{"move":"fail","reason":"槽还在"}`},
		{operator.token, `{"move":"feedback","result":"槽已拆除外运"}`},
		{leader.token, `{"move":"pass","result":"复核无槽"}`},
	} {
		w.want(http.StatusOK, call{method: "POST", path: moves, token: m.by, body: m.body})
	}
	w.exec(`INSERT INTO missions (id, district_id, case_id, state, rendezvous_lon, rendezvous_lat, rendezvous_name, ended_at) VALUES (gen_random_uuid(), $1, $2, 'ended', 122.0012, 28.2009, '商海北街', gp_now())`, operator.District, p.caseID)
	w.seal()
	key := ed25519.NewKeyFromSeed([]byte("the seed of a key of this test!!"))
	if err := pgproof.Adopt(t.Context(), w.db, pgdb.District, key, nil); err != nil {
		t.Fatal(err)
	}
	if signed, err := pgproof.SignHead(t.Context(), w.db, pgdb.District, key, 0); err != nil || !signed {
		t.Fatalf("a head is signed: %v %v", signed, err)
	}
	head := ask[string](w.bundle, `SELECT convert_from(body, 'UTF8') FROM event_heads`)
	var vouches struct {
		Position int64  `json:"position"`
		Key      string `json:"key"`
		Hash     string `json:"hash"`
		Sig      string `json:"sig"`
	}
	if err := json.Unmarshal([]byte(head), &vouches); err != nil || vouches.Hash == "" || vouches.Sig == "" {
		t.Fatalf("%v in %s", err, head)
	}
	for lang, want := range map[string][]string{
		"zh": {"催办", "第几次：1", "督办级别：区级督办", "群众反映强烈", "申请事项：延期", "天数：3", "批准", "答复督办", "结果：已约谈业主", "结果：查封酸洗槽 2 口 &lt;b&gt;停产&lt;/b&gt;", "是否通过：否", "槽还在",
			"结果：槽已拆除外运", "是否通过：是", "结果：复核无槽", "集合点 商海北街", `class="meet"`, "核查通过", "签名链头已覆盖至第"},
		"en": {"Urged", "Level: district level", "For: an extension", "Days: 3", "Result: 已约谈业主", "Passed: no", "where they met 商海北街", "the check passed", "Signed heads vouch for it"},
	} {
		r := w.want(http.StatusOK, call{path: "/api/v1/cases/" + p.caseID.String() + "/dossier?lang=" + lang, token: auditor.token})
		page := string(r.body)
		for _, text := range want {
			if !strings.Contains(page, text) {
				t.Errorf("the page in %s does not say %q", lang, text)
			}
		}
		_, shown, _ := strings.Cut(html.UnescapeString(page), `class="heads"`)
		for _, text := range []string{fmt.Sprintf("<td>%d</td>", vouches.Position), vouches.Key, vouches.Hash, vouches.Sig} {
			if !strings.Contains(shown, text) {
				t.Errorf("the page in %s does not show %q of the signed head", lang, text)
			}
		}
		page = regexp.MustCompile(`S-[a-z_]+ \([a-z_]+\)`).ReplaceAllString(page, "") // names of this test's people
		if raw := rawCode.FindString(page); raw != "" {
			t.Errorf("the page in %s hands out a raw code: %s", lang, raw)
		}
		if lang == "zh" {
			if raw := regexp.MustCompile(`class="(?:why|change)">[^<]*\b(?:the|operator|was|is)\b[^<]*<`).FindString(page); raw != "" {
				t.Errorf("the page in zh says it in English: %s", raw)
			}
		}
	}
}
