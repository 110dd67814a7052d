package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// held is what open sockets that say nothing cost.
type held struct {
	sockets  int
	resident float64 // bytes of the service, each
	live     float64 // of these, what is alive in its heap, and stacks
	opened   time.Duration
}

// hold opens sockets, all at once, at a service that has just started, since memory that
// an earlier load left behind would be used again and look like none. It compares what
// the service has before and after, each time once collections have gone over it.
// Devices take turns: a device may have as many as it has streams.
func (c beaconCmd) hold(ctx context.Context, t *town, data string, sockets int) (held, error) {
	metrics, err := freePort()
	if err != nil {
		return held{}, err
	}
	s, err := startProgram(ctx, data, "held.log", c.Program, "serve", "--listen=127.0.0.1:0", "--data-dir="+data, "--metrics-listen="+metrics)
	if err != nil {
		return held{}, err
	}
	defer s.stop()
	before, err := memoryOf(ctx, s, metrics)
	if err != nil {
		return held{}, err
	}
	begun := time.Now()
	var mu sync.Mutex // guards hoses; each worker adds what it opened
	var hoses []*hose
	defer func() {
		for _, h := range hoses {
			h.conn.Close()
		}
	}()
	const workers = 64
	var g errgroup.Group
	for w := range workers {
		g.Go(func() error {
			for i := w; i < sockets; i += workers {
				h, err := openHose(ctx, s, t.units[i%len(t.units)].token, i)
				if err != nil {
					return fmt.Errorf("socket %d of %d: %w", i, sockets, err)
				}
				mu.Lock()
				hoses = append(hoses, h)
				mu.Unlock()
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return held{}, err
	}
	opened := time.Since(begun)
	after, err := memoryOf(ctx, s, metrics)
	if err != nil {
		return held{}, err
	}
	if after.devices < float64(sockets) {
		return held{}, fmt.Errorf("of %d sockets the service holds %.0f", sockets, after.devices)
	}
	each := float64(sockets)
	return held{sockets: sockets, resident: (after.resident - before.resident) / each, live: (after.live - before.live) / each, opened: opened}, nil
}

type memory struct {
	resident, live float64
	devices        float64 // with a socket
}

// memoryOf waits until what is garbage has been collected, and what the handshakes
// needed given back. Being asked is work enough for the collector to come round.
func memoryOf(ctx context.Context, s *server, metrics string) (m memory, err error) {
	const cycles, next, stacks, devices = "go_gc_duration_seconds_count", "go_memstats_next_gc_bytes", "go_memstats_stack_inuse_bytes", "gridpatrol_beacon_sockets"
	first := math.NaN()
	for rest := 0; rest < 20; {
		shown, err := scrapeOf(ctx, metrics, cycles, next, stacks, devices)
		if err != nil {
			return m, err
		}
		if math.IsNaN(first) {
			first = shown[cycles]
		}
		if shown[cycles] < first+2 {
			continue
		}
		if err := pause(ctx, time.Second); err != nil {
			return m, err
		}
		resident, err := s.resident()
		if err != nil {
			return m, err
		}
		if rest++; rest == 1 || float64(resident) < m.resident {
			m.resident = float64(resident)
		}
		// The collector comes round at twice what was alive, and the stacks.
		m.live, m.devices = (shown[next]+shown[stacks])/2, shown[devices]
	}
	return m, nil
}

// resident is the memory that the process has, in bytes.
func (s *server) resident() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	var kb int64
	for line := range strings.Lines(string(text)) {
		if rest, is := strings.CutPrefix(line, "VmRSS:"); is {
			_, err := fmt.Sscan(rest, &kb)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("no VmRSS of process %d", s.command.Process.Pid)
}

func (h held) figures(one func(name string, value float64, unit string, bar *float64) figure) []figure {
	n := one("sockets held at once", float64(h.sockets), "", bar(10_000))
	n.AtLeast = true
	return []figure{n,
		one("resident memory of the service, a socket held", h.resident/1024, "KB", bar(8)),
		one("of that, live heap and stacks", h.live/1024, "KB", nil),
		one("opening all of them", h.opened.Seconds(), "s", nil),
	}
}
