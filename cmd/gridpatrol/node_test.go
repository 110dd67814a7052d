package main

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch/timers"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// What keeps a node from work is named in the door's words.
func TestANodeSaysWhyItIsNotReady(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	n, err := newNode(&Env{DB: db, Log: slog.New(slog.DiscardHandler), Common: Common{DataDir: t.TempDir()}}, "none", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	n.timers = timers.New(timers.Config{})
	if err := n.beat(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := n.ready(t.Context()); err != nil {
		t.Errorf("all is well, yet %v", err)
	}
	if err := n.roomy(math.MaxUint64); !strings.HasPrefix(err.Error(), "disk: ") {
		t.Errorf("a full disk: %v", err)
	}
	err = db.Owner(t.Context(), func(conn *pgx.Conn) error {
		_, err := conn.Exec(context.Background(), `DELETE FROM goose_db_version WHERE version_id = 7;
			DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	db.Reset()
	err = n.ready(t.Context())
	for _, check := range []string{"schema: migrations [7] are pending", "write: "} {
		if err == nil || !strings.Contains(err.Error(), check) {
			t.Errorf("%v does not name %s", err, check)
		}
	}
	db.Close()
	var u *api.Unready
	if err := n.ready(t.Context()); !errors.As(err, &u) || u.Check != "database" || u.Detail == "" {
		t.Errorf("a database that is away: %v", err)
	}
}
