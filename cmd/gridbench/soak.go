package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

type soakCmd struct {
	Program string        `name:"program" default:"bin/gridpatrol" help:"The program that is measured."`
	For     time.Duration `name:"for" default:"20m" help:"How long it lasts, without the warm-up."`
	Rate    float64       `name:"rate" default:"5000" help:"Fixes a second, of all devices together."`
	Sockets int           `name:"sockets" default:"500" help:"Devices, each on a socket of its own."`
	Burst   int           `name:"burst" default:"10" help:"Fixes in each message."`
	Warm    time.Duration `name:"warm" default:"1m" help:"Load before the first look."`
	Fail    bool          `name:"fail" help:"End with 1 where something grows, or is missing or doubled; how fast it went is not asked."`
}

// Run keeps a load on a service for long, with sockets that come and go and a viewer,
// and asks whether its memory, its descriptors and its goroutines grow.
func (c soakCmd) Run(ctx context.Context, all *commands) (err error) {
	if c.Sockets < 1 || c.Burst < 1 || c.Rate <= 0 || c.For < 2*soakBatches*soakEvery {
		return fmt.Errorf("--sockets, --burst and --rate must be above nothing, and --for no less than %s", 2*soakBatches*soakEvery)
	}
	data, err := filepath.Abs(filepath.Join(all.Out, "soak-data"))
	if err != nil {
		return err
	}
	if err := os.RemoveAll(data); err != nil {
		return fmt.Errorf("clear the data of an earlier run: %w", err)
	}
	if err := os.MkdirAll(data, 0o755); err != nil {
		return err
	}
	town, err := layTown(ctx, data, c.Sockets)
	if err != nil {
		return err
	}
	defer func() {
		town.close()
		if err == nil {
			err = os.RemoveAll(data)
		}
	}()
	metrics, err := freePort()
	if err != nil {
		return err
	}
	server, err := startProgram(ctx, data, "service.log", c.Program, "serve", "--listen=127.0.0.1:0", "--data-dir="+data, "--metrics-listen="+metrics)
	if err != nil {
		return err
	}
	defer server.stop()
	fmt.Fprintf(os.Stderr, "%d sockets, %.0f fixes a second, for %s and %s ...\n", c.Sockets, c.Rate, c.Warm, c.For)
	eyes, err := look(ctx, "ws"+strings.TrimPrefix(server.url, "http")+"/ws/live", town.viewer)
	if err != nil {
		return err
	}
	defer eyes.close()

	pouring, stop := context.WithCancel(ctx)
	defer stop()
	pour := &soakPour{sent: map[string]int64{}}
	poured := make(chan error, 1)
	go func() { poured <- c.pour(pouring, town, server, pour) }()
	looks, watched := c.watch(ctx, server, metrics, pour, poured)
	stop()
	pourErr := <-poured
	if err := errors.Join(watched, pourErr); err != nil {
		return err
	}
	missing, doubled, err := pour.missing(ctx, town)
	if err != nil {
		return err
	}
	length := looks[len(looks)-1].at - looks[0].at
	figures := append([]figure{
		one("length", length.Seconds(), "s", nil),
		one("fixes acknowledged", float64(looks[len(looks)-1].acked-looks[0].acked)/length.Seconds(), "1/s", nil),
		one("sockets that came and went", float64(pour.turns.Load()), "", nil),
		one("acknowledged and not on disk", float64(missing), "fixes", bar(0)),
		one("on disk twice", float64(doubled), "fixes", bar(0)),
	}, judgeSoak(looks, length)...)
	if err := keepLooks(filepath.Join(all.Out, "soak-looks.csv"), looks); err != nil {
		return err
	}
	if err := keep(os.Stdout, all.Out, "soak", figures); err != nil {
		return err
	}
	if c.Fail {
		return missedOf(figures)
	}
	return nil
}

const (
	soakEvery = 2 * time.Second
	// soakTurn is how often a socket ends and another comes for it.
	soakTurn = 200 * time.Millisecond
	// soakLate is how late a device may be with what it sends.
	soakLate = 5 * time.Second
	// soakRetry is the pause after a socket that was broken off, and soakInVain how often
	// in a row nothing may be acknowledged.
	soakRetry  = time.Second
	soakInVain = 60
)

var errSoakEnded = errors.New("the load has ended before its time")

// soakPour is what the load has brought.
type soakPour struct {
	acked, turns atomic.Int64

	mu   sync.Mutex // guards sent; each hose writes when it ends
	sent map[string]int64
}

func (p *soakPour) note(h *hose) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent[h.stream.String()] = h.acked
}

// onDisk looks at the tracks once for all streams: they are thousands after 20 minutes, and
// no index leads with a stream.
const onDisk = `
SELECT coalesce(sum(acked - different), 0)::bigint, coalesce(sum(n - different), 0)::bigint
FROM (SELECT a.acked, count(t.seq) AS n, count(DISTINCT t.seq) AS different
  FROM unnest($1::uuid[], $2::bigint[]) AS a (stream, acked) LEFT JOIN tracks t ON t.stream = a.stream AND t.seq <= a.acked
  GROUP BY a.stream, a.acked) x`

