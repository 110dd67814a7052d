package pgtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/jackc/pgx/v5"
)

// A test process that was killed leaves its databases behind; the next process
// drops them, and leaves alone those of the living.
func TestSweepDropsWhatTheKilledLeft(t *testing.T) {
	t.Parallel()
	m, err := theMachine()
	if err != nil {
		t.Fatal(err)
	}
	ended := exec.Command("/bin/true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	left := fmt.Sprintf("t_%d_1_left", ended.Process.Pid)
	living := fmt.Sprintf("t_%d_0_living", os.Getpid())
	there := func(conn *pgx.Conn, name string) (is bool) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&is); err != nil {
			t.Fatal(err)
		}
		return is
	}
	err = m.admin(t.Context(), false, func(conn *pgx.Conn) error {
		for _, name := range []string{left, living} {
			if _, err := conn.Exec(t.Context(), "CREATE DATABASE "+ident(name)+" STRATEGY file_copy"); err != nil {
				return err
			}
		}
		if err := m.sweep(context.Background()); err != nil {
			return err
		}
		if there(conn, left) {
			t.Errorf("%s is still there; its process is gone", left)
		}
		if !there(conn, living) {
			t.Errorf("%s was dropped under a living process", living)
		}
		_, err := conn.Exec(t.Context(), "DROP DATABASE "+ident(living))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
