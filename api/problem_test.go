package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"testing"
)

func TestADatabaseThatIsAwayIsNoFaultOfTheProgram(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		err    error
		status int
	}{
		{"the database is away", fmt.Errorf("who is it: %w", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), http.StatusServiceUnavailable},
		{"it took too long", context.DeadlineExceeded, http.StatusServiceUnavailable},
		{"anything else", fmt.Errorf("nobody thought of this"), http.StatusInternalServerError},
	} {
		if r, _ := asRefusal(c.err); r.Status != c.status {
			t.Errorf("%s: %d, want %d", c.name, r.Status, c.status)
		}
	}
}
