package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/gridpatrol/gridpatrol/photo"
	"github.com/gridpatrol/gridpatrol/photo/phototest"
	"golang.org/x/sync/errgroup"
)

// photoCmd measures dispatch twice, with the same second stream of reports beside
// it: once those reports carry photos, once they do not. What differs is the
// photos. The stream without them is split, half before and half after, so that a
// machine that grows slower in between shows in both.
type photoCmd struct {
	Program string        `default:"bin/gridpatrol" help:"The service to start."`
	Demo    string        `type:"path" help:"Measure this running demo (its demo.json) instead of starting one."`
	Photos  int           `default:"1000" help:"Photos to send."`
	Within  time.Duration `default:"5m" help:"The time they are sent in, evenly."`
	Each    int           `default:"2" help:"Photos of one report."`
	Rate    float64       `default:"5" help:"Reports without photos each second, which are measured."`
	Seed    uint64        `default:"1" help:"What places and categories follow from."`
}

// quietCategory is dispatched by hand, so that the stream beside costs no plans.
const quietCategory = "A05"

// stream is what became of the reports beside.
type stream struct {
	mu         sync.Mutex // guards all; each report's goroutine writes
	took       []time.Duration
	errors     int
	firstError error
}

// Run measures.
func (c photoCmd) Run(ctx context.Context, all *commands) (err error) {
	base, err := phototest.Noisy(c.Seed)
	if err != nil {
		return err
	}
	d := dispatchCmd{Program: c.Program, Demo: c.Demo, Rate: c.Rate, Interval: 5 * time.Second, Seed: c.Seed}
	s, stop, err := d.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if s.dir != "" {
		const spare = 1.2 // what is written besides
		if err := seasonLog(ctx, s.dir, int(spare*float64(c.Photos*len(base))/1e6)); err != nil {
			return err
		}
	}
	grids, err := list[gridRow](ctx, s, "/api/v1/grids")
	if err != nil || len(grids) == 0 {
		return fmt.Errorf("list grids (%d): %w", len(grids), err)
	}
	moving, still := context.WithCancel(ctx)
	defer still()
	patrols, run, err := crowd(moving, s, grids, c.Seed, d.Interval)
	if err != nil {
		return err
	}
	moved := make(chan error, 1)
	go func() { moved <- run() }()
	settle, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := seen(settle, s, patrols); err != nil {
		return err
	}
	phase := func(what string, span time.Duration, photos int, seed uint64) (*tally, *stream) {
		fmt.Fprintf(os.Stderr, "%s: %v at %g reports/s, %d photos beside\n", what, span, c.Rate, photos*c.Each)
		d.Reports, d.Seed = int(c.Rate*span.Seconds()), seed
		beside := &stream{}
		var g errgroup.Group
		g.Go(func() error { c.send(ctx, s, grids, base, span, photos, beside); return nil })
		t := d.file(ctx, s, grids)
		_ = g.Wait() // it answers nothing but nil
		return t, beside
	}
	phase("warm", c.Within/20, 0, 90)
	before, _ := phase("without, first half", c.Within/2, 0, 91)
	with, sent := phase("with", c.Within, c.Photos/c.Each, 92)
	waiting, err := unready(ctx, s)
	if err != nil {
		return err
	}
	after, _ := phase("without, second half", c.Within/2, 0, 93)
	still()
	if err := <-moved; err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "the crowd:", err)
	}
	for _, e := range []error{before.firstError, with.firstError, after.firstError, sent.firstError} {
		if e != nil {
			fmt.Fprintln(os.Stderr, "an error:", e)
		}
	}
	without := append(slices.Clone(before.took), after.took...)
	if len(without) == 0 || len(with.took) == 0 || len(sent.took) == 0 {
		return errors.New("too few reports were answered")
	}
	one := func(name string, value float64, unit string, bar *float64) figure {
		return figure{Name: name, Value: value, Unit: unit, Bar: bar, Runs: 1}
	}
	p99, p99With := millis(without, 0.99), millis(with.took, 0.99)
	halves := []float64{millis(before.took, 0.99), millis(after.took, 0.99)}
	calm := one("dispatch p99 without photos", p99, "ms", nil)
	calm.Spread = (slices.Max(halves) - slices.Min(halves)) / p99
	rise := one("dispatch p99 with photos, to without", p99With/p99, "x", bar(1.2))
	rise.Peer, rise.PeerSource = &p99, ptrTo("same_run")
	taken := one("photos taken within the time", float64(len(sent.took)*c.Each), "photos", bar(float64(c.Photos)))
	taken.AtLeast = true
	return keep(os.Stdout, all.Out, "photo", []figure{
		taken,
		one("the time", c.Within.Seconds(), "s", nil),
		one("size of a photo", float64(len(base))/1e6, "MB", nil),
		rise,
		calm,
		one("dispatch p99 with photos", p99With, "ms", nil),
		one("dispatch p50 without photos", millis(without, 0.5), "ms", nil),
		one("dispatch p50 with photos", millis(with.took, 0.5), "ms", nil),
		one("a report with photos, p50", millis(sent.took, 0.5), "ms", nil),
		one("a report with photos, p99", millis(sent.took, 0.99), "ms", nil),
		one("errors", float64(before.errors+with.errors+after.errors+sent.errors), "reports", bar(0)),
		one("photos still to be copied at the end", float64(waiting), "photos", nil),
		one("patrols moving", float64(patrols), "", nil),
	})
}

