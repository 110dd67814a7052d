package realtime

import (
	"bytes"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// torn is a connection that takes only the beginning of the first frame.
type torn struct {
	net.Conn
	got bytes.Buffer
}

func (c *torn) SetWriteDeadline(time.Time) error { return nil }

func (c *torn) Write(b []byte) (int, error) {
	if c.got.Len() == 0 {
		c.got.Write(b[:3])
		return 3, os.ErrDeadlineExceeded
	}
	return c.got.Write(b)
}

// What follows half a frame would be taken for the rest of it.
func TestNothingIsSentAfterHalfAFrame(t *testing.T) {
	t.Parallel()
	conn := &torn{}
	o := outlet{to: conn}
	if err := o.write(websocket.PongMessage, []byte("here"), time.Second); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the first frame: %v", err)
	}
	for _, kind := range []int{websocket.TextMessage, websocket.CloseMessage} {
		if err := o.write(kind, []byte("{}"), time.Second); err == nil {
			t.Errorf("a frame of kind %d was sent behind half of another", kind)
		}
	}
	if conn.got.Len() != 3 {
		t.Errorf("%d bytes came, want the 3 of the half frame", conn.got.Len())
	}
}
