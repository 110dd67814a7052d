package pgstore_test

import (
	"bufio"
	"context"
	"encoding/gob"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/dispatch/timers"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// birthplace is what a node in a process of its own is told of the world: the rest it has from
// the database. Some of it is in no JSON, so it goes as gob.
type birthplace struct {
	URL  string
	Live map[string]dispatch.Position
	At   dispatch.Located
}

// asNode makes the test binary a node, which reads its birthplace from its input and lives until
// that ends, or it is killed.
const asNode = "GRIDPATROL_TEST_NODE"

// What a node says when it takes up a piece of work and when it lays it down.
const (
	takesUp  = "takes up"
	laysDown = "lays down"
)

// TestANodeOfItsOwn is such a node. Where nobody starts it as one it is nothing.
func TestANodeOfItsOwn(t *testing.T) {
	if os.Getenv(asNode) == "" {
		t.Skip("not started as a node")
	}
	var told birthplace
	if err := gob.NewDecoder(os.Stdin).Decode(&told); err != nil {
		t.Fatal(err)
	}
	live := &fakeLive{at: map[dispatch.PatrolID]dispatch.Position{}}
	for _, p := range told.Live {
		live.put(p)
	}
	db, err := pgdb.Open(t.Context(), pgdb.Config{URL: told.URL, AllowUnsafeCommit: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	store, bell := pgstore.New(db), timers.NewBell()
	desk, err := dispatch.New(dispatch.Config{District: district, Store: store, Live: live, Roads: &fakeRoads{}, Grids: fakeGrids{told.At}, Zone: zone,
		PlanWithin: time.Minute, Wake: bell.Ring})
	if err != nil {
		t.Fatal(err)
	}
	ticks := timers.New(timers.Config{Desk: deskSaying{desk, &sync.Mutex{}}, Book: store, Announce: silent{}, Bell: bell, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Follow: func(ctx context.Context) (timers.Outbox, error) { return store.Follow(ctx) }})
	ctx, stop := context.WithCancel(t.Context())
	var input sync.WaitGroup
	input.Go(func() { _, _ = io.Copy(io.Discard, os.Stdin); stop() })
	if err := ticks.Run(ctx); err != nil {
		t.Error(err)
	}
	input.Wait()
}

// deskSaying says when it works.
type deskSaying struct {
	*dispatch.Service
	mu *sync.Mutex // guards the output; hands write
}

func (d deskSaying) over(work func()) {
	d.say(takesUp)
	work()
	d.say(laysDown)
}

func (d deskSaying) say(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Println(what)
}

func (d deskSaying) ClocksDue(ctx context.Context, due []dispatch.DueClock) (failed map[dispatch.DueClock]error) {
	d.over(func() { failed = d.Service.ClocksDue(ctx, due) })
	return failed
}

func (d deskSaying) Due(ctx context.Context, due dispatch.Deadline) (err error) {
	d.over(func() { err = d.Service.Due(ctx, due) })
	return err
}

func (d deskSaying) Together(ctx context.Context, due []dispatch.Deadline) (failed map[dispatch.DeadlineID]error) {
	d.over(func() { failed = d.Service.Together(ctx, due) })
	return failed
}

// program is a node's process.
type program struct {
	cmd   *exec.Cmd
	input io.WriteCloser
	heard sync.WaitGroup
}

// startProgram starts a node in a process of its own, which dies as startNode's do: by
// SIGKILL, as it takes up a piece of work, a moment later, or as it lays it down, when
// that is committed and nobody was told.
func (w *world) startProgram(stirs chan<- struct{}) *node {
	w.t.Helper()
	told := birthplace{URL: w.db.Config().ConnString(), Live: map[string]dispatch.Position{}, At: w.grids.answer}
	w.live.mu.Lock()
	for id, p := range w.live.at {
		told.Live[id.String()] = p
	}
	w.live.mu.Unlock()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	p := &program{cmd: exec.Command(self, "-test.run=^TestANodeOfItsOwn$", "-test.timeout=0")}
	p.cmd.Env = append(os.Environ(), asNode+"=1")
	n := &node{proc: p, stirs: stirs}
	var out, complaints io.ReadCloser
	for _, pipe := range []func() error{
		func() (err error) { p.input, err = p.cmd.StdinPipe(); return err },
		func() (err error) { out, err = p.cmd.StdoutPipe(); return err },
		func() (err error) { complaints, err = p.cmd.StderrPipe(); return err },
		p.cmd.Start,
		func() error { return gob.NewEncoder(p.input).Encode(told) },
	} {
		if err := pipe(); err != nil {
			w.t.Fatalf("start a node: %v", err)
		}
	}
	p.heard.Go(func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			n.hear(lines.Text())
		}
	})
	p.heard.Go(func() { _, _ = io.Copy(words{n, &w.said}, complaints) })
	w.t.Cleanup(n.end)
	return n
}

// hear kills the process over the work that was meant.
func (n *node) hear(line string) {
	n.stir()
	switch line {
	case takesUp:
		if n.strike.Add(-1) != 0 {
			return
		}
		switch n.how.Add(1) % 3 {
		case 0:
			n.kill()
		case 1:
			time.AfterFunc(time.Duration(n.how.Load()*577%3000)*time.Microsecond, n.kill)
		default:
			n.lastWork.Store(true)
		}
	case laysDown:
		if n.lastWork.Load() {
			n.kill()
		}
	}
}

// end waits for the process, which stops in order when its input ends.
func (p *program) end() {
	p.input.Close()
	p.heard.Wait() // the pipes end with it
	_ = p.cmd.Wait()
}
