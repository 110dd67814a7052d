// Package outside answers from a routing server that somebody else runs: OSRM or
// Valhalla, behind the port of package road.
//
// # What it is for, and what not
//
// A user who runs such a server keeps using it for times and routes. It knows nothing
// of our closures, of areas a request avoids, nor of reach and coverage: while roads
// are closed to a mode, and for those questions, the own engine answers. So it does
// when the server is slow, broken or away: after several failures in a row it is left
// alone for a while, then tried again with one question. Each answer says who gave it,
// see road.Witness.
package outside

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// Server is one that can be asked. Times and routes are by its roads alone: from where
// it put a point to where it put the other, which lie so far from what was asked.
type Server interface {
	Name() string
	// Knows says whether it was told how this mode goes.
	Knows(m road.Mode) bool
	table(ctx context.Context, m road.Mode, from []geo.Point, to geo.Point) ([]leg, error)
	route(ctx context.Context, m road.Mode, from, to geo.Point) (way, error)
}

// leg is a way between two snapped points.
type leg struct {
	found            bool
	durationS        float64
	distanceM        float64
	snapFrom, snapTo float64
}

// way is a leg with its line and its steps.
type way struct {
	leg
	flat  []float64 // lon, lat, ...
	steps []road.Step
}

// Own is the own engine. *road.Switch is one, and *road.Fleet.
type Own interface {
	road.Engine
	FixesToOne(ctx context.Context, m road.Mode, from []road.Fix, to geo.Point) ([]road.Time, error)
	Unclosed(m road.Mode) (roads road.Engine, closed bool)
}

// Config is what an Engine is made of.
type Config struct {
	Server Server
	// Own answers where the server cannot. Its closures are in force.
	Own Own
	// Told hears how each question ended: ok, or why the own engine had to answer it:
	// failed, resting, closed, unknown (the server was not told how the mode goes).
	// It must not block; nil is not called.
	Told func(server, result string)
	// Timeout bounds one question, however many requests it takes; 0 means 800 ms, so that a plan within its 2 s has time
	// for another engine.
	Timeout time.Duration
	// Failures in a row after which the server is left alone, and for how long; 0 means
	// 4, and 10 s.
	Failures int
	Rest     time.Duration
	Now      func() time.Time
}

// Engine is a server with the own engine behind it. It is safe for concurrent use.
type Engine struct {
	c Config

	mu       sync.Mutex // guards the rest; whoever asks reads and writes
	failures int
	until    time.Time // left alone before
	trying   bool      // somebody is asking whether it is back
}

