package pgproof_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/proof"
	"github.com/gridpatrol/gridpatrol/proof/pgproof"
)

// Whoever owns the tables can change an event and chain everything after it anew, so that
// no hash is wrong. What they cannot do is sign: the next head tells, in the tables and in
// an export of them.
func TestAChainThatIsMadeAnewIsNotTheOneThatWasSigned(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx, key := t.Context(), adopted(t, db)
	for i := range 4 {
		write(t, db, i)
	}
	seal(t, db, 5)
	sign := func() {
		t.Helper()
		if signed, err := pgproof.SignHead(ctx, db, pgdb.District, key, 0); err != nil || !signed {
			t.Fatal(signed, err)
		}
	}
	sign()
	for i := range 4 {
		write(t, db, i)
	}
	seal(t, db, 9)
	sign()
	type link struct {
		Position  int64
		Canonical []byte
	}
	rows, err := db.Query(ctx, `SELECT c.position, e.canonical FROM event_chain c JOIN case_events e ON (e.xid, e.id) = (c.xid, c.event_id) ORDER BY c.position`)
	if err != nil {
		t.Fatal(err)
	}
	links, err := pgx.CollectRows(rows, pgx.RowToStructByPos[link])
	if err != nil || len(links) != 9 {
		t.Fatal(len(links), err)
	}
	const changed = 7 // between the two heads
	prev := proof.Genesis(pgdb.District)
	err = db.Owner(ctx, func(conn *pgx.Conn) error {
		for _, l := range links {
			if l.Position == changed {
				l.Canonical = bytes.Replace(l.Canonical, []byte(`"operator"`), []byte(`"auditor"`), 1)
				if _, err := conn.Exec(ctx, `UPDATE case_events SET canonical = $2, body = convert_from($2, 'UTF8')::jsonb
				  WHERE (xid, id) = (SELECT xid, event_id FROM event_chain WHERE position = $1)`, l.Position, l.Canonical); err != nil {
					return err
				}
			}
			before := prev
			prev = proof.Link(before, l.Position, l.Canonical)
			if _, err := conn.Exec(ctx, `UPDATE event_chain SET before = $2, hash = $3 WHERE position = $1`, l.Position, before[:], prev[:]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := pgproof.Export(context.Background(), db, pgdb.District, 1, &out); err != nil {
		t.Fatal(err)
	}
	exported, err := proof.Verify(strings.NewReader(out.String()))
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]proof.Report{"the tables": verified(t, db), "the export": exported} {
		if f := r.Fault; f == nil || f.Kind != proof.Rewrote || f.Position != 6 || f.To != 9 || r.SignedTo != 5 {
			t.Errorf("%s: found %v, signed to %d; want it rewritten between 6 and 9", name, f, r.SignedTo)
		}
	}
}
