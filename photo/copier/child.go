package copier

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gridpatrol/gridpatrol/photo"
)

const (
	// niceness, where somebody waits, leaves the service ten parts in eleven of a
	// processor both want; at 19 a viewer would wait for half a minute on a busy machine.
	niceness = 10
	// maxData is what the process may have in memory: an opened photo, its copies, and
	// as much again for the collector to work in.
	maxData = 1536 << 20
	// maxSeconds is processor time; a photo of 50 megapixels takes three.
	maxSeconds = 20
	maxInput   = 64 << 20
	// exitUnconfined: this process may not bound itself, so it opens nothing.
	exitUnconfined = 3
)

// child is the process: a photo on stdin, its copies or a refusal on stdout.
func child(watched bool, in io.Reader, out, complaints io.Writer) int {
	if err := confine(watched); err != nil {
		fmt.Fprintln(complaints, "confine:", err)
		return exitUnconfined
	}
	original, err := io.ReadAll(io.LimitReader(in, maxInput))
	if err != nil {
		fmt.Fprintln(complaints, "read:", err)
		return 1
	}
	return answerTo(original, out, complaints)
}

func answerTo(original []byte, out, complaints io.Writer) int {
	copies, err := photo.Make(original)
	var a answer
	if err != nil && !errors.As(err, &a.Refusal) {
		fmt.Fprintln(complaints, err)
		return 1
	}
	for _, c := range copies {
		a.Copies = append(a.Copies, described{Size: c.Size, Width: c.Width, Height: c.Height, Bytes: len(c.JPEG)})
	}
	head, err := json.Marshal(a)
	if err == nil {
		_, err = out.Write(append(head, '\n'))
	}
	for _, c := range copies {
		if err == nil {
			_, err = out.Write(c.JPEG)
		}
	}
	if err != nil {
		fmt.Fprintln(complaints, "answer:", err)
		return 1
	}
	return 0
}

// confine takes from this process what opening a photo does not need.
func confine(watched bool) error {
	for _, limit := range []struct {
		what int
		most uint64
	}{{syscall.RLIMIT_DATA, maxData}, {syscall.RLIMIT_CPU, maxSeconds}, {syscall.RLIMIT_CORE, 0}, {syscall.RLIMIT_FSIZE, 0}} {
		if err := syscall.Setrlimit(limit.what, &syscall.Rlimit{Cur: limit.most, Max: limit.most}); err != nil {
			return fmt.Errorf("limit %d: %w", limit.what, err)
		}
	}
	debug.SetMemoryLimit(maxData / 2)
	if err := lower(watched); err != nil {
		return fmt.Errorf("lower priority: %w", err)
	}
	// Should memory run out, this process goes first. Not everywhere may it say so.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("900"), 0)
	return nil
}

// lower puts this process behind the others. Where nobody waits it runs in the idle
// class, which any other process displaces at once: a merely nice one keeps a
// processor for milliseconds at a time, and dispatching feels them.
//
// Kernels that share out processors by session first (autogroup, the default of
// Debian) weigh priorities only within one, so the process is started in a session
// of its own, and the session gets the least weight too.
func lower(watched bool) error {
	attr := unix.SchedAttr{Policy: unix.SCHED_IDLE}
	if watched {
		attr = unix.SchedAttr{Policy: unix.SCHED_NORMAL, Nice: niceness}
	}
	// Every thread there is; those to come descend from them.
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetAttr(id, &attr, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	share := "19"
	if watched {
		share = strconv.Itoa(niceness)
	}
	_ = os.WriteFile("/proc/self/autogroup", []byte(share), 0) // where there are such groups
	return nil
}
