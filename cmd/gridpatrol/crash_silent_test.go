package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A database that hangs and says nothing, as one whose disk or machine stands still, is
// away as one that is dead: /readyz and the figures say so, no fix is acknowledged, and
// the live map goes on. Then all that devices hold lands, once.
func TestDatabaseThatFallsSilent(t *testing.T) {
	w := newCrashWorld(t)
	operator := w.operator()
	program := w.serve()
	defer program.kill()
	w.load()
	w.awaitAcks(200)
	viewer := newCrashViewer(w, operator)
	defer viewer.close()
	viewer.await(1)

	goOn := w.stopPostgres()
	defer goOn()
	if body := w.awaitReady(503); !strings.Contains(body, "database") {
		t.Errorf("/readyz says %s", body)
	}
	w.awaitLog("nothing is acknowledged until the database is back")
	viewer.await(5) // somebody still moves on the map
	w.awaitSilence()
	goOn()
	w.awaitReady(200)
	w.awaitAcks(200)
	w.stopMaking()
	w.flush()
	kept := w.settle()
	w.mustBeWhole(kept)
	made := 0
	for _, d := range w.devices {
		made += int(d.client.Stats().Added)
	}
	if kept.rows != made {
		t.Errorf("%d fixes were made, %d are on disk", made, kept.rows)
	}
}

// awaitLog waits until the program has said something.
func (w *crashWorld) awaitLog(words string) {
	w.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.After(recoverWithin)
	for {
		if content, err := os.ReadFile(w.log); err == nil && strings.Contains(string(content), words) {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			w.t.Fatalf("the program has not said %q; the end of the log:\n%s", words, w.logEnd())
		}
	}
}

// stopPostgres holds the server and all its processes where they are, in the middle of
// whatever they do, until goOn.
func (w *crashWorld) stopPostgres() (goOn func()) {
	w.t.Helper()
	postmaster := w.postmaster()
	pids := []int{postmaster} // first: it starts no other
	parent := fmt.Sprintf("PPid:\t%d\n", postmaster)
	signal := func(pid int, s syscall.Signal) {
		if err := syscall.Kill(pid, s); err != nil && err != syscall.ESRCH {
			w.t.Errorf("signal %v to the server: %v", s, err)
		}
	}
	signal(postmaster, syscall.SIGSTOP)
	statuses, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, path := range statuses {
		status, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(status), parent) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			w.t.Fatal(err)
		}
		pids = append(pids, pid)
		signal(pid, syscall.SIGSTOP)
	}
	return func() {
		for _, pid := range pids {
			signal(pid, syscall.SIGCONT)
		}
		pids = nil
	}
}
