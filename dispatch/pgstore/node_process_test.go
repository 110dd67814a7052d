package pgstore_test

import (
	"bufio"
	"context"
	"encoding/gob"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
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

// TestMain is such a node where the binary was started as one, and runs the tests elsewhere.
func TestMain(m *testing.M) {
	if os.Getenv(asNode) == "" {
		os.Exit(m.Run())
	}
	if err := beNode(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func beNode(ctx context.Context, in io.Reader, out io.Writer) error {
	var told birthplace
	if err := gob.NewDecoder(in).Decode(&told); err != nil {
		return fmt.Errorf("read the birthplace: %w", err)
	}
	live := &fakeLive{at: map[dispatch.PatrolID]dispatch.Position{}}
	for _, p := range told.Live {
		live.put(p)
	}
	db, err := pgdb.Open(ctx, pgdb.Config{URL: told.URL, AllowUnsafeCommit: true})
	if err != nil {
		return err
	}
	defer db.Close()
	var mu sync.Mutex // guards out; hands write
	say := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(out, what)
	}
	ticks, err := dutyOf(db, live, &fakeRoads{}, fakeGrids{told.At}, func(work func()) {
		say(takesUp)
		work()
		say(laysDown)
	}, os.Stderr)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var input sync.WaitGroup
	input.Go(func() { _, _ = io.Copy(io.Discard, in); stop() })
	err = ticks.Run(ctx)
	input.Wait()
	return err
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
	p := &program{cmd: exec.Command(self)}
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
