package realtime_test

import (
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// Sockets that speak at the same time, cut their bytes anywhere, and wait for each answer
// before the next burst, are all heard: nothing that comes while a reader falls asleep
// is left lying.
func TestNobodyIsLeftUnheard(t *testing.T) {
	t.Parallel()
	const sockets, bursts = 24, 60
	b := setup(t, sockets)
	var all sync.WaitGroup
	for i := range sockets {
		all.Go(func() {
			var cut *cutConn
			dialer := websocket.Dialer{Subprotocols: []string{beacon.SubprotocolBinary}, NetDial: func(network, address string) (net.Conn, error) {
				conn, err := net.Dial(network, address)
				cut = &cutConn{Conn: conn, random: rand.New(rand.NewPCG(1, uint64(i)))}
				return cut, err
			}}
			conn, response, err := dialer.Dial(b.node.url+"/ws/beacon", http.Header{"Authorization": {"Bearer " + b.units[i].Device.String()}})
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			response.Body.Close()
			cut.cuts = true
			if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Error(err)
				return
			}
			if err := conn.WriteMessage(websocket.TextMessage, beacon.AppendStart(nil, beacon.Start{Stream: uuid.New(), LowestHeld: 1})); err != nil {
				t.Error(err)
				return
			}
			for seq := int64(1); seq <= bursts; seq++ {
				message, _ := beacon.AppendFixesBinary(nil, []beacon.Fix{at(seq, b.clock.now())})
				if err := conn.WriteMessage(websocket.BinaryMessage, message); err != nil {
					t.Error(err)
					return
				}
				for acked := int64(0); acked < seq; {
					kind, said, err := conn.ReadMessage()
					if err != nil {
						t.Errorf("socket %d, burst %d: %v", i, seq, err)
						return
					}
					if kind == websocket.BinaryMessage {
						ack, err := beacon.DecodeAckBinary(said)
						if err != nil {
							t.Error(err)
							return
						}
						acked = ack.Seq
					}
				}
			}
		})
	}
	all.Wait()
}

// cutConn writes in pieces.
type cutConn struct {
	net.Conn
	random *rand.Rand
	cuts   bool
}

func (c *cutConn) Write(b []byte) (n int, err error) {
	for c.cuts && len(b)-n > 1 && c.random.IntN(3) > 0 {
		m, err := c.Conn.Write(b[n : n+1+c.random.IntN(len(b)-n-1)])
		if n += m; err != nil {
			return n, err
		}
		runtime.Gosched()
	}
	m, err := c.Conn.Write(b[n:])
	return n + m, err
}

// A device that says nothing holds no goroutine of the service. Not beside other tests,
// whose devices may speak.
func TestASilentDeviceCostsNoGoroutine(t *testing.T) {
	b := setup(t, 1)
	for range 20 {
		b.node.open(t, b.units[0], uuid.New(), 1)
	}
	stacks := make([]byte, 1<<20)
	for until := time.Now().Add(patience); ; runtime.Gosched() {
		all := string(stacks[:runtime.Stack(stacks, true)])
		if !strings.Contains(all, "realtime.(*socket)") {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("somebody waits for a silent device:\n%s", all)
		}
	}
}
