package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

// beProgram makes this test binary the program itself, so that it can be killed;
// takeUnsafe lets it then serve on a database that may lose what it acknowledged.
const (
	beProgram  = "GRIDPATROL_TEST_IS_PROGRAM"
	takeUnsafe = "GRIDPATROL_TEST_TAKES_UNSAFE_COMMIT=1"
)

func init() {
	if os.Getenv(beProgram) != "" {
		if name, value, _ := strings.Cut(hangEnv, "="); os.Getenv(name) == value {
			hang() // and is killed before
		}
		name, value, _ := strings.Cut(takeUnsafe, "=")
		allowUnsafeCommit = os.Getenv(name) == value
		main()
	}
}

// hang is a program that does not come up: it ends when it is told to, as one does that
// can be stopped, and in the end by itself.
func hang() {
	told, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, end := context.WithTimeout(told, recoverWithin)
	<-ctx.Done()
	end()
	stop()
	os.Exit(1)
}

// crashProgram is a running service in a process of its own.
type crashProgram struct {
	cmd  *exec.Cmd
	dead sync.Once
}

// serve starts the program and waits until it is ready. Settings go over those of
// the environment.
func (w *crashWorld) serve(settings ...string) *crashProgram {
	w.t.Helper()
	p, err := w.tryServe(settings...)
	if err != nil {
		w.t.Fatalf("%v; the end of the log:\n%s", err, w.logEnd())
	}
	return p
}

// tryServe is serve for whoever goes on without.
func (w *crashWorld) tryServe(settings ...string) (*crashProgram, error) {
	cmd := exec.Command(os.Args[0], "serve", "--listen", w.address, "--data-dir", w.dir)
	cmd.Env = append(os.Environ(), beProgram+"=1", "DATABASE_URL=")
	cmd.Env = append(cmd.Env, settings...)
	return w.launch(cmd)
}

// launch starts a program that writes into the world's log, and waits until it says that
// it is ready. One that does not is killed.
func (w *crashWorld) launch(cmd *exec.Cmd) (*crashProgram, error) {
	log, err := os.OpenFile(w.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &crashProgram{cmd: cmd}
	w.t.Cleanup(p.kill)
	said := make(chan string, 1)
	go func() { // ends with the program
		in := bufio.NewReader(out)
		line, _ := in.ReadString('\n') // what is no whole line is not "ready"
		said <- line
		_, _ = io.Copy(io.Discard, in)
	}()
	select {
	case line := <-said:
		if !strings.Contains(line, `"ready"`) {
			p.kill()
			return nil, fmt.Errorf("the program said %q", line)
		}
		return p, nil
	case <-time.After(w.patience()):
		p.kill()
		return nil, w.inVain("the service to come up")
	}
}

func (w *crashWorld) logEnd() string {
	content, err := os.ReadFile(w.log)
	if err != nil {
		return err.Error()
	}
	return string(content[max(0, len(content)-3000):])
}

func (p *crashProgram) kill() {
	p.dead.Do(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
}
