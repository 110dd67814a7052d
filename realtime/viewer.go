package realtime

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/realtime/liveframe"
)

// Bounds of a viewer's socket. A viewer whose waiting frames pass either is slow.
const (
	maxViewerMessageBytes = 4 << 10
	maxFramesWaiting      = 128
	maxTicksWaiting       = 8 // of binary positions: who is further behind gets all afresh later
	maxBytesWaiting       = 4 << 20
	viewerPingEvery       = 30 * time.Second
)

// view is what a viewer asks for.
type view struct {
	box    geo.Box // the part of the map that it looks at
	zoom   float64
	follow string // the ids, in order, of those it is told of wherever they are
	totals bool   // how many there are, of each department
}

// maxFollowed bounds whom a viewer follows; their ids fit into a message.
const maxFollowed = 64

// followed are those that the view follows.
func (v *view) followed() []dispatch.PatrolID {
	out := make([]dispatch.PatrolID, 0, len(v.follow)/len(uuid.UUID{}))
	for id := range slices.Chunk([]byte(v.follow), len(uuid.UUID{})) {
		out = append(out, dispatch.PatrolID{UUID: uuid.UUID(id)})
	}
	return out
}

// following makes a view follow patrols; the same ones in another order are the same view.
func (v *view) following(ids []uuid.UUID) {
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	b := make([]byte, 0, len(ids)*len(uuid.UUID{}))
	for _, id := range slices.Compact(ids) {
		b = append(b, id[:]...)
	}
	v.follow = string(b)
}

// everywhere is what a viewer looks at that has not said where.
var everywhere = view{box: geo.Box{West: -180, South: -90, East: 180, North: 90}, zoom: dotsFromZoom}

// frame is one message to a viewer. Of text it is its type, and the rest of its fields,
// shared with others; the number goes between them. Of positions in binary it is sections
// of a batch, shared too.
type frame struct {
	kind string
	rest []byte // `,"moved":[...]`, or nothing

	batch  *batch
	parts  [][]byte
	atMS   int64
	afresh bool
}

func (f *frame) size() int {
	n := len(f.rest)
	for _, p := range f.parts {
		n += len(p)
	}
	return n
}

// viewer is one connection. Run queues frames; its own writer sends them and gives
// them their numbers, so that the numbers have no holes whatever happens to the
// queue.
type viewer struct {
	conn   *websocket.Conn
	binary bool // has positions in binary
	who    dispatch.Viewer
	stats  *liveStats

	// Run's own.
	ready   bool                   // has had its first snapshot
	pending []dispatch.CaseChanged // heard before it
	asked   *view                  // asked for before it

	mu      sync.Mutex // guards all below; Run, the reader and the writer
	waiting []frame
	bytes   int
	ticks   int  // of waiting, those with positions
	writing bool // the writer has not sent yet all that it took
	behind  bool // positions were dropped, and all are due afresh
	code    int  // of the close frame, once closing
	reason  string
	stopped bool
	wake    chan struct{} // holds one token while there is something to do
}

func newViewer(conn *websocket.Conn, who dispatch.Viewer, stats *liveStats) *viewer {
	return &viewer{conn: conn, binary: conn.Subprotocol() == liveframe.Subprotocol, who: who, stats: stats, wake: make(chan struct{}, 1)}
}

// push queues a frame; at the bound the viewer is closed. A frame that nothing waits
// before is taken whatever its size: a whole district is larger than the bound.
func (v *viewer) push(f frame) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.code != 0 {
		f.batch.release()
		return
	}
	size := f.size()
	if len(v.waiting) == maxFramesWaiting || v.bytes > 0 && v.bytes+len(f.rest) > maxBytesWaiting {
		f.batch.release()
		v.drop(func(*frame) bool { return true })
		v.code, v.reason = closeSlow, "the viewer does not keep up"
		v.stats.slow.Add(1)
	} else {
		v.waiting = append(v.waiting, f)
		v.bytes += len(f.rest)
		if f.batch != nil {
			v.ticks++
		}
		v.stats.frames.Add(1)
		v.stats.bytes.Add(int64(size))
	}
	v.nudge()
}

// drop lets waiting frames go. mu is held.
func (v *viewer) drop(which func(*frame) bool) {
	v.waiting = slices.DeleteFunc(v.waiting, func(f frame) bool {
		if !which(&f) {
			return false
		}
		v.bytes -= len(f.rest)
		if f.batch != nil {
			v.ticks--
			f.batch.release()
		}
		return true
	})
}

// room says whether a viewer takes another tick of positions.
func (v *viewer) room() room {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.behind && (v.writing || len(v.waiting) > 0):
		return noRoom
	case v.behind:
		v.behind = false
		return roomAgain
	case v.ticks >= maxTicksWaiting:
		v.drop(func(f *frame) bool { return f.batch != nil })
		v.behind = true
		return noRoom
	}
	return roomFor
}

type room uint8

const (
	roomFor   room = iota // one more
	noRoom                // what is new is not queued: newest wins, later
	roomAgain             // what was not queued is due: all afresh
)

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
	var seq uint32
	var frames []frame // in turn with waiting
	out := liveWriter{conn: v.conn}
	defer func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.drop(func(*frame) bool { return true })
	}()
	for {
		select {
		case <-v.wake:
		case <-ping.C:
			// A failure shows at the next write.
			_ = v.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
			continue
		}
		v.mu.Lock()
		clear(frames)
		frames, v.waiting = v.waiting, frames[:0]
		v.bytes, v.ticks = 0, 0
		code, reason, stopped := v.code, v.reason, v.stopped
		v.writing = !stopped
		v.mu.Unlock()
		var failed error
		for i := range frames {
			seq++
			if failed == nil && !stopped {
				failed = out.send(&frames[i], seq)
			}
			frames[i].batch.release()
		}
		if stopped {
			return
		}
		if failed != nil {
			v.conn.Close() // the reader ends with an error
			return
		}
		v.mu.Lock()
		v.writing = false
		v.mu.Unlock()
		if code != 0 {
			closeConn(v.conn, code, reason)
			return
		}
	}
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
		Type   string    `json:"type"`
		BBox   []float64 `json:"bbox"`
		Zoom   *float64  `json:"zoom"`
		Follow []string  `json:"follow"`
		Totals bool      `json:"totals"`
	}
	if err := json.Unmarshal(message, &m); err != nil {
		return asked{}, errors.New("not a message: an object with type, bbox, zoom, follow and totals is expected")
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
	zoom := float64(dotsFromZoom)
	if m.Zoom != nil {
		zoom = *m.Zoom
	}
	if zoom < 0 || zoom > 30 {
		return asked{}, errors.New("zoom: must be 0 to 30")
	}
	if len(m.Follow) > maxFollowed {
		return asked{}, fmt.Errorf("follow: %d patrols; at most %d can be followed", len(m.Follow), maxFollowed)
	}
	v := view{box: box, zoom: math.Floor(zoom), totals: m.Totals}
	ids := make([]uuid.UUID, len(m.Follow))
	for i, text := range m.Follow {
		var err error
		if ids[i], err = uuid.Parse(text); err != nil {
			return asked{}, fmt.Errorf("follow: number %d is not the id of a patrol", i+1)
		}
	}
	v.following(ids)
	return asked{view: v}, nil
}
