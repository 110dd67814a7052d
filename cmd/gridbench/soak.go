package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
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
	if pourErr := <-poured; pourErr != nil && !errors.Is(pourErr, context.Canceled) && watched == nil {
		watched = pourErr
	}
	if watched != nil {
		return watched
	}
	missing, doubled, err := pour.missing(ctx, town)
	if err != nil {
		return err
	}
	one := func(name string, value float64, unit string, bar *float64) figure {
		return figure{Name: name, Value: value, Unit: unit, Bar: bar, Runs: 1}
	}
	figures := []figure{
		one("length", c.For.Seconds(), "s", nil),
		one("fixes acknowledged", float64(looks[len(looks)-1].acked-looks[0].acked)/c.For.Seconds(), "1/s", nil),
		one("sockets that came and went", float64(pour.turns.Load()), "", nil),
		one("acknowledged and not on disk", float64(missing), "fixes", bar(0)),
		one("on disk twice", float64(doubled), "fixes", bar(0)),
	}
	for _, m := range []struct {
		name, unit string
		of         func(soakLook) float64
		bar        float64 // growth an hour that is put down to chance
	}{
		{"resident memory", "MB", func(l soakLook) float64 { return l.residentMB }, 4},
		{"heap in use after collection", "MB", func(l soakLook) float64 { return l.heapMB }, 2},
		{"descriptors", "", func(l soakLook) float64 { return l.files }, 2},
		{"goroutines", "", func(l soakLook) float64 { return l.goroutines }, 2},
	} {
		s := slopeOf(looks, m.of)
		figures = append(figures,
			one(m.name+": mean", s.mean, m.unit, nil),
			one(m.name+": slope", s.slope, m.unit+"/h", nil),
			one(m.name+": slope, half of its 95 % interval", s.within, m.unit+"/h", nil),
			one(m.name+": growth beyond that interval", max(0, s.slope-s.within), m.unit+"/h", bar(m.bar)))
	}
	return keep(os.Stdout, all.Out, "soak", figures)
}

const (
	soakEvery   = 5 * time.Second
	soakBatches = 10
	// soakTurn is how often a socket ends and another comes for it.
	soakTurn = 200 * time.Millisecond
)

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

// missing compares every stream's acknowledgements with the disk.
func (p *soakPour) missing(ctx context.Context, t *town) (missing, doubled int64, err error) {
	for stream, acked := range p.sent {
		var rows, different int64
		if err := t.db.QueryRow(ctx, `SELECT count(*), count(DISTINCT seq) FROM tracks WHERE stream = $1 AND seq <= $2`, stream, acked).Scan(&rows, &different); err != nil {
			return 0, 0, err
		}
		missing, doubled = missing+acked-different, doubled+rows-different
	}
	return missing, doubled, nil
}

// pour lets every device send until ctx ends. Every soakTurn one of them closes its
// socket and comes back with a stream of its own, as after a reinstall.
func (c soakCmd) pour(ctx context.Context, t *town, server *server, p *soakPour) error {
	pause := time.Duration(float64(time.Second) * float64(c.Burst*c.Sockets) / c.Rate)
	g, ctx := errgroup.WithContext(ctx)
	begun := time.Now()
	life := soakTurn * time.Duration(c.Sockets)
	for i := range c.Sockets {
		g.Go(func() error {
			due := begun.Add(pause * time.Duration(i) / time.Duration(c.Sockets))
			ends := begun.Add(life * time.Duration(i+1) / time.Duration(c.Sockets))
			for ctx.Err() == nil {
				h, err := openHose(ctx, server, t.units[i].token, i)
				if err != nil {
					if ctx.Err() != nil {
						return nil
					}
					return err
				}
				for ctx.Err() == nil && time.Now().Before(ends) {
					if err := sleepUntil(ctx, due); err != nil {
						break
					}
					if err := h.send(c.Burst); err != nil {
						h.conn.Close()
						return err
					}
					p.acked.Add(int64(c.Burst))
					due = due.Add(pause)
				}
				h.acked = h.seq
				p.note(h)
				h.conn.Close()
				p.turns.Add(1)
				ends = ends.Add(life)
			}
			return nil
		})
	}
	return g.Wait()
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

// soakLook is the service at one moment.
type soakLook struct {
	at                                    time.Duration
	acked                                 int64
	residentMB, heapMB, files, goroutines float64
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
			return nil, errors.New("the load has ended before its time")
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
		if l.at >= c.For {
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

// slope is how something grows by the hour, with half of its 95 % interval.
type slope struct{ mean, slope, within float64 }

// slopeOf fits a line through the means of batches: looks that follow one another are
// alike, and taking each for itself would promise more than is known.
func slopeOf(looks []soakLook, of func(soakLook) float64) (s slope) {
	var x, y [soakBatches]float64
	for b := range soakBatches {
		part := looks[b*len(looks)/soakBatches : (b+1)*len(looks)/soakBatches]
		for _, l := range part {
			x[b] += l.at.Hours() / float64(len(part))
			y[b] += of(l) / float64(len(part))
		}
	}
	var meanX float64
	for b := range soakBatches {
		meanX, s.mean = meanX+x[b]/soakBatches, s.mean+y[b]/soakBatches
	}
	var xx, xy float64
	for b := range soakBatches {
		xx, xy = xx+(x[b]-meanX)*(x[b]-meanX), xy+(x[b]-meanX)*(y[b]-s.mean)
	}
	s.slope = xy / xx
	var rest float64
	for b := range soakBatches {
		off := y[b] - s.mean - s.slope*(x[b]-meanX)
		rest += off * off
	}
	const t95 = 2.306 // Student's t with soakBatches-2 degrees of freedom
	s.within = t95 * math.Sqrt(rest/(soakBatches-2)/xx)
	return s
}
