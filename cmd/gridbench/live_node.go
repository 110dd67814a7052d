package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/liveframe"
)

// liveNodeCmd is the live side of a node without its database: what beacons do to the
// index and the bus is done by a clock.
type liveNodeCmd struct {
	Patrols int `required:""`
	Towns   int `required:""`
}

// Towns are boxes side by side with more than a cell between them.
const (
	townGap  = 0.2
	townWide = 0.12
	townHigh = 0.1
)

func townBox(i int) geo.Box {
	w, s := 121+townGap*float64(i%5), 28+townGap*float64(i/5)
	return geo.Box{West: w, South: s, East: w + townWide, North: s + townHigh}
}

// Run serves until it is told to stop.
func (c liveNodeCmd) Run(ctx context.Context) error {
	index, bus := realtime.NewIndex(time.Now), realtime.NewLocalBus()
	patrols := map[dispatch.PatrolID]*realtime.Patrol{}
	ids := make([]dispatch.PatrolID, c.Patrols)
	for i := range ids {
		ids[i] = dispatch.PatrolID{UUID: uuid.Must(uuid.NewV7())}
		patrols[ids[i]] = &realtime.Patrol{ID: ids[i], Department: "grid", Status: dispatch.Free, Version: 1}
	}
	index.SetPatrols(patrols)
	live, err := realtime.NewLiveServer(realtime.LiveConfig{Index: index, Bus: bus,
		Cases: func(context.Context, dispatch.Viewer) ([]dispatch.Case, error) { return nil, nil }})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		upgrader := websocket.Upgrader{Subprotocols: websocket.Subprotocols(r)}
		if conn, err := upgrader.Upgrade(w, r, nil); err == nil {
			go func() { _ = live.Serve(ctx, conn, dispatch.Viewer{Role: dispatch.RoleOperator}) }()
		}
	})}
	var parts sync.WaitGroup
	parts.Go(func() { _ = live.Run(ctx) })
	parts.Go(func() { _ = server.Serve(listener) })
	line, err := json.Marshal(map[string]string{"event": "ready", "url": "http://" + listener.Addr().String()})
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, string(line))
	const slots = 100 // of a second; each slot's patrols move together
	tick := time.NewTicker(time.Second / slots)
	defer tick.Stop()
	for start, k := time.Now(), 0; ; {
		select {
		case <-ctx.Done():
			_ = server.Close()
			parts.Wait()
			return nil
		case <-tick.C:
		}
		for due := int(time.Since(start) * slots / time.Second); k < due; k++ {
			for i := k % slots; i < len(ids); i += slots {
				box := townBox(i % c.Towns)
				// A street a patrol, walked up and down at some 10 m/s.
				n := i / c.Towns
				turn := math.Mod(float64(k/slots)*1e-4+float64(n)*0.00371, 2)
				along := math.Abs(turn - 1)
				at := geo.Point{Lon: box.West + townWide*along, Lat: box.South + townHigh*math.Mod(float64(n)*0.61803, 1)}
				s, newest := index.Move(realtime.Place{Patrol: ids[i], Seq: int64(k), T: time.Now(), Point: at, AccuracyM: 8, SpeedMS: 10, HeadingDeg: 90})
				if newest {
					bus.Publish(realtime.Message{Moved: &s})
				}
			}
		}
	}
}

// shown is what the viewers have seen in the measured time.
type shown struct {
	updates, bytes, messages, missed int64
	took                             []time.Duration // of every eighth update
	cpu                              float64         // of the node, of one core
}

// watch has every viewer look at its town for a while.
func (c liveCmd) watch(ctx context.Context, node *server) (*shown, error) {
	var measuring atomic.Bool
	var readers sync.WaitGroup
	out := &shown{}
	all := make([]*liveEye, c.Viewers)
	defer func() {
		for _, e := range all {
			if e != nil {
				e.conn.Close()
			}
		}
		readers.Wait()
	}()
	for i := range all {
		dialer := websocket.Dialer{Subprotocols: []string{liveframe.Subprotocol}, HandshakeTimeout: 15 * time.Second, ReadBufferSize: 16 << 10}
		conn, response, err := dialer.DialContext(ctx, "ws"+node.url[len("http"):], nil)
		if err != nil {
			return nil, fmt.Errorf("look on: %w", err)
		}
		response.Body.Close()
		box := townBox(i % c.Towns)
		view, err := json.Marshal(map[string]any{"type": "view", "bbox": []float64{box.West, box.South, box.East, box.North}, "zoom": 13})
		if err != nil {
			return nil, err
		}
		if err := conn.WriteMessage(websocket.TextMessage, view); err != nil {
			return nil, err
		}
		e := &liveEye{conn: conn, measuring: &measuring, at: map[uint32]int64{}}
		all[i] = e
		readers.Go(e.read)
	}
	if err := pause(ctx, 3*time.Second); err != nil {
		return nil, err
	}
	measuring.Store(true)
	cpu, err := cpuOver(ctx, node, c.For)
	measuring.Store(false)
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		e.conn.Close()
	}
	readers.Wait()
	out.cpu = cpu
	for _, e := range all {
		if e.fault != nil {
			return nil, fmt.Errorf("a viewer: %w", e.fault)
		}
		out.updates, out.bytes, out.messages, out.missed = out.updates+e.updates, out.bytes+e.bytes, out.messages+e.messages, out.missed+e.missed
		out.took = append(out.took, e.took...)
	}
	if out.updates == 0 {
		return nil, fmt.Errorf("nothing was shown to %d viewers", c.Viewers)
	}
	return out, nil
}

// liveEye is one viewer; all but conn and measuring is its reader's until that ends.
type liveEye struct {
	conn      *websocket.Conn
	measuring *atomic.Bool
	at        map[uint32]int64 // the newest fix of each patrol

	updates, bytes, messages, missed int64
	took                             []time.Duration
	fault                            error
}

func (e *liveEye) read() {
	for {
		kind, message, err := e.conn.ReadMessage()
		if err != nil {
			return
		}
		if kind != websocket.BinaryMessage {
			continue
		}
		now := time.Now()
		m, err := liveframe.Decode(message)
		if err != nil {
			e.fault = err
			return
		}
		on := e.measuring.Load()
		if on {
			e.messages++
			e.bytes += int64(len(message)) + wsHead(len(message))
		}
		see := func(number uint32, tMS int64, again bool) {
			if on && again {
				e.updates++
				// Each moves once a second: a longer pause is a fix that was not shown.
				if gap := tMS - e.at[number]; gap > 1500 {
					e.missed += gap/1000 - 1
				}
				if e.updates%8 == 0 {
					e.took = append(e.took, now.Sub(time.UnixMilli(tMS)))
				}
			}
			e.at[number] = tMS
		}
		for _, s := range m.Sections {
			for _, p := range s.Full {
				_, again := e.at[p.Number]
				see(p.Number, p.TMS, again && s.Kind == liveframe.Changes)
			}
			for _, p := range s.Moved {
				see(p.Number, p.TMS, true)
			}
		}
	}
}

// wsHead is what the WebSocket puts before a message of a service.
func wsHead(n int) int64 {
	switch {
	case n < 126:
		return 2
	case n <= math.MaxUint16:
		return 4
	}
	return 2 + int64(binary.Size(uint64(0)))
}
