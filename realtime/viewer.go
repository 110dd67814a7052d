package realtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
)

// Bounds of a viewer's socket. A viewer whose waiting frames pass either is slow.
const (
	maxViewerMessageBytes = 4 << 10
	maxFramesWaiting      = 128
	maxBytesWaiting       = 4 << 20
	viewerPingEvery       = 30 * time.Second
)

// view is the part of the map that a viewer looks at.
type view struct {
	box  geo.Box
	zoom float64
}

var everywhere = view{box: geo.Box{West: -180, South: -90, East: 180, North: 90}}

// frame is one message to a viewer: its type, and the rest of its fields, shared
// with others. The number goes between them.
type frame struct {
	kind string
	rest []byte // `,"moved":[...]`, or nothing
}

// viewer is one connection. Run queues frames; its own writer sends them and gives
// them their numbers, so that the numbers have no holes whatever happens to the
// queue.
type viewer struct {
	conn  *websocket.Conn
	who   dispatch.Viewer
	stats *liveStats

	// Run's own.
	ready   bool                   // has had its first snapshot
	pending []dispatch.CaseChanged // heard before it
	asked   *view                  // asked for before it

	mu      sync.Mutex // guards all below; Run, the reader and the writer
	waiting []frame
	bytes   int
	code    int // of the close frame, once closing
	reason  string
	stopped bool
	wake    chan struct{} // holds one token while there is something to do
}

func newViewer(conn *websocket.Conn, who dispatch.Viewer, stats *liveStats) *viewer {
	return &viewer{conn: conn, who: who, stats: stats, wake: make(chan struct{}, 1)}
}

// push queues a frame; at the bound the viewer is closed.
func (v *viewer) push(f frame) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.code != 0 {
		return
	}
	if len(v.waiting) == maxFramesWaiting || v.bytes+len(f.rest) > maxBytesWaiting {
		v.waiting, v.bytes = nil, 0
		v.code, v.reason = closeSlow, "the viewer does not keep up"
		v.stats.slow.Add(1)
	} else {
		v.waiting = append(v.waiting, f)
		v.bytes += len(f.rest)
		v.stats.frames.Add(1)
		v.stats.bytes.Add(int64(len(f.rest)))
	}
	v.nudge()
}

func (v *viewer) nudge() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// close lets the writer send what waits and a close frame. The first close counts.
func (v *viewer) close(code int, reason string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.code == 0 {
		v.code, v.reason = code, reason
		if code == closeSlow {
			v.stats.slow.Add(1)
		}
		v.nudge()
	}
}

func (v *viewer) closing() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.code != 0
}

// stop ends the writer; the socket is gone.
func (v *viewer) stop() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.stopped = true
	v.nudge()
}

// write sends what is queued until the socket ends.
func (v *viewer) write() {
	ping := time.NewTicker(viewerPingEvery)
	defer ping.Stop()
	var seq int64
	var head []byte
	for {
		select {
		case <-v.wake:
		case <-ping.C:
			// A failure shows at the next write.
			_ = v.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
			continue
		}
		v.mu.Lock()
		frames, code, reason, stopped := v.waiting, v.code, v.reason, v.stopped
		v.waiting, v.bytes = nil, 0
		v.mu.Unlock()
		if stopped {
			return
		}
		for _, f := range frames {
			seq++
			head = append(head[:0], `{"type":"`...)
			head = append(head, f.kind...)
			head = append(head, `","seq":`...)
			head = strconv.AppendInt(head, seq, 10)
			if err := v.writeFrame(head, f.rest); err != nil {
				v.conn.Close() // the reader ends with an error
				return
			}
		}
		if code != 0 {
			closeConn(v.conn, code, reason)
			return
		}
	}
}

func (v *viewer) writeFrame(head, rest []byte) error {
	if err := v.conn.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return err
	}
	w, err := v.conn.NextWriter(websocket.TextMessage)
	if err != nil {
		return err
	}
	for _, part := range [][]byte{head, rest, {'}'}} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return w.Close()
}

// asked is what a viewer's message says.
type asked struct {
	view   view
	resync bool
}

func decodeViewer(kind int, message []byte) (asked, error) {
	if kind != websocket.TextMessage {
		return asked{}, errors.New("a message is JSON text")
	}
	var m struct {
		Type string    `json:"type"`
		BBox []float64 `json:"bbox"`
		Zoom *float64  `json:"zoom"`
	}
	if err := json.Unmarshal(message, &m); err != nil {
		return asked{}, errors.New("not a message: an object with type, bbox and zoom is expected")
	}
	switch m.Type {
	case "resync":
		return asked{resync: true}, nil
	case "view":
	default:
		return asked{}, errors.New("type: must be view or resync")
	}
	if len(m.BBox) != 4 {
		return asked{}, errors.New("bbox: must be [west, south, east, north]")
	}
	box := geo.Box{West: m.BBox[0], South: m.BBox[1], East: m.BBox[2], North: m.BBox[3]}
	if box.South > box.North {
		return asked{}, fmt.Errorf("bbox: south %g is above north %g", box.South, box.North)
	}
	if box.West > box.East {
		return asked{}, fmt.Errorf("bbox: west %g is beyond east %g", box.West, box.East)
	}
	var zoom float64
	if m.Zoom != nil {
		zoom = *m.Zoom
	}
	if zoom < 0 || zoom > 30 {
		return asked{}, errors.New("zoom: must be 0 to 30")
	}
	return asked{view: view{box: box, zoom: math.Floor(zoom)}}, nil
}
