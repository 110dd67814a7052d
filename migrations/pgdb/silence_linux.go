package pgdb

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// boundUnheard ends a connection whose other end takes nothing in any more. What is on
// its way is not asked for by keep-alives.
func boundUnheard(network, _ string, raw syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	var set error
	if err := raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unheardFor.Milliseconds()))
	}); err != nil {
		return err
	}
	return set
}
