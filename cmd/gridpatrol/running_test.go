package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// running is a whole service in this process on a database of its own.
type running struct {
	env     *Env
	service *service
	url     string // of the door
	metrics string // of /metrics without a token
	stop    func() // ends it; the test's end does so too
}

// runService starts a service and stops it with the test.
func runService(t *testing.T) *running {
	t.Helper()
	return runNode(t, pgtest.New(t), serveConfig{})
}

// runNode starts a service on a database that others may work on too.
func runNode(t *testing.T, db *pgdb.DB, c serveConfig) *running {
	t.Helper()
	env := &Env{DB: db, Stdout: io.Discard, Stderr: io.Discard, Log: slog.New(slog.DiscardHandler), Common: Common{DataDir: t.TempDir()}}
	s, err := newService(t.Context(), env, c, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	door, metrics := listen(), listen()
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	up := make(chan struct{})
	wait.Go(func() {
		if err := s.run(ctx, door, metrics, func() { close(up) }); err != nil {
			t.Error(err)
		}
	})
	stop := func() { cancel(); wait.Wait() }
	t.Cleanup(stop)
	select {
	case <-up:
	case <-time.After(time.Minute):
		t.Fatal("the service did not come up within a minute")
	}
	return &running{env: env, service: s, url: "http://" + door.Addr().String(), metrics: "http://" + metrics.Addr().String() + "/metrics", stop: stop}
}

// get reads a page and answers its status and what it says.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), recoverWithin)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}
