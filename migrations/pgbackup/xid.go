package pgbackup

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Events and announcements are ordered by (transaction, id), and a reader trusts
// that what lies below the oldest running transaction is complete. A new server
// counts transactions from the beginning, so rows of a busy one would lie in its
// future: new events would come before old ones, and old ones would never be done.
// Their transactions are over, so only the order counts: they are numbered anew, as
// low as they can be, alike in every table.

const (
	// firstXid is the lowest that an ordinary transaction has.
	firstXid = 3
	// spareXids is what is left free above the numbers that are given.
	spareXids = 16
)

// spend makes the server count on. Such a transaction writes nothing that must
// reach the disk, so it takes microseconds.
const spend = `DO $$ BEGIN FOR i IN 1..%d LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$`

func settleXids(ctx context.Context, url string, tx pgx.Tx, tables []tableInfo, xids Xids) error {
	if xids.Distinct == 0 {
		return nil
	}
	beside, err := connect(ctx, url)
	if err != nil {
		return err
	}
	defer beside.Close(context.WithoutCancel(ctx))
	var next uint64
	if err := beside.QueryRow(ctx, "SELECT pg_current_xact_id()::text::bigint").Scan(&next); err != nil {
		return fmt.Errorf("ask for the server's transaction: %w", err)
	}
	if xids.Highest < next {
		return nil // the server it came from, or one that has done more
	}
	if need := uint64(xids.Distinct) + firstXid + spareXids; need > next {
		if _, err := beside.Exec(ctx, fmt.Sprintf(spend, need-next)); err != nil {
			return fmt.Errorf("count transactions on: %w", err)
		}
	}
	statements := []string{
		`CREATE TEMP TABLE xid_order ON COMMIT DROP AS SELECT x, (row_number() OVER (ORDER BY x::text::numeric) + ` +
			fmt.Sprint(firstXid-1) + `)::text::xid8 AS n FROM (` + allXids(tables) + `) u`,
		`ANALYZE xid_order`,
	}
	for _, t := range tables {
		for _, column := range t.xids {
			statements = append(statements, strings.NewReplacer("TABLE", quoted(t.name), "COLUMN", quoted(column)).
				Replace("UPDATE TABLE SET COLUMN = o.n FROM xid_order o WHERE COLUMN = o.x"))
		}
	}
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("number the transactions anew: %w", err)
		}
	}
	return nil
}
