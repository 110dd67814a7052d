package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// part is a long-lived piece of the service. run works until its context ends and
// answers nil then; an error, or an end before that, stops the whole service.
type part struct {
	name string
	run  func(ctx context.Context) error
}

// runLayers runs every part at once until ctx ends or one part fails. Then the
// layers are stopped one after another, the first first, and each is waited for
// before the next is told: doors before workers, workers before what they use.
func runLayers(ctx context.Context, layers ...[]part) error {
	var (
		mu     sync.Mutex // guards faults
		faults []error
	)
	failed := make(chan struct{}, 1)
	stops := make([]func(), len(layers))
	// The last layer starts first, so that what a part uses is there before it.
	for i := len(layers) - 1; i >= 0; i-- {
		layerCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		var running sync.WaitGroup
		for _, p := range layers[i] {
			running.Go(func() {
				err := p.run(layerCtx)
				if err == nil && layerCtx.Err() == nil {
					err = errors.New("ended by itself")
				}
				if err != nil && !errors.Is(err, context.Canceled) {
					mu.Lock()
					faults = append(faults, fmt.Errorf("%s: %w", p.name, err))
					mu.Unlock()
					select {
					case failed <- struct{}{}:
					default:
					}
				}
			})
		}
		stops[i] = func() {
			cancel()
			running.Wait()
		}
	}
	select {
	case <-ctx.Done():
	case <-failed:
	}
	for _, stop := range stops {
		stop()
	}
	mu.Lock()
	defer mu.Unlock()
	return errors.Join(faults...)
}
