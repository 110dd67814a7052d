package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// A disk that is full costs no acknowledged fix: nothing is acknowledged while it is,
// the live map goes on, /readyz says what is wrong, and when there is room again
// everything that the devices hold lands once. So it is with reports, of which each that is
// not taken is told so. It mounts disks of its own in memory,
// which takes root, and it takes minutes: only make chaos asks for it.
func TestAFullDiskLosesNothing(t *testing.T) {
	if !chaosAsked(t, "full disks") {
		return
	}
	for _, c := range []struct {
		name   string
		fills  string // the disk that fills up
		apart  bool   // the log of the database lies on another one
		naming string // what /readyz must name
	}{
		{"the data disk", "data", true, "/disk"},
		{"the disk of the database's log", "wal", true, "/disk"},
		{"the one disk there is", "data", false, "/disk"},
	} {
		t.Run(c.name, func(t *testing.T) {
			disks := map[string]string{"data": memoryDisk(t, "data"), "wal": memoryDisk(t, "wal")}
			w := newCrashWorldIn(t, disks["data"])
			w.burst = 3 // so that the devices have all on their way that they may have
			if c.apart {
				moveLog(t, filepath.Join(w.dir, "postgres", "pg_wal"), filepath.Join(disks["wal"], "pg_wal"))
			}
			r := newReporters(w)
			program := w.serve()
			w.awaitReady(http.StatusOK)
			w.load()
			w.awaitAcks(2000)
			r.run()
			r.await(20)
			viewer := newCrashViewer(w, r.token)
			viewer.await(3)

			free := fillDisk(t, disks[c.fills])
			if body := w.awaitReady(http.StatusServiceUnavailable); !strings.Contains(body, `"pointer":"`+c.naming+`"`) {
				t.Errorf("/readyz does not name %s: %s", c.naming, body)
			}
			w.awaitSilence()
			before := w.acks.Load()
			r.awaitRefused(10)
			viewer.await(10) // with nothing acknowledged any more
			// Without a log nothing is committed. Else a commit may find room in pages that are
			// there: no more than a tenth of a second's makes, and then it is on the disk, now.
			some := int64(0)
			if c.fills == "data" {
				some = int64(10 * w.burst * len(w.devices))
			}
			late := w.acks.Load() - before
			if late > some {
				t.Errorf("%d fixes were acknowledged on a full disk; at most %d could be", late, some)
			}
			if late > 0 && c.apart {
				w.mustBeWhole(w.count())
			}
			if status, _ := get(t, "http://"+w.address+"/livez"); status != http.StatusOK {
				t.Errorf("/livez is %d", status)
			}

			began := time.Now()
			free()
			w.awaitReady(http.StatusOK)
			w.awaitAcks(2000)
			r.await(20)
			back := time.Since(began)
			w.stopMaking()
			w.flush()
			r.finish()
			w.mustEndLoad()
			viewer.close()
			program.kill()
			kept := w.count()
			made := 0
			for _, d := range w.devices {
				made += int(d.client.Stats().Added)
			}
			t.Logf("%s full: %d fixes made, %d acknowledged, %d on disk, %d missing, %d doubled; %.1f s from room to acknowledgement",
				c.name, made, kept.acked, kept.rows, kept.missing, kept.doubled, back.Seconds())
			w.mustBeWhole(kept)
			told := r.count()
			t.Logf("%d reports sent, %d times not taken; %d acknowledged, %d on disk, %d missing, %d doubled", len(r.sent), r.refused.Load(), told.acked, told.rows, told.missing, told.doubled)
			if sent := len(r.sent); told.acked != sent || told.rows != sent || told.missing > 0 || told.doubled > 0 {
				t.Errorf("%d reports were sent: %+v", sent, told)
			}
			if kept.rows != made || kept.acked != made {
				t.Errorf("%d fixes were made, %d acknowledged in the end, %d are on disk", made, kept.acked, kept.rows)
			}
			chaosFigures(t,
				chaosFigure{Name: c.name + " full: fixes made", Value: float64(made), Unit: "fixes"},
				chaosFigure{Name: c.name + " full: not on disk in the end", Value: float64(made - kept.rows + kept.doubled), Unit: "fixes", Bar: new(float64)},
				chaosFigure{Name: c.name + " full: there twice", Value: float64(kept.doubled), Unit: "fixes", Bar: new(float64)},
				chaosFigure{Name: c.name + " full: reports not taken, and sent again", Value: float64(r.refused.Load()), Unit: "times"},
				chaosFigure{Name: c.name + " full: reports sent and not on disk once", Value: float64(len(r.sent) - told.rows + 2*told.doubled + told.missing), Unit: "reports", Bar: new(float64)},
				chaosFigure{Name: c.name + " full: from room to acknowledgement", Value: back.Seconds(), Unit: "s"},
			)
		})
	}
}

