package pgstore_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// Reports come anywhere, patrols are somewhere else all the time, shortly after one another:
// whoever is moved goes once, and never back to what they left, and neither they nor a
// case is moved twice within the quiet that the district wants.
func TestNobodyIsMovedToAndFro(t *testing.T) {
	t.Parallel()
	moves := 0
	for seed := range uint64(3) {
		w := newWorld(t)
		w.ordinary("O05", "police")
		w.exec(`UPDATE dispatch_rules SET move_saves_s = 60, move_quiet_s = 300`)
		codes := []string{"P1", "P2"}
		for i := range 5 {
			code := fmt.Sprintf("X%d", i)
			w.patrol(code, "police", float64(i)*2000)
			codes = append(codes, code)
		}
		r := rand.New(rand.NewPCG(seed, 7))
		n := w.node()
		for range 40 {
			for _, code := range codes {
				at := atM(r.Float64() * 12_000)
				w.live.edit(w.ids[code], func(p *dispatch.Position) { p.Point = at })
			}
			for range r.IntN(3) {
				w.fileAt("O05", r.Float64()*12_000)
			}
			pgtest.Advance(t, w.db, time.Duration(3+r.IntN(90))*time.Second)
			w.poll(n)
			if r.IntN(3) == 0 { // somebody is done
				w.exec(`UPDATE assignments SET state = 'done', ended_at = gp_now() WHERE id = (SELECT id FROM assignments WHERE active AND kind = 'department' ORDER BY random() LIMIT 1)`)
				w.exec(`UPDATE patrols p SET status = 'free', claimed_by = NULL, version = version + 1 WHERE claimed_by IS NOT NULL
					AND NOT EXISTS (SELECT FROM assignments a WHERE a.id = p.claimed_by AND a.active)`)
			}
		}
		moves += ask[int](w, `SELECT count(*) FROM assignments WHERE state = 'recalled' AND reason = $1`, dispatch.ReasonMoved)
		eq(t, "moves that are not in the record", ask[int](w, `SELECT count(*) FROM assignments a WHERE state = 'recalled' AND reason = $1
			AND NOT EXISTS (SELECT FROM case_events e WHERE e.kind = 'moved' AND e.case_id = a.case_id AND e.patrol_id = a.patrol_id
				AND e.body#>>'{detail,must_save_s}' = '60')`, dispatch.ReasonMoved), 0)
		eq(t, "sent back to what they left", ask[int](w, `SELECT count(*) FROM assignments a JOIN assignments b
			ON b.case_id = a.case_id AND b.patrol_id = a.patrol_id AND b.id > a.id WHERE a.state = 'recalled' AND a.reason = $1`, dispatch.ReasonMoved), 0)
		eq(t, "moved again within the quiet", ask[int](w, `SELECT count(*) FROM assignments a JOIN assignments b
			ON (b.case_id = a.case_id OR b.patrol_id = a.patrol_id) AND b.id > a.id AND b.ended_at < a.ended_at + interval '300 s'
			WHERE a.state = 'recalled' AND a.reason = $1 AND b.state = 'recalled' AND b.reason = $1 AND a.ended_at < b.ended_at`, dispatch.ReasonMoved), 0)
		eq(t, "held twice", ask[int](w, `SELECT count(*) FROM (SELECT FROM assignments WHERE active GROUP BY patrol_id HAVING count(*) > 1) x`), 0)
	}
	if moves < 5 {
		t.Fatalf("only %d moves: too few to say anything", moves)
	}
	t.Logf("%d moves", moves)
}
