package main

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A round of blows has an end, whatever stands still: what is waited for in vain makes it
// a failed round that says what that was, and the next begins with a service put up anew.

// patience is the most that anything is waited for.
func (w *crashWorld) patience() time.Duration {
	if w.within > 0 {
		return w.within
	}
	return recoverWithin
}

func (w *crashWorld) inVain(what string) error {
	return fmt.Errorf("waited %v in vain for %s", w.patience(), what)
}

// tryMore waits until so many more were counted.
func (w *crashWorld) tryMore(counted *atomic.Int64, more int64, what string) error {
	goal := counted.Load() + more
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(w.patience())
	for counted.Load() < goal {
		select {
		case <-tick.C:
		case <-late:
			return w.inVain(fmt.Sprintf("%d %s, of which there were %d", more, what, more-(goal-counted.Load())))
		}
	}
	return nil
}

// ended waits until all of a group have.
func (w *crashWorld) ended(all *sync.WaitGroup, what string) error {
	done := make(chan struct{})
	go func() { // as long as they
		all.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-time.After(w.patience()):
		return w.inVain(what)
	}
}

// endLoad stops the devices. It may be called again.
func (w *crashWorld) endLoad() error {
	w.stopLoad()
	return w.ended(&w.loaders, "the devices to end")
}

func (w *crashWorld) mustEndLoad() {
	w.t.Helper()
	if err := w.endLoad(); err != nil {
		w.t.Error(err) // what they were told can be counted all the same
	}
}

// blow is what is killed.
type blow int

const (
	theService blow = iota
	thePostgres
	both
)

func (b blow) String() string { return [...]string{"the service", "PostgreSQL", "both"}[b] }

// blows are the rounds of a test, one after the other.
type blows struct {
	t       *testing.T
	w       *crashWorld
	r       *reporters
	program *crashProgram // nil once it cannot be brought up any more
	// What is acknowledged before each blow; no reports are waited for if there are none.
	fixes, reports int64
	// held says that PostgreSQL's log is not written while the last of it is acknowledged.
	held     bool
	settings []string // of the services that are started
	rows     []struckRow
	release  func() // lets go of what is held; nil for nothing
}

// struckRow is what a round looked like.
type struckRow struct {
	struck         blow
	fixes, reports int64 // acknowledged before the blow
	back           time.Duration
	failed         error
}

// play plays a round, and says whether there can be another.
func (b *blows) play(struck blow) bool {
	b.t.Helper()
	row := struckRow{struck: struck}
	n := len(b.rows) + 1
	if row.failed = b.round(&row); row.failed != nil {
		b.t.Errorf("round %d, %s killed: %v; the end of the log:\n%s", n, struck, row.failed, b.w.logEnd())
		name := fmt.Sprintf("round %d, kill -9 of %s", n, struck)
		if b.held {
			name = "commits not waited for: " + name
		}
		chaosFigures(b.t, chaosFigure{Name: name, Value: 1, Unit: "rounds", Bar: new(float64), failed: row.failed.Error()})
		b.anew()
	} else {
		b.t.Logf("round %d: %s killed after %d fixes and %d reports, acknowledged again after %.1f s", n, struck, row.fixes, row.reports, row.back.Seconds())
	}
	b.rows = append(b.rows, row)
	return b.program != nil
}

func (b *blows) round(row *struckRow) error {
	if err := b.goOn(b.fixes, b.reports); err != nil {
		return fmt.Errorf("before the blow: %w", err)
	}
	if b.held && row.struck != theService {
		b.release = b.w.holdLogWriter()
		if err := b.goOn(100, min(1, b.reports)); err != nil {
			return fmt.Errorf("while its log is held: %w", err)
		}
	}
	began := time.Now()
	row.fixes, row.reports = b.w.acks.Load(), b.r.acked.Load()
	if err := b.strike(row.struck); err != nil {
		return err
	}
	if err := b.goOn(1, min(1, b.reports)); err != nil {
		return fmt.Errorf("after the blow: %w", err)
	}
	row.back = time.Since(began)
	return nil
}

// goOn waits until so many more are acknowledged.
func (b *blows) goOn(fixes, reports int64) error {
	if err := b.w.tryAcks(fixes); err != nil || reports == 0 {
		return err
	}
	return b.r.try(reports)
}

