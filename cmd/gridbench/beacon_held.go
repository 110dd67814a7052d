package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// held is what open sockets that say nothing cost.
type held struct {
	sockets int
	bytes   float64 // of the service's memory, each
	opened  time.Duration
}

// hold opens sockets, all at once, and looks at what the service grows by. Devices
// take turns: a device may have as many as it has streams.
func hold(ctx context.Context, t *town, s *server, sockets int) (held, error) {
	before, err := s.resident()
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
	// What the handshakes needed is given back within a while.
	least := int64(1 << 62)
	for range 20 {
		time.Sleep(time.Second)
		now, err := s.resident()
		if err != nil {
			return held{}, err
		}
		least = min(least, now)
	}
	return held{sockets: sockets, bytes: float64(least-before) / float64(sockets), opened: opened}, nil
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
		one("memory of the service, a socket held", h.bytes/1024, "KB", bar(8)),
		one("opening all of them", h.opened.Seconds(), "s", nil),
	}
}