func ptrTo[T any](v T) *T { return &v }

func millis(took []time.Duration, q float64) float64 {
	sorted := slices.Sorted(slices.Values(took))
	return float64(sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]) / float64(time.Millisecond)
}

// send files the stream beside, evenly, whether or not earlier ones were answered.
// Of none with photos, as many go without.
func (c photoCmd) send(ctx context.Context, s *service, grids []gridRow, base []byte, span time.Duration, photos int, out *stream) {
	rnd := rand.New(rand.NewPCG(c.Seed, 7))
	n := int(float64(c.Photos/c.Each) * float64(span) / float64(c.Within))
	begun := time.Now()
	var g errgroup.Group
	for i := range n {
		due := begun.Add(span * time.Duration(i) / time.Duration(n))
		wait := time.NewTimer(time.Until(due))
		select {
		case <-ctx.Done():
			wait.Stop()
			_ = g.Wait() // it answers nothing but nil
			return
		case <-wait.C:
		}
		at := grids[rnd.IntN(len(grids))].somewhere(rnd)
		report, err := json.Marshal(map[string]any{"category": quietCategory, "description": "with photos",
			"location": map[string]any{"lon": at.Lon, "lat": at.Lat, "accuracy_m": 8}})
		if err != nil {
			out.note(0, err)
			continue
		}
		var each [][][]byte
		for k := range c.Each {
			if photos == 0 {
				break
			}
			// No two are the same: the time differs.
			each = append(each, withExif(base, photo.Exif{Place: &at, Taken: time.Unix(1_760_000_000+int64(i*c.Each+k), 0).UTC(), ZoneKnown: true}))
		}
		g.Go(func() error {
			err := s.fileWith(ctx, report, each)
			out.note(time.Since(due), err)
			return nil
		})
	}
	_ = g.Wait() // it answers nothing but nil
}

func (o *stream) note(took time.Duration, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.errors++
		if o.firstError == nil {
			o.firstError = err
		}
		return
	}
	o.took = append(o.took, took)
}

// withExif is a photo with these words of its camera, which stand behind its first mark, in
// the two pieces that it then consists of.
func withExif(base []byte, x photo.Exif) [][]byte {
	const mark = 2 // bytes
	return [][]byte{photo.WithExif(base[:mark], x), base[mark:]}
}

// fileWith sends a report with its photos as a phone does. Phones are elsewhere: the bytes of
// a photo are copied nowhere here, so that what is measured is what it costs to take them.
func (s *service) fileWith(ctx context.Context, report []byte, photos [][][]byte) error {
	var frame bytes.Buffer // what stands around the contents
	form := multipart.NewWriter(&frame)
	var body []io.Reader
	size := 0
	put := func(pieces ...[]byte) {
		for _, p := range pieces {
			body, size = append(body, bytes.NewReader(p)), size+len(p)
		}
	}
	framed := func() {
		put(bytes.Clone(frame.Bytes()))
		frame.Reset()
	}
	add := func(name string, content ...[]byte) error {
		_, err := form.CreateFormFile(name, name)
		framed()
		put(content...)
		return err
	}
	err := add("report", report)
	for _, p := range photos {
		err = errors.Join(err, add("photo", p...))
	}
	if err := errors.Join(err, form.Close()); err != nil {
		return err
	}
	framed()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/api/v1/reports", io.MultiReader(body...))
	if err != nil {
		return err
	}
	r.ContentLength = int64(size)
	r.Header.Set("Authorization", "Bearer "+s.AdminToken)
	r.Header.Set("Content-Type", form.FormDataContentType())
	response, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusCreated {
		err = fmt.Errorf("a report with photos: %d %.200s", response.StatusCode, text)
	}
	return err
}

// unready counts all photos that have no copies yet, through every page of reports.
func unready(ctx context.Context, s *service) (n int, err error) {
	type page struct {
		Items []struct {
			Photos []struct {
				State string `json:"state"`
			} `json:"photos"`
		} `json:"items"`
		Next *string `json:"next_cursor"`
	}
	for path := "/api/v1/reports?limit=200"; ; {
		var p page
		if _, err := s.call(ctx, s.AdminToken, http.MethodGet, path, nil, &p); err != nil {
			return 0, fmt.Errorf("look for photos without copies: %w", err)
		}
		for _, r := range p.Items {
			for _, k := range r.Photos {
				if k.State == "waiting" {
					n++
				}
			}
		}
		if p.Next == nil {
			return n, nil
		}
		path = "/api/v1/reports?limit=200&cursor=" + url.QueryEscape(*p.Next)
	}
}
