package pgdb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// closedBefore is what the driver says of a question that was never sent.
type closedBefore struct{ error }

func (closedBefore) SafeToRetry() bool { return true }
func (c closedBefore) Unwrap() error   { return c.error }

func TestAway(t *testing.T) {
	t.Parallel()
	_, refused := pgx.Connect(t.Context(), "host="+t.TempDir()+" user=nobody dbname=none")
	for _, c := range []struct {
		name string
		err  error
		want bool
	}{
		{"nothing", nil, false},
		{"nobody listens", refused, true},
		{"the line broke", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, true},
		{"the server goes down", fmt.Errorf("list cases: %w", &pgconn.PgError{Code: "57P01"}), true},
		{"its files cannot be written", &pgconn.PgError{Code: "58030"}, true},
		{"the connection was closed before", fmt.Errorf("begin: %w", closedBefore{errors.New("conn closed")}), true},
		{"the caller left before", closedBefore{context.Canceled}, false},
		{"a duplicate", &pgconn.PgError{Code: "23505"}, false},
		{"a query that took too long", &pgconn.PgError{Code: "57014"}, false},
		{"the caller left", context.Canceled, false},
		{"anything else", errors.New("division by zero"), false},
	} {
		if got := Away(c.err); got != c.want {
			t.Errorf("%s: away is %v, want %v (%v)", c.name, got, c.want, c.err)
		}
	}
}

func TestFull(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		err  error
		want bool
	}{
		{"nothing", nil, false},
		{"the database's disk", fmt.Errorf("keep the report: %w", &pgconn.PgError{Code: "53100"}), true},
		{"this machine's", fmt.Errorf("write: %w", syscall.ENOSPC), true},
		{"too many connections", &pgconn.PgError{Code: "53300"}, false},
		{"a duplicate", &pgconn.PgError{Code: "23505"}, false},
	} {
		if got := Full(c.err); got != c.want {
			t.Errorf("%s: full is %v, want %v (%v)", c.name, got, c.want, c.err)
		}
	}
}