// New makes an engine.
func New(c Config) *Engine {
	if c.Told == nil {
		c.Told = func(string, string) {}
	}
	if c.Timeout == 0 {
		c.Timeout = 800 * time.Millisecond
	}
	if c.Failures == 0 {
		c.Failures = 4
	}
	if c.Rest == 0 {
		c.Rest = 10 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Engine{c: c}
}

var _ road.Engine = (*Engine)(nil)

// Own is the engine behind the server.
func (e *Engine) Own() road.Engine { return e.c.Own }

// Unclosed is how the roads would be with nothing closed, by the own engine: only that
// knows what is closed.
func (e *Engine) Unclosed(m road.Mode) (road.Engine, bool) { return e.c.Own.Unclosed(m) }

// ManyToOne implements road.Engine.
func (e *Engine) ManyToOne(ctx context.Context, m road.Mode, from []geo.Point, to geo.Point) ([]road.Time, error) {
	fixes := make([]road.Fix, len(from))
	for i, p := range from {
		fixes[i].Point = p
	}
	return e.FixesToOne(ctx, m, fixes, to)
}

// FixesToOne is ManyToOne from places of which more is known; the server is told the
// places only.
func (e *Engine) FixesToOne(ctx context.Context, m road.Mode, fixes []road.Fix, to geo.Point) ([]road.Time, error) {
	from := make([]geo.Point, len(fixes))
	for i, f := range fixes {
		from[i] = f.Point
	}
	if err := road.Check(m, from, to); err != nil {
		return nil, err
	}
	var legs []leg
	ok, err := e.ask(ctx, m, func(ctx context.Context) (err error) {
		legs, err = e.c.Server.table(ctx, m, from, to)
		if err == nil && len(legs) != len(from) {
			err = fmt.Errorf("%d answers for %d places", len(legs), len(from))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if !ok {
		return e.c.Own.FixesToOne(ctx, m, fixes, to)
	}
	times := make([]road.Time, len(from))
	for i, l := range legs {
		times[i], _ = road.Walked(l.found, l.durationS, l.distanceM, from[i], to, l.snapFrom, l.snapTo)
	}
	return times, nil
}

// Route implements road.Engine.
func (e *Engine) Route(ctx context.Context, m road.Mode, from, to geo.Point) (road.Route, error) {
	if err := road.Check(m, []geo.Point{from}, to); err != nil {
		return road.Route{}, err
	}
	var found way
	ok, err := e.ask(ctx, m, func(ctx context.Context) (err error) {
		found, err = e.c.Server.route(ctx, m, from, to)
		return err
	})
	if err != nil {
		return road.Route{}, err
	}
	if !ok {
		return e.c.Own.Route(ctx, m, from, to)
	}
	return road.WalkedRoute(found.found, found.durationS, found.distanceM, from, to, found.snapFrom, found.snapTo, found.flat, found.steps), nil
}

// ask asks the server; false says that the own engine has to answer. An error is the
// caller's own: their time is up.
func (e *Engine) ask(ctx context.Context, m road.Mode, question func(context.Context) error) (ok bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("ask %s: %w", e.c.Server.Name(), err)
	}
	name := e.c.Server.Name()
	own := func(result, why string) (bool, error) {
		e.c.Told(name, result)
		road.Tell(ctx, "own", name+" "+why)
		return false, nil
	}
	if !e.c.Server.Knows(m) {
		return own("unknown", "was not told how "+m.String()+" goes")
	}
	if _, closed := e.c.Own.Unclosed(m); closed {
		return own("closed", "knows nothing of the roads that are closed now")
	}
	if !e.may() {
		return own("resting", "failed several times and is left alone for a while")
	}
	asked, cancel := context.WithTimeout(ctx, e.c.Timeout)
	defer cancel()
	fault := question(asked)
	if fault != nil && ctx.Err() != nil {
		e.after(nil, true) // who asked went away: that says nothing of the server
		return false, fmt.Errorf("ask %s: %w", name, ctx.Err())
	}
	e.after(fault, false)
	if fault != nil {
		return own("failed", "gave no answer: "+short(fault))
	}
	e.c.Told(name, "ok")
	road.Tell(ctx, name, "")
	return true, nil
}

// may says whether the server is to be asked.
func (e *Engine) may() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failures < e.c.Failures {
		return true
	}
	if e.trying || e.c.Now().Before(e.until) {
		return false
	}
	e.trying = true
	return true
}

// after counts how a question ended.
func (e *Engine) after(fault error, unknown bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.trying = false
	switch {
	case unknown:
	case fault == nil:
		e.failures = 0
	default:
		if e.failures++; e.failures >= e.c.Failures {
			e.until = e.c.Now().Add(e.c.Rest)
		}
	}
}

// short leaves out of an error what is no business of whoever reads the answer: the
// address that was asked.
func short(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "it took too long"
	case errors.Is(err, errAnswer):
		return "its answer makes no sense"
	default:
		return "it cannot be reached"
	}
}

// errAnswer says that a server answered what its protocol does not know.
var errAnswer = errors.New("unknown answer")

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 16 << 20

// client is one for servers: a few connections that stay open.
func client() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8, MaxConnsPerHost: 32, IdleConnTimeout: time.Minute, Proxy: http.ProxyFromEnvironment}}
}

// exchange asks and reads an answer in JSON. Both servers answer 400 with a code for
// what they cannot find.
func exchange(c *http.Client, req *http.Request, into any) error {
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusBadRequest {
		return fmt.Errorf("%w: status %d", errAnswer, res.StatusCode)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%w: %w", errAnswer, err)
	}
	return nil
}
