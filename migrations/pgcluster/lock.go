package pgcluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

const (
	startLock = "postgres.start"
	usersLock = "postgres.users"

	alone  = syscall.LOCK_EX
	shared = syscall.LOCK_SH

	lockEvery  = 25 * time.Millisecond
	watchEvery = 500 * time.Millisecond
)

var errBusy = errors.New("locked by another program")

// lockFile takes a lock, waiting until ctx ends. Closing the file lets go of it.
// The file stays: removing a lock file lets two programs hold "the" lock.
func lockFile(ctx context.Context, path string, how int) (*os.File, error) {
	tick := time.NewTicker(lockEvery)
	defer tick.Stop()
	for {
		f, err := flock(path, how)
		if !errors.Is(err, errBusy) {
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: %w", path, ctx.Err())
		case <-tick.C:
		}
	}
}

// tryLockFile takes a lock alone or answers errBusy.
func tryLockFile(path string) (*os.File, error) { return flock(path, alone) }

func flock(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errBusy
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}