// missing compares every stream's acknowledgements with the disk.
func (p *soakPour) missing(ctx context.Context, t *town) (missing, doubled int64, err error) {
	streams, acked := make([]string, 0, len(p.sent)), make([]int64, 0, len(p.sent))
	for stream, n := range p.sent {
		streams, acked = append(streams, stream), append(acked, n)
	}
	err = t.db.QueryRow(ctx, onDisk, streams, acked).Scan(&missing, &doubled)
	return missing, doubled, err
}

// pour lets every device send until ctx ends. Every soakTurn one of them closes its
// socket and comes back with a stream of its own, as after a reinstall; so does one whose
// socket was broken off, which a machine that stood still for a while does to all.
func (c soakCmd) pour(ctx context.Context, t *town, server *server, p *soakPour) error {
	pause := time.Duration(float64(time.Second) * float64(c.Burst*c.Sockets) / c.Rate)
	g, ctx := errgroup.WithContext(ctx)
	begun := time.Now()
	life := soakTurn * time.Duration(c.Sockets)
	for i := range c.Sockets {
		g.Go(func() error {
			due := begun.Add(pause * time.Duration(i) / time.Duration(c.Sockets))
			ends := begun.Add(life * time.Duration(i+1) / time.Duration(c.Sockets))
			inVain := 0
			for ctx.Err() == nil {
				sent, err := c.oneLife(ctx, server, t.units[i].token, i, p, &due, pause, ends)
				if err == nil {
					ends = ends.Add(life)
				}
				if inVain++; sent || err == nil {
					inVain = 0
				}
				if inVain > soakInVain {
					return fmt.Errorf("device %d cannot send: %w", i, err)
				}
				if err != nil && sleepUntil(ctx, time.Now().Add(soakRetry)) != nil {
					return nil
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// oneLife is one socket of a device, from its opening until ends; sent says that
// something was acknowledged on it.
func (c soakCmd) oneLife(ctx context.Context, server *server, token string, i int, p *soakPour, due *time.Time, pause time.Duration, ends time.Time) (sent bool, err error) {
	h, err := openHose(ctx, server, token, i)
	if err != nil {
		return false, err
	}
	defer h.conn.Close()
	defer p.note(h)
	for time.Now().Before(ends) && sleepUntil(ctx, *due) == nil {
		if late := time.Since(*due); late > soakLate { // it was stopped; what was due then is not made up for
			*due = due.Add(late)
		}
		if err := h.send(c.Burst); err != nil {
			return h.acked > 0, err
		}
		h.acked = h.seq
		p.acked.Add(int64(c.Burst))
		*due = due.Add(pause)
	}
	p.turns.Add(1)
	return h.acked > 0, nil
}

func sleepUntil(ctx context.Context, at time.Time) error {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (c soakCmd) watch(ctx context.Context, s *server, metrics string, p *soakPour, poured <-chan error) (looks []soakLook, err error) {
	tick := time.NewTicker(soakEvery)
	defer tick.Stop()
	warm := time.Now().Add(c.Warm)
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
		if len(poured) > 0 {
			return nil, errSoakEnded
		}
		if time.Now().Before(warm) {
			continue
		}
		l := soakLook{at: time.Since(warm), acked: p.acked.Load()}
		resident, err := s.resident()
		if err != nil {
			return nil, err
		}
		l.residentMB = float64(resident) / (1 << 20)
		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.command.Process.Pid))
		if err != nil {
			return nil, err
		}
		l.files = float64(len(files))
		shown, err := scrapeOf(ctx, metrics, "go_goroutines", "go_gc_heap_live_bytes", "go_memstats_next_gc_bytes")
		if err != nil {
			return nil, err
		}
		l.goroutines = shown["go_goroutines"]
		if l.heapMB = shown["go_gc_heap_live_bytes"] / (1 << 20); l.heapMB == 0 {
			l.heapMB = shown["go_memstats_next_gc_bytes"] / 2 / (1 << 20) // twice what was alive
		}
		looks = append(looks, l)
		// A number of looks, and not a time: who was stopped for a while looks on after it.
		if len(looks) > int(c.For/soakEvery) {
			return looks, nil
		}
	}
}

// scrapeOf reads some plain figures of the service's own page.
func scrapeOf(ctx context.Context, address string, names ...string) (map[string]float64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	out := map[string]float64{}
	for in := bufio.NewScanner(response.Body); in.Scan(); {
		for _, name := range names {
			if rest, is := strings.CutPrefix(in.Text(), name+" "); is {
				if out[name], err = strconv.ParseFloat(strings.TrimSpace(rest), 64); err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
