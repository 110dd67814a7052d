package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestLayersStopInOrder(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var order []string
	started := make(chan struct{}, 3)
	record := func(name string) part {
		return part{name: name, run: func(ctx context.Context) error {
			started <- struct{}{}
			<-ctx.Done()
			mu.Lock()
			defer mu.Unlock()
			order = append(order, name)
			return nil
		}}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		done <- runLayers(ctx, []part{record("door")}, []part{record("worker")}, []part{record("database")})
	}()
	for range 3 {
		<-started
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if want := []string{"door", "worker", "database"}; !slices.Equal(order, want) {
		t.Fatalf("stopped in order %v, want %v", order, want)
	}
}

func TestAFailedPartStopsTheService(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(context.Context) error{
		"an error":       func(context.Context) error { return errors.New("the disk is gone") },
		"an early ended": func(context.Context) error { return nil },
	} {
		waits := part{name: "door", run: func(ctx context.Context) error { <-ctx.Done(); return nil }}
		err := runLayers(context.Background(), []part{waits}, []part{{name: "writer", run: run}})
		if err == nil || !strings.Contains(err.Error(), "writer: ") {
			t.Errorf("%s: got %v, want the part's name and its fault", name, err)
		}
	}
}
