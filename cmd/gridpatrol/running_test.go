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

	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// running is a whole service in this process on a database of its own.
type running struct {
	env     *Env
	url     string // of the door
	metrics string // of /metrics without a token
}

// runService starts a service and stops it with the test.
func runService(t *testing.T) *running {
	t.Helper()
	env := &Env{DB: pgtest.New(t), Stdout: io.Discard, Stderr: io.Discard, Log: slog.New(slog.DiscardHandler), Common: Common{DataDir: t.TempDir()}}
	s, err := newService(t.Context(), env, serveConfig{}, time.UTC)
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
	ctx, stop := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	up := make(chan struct{})
	wait.Go(func() {
		if err := s.run(ctx, door, metrics, func() { close(up) }); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); wait.Wait() })
	select {
	case <-up:
	case <-time.After(time.Minute):
		t.Fatal("the service did not come up within a minute")
	}
	return &running{env: env, url: "http://" + door.Addr().String(), metrics: "http://" + metrics.Addr().String() + "/metrics"}
}

// get reads a page and answers its status and what it says.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
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
