package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
)

const followUpHeader = "X-Follow-Up-Code"

func (b *bundle) follow(status int, ref, code string) reply {
	b.t.Helper()
	return b.want(status, call{path: "/api/v1/reports/" + ref, header: map[string]string{followUpHeader: code}})
}

func decoded[T any](t *testing.T, text []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// A resident who called the hotline hears everything through the real desk, and
// nothing that is not theirs to know.
func TestAResidentFollowsAReport(t *testing.T) {
	t.Parallel()
	w := setupTown(t)
	operator, other := w.as(dispatch.RoleOperator), w.as(dispatch.RoleGridWorker)
	const report = `{"category":"B01","location":{"lon":121.3851,"lat":28.5851},"description":"后院有人加工熟食","reporter":{"channel":"hotline","name":"林阿姨","phone":"0576-1234567"}}`
	key := map[string]string{"Idempotency-Key": "call-1"}
	r := w.want(http.StatusCreated, call{method: "POST", path: "/api/v1/reports", token: operator, header: key, body: report})
	filed := read[api.FiledReport](t, r)
	if filed.FollowUp == nil || filed.FollowUp.Url != "/follow#"+filed.ReportId.String()+"."+filed.FollowUp.Code {
		t.Fatalf("the 201 tells no code: %.300s", r.body)
	}
	code := filed.FollowUp.Code
	if again := w.want(http.StatusCreated, call{method: "POST", path: "/api/v1/reports", token: operator, header: key, body: report}); !bytes.Equal(again.body, r.body) {
		t.Errorf("a replay tells another code: %.300s", again.body)
	}

	// By id or by number, as people write codes.
	for _, ref := range []string{filed.ReportId.String(), filed.Case.Number} {
		for _, written := range []string{code, strings.ToLower(code), strings.ReplaceAll(code, "-", " ")} {
			w.follow(http.StatusOK, ref, written)
		}
	}
	public := w.follow(http.StatusOK, filed.Case.Number, code)
	got := decoded[api.ReportAnswers](t, public.body)
	if len(got.Departments) != 2 || got.Departments[0].State != "coming" || got.Arrived || got.Result != nil || len(got.Messages) != 2 ||
		!strings.Contains(got.Messages[1].Text.Zh, "分钟") || got.StageText.Zh != "已派人前往" {
		t.Errorf("%s", public.body)
	}
	for _, secret := range []string{"林阿姨", "1234567", "后院", "121.38", "D-police", filed.Case.Id.String(), filed.ReportId.String()} {
		if bytes.Contains(public.body, []byte(secret)) {
			t.Errorf("the public view tells %s: %s", secret, public.body)
		}
	}

	// Wrong code, unknown report and nonsense read alike, but for the request's id.
	same := func(r reply) string {
		p := r.problem()
		p.RequestId = nil
		out, _ := json.Marshal(p)
		return string(out)
	}
	wrong := same(w.follow(http.StatusNotFound, filed.Case.Number, "00000-00000"))
	for _, ref := range [][2]string{{"20260101-0001", code}, {caseID.String(), code}, {filed.ReportId.String(), "x"}, {"nonsense", "00000-00000"}} {
		if got := same(w.follow(http.StatusNotFound, ref[0], ref[1])); got != wrong {
			t.Errorf("%v reads %s, a wrong code %s", ref, got, wrong)
		}
	}

	// Who is signed in sees it within scope; whom to call back is for the duty desk.
	at := "/api/v1/reports/" + filed.ReportId.String()
	desk := decoded[api.ReportAnswers](t, w.want(http.StatusOK, call{path: at, token: operator}).body)
	if desk.Contact == nil || desk.Contact.Phone == nil || *desk.Contact.Phone != "0576-1234567" || desk.Report == nil || desk.Report.CaseNumber != filed.Case.Number {
		t.Errorf("the desk sees %+v", desk)
	}
	w.want(http.StatusNotFound, call{path: at, token: other})
	if patrol := w.want(http.StatusOK, call{path: at, token: w.police}); bytes.Contains(patrol.body, []byte("林阿姨")) {
		t.Errorf("a patrol sees who called: %s", patrol.body)
	}
	// The operator only typed it: their own list stays empty.
	if mine := read[api.NoticeList](t, w.want(http.StatusOK, call{path: "/api/v1/me/notices", token: operator})); len(mine.Items) != 0 {
		t.Errorf("the hotline's operator is told %+v", mine.Items)
	}

	w.want(http.StatusOK, call{method: "POST", path: "/api/v1/cases/" + filed.Case.Id.String() + "/close", token: operator, body: `{"reason":"内部说明","answer":"已取缔，感谢反映。"}`})
	end := w.follow(http.StatusOK, filed.Case.Number, code)
	closed := decoded[api.ReportAnswers](t, end.body)
	if closed.Open || closed.Result == nil || closed.Result.Zh != "已办结：已取缔，感谢反映。" || bytes.Contains(end.body, []byte("内部说明")) {
		t.Errorf("the result reads %s", end.body)
	}
	if strings.Contains(w.log.String(), code) {
		t.Error("the log tells the code")
	}
	if n := must[int](w, `SELECT count(*) FROM follow_ups`); n != 1 {
		t.Errorf("%d codes are kept", n)
	}
}

func must[T any](w *town, query string, args ...any) (v T) {
	w.t.Helper()
	if err := w.db.QueryRow(w.t.Context(), query, args...).Scan(&v); err != nil {
		w.t.Fatal(err)
	}
	return v
}

// The worker who reported hears each stage in their own list, once.
func TestAWorkerHearsEachStage(t *testing.T) {
	t.Parallel()
	w := setupTown(t)
	worker, operator := w.as(dispatch.RoleGridWorker), w.as(dispatch.RoleOperator)
	filed := read[api.FiledReport](t, w.want(http.StatusCreated, call{method: "POST", path: "/api/v1/reports", token: worker,
		body: `{"category":"B01","location":{"lon":121.3851,"lat":28.5851}}`}))
	var police *api.Assignment
	for i, a := range filed.Case.Assignments {
		if a.Department != nil && *a.Department == "police" {
			police = &filed.Case.Assignments[i]
		}
	}
	at := "/api/v1/cases/" + filed.Case.Id.String()
	for _, action := range []string{"accept", "en_route", "on_scene", "done"} {
		w.want(http.StatusOK, call{method: "POST", path: at + "/assignments/" + police.Id.String() + "/" + action, token: w.police})
	}
	w.want(http.StatusOK, call{method: "POST", path: at + "/close", token: operator})
	list := func() api.NoticeList {
		return read[api.NoticeList](t, w.want(http.StatusOK, call{path: "/api/v1/me/notices?unseen=true", token: worker}))
	}
	told := list()
	var whys []string
	for i := len(told.Items) - 1; i >= 0; i-- {
		whys = append(whys, told.Items[i].Why)
	}
	// Their own filing they need not be told; it stands in the list as seen.
	if got := strings.Join(whys, " "); got != "sent accepted en_route on_scene done closed" {
		t.Errorf("told %s", got)
	}
	if told.Unseen != len(told.Items) || !strings.Contains(told.Items[0].Text.Zh, "食品黑作坊") {
		t.Errorf("%d unseen of %d; the last reads %s", told.Unseen, len(told.Items), told.Items[0].Text.Zh)
	}
	see := func(body string) api.Unseen {
		return read[api.Unseen](t, w.want(http.StatusOK, call{method: "POST", path: "/api/v1/me/notices/seen", token: worker, body: body}))
	}
	first, _ := json.Marshal(map[string]any{"ids": []int64{told.Items[0].Id}})
	if left := see(string(first)); left.Unseen != told.Unseen-1 {
		t.Errorf("%d left", left.Unseen)
	}
	all, _ := json.Marshal(map[string]any{"up_to": told.Items[0].Id})
	if left := see(string(all)); left.Unseen != 0 || len(list().Items) != 0 {
		t.Errorf("%d left", left.Unseen)
	}
	if whole := read[api.NoticeList](t, w.want(http.StatusOK, call{path: "/api/v1/me/notices", token: worker})); len(whole.Items) != len(told.Items)+1 {
		t.Errorf("%d of %d are kept", len(whole.Items), len(told.Items)+1)
	}
	// Another's list is another's.
	if r := read[api.NoticeList](t, w.want(http.StatusOK, call{path: "/api/v1/me/notices", token: w.as(dispatch.RoleGridWorker)})); len(r.Items) != 0 {
		t.Errorf("a stranger is told %+v", r.Items)
	}
	mine := read[api.ReportList](t, w.want(http.StatusOK, call{path: "/api/v1/reports?mine=true", token: worker}))
	if len(mine.Items) != 1 || mine.Items[0].Stage != "closed" {
		t.Errorf("own reports: %+v", mine.Items)
	}
	if r := read[api.ReportList](t, w.want(http.StatusOK, call{path: "/api/v1/reports?mine=true", token: operator})); len(r.Items) != 0 {
		t.Errorf("the operator's own reports: %+v", r.Items)
	}
}

func TestWrongCodesAreThrottled(t *testing.T) {
	t.Parallel()
	b := setup(t)
	from := func(address, code string) reply {
		return b.do(call{path: "/api/v1/reports/20260503-0001", header: map[string]string{followUpHeader: code, "X-Forwarded-For": address}})
	}
	for range 100 { // right ones are free
		if r := from("203.0.113.7", goodCode); r.status != http.StatusOK {
			t.Fatalf("a right code: %d", r.status)
		}
	}
	for range 20 {
		if r := from("203.0.113.7", "00000-00000"); r.status != http.StatusNotFound {
			t.Fatalf("a wrong code: %d", r.status)
		}
	}
	r := from("203.0.113.7", "00000-00000")
	if r.status != http.StatusTooManyRequests || r.header.Get("Retry-After") == "" || r.problem().Type != "/problems/throttled" {
		t.Errorf("a guesser hears %d %s", r.status, r.body)
	}
	if r := from("203.0.113.8", goodCode); r.status != http.StatusOK {
		t.Errorf("somebody else hears %d", r.status)
	}
}

func TestOperatorItemsAreSettledWithANote(t *testing.T) {
	t.Parallel()
	w := setupTown(t)
	operator := w.as(dispatch.RoleOperator)
	w.want(http.StatusCreated, call{method: "POST", path: "/api/v1/reports", token: operator, body: `{"category":"B01","location":{"lon":121.3851,"lat":28.5851}}`})
	open := func(token string) api.OperatorItemList {
		return read[api.OperatorItemList](t, w.want(http.StatusOK, call{path: "/api/v1/operator-items?open=true", token: token}))
	}
	items := open(operator).Items
	if len(items) != 1 || items[0].Department != "grid" || items[0].Reason != "nobody_on_duty" {
		t.Fatalf("%+v", items)
	}
	if elsewhere := open(w.as(dispatch.RoleOperator, within("331004002"))).Items; len(elsewhere) != 0 {
		t.Errorf("an operator of another town sees %+v", elsewhere)
	}
	at := "/api/v1/operator-items/" + strconv.FormatInt(items[0].Id, 10) + "/settle"
	w.want(http.StatusNotFound, call{method: "POST", path: at, token: w.as(dispatch.RoleOperator, within("331004002")), body: `{"note":"x"}`})
	r := w.want(http.StatusBadRequest, call{method: "POST", path: at, token: operator, body: `{"note":"  "}`})
	if p := r.problem(); len(p.Errors) != 1 || p.Errors[0].Pointer != "/note" {
		t.Errorf("%s", r.body)
	}
	done := read[api.OperatorItem](t, w.want(http.StatusOK, call{method: "POST", path: at, token: operator, body: `{"note":"已电话联系邻近网格"}`}))
	if done.SettledAt == nil || done.SettledBy == nil || done.SettledNote != "已电话联系邻近网格" || len(open(operator).Items) != 0 {
		t.Errorf("%+v", done)
	}
	again := read[api.OperatorItem](t, w.want(http.StatusOK, call{method: "POST", path: at, token: operator, body: `{"note":"another"}`}))
	if again.SettledNote != done.SettledNote {
		t.Errorf("a settled item became %q", again.SettledNote)
	}
}

// The code alone lets a reporter say how content they are, and nonsense is refused by its
// field.
func TestAReporterSaysHowContentTheyAre(t *testing.T) {
	t.Parallel()
	b := setup(t)
	at := "/api/v1/reports/20260503-0001/evaluation"
	say := func(code, body string) reply {
		header := map[string]string{}
		if code != "" {
			header[followUpHeader] = code
		}
		return b.do(call{method: "POST", path: at, header: header, body: body})
	}
	if r := say(goodCode, `{"satisfaction":"fair","words":"来得慢"}`); r.status != http.StatusOK || !bytes.Contains(r.body, []byte(`"words":"来得慢"`)) {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := say("", `{"satisfaction":"fair"}`); r.status != http.StatusUnauthorized {
		t.Errorf("without a code: %d %s", r.status, r.body)
	}
	r := b.do(call{method: "POST", path: at, token: b.as(dispatch.RoleOperator), body: `{"satisfaction":"fair"}`})
	if r.status != http.StatusBadRequest || r.problem().Errors[0].Pointer != "/header/"+followUpHeader {
		t.Errorf("the desk says it for a reporter: %d %s", r.status, r.body)
	}
	for pointer, body := range map[string]string{"/satisfaction": `{"satisfaction":"great"}`, "/words": `{"satisfaction":"fair","words":"` + strings.Repeat("长", 1001) + `"}`, "/stars": `{"satisfaction":"fair","stars":5}`} {
		if r := say(goodCode, body); r.status != http.StatusBadRequest || r.problem().Errors[0].Pointer != pointer {
			t.Errorf("%s: %d %.200s", pointer, r.status, r.body)
		}
	}
	if r := say(goodCode, `{}`); r.status != http.StatusBadRequest {
		t.Errorf("nothing said: %d", r.status)
	}
	for range 200 {
		if r := say("00000-00000", `{"satisfaction":"fair"}`); r.status == http.StatusTooManyRequests {
			return
		}
	}
	t.Error("wrong codes are never too many")
}
