package pgdb

import (
	"net"
	"time"

	"github.com/jackc/pgx/v5"
)

// A machine that loses its power, or a cable that is cut, ends no connection: without
// these bounds either end waits for hours for the other.
const (
	silentIdle  = 15 * time.Second // nothing heard: the other end is asked
	silentEvery = 5 * time.Second  // and asked again
	silentTimes = 3                // in vain, and it is gone
	// unheardFor is how long what was sent may go without the other end's receipt.
	unheardFor = 20 * time.Second
	// connectWithin bounds the making of a connection where the address does not.
	connectWithin = 10 * time.Second
)

// settleIn is what each session is told first: who it is, and when the server is to take
// this program for gone. Until then the server keeps the locks of what it had begun, and
// whoever tries the same again waits for them. On a socket of the machine's own the
// server passes over the latter.
const settleIn = `SET ROLE gp_app; SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; SET tcp_user_timeout = 20000`

// hearSilence lets a connection end when the other end is gone without a word.
func hearSilence(c *pgx.ConnConfig) {
	dialer := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: silentIdle, Interval: silentEvery, Count: silentTimes},
		Control:         boundUnheard,
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectWithin
	}
	dialer.Timeout = c.ConnectTimeout
	c.DialFunc = dialer.DialContext
}