// strike kills, and starts the service again where it was killed.
func (b *blows) strike(struck blow) (err error) {
	if struck != theService {
		if err := b.w.tryKillPostgres(); err != nil {
			return err
		}
		b.letGo()
	}
	if struck == thePostgres {
		return nil
	}
	b.program.kill()
	b.program, err = b.w.tryServe(b.settings...)
	return err
}

// letGo comes when the server is dead.
func (b *blows) letGo() {
	if b.release != nil {
		b.release()
		b.release = nil
	}
}

// anew kills whatever stands still, and starts the service again.
func (b *blows) anew() {
	b.t.Helper()
	if b.program != nil {
		b.program.kill()
	}
	if err := b.w.tryKillPostgres(); err != nil {
		b.t.Log(err)
	}
	b.letGo()
	var err error
	if b.program, err = b.w.tryServe(b.settings...); err != nil {
		b.program = nil
		b.t.Errorf("no more rounds: %v; the end of the log:\n%s", err, b.w.logEnd())
	}
}

// end stops the load and the service.
func (b *blows) end() {
	b.t.Helper()
	b.r.stop()
	b.w.mustEndLoad()
	if b.program != nil {
		b.program.kill()
	}
}

// figures tells of the rounds, of which so many were to be.
func (b *blows) figures(rounds int) {
	b.t.Helper()
	for struck := theService; struck <= both; struck++ {
		n, failed, back := 0, 0, time.Duration(0)
		for _, row := range b.rows {
			switch {
			case row.struck != struck:
			case row.failed != nil:
				failed++
			default:
				n, back = n+1, max(back, row.back)
			}
		}
		chaosFigures(b.t,
			chaosFigure{Name: "kill -9 of " + struck.String() + ": rounds", Value: float64(n), Unit: "rounds"},
			chaosFigure{Name: "kill -9 of " + struck.String() + ": rounds that failed", Value: float64(failed), Unit: "rounds", Bar: new(float64)},
			chaosFigure{Name: "kill -9 of " + struck.String() + ": longest until fixes and reports are acknowledged again", Value: back.Seconds(), Unit: "s"})
	}
	if missing := rounds - len(b.rows); missing > 0 {
		chaosFigures(b.t, chaosFigure{Name: "kill -9: rounds that were not played", Value: float64(missing), Unit: "rounds", Bar: new(float64)})
	}
}

// tryKillPostgres kills the server's first process, as the kernel does when memory
// runs out; its children go with it and write nothing more.
func (w *crashWorld) tryKillPostgres() error {
	pid, err := w.tryPostmaster()
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill the server: %w", err)
	}
	return nil
}

// hangEnv makes the program stand still before it is ready.
const hangEnv = "GRIDPATROL_TEST_HANGS=1"

// What stands still ends its round, and the round says what it waited for. A service that
// never comes up is one, a load that does not end another.
func TestWhatStandsStillEndsItsRound(t *testing.T) {
	w := &crashWorld{t: t, dir: t.TempDir(), log: crashDir(t) + "/serve.log", address: freeAddress(t), within: 100 * time.Millisecond}
	b := &blows{t: t, w: w, r: &reporters{w: w}, settings: []string{hangEnv}}
	sleeper, err := w.tryServe(hangEnv)
	if err == nil || sleeper != nil || err.Error() != "waited 100ms in vain for the service to come up" {
		t.Errorf("a service that stands still: %v", err)
	}
	b.fixes = 3
	if err := b.round(&struckRow{struck: theService}); err == nil || err.Error() != "before the blow: waited 100ms in vain for 3 fixes acknowledged, of which there were 0" {
		t.Errorf("a load that does not come: %v", err)
	}
	held := make(chan struct{})
	w.stopLoad = func() {}
	w.loaders.Go(func() { <-held })
	if err := w.endLoad(); err == nil || err.Error() != "waited 100ms in vain for the devices to end" {
		t.Errorf("devices that do not end: %v", err)
	}
	close(held)
	w.within = 0
	if err := w.endLoad(); err != nil {
		t.Error(err)
	}
}
