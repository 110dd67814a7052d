package pgdb

import (
	"net"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
)

// Either end of a connection is told when it is to take the other for gone.
func TestConnectionsHearSilence(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	config, err := pgx.ParseConfig("host=127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	hearSilence(config)
	if config.ConnectTimeout != connectWithin {
		t.Errorf("a connection may take %v to be made", config.ConnectTimeout)
	}
	conn, err := config.DialFunc(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name       string
		level, opt int
		want       int
	}{
		{"what was sent and not taken in, ms", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unheardFor.Milliseconds())},
		{"keep-alives", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{"idle, s", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(silentIdle.Seconds())},
		{"again, s", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(silentEvery.Seconds())},
		{"times", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, silentTimes},
	} {
		var got int
		var asked error
		if err := raw.Control(func(fd uintptr) { got, asked = unix.GetsockoptInt(int(fd), c.level, c.opt) }); err != nil || asked != nil {
			t.Fatal(err, asked)
		}
		if got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
