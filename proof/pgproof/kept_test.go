package pgproof_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/proof"
	"github.com/gridpatrol/gridpatrol/proof/pgproof"
)

// Whoever owns the tables cuts the end of the chain off, its events and its heads with it.
// What is left holds together; the copy of the heads that lies elsewhere tells, in the
// tables and in an export of them.
func TestACopyOfTheHeadsTellsOfAnEndThatIsGone(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx, key := t.Context(), adopted(t, db)
	name := filepath.Join(t.TempDir(), "heads.jsonl")
	for n := 1; n <= 9; n += 4 { // the key's own event is the first
		if n > 1 {
			for i := range 4 {
				write(t, db, i)
			}
		}
		seal(t, db, n)
		if signed, err := pgproof.SignHead(ctx, db, pgdb.District, key, 0); err != nil || !signed {
			t.Fatal(signed, err)
		}
		if err := pgproof.CopyHeads(ctx, db, pgdb.District, name); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := proof.ReadKept(bytes.NewReader(text))
	if err != nil || len(kept.Heads) != 3 || len(kept.Keys) != 1 || kept.Unread != 0 {
		t.Fatalf("%+v, %v", kept, err)
	}
	look := func(kept proof.Kept) (tables, exported proof.Report) {
		t.Helper()
		tables, err := pgproof.VerifyKept(ctx, db, pgdb.District, kept)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if _, err := pgproof.Export(ctx, db, pgdb.District, 1, &out); err != nil {
			t.Fatal(err)
		}
		if exported, err = proof.VerifyKept(&out, kept); err != nil {
			t.Fatal(err)
		}
		return tables, exported
	}
	if a, b := look(kept); a.Fault != nil || b.Fault != nil || a.Heads != 3 || b.Heads != 3 || a.SignedTo != 9 {
		t.Fatalf("%+v %+v", a, b)
	}
	owner(t, db, `WITH gone AS (DELETE FROM event_chain WHERE position > 7 RETURNING xid, event_id) DELETE FROM case_events e USING gone g WHERE (e.xid, e.id) = (g.xid, g.event_id)`)
	owner(t, db, `DELETE FROM event_heads WHERE position > 7`)
	if a, b := look(proof.Kept{}); a.Fault != nil || b.Fault != nil || a.Last != 7 {
		t.Fatalf("by itself it does not hold together: %+v %+v", a, b)
	}
	a, b := look(kept)
	for where, r := range map[string]proof.Report{"the tables": a, "an export": b} {
		if f := r.Fault; f == nil || f.Kind != proof.Missing || f.Position != 8 || f.To != 9 {
			t.Errorf("in %s: %+v", where, f)
		}
	}
}
