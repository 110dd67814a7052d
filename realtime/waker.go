package realtime

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// waker wakes sockets whose device has sent something. A goroutine that waits for
// each of them would cost more memory than all else that a silent socket needs, so
// one waits for all, on an epoll of its own that the runtime's poller watches like
// any file.
type waker struct {
	file *os.File
	wait syscall.RawConn // of file
}

func newWaker() (*waker, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("wait for devices: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("wait for devices: %w", err)
	}
	w := &waker{file: os.NewFile(uintptr(fd), "devices")}
	if w.wait, err = w.file.SyscallConn(); err != nil {
		w.file.Close()
		return nil, fmt.Errorf("wait for devices: %w", err)
	}
	return w, nil
}

// add lets a connection be told of by a number, once for all that comes until it has
// been read to the end. It leaves the epoll when it is closed.
func (w *waker) add(raw syscall.RawConn, number uint64) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(uint32(number)), Pad: int32(uint32(number >> 32))}
	var failed error
	err := raw.Control(func(fd uintptr) {
		err := w.wait.Control(func(epoll uintptr) {
			failed = unix.EpollCtl(int(epoll), unix.EPOLL_CTL_ADD, int(fd), &event)
		})
		failed = errors.Join(failed, err)
	})
	return errors.Join(err, failed)
}

// run tells who has something to read, until close.
func (w *waker) run(tell func(numbers []uint64)) {
	var events [256]unix.EpollEvent
	var numbers [len(events)]uint64
	for {
		n := 0
		err := w.wait.Read(func(epoll uintptr) bool {
			var err error
			if n, err = unix.EpollWait(int(epoll), events[:], 0); err != nil {
				n = 0
				return errors.Is(err, unix.EINTR) // and again
			}
			return n > 0
		})
		if err != nil {
			return // closed
		}
		for i, e := range events[:n] {
			numbers[i] = uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32
		}
		tell(numbers[:n])
	}
}

func (w *waker) close() { w.file.Close() }
