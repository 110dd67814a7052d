package api_test

import (
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// Photos come with a step through the same door as those of a report: nine of them, known
// again behind any boundary.
func TestPhotosOfAStep(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.as(dispatch.RoleOfficer)
	at := "/api/v1/cases/" + caseID.String()
	send := func(path, name, body string, photos int) reply {
		t.Helper()
		sent, kind := form(t, func(w *multipart.Writer) {
			part(t, w, name, []byte(body))
			for range photos {
				part(t, w, "photo", aPNG(t))
			}
		})
		return b.do(call{method: "POST", path: at + path, token: token, body: sent, kind: kind})
	}
	said := `{"move":"feedback","result":"已查封"}`
	for range 2 {
		r := send("/moves", "move", said, dispatch.MaxEvidence)
		m := b.desk.move
		if r.status != http.StatusOK || len(m.Shown.Photos) != dispatch.MaxEvidence || m.Move != dispatch.MoveFeedback || m.Result != "已查封" {
			t.Fatalf("%d %.200s, the desk got %d photos of %q", r.status, r.body, len(m.Shown.Photos), m.Move)
		}
	}
	first := b.desk.move.Shown.BodySHA256
	send("/moves", "move", said, 1)
	if b.desk.move.Shown.BodySHA256 == first {
		t.Error("other photos are the same body")
	}
	done := "/assignments/" + caseID.String() + "/done"
	if r := send(done, "answer", `{"result":"已处置"}`, 2); r.status != http.StatusOK || b.desk.move.Move != dispatch.StepDone || len(b.desk.move.Shown.Photos) != 2 {
		t.Errorf("done: %d %.200s", r.status, r.body)
	}
	for name, row := range map[string]struct {
		path, part, body string
		photos           int
		pointer          string
	}{
		"ten photos":       {"/moves", "move", said, 10, "/form/photo/9"},
		"no move":          {"/moves", "answer", said, 0, "/form/answer"},
		"a bad move":       {"/moves", "move", `{"move":"fly"}`, 1, "/form/move/move"},
		"photos of accept": {strings.Replace(done, "done", "accept", 1), "answer", `{}`, 1, "/form/photo"},
	} {
		r := send(row.path, row.part, row.body, row.photos)
		if r.status != http.StatusBadRequest || len(r.problem().Errors) == 0 || r.problem().Errors[0].Pointer != row.pointer {
			t.Errorf("%s: %d %.300s, want 400 at %s", name, r.status, r.body, row.pointer)
		}
	}
}
