// Package copier opens photos in a process of their own, one process a photo.
//
// Decoders meet a stranger's bytes and are the part of the service that is most
// easily led astray: a file may ask for much memory, much time, or find a fault.
// In a process of its own it can have neither the service's memory nor its
// secrets, it can be ended, and the kernel gives it what the service leaves over:
// dispatching must not wait for a picture. (Lowering the priority of a thread
// inside the service was no way: the garbage collector waits for every thread.)
//
// The process is this same program. Package init looks for the name it is started
// under, so a program or a test that imports the package needs no more.
package copier

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/gridpatrol/gridpatrol/photo"
)

const (
	// processName is what the process is started under.
	processName = "gridpatrol-photo"
	// watchedArg tells it that somebody waits, unwatchedArg that nobody does.
	watchedArg, unwatchedArg = "watched", "unwatched"
)

func init() {
	if len(os.Args) == 2 && os.Args[0] == processName {
		os.Exit(child(os.Args[1] == watchedArg, os.Stdin, os.Stdout, os.Stderr))
	}
}

// Config bounds the work. Zero values are the defaults.
type Config struct {
	// AtOnce is how many photos somebody waits for are open at the same time, and how
	// many that nobody waits for; 0 means one for every four processors, at least one.
	// Others wait.
	AtOnce int
	// Within bounds the time of one photo once its turn has come, on a clock on the
	// wall; 0 means two minutes, most of which pass only where nobody waits and the
	// machine has nothing to spare.
	Within time.Duration
}

// Copier makes copies of photos. It is safe for concurrent use.
type Copier struct {
	program            string
	within             time.Duration
	watched, unwatched chan struct{} // turns of either kind: who waits never waits for the idle
}

// New makes a copier.
func New(c Config) *Copier {
	if c.AtOnce == 0 {
		c.AtOnce = max(1, runtime.NumCPU()/4)
	}
	if c.Within == 0 {
		c.Within = 2 * time.Minute
	}
	// The running program, even after another was put in its place.
	return &Copier{program: "/proc/self/exe", within: c.Within,
		watched: make(chan struct{}, c.AtOnce), unwatched: make(chan struct{}, c.AtOnce)}
}

// ErrNotNow is wrapped by errors that say nothing about the photo: its turn did not
// come, the machine is too busy, the process cannot be started or confined.
var ErrNotNow = errors.New("no photo can be opened now")

const (
	maxHead = 4 << 10
	// maxCopies is more than two copies of the largest size can have.
	maxCopies = 32 << 20
)

// answer is what the process says, before the bytes of the copies.
type answer struct {
	Copies  []described    `json:"copies,omitempty"`
	Refusal *photo.Refusal `json:"refusal,omitempty"`
}

type described struct {
	Size   photo.Size `json:"size"`
	Width  int        `json:"width"`
	Height int        `json:"height"`
	Bytes  int        `json:"bytes"`
}

// Copies makes the copies of a photo. watched says that somebody waits for them;
// otherwise it gets only what everything else on this machine leaves over. A
// *photo.Refusal says that it can never be shown, an ErrNotNow that nothing was
// learned, any other error that it could not be opened this time.
func (c *Copier) Copies(ctx context.Context, original []byte, watched bool) ([]photo.Copy, error) {
	slots, arg := c.unwatched, unwatchedArg
	if watched {
		slots, arg = c.watched, watchedArg
	}
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: wait for a turn: %w", ErrNotNow, ctx.Err())
	}
	ctx, cancel := context.WithTimeout(ctx, c.within)
	defer cancel()
	out, complaint := &bounded{most: maxHead + maxCopies}, &bounded{most: 2 << 10}
	process := exec.CommandContext(ctx, c.program)
	process.Args = []string{processName, arg}
	process.Env = []string{"GOMAXPROCS=1", "GOTRACEBACK=single"} // and no secret of the service
	process.Dir = "/"
	process.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // see lower
	process.Stdin, process.Stdout, process.Stderr = bytes.NewReader(original), out, complaint
	process.WaitDelay = time.Second
	err := process.Run()
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil: // a photo that itself takes too long meets the bound of its process
		return nil, fmt.Errorf("%w: %w", ErrNotNow, ctx.Err())
	case err != nil && (!errors.As(err, &ended) || ended.ExitCode() == exitUnconfined):
		return nil, fmt.Errorf("%w: %w: %.300s", ErrNotNow, err, complaint.Bytes())
	case err != nil:
		return nil, fmt.Errorf("open a photo: %w: %.300s", err, complaint.Bytes())
	}
	return read(out.Bytes())
}

// bounded keeps what is written up to a limit and refuses the rest.
type bounded struct {
	bytes.Buffer
	most int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.most {
		return 0, errors.New("it says too much")
	}
	return b.Buffer.Write(p)
}

// ReadFrom keeps io.Copy from going around Write.
func (b *bounded) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{b}, r)
}

// read takes an answer apart. A decoder that was led astray may have written it,
// so it is believed as little as the photo.
func read(b []byte) ([]photo.Copy, error) {
	head, rest, found := bytes.Cut(b, []byte("\n"))
	var a answer
	if !found || len(head) > maxHead || json.Unmarshal(head, &a) != nil {
		return nil, errors.New("open a photo: the answer cannot be read")
	}
	if a.Refusal != nil {
		if len(a.Refusal.Detail) > 500 {
			a.Refusal.Detail = a.Refusal.Detail[:500]
		}
		return nil, a.Refusal
	}
	if len(a.Copies) != 2 || a.Copies[0].Size != photo.Shown || a.Copies[1].Size != photo.Thumb {
		return nil, errors.New("open a photo: the answer has not the copies that were asked for")
	}
	copies := make([]photo.Copy, len(a.Copies))
	for i, d := range a.Copies {
		if d.Bytes < 1 || d.Bytes > len(rest) {
			return nil, errors.New("open a photo: the answer ends too early")
		}
		copies[i] = photo.Copy{Size: d.Size, Width: d.Width, Height: d.Height, JPEG: rest[:d.Bytes:d.Bytes]}
		rest = rest[d.Bytes:]
		facts, err := photo.Inspect(copies[i].JPEG)
		if err != nil || facts.MediaType != "image/jpeg" || facts.Width != d.Width || facts.Height != d.Height {
			return nil, fmt.Errorf("open a photo: its %s copy is no good JPEG", d.Size)
		}
	}
	if len(rest) > 0 {
		return nil, errors.New("open a photo: the answer goes on too long")
	}
	return copies, nil
}