// diskMiB is above what a service asks to have free (leastDisk), with what a small
// district needs.
const diskMiB = 640

// memoryDisk mounts a small disk that the database's user can reach.
func memoryDisk(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(crashDir(t), name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=755", diskMiB)); err != nil {
		t.Fatalf("mount a disk in memory: %v", err)
	}
	t.Cleanup(func() {
		// Whoever still has a file open keeps it until then.
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// moveLog puts a stopped database's log on another disk, as its handbook says.
func moveLog(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := errors.Join(os.RemoveAll(from), os.Symlink(to, from)); err != nil {
		t.Fatal(err)
	}
}

// fillDisk leaves no room, and answers the function that makes room again.
func fillDisk(t *testing.T, dir string) func() {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at := int64(0)
	for step := int64(8 << 20); step >= 4096; {
		err := syscall.Fallocate(int(f.Fd()), 0, at, step)
		switch {
		case err == nil:
			at += step
		case errors.Is(err, syscall.ENOSPC):
			step /= 2
		case !errors.Is(err, syscall.EINTR):
			t.Fatalf("fill the disk: %v", err)
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// awaitSilence waits until nothing has been acknowledged for a while.
func (w *crashWorld) awaitSilence() {
	w.t.Helper()
	const quiet = 4 * time.Second
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.After(recoverWithin)
	last, since := w.acks.Load(), time.Now()
	for time.Since(since) < quiet {
		select {
		case <-tick.C:
			if now := w.acks.Load(); now != last {
				last, since = now, time.Now()
			}
		case <-late:
			w.t.Fatalf("fixes are still acknowledged; the end of the log:\n%s", w.logEnd())
		}
	}
}

// flush waits until every device has been told that all it made is safe.
func (w *crashWorld) flush() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), recoverWithin)
	defer cancel()
	for _, d := range w.devices {
		if err := d.client.Flush(ctx); err != nil {
			w.t.Fatalf("device %s: %v; the end of the log:\n%s", d.code, err, w.logEnd())
		}
	}
}

// crashViewer looks at the live map.
type crashViewer struct {
	w    *crashWorld
	conn *websocket.Conn
	seen chan struct{} // a picture in which something moved
	done chan struct{}
}

func newCrashViewer(w *crashWorld, token string) *crashViewer {
	w.t.Helper()
	v := &crashViewer{w: w, conn: w.watch(token), seen: make(chan struct{}, 1), done: make(chan struct{})}
	go func() {
		defer close(v.done)
		for {
			_, message, err := v.conn.ReadMessage()
			if err != nil {
				return
			}
			if strings.Contains(string(message), `"moved":[{`) {
				select {
				case v.seen <- struct{}{}:
				default:
				}
			}
		}
	}()
	w.t.Cleanup(v.close)
	return v
}

// await waits for so many more pictures in which something moved.
func (v *crashViewer) await(more int) {
	v.w.t.Helper()
	late := time.After(recoverWithin)
	select {
	case <-v.seen: // perhaps from before
	default:
	}
	for range more {
		select {
		case <-v.seen:
		case <-v.done:
			v.w.t.Fatalf("the viewer was closed; the end of the log:\n%s", v.w.logEnd())
		case <-late:
			v.w.t.Fatalf("the live map stands still; the end of the log:\n%s", v.w.logEnd())
		}
	}
}

func (v *crashViewer) close() {
	v.conn.Close()
	<-v.done
}
