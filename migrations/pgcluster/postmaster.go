package pgcluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// pollEvery is how often we look whether a server is up, or gone.
const pollEvery = 20 * time.Millisecond

// orphanPatience is how long the children of a killed server may take to notice.
const orphanPatience = 5 * time.Second

var errNotRunning = errors.New("no server runs on this cluster")

// postmaster is the server's first process. exited is closed when it was our
// child and we have collected it; nil for one that was adopted.
type postmaster struct {
	pid    int
	data   string
	exited chan struct{}
}

// findPostmaster answers the server that runs on this data, or errNotRunning.
// The pidfile alone proves nothing: after kill -9 it stays, and its number may
// be a zombie's or belong to somebody else by now. So the process itself is
// looked at, through /proc, as a minimal Debian has no ps.
func findPostmaster(data string) (*postmaster, error) {
	content, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the server's pidfile: %w", err)
	}
	first, _, _ := strings.Cut(string(content), "\n")
	if pid, err := strconv.Atoi(strings.TrimSpace(first)); err == nil {
		if p := (&postmaster{pid: pid, data: data}); p.alive() {
			return p, nil
		}
		return nil, errNotRunning
	}
	// Whoever launched it may have been killed before the server wrote its pidfile.
	for _, pid := range processes() {
		if p := (&postmaster{pid: pid, data: data}); p.alive() {
			return p, nil
		}
	}
	return nil, errNotRunning
}

// alive says whether the process is a living postgres that serves this data.
func (p *postmaster) alive() bool {
	if p.exited != nil {
		// Our own child is alive until we have collected it. Its command line would
		// not tell: while the kernel still sets the new program up, it is empty.
		select {
		case <-p.exited:
			return false
		default:
			return true
		}
	}
	return !dead(p.pid) && servesData(p.pid, p.data)
}

// dead is true for a process that is gone, and for a zombie, which would still
// answer kill -0.
func dead(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(status)) {
		if state, ok := strings.CutPrefix(line, "State:"); ok {
			state = strings.TrimSpace(state)
			return strings.HasPrefix(state, "Z") || strings.HasPrefix(state, "X")
		}
	}
	return true
}

// servesData compares the command line: postgres -D <data>, as launch wrote it.
func servesData(pid int, data string) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return false
	}
	args := strings.Split(string(bytes.TrimRight(line, "\x00")), "\x00")
	if filepath.Base(args[0]) != "postgres" {
		return false
	}
	for i := 1; i+1 < len(args); i++ {
		if args[i] == "-D" && args[i+1] == data {
			return true
		}
	}
	return false
}

// clearStale removes what a dead server left, which its successor would take for
// a living one when the number lives again. The children of a killed server let
// go of the data by themselves as soon as they notice; those in the middle of a
// long computation are made to.
func (p place) clearStale(ctx context.Context, log *slog.Logger) error {
	gone := func() bool { return len(orphans(p.data)) == 0 }
	patience, cancel := context.WithTimeout(ctx, orphanPatience)
	defer cancel()
	if wait(patience, gone) != nil {
		left := orphans(p.data)
		log.Warn("ending what a dead server left running", "pids", left)
		for _, pid := range left {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("end process %d of a dead server: %w", pid, err)
			}
		}
		if err := wait(ctx, gone); err != nil {
			return fmt.Errorf("processes %v of a dead server still hold %s: %w", orphans(p.data), p.data, err)
		}
	}
	for _, path := range []string{
		filepath.Join(p.data, "postmaster.pid"),
		filepath.Join(p.socket, socketFile),
		filepath.Join(p.socket, socketFile+".lock"),
	} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove what a dead server left: %w", err)
		}
	}
	return nil
}

// orphans are the living processes of PostgreSQL that work in the data
// directory of a dead server: under a title of their own ("postgres: ...") or,
// just forked, still under the server's.
func orphans(data string) []int {
	var pids []int
	for _, pid := range processes() {
		cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
		if err != nil || cwd != data || dead(pid) {
			continue
		}
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && (bytes.HasPrefix(line, []byte("postgres:")) || servesData(pid, data)) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func processes() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// stop asks for a fast shutdown: sessions end, everything is written, no
// recovery is needed next time.
func (p *postmaster) stop(ctx context.Context) error {
	if !p.alive() {
		return nil
	}
	if err := syscall.Kill(p.pid, syscall.SIGINT); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal the server: %w", err)
	}
	return wait(ctx, func() bool { return !p.alive() })
}

// wait looks again and again until done says so or ctx ends.
func wait(ctx context.Context, done func() bool) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
