package main

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// Ten thousand devices come in the same moment, as after the end of a node that held
// them. Each is greeted, and none is told to come again.
func TestAStormOfTenThousand(t *testing.T) {
	if !chaosAsked(t, "10,000 devices at once") {
		return
	}
	const devices = 10_000
	w := newCrashWorld(t)
	w.serve()
	var greeted, again, failed atomic.Int64
	var why sync.Map // what failed attempts said
	var all sync.WaitGroup
	begin := make(chan struct{})
	end := make(chan struct{})
	for i := range devices {
		all.Go(func() {
			// Many addresses of this machine: one has no more than 28,000 ports.
			dialer := websocket.Dialer{
				Subprotocols: []string{beacon.Subprotocol}, HandshakeTimeout: 15 * time.Second, ReadBufferSize: 512, WriteBufferSize: 512,
				NetDialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i%8))}}).DialContext,
			}
			header := http.Header{"Authorization": {"Bearer " + w.devices[i%len(w.devices)].token}}
			<-begin
			for {
				conn, response, err := dialer.Dial("ws://"+w.address+"/ws/beacon", header)
				if err != nil {
					wait := time.Second
					if response != nil && response.StatusCode == http.StatusServiceUnavailable {
						again.Add(1)
						if s, bad := strconv.Atoi(response.Header.Get("Retry-After")); bad == nil {
							wait = time.Duration(s) * time.Second
						}
					} else {
						failed.Add(1)
						why.Store(err.Error(), true)
					}
					select {
					case <-end:
						return
					case <-time.After(wait):
					}
					continue
				}
				defer conn.Close()
				start := beacon.AppendStart(nil, beacon.Start{Stream: uuid.New(), LowestHeld: 1})
				if conn.WriteMessage(websocket.TextMessage, start) != nil {
					failed.Add(1)
					continue
				}
				if _, _, err := conn.ReadMessage(); err != nil {
					failed.Add(1)
					continue
				}
				greeted.Add(1)
				<-end // it stays
				return
			}
		})
	}
	began := time.Now()
	close(begin)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.After(5 * time.Minute)
	half := time.Duration(0)
	for greeted.Load() < devices {
		select {
		case <-tick.C:
			if half == 0 && greeted.Load() >= devices/2 {
				half = time.Since(began)
			}
		case <-late:
			t.Errorf("only %d of %d are greeted; %d were told to come again, %d attempts failed", greeted.Load(), devices, again.Load(), failed.Load())
			close(end)
			all.Wait()
			return
		}
	}
	took := time.Since(began)
	close(end)
	all.Wait()
	fmt.Printf("%d devices at once: half are greeted after %.1f s, all after %.1f s; %d were told to come again, %d attempts failed\n",
		devices, half.Seconds(), took.Seconds(), again.Load(), failed.Load())
	chaosFigures(t,
		chaosFigure{Name: "10,000 devices at once: greeted", Value: float64(greeted.Load()), Unit: "devices"},
		chaosFigure{Name: "10,000 devices at once: all greeted after", Value: took.Seconds(), Unit: "s"},
		chaosFigure{Name: "10,000 devices at once: told to come again", Value: float64(again.Load()), Unit: "times", Bar: new(float64)},
		chaosFigure{Name: "10,000 devices at once: attempts that failed", Value: float64(failed.Load()), Unit: "times"},
	)
	if again.Load() > 0 {
		t.Errorf("%d were told to come again, although the queue has room for all", again.Load())
	}
	why.Range(func(err, _ any) bool { t.Logf("an attempt failed: %v", err); return true })
	// On a machine that is busy with other things some wait in vain for their turn.
	if failed.Load() > devices/100 {
		t.Errorf("%d attempts failed with no word of when to come again", failed.Load())
	}
}
