package api_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// showSteps gives the covert case a photo with each step that may bring one, and answers
// their hashes.
func (w *covertWorld) showSteps() (shown []string) {
	w.t.Helper()
	for _, step := range []dispatch.Move{dispatch.MoveSelfHandle, dispatch.StepDone, dispatch.MoveFeedback, dispatch.MovePass, dispatch.MoveFail} {
		sum, id := sha256.Sum256([]byte("shown with "+step)), uuid.Must(uuid.NewV7())
		w.exec(`INSERT INTO photos (district_id, sha256, media_type, width, height, content, bytes) VALUES ($1, $2, 'image/png', 1, 1, 'png', 3)`, pgdb.District, sum[:])
		w.exec(`INSERT INTO evidence (id, district_id, case_id, step, at, by) VALUES ($1, $2, $3, $4, gp_now(), 'account:SECRET-HAND')`, id, pgdb.District, w.secret.caseID, step)
		w.exec(`INSERT INTO evidence_photos (district_id, evidence_id, position, sha256) VALUES ($1, $2, 0, $3)`, pgdb.District, id, sum[:])
		shown = append(shown, hex.EncodeToString(sum[:]))
	}
	return shown
}

// What was shown with a step of a covert case is seen by those who know of the case; to
// everybody else each photo, in each size, is one that is not there.
func TestPhotosOfACovertStepAreNotThere(t *testing.T) {
	t.Parallel()
	for walls, down := range map[string]bool{"both walls": false, "the queries alone": true} {
		t.Run(walls, func(t *testing.T) {
			t.Parallel()
			w := setupCovert(t, nil)
			if down {
				pgtest.WallDown(t, w.db)
			}
			for _, role := range roles {
				v := w.visitors[role]
				for _, sum := range w.shown {
					for _, size := range []string{"", "?size=thumb", "?size=shown", "?size=original"} {
						r := w.do(call{path: "/api/v1/photos/" + sum + size, token: v.token})
						missing := w.do(call{path: "/api/v1/photos/" + w.missing.photo + size, token: v.token})
						if hidden := unlike(r) == unlike(missing); hidden != (!knows(v.Viewer) || missing.status == http.StatusForbidden) {
							t.Errorf("%s: a photo%s of a covert step: %d %.120s, of none: %d", role, size, r.status, r.body, missing.status)
						}
					}
				}
				r := w.do(call{path: "/api/v1/cases/" + w.secret.caseID.String(), token: v.token})
				for _, sum := range w.shown {
					if told := bytes.Contains(r.body, []byte(sum)); told != knows(v.Viewer) {
						t.Errorf("%s: the case tells of photo %.8s: %v", role, sum, told)
					}
				}
			}
		})
	}
}
