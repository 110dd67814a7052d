package realtime

import (
	"context"
	"sync"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// Message is one thing that the bus carries; exactly one field is set.
type Message struct {
	// Moved names a patrol whose place, presence or status in the index is new.
	Moved *Standing
	Case  *dispatch.CaseChanged
	// Notice is for one person alone.
	Notice *dispatch.Notice
	// Way is where a patrol went, as one message of its device told, in order: on disk, and
	// not for the live map.
	Way []Place
	// Link says how this node stands with the others.
	Link *LinkState
}

// Bus carries changes within this node, from whoever makes or hears them to the hub.
// What goes between nodes goes by Peers or by the database. Publish never blocks.
type Bus interface {
	Publish(Message)
	Subscribe() Subscription
}

// Subscription is one reader's place on a bus.
type Subscription interface {
	// Receive waits for news and answers all there is.
	Receive(ctx context.Context) (News, error)
	Close()
}

// News is what gathered since the last Receive. Places are coalesced: the newest
// of each patrol. Gap says that cases were dropped, so that the reader must ask the
// record again.
type News struct {
	Moved map[dispatch.PatrolID]Standing
	Cases []dispatch.CaseChanged
	// Notices may be lost: they stand in the list of whomever they are for.
	Notices []dispatch.Notice
	// Ways may be lost too: beyond a bound, and what another node has kept.
	Ways [][]Place
	// Link is the newest, nil when it has not changed.
	Link *LinkState
	Gap  bool
}

// LocalBus is the bus within one program. Each subscription is a mailbox whose
// bound needs no memory of its own for places (newest wins, one per patrol) and is
// mailboxCases for cases: at that bound all waiting cases are dropped and the
// reader is told of a gap. Notices beyond the same bound are dropped.
type LocalBus struct {
	mu    sync.RWMutex // guards boxes; publishers read it, subscribers write it
	boxes map[*mailbox]struct{}
}

const mailboxCases = 4096

// NewLocalBus makes an empty bus.
func NewLocalBus() *LocalBus { return &LocalBus{boxes: map[*mailbox]struct{}{}} }

// Publish hands the message to every mailbox.
func (b *LocalBus) Publish(m Message) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for box := range b.boxes {
		box.put(m)
	}
}

// Subscribe opens a mailbox that gathers from now on.
func (b *LocalBus) Subscribe() Subscription {
	box := &mailbox{bus: b, wake: make(chan struct{}, 1)}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.boxes[box] = struct{}{}
	return box
}

type mailbox struct {
	bus  *LocalBus
	wake chan struct{} // holds one token while news waits

	mu   sync.Mutex // guards the two below; publishers and the one reader
	news News
	way  int // places in its ways
}

func (m *mailbox) put(msg Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case msg.Moved != nil:
		if m.news.Moved == nil {
			m.news.Moved = map[dispatch.PatrolID]Standing{}
		}
		m.news.Moved[msg.Moved.Patrol] = *msg.Moved
	case msg.Case != nil:
		if len(m.news.Cases) == mailboxCases {
			m.news.Cases, m.news.Gap = nil, true
		}
		m.news.Cases = append(m.news.Cases, *msg.Case)
	case msg.Notice != nil && len(m.news.Notices) < mailboxCases:
		m.news.Notices = append(m.news.Notices, *msg.Notice)
	case msg.Way != nil && m.way+len(msg.Way) <= mailboxWay:
		m.news.Ways, m.way = append(m.news.Ways, msg.Way), m.way+len(msg.Way)
	case msg.Link != nil:
		m.news.Link = msg.Link
	}
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *mailbox) Receive(ctx context.Context) (News, error) {
	select {
	case <-ctx.Done():
		return News{}, ctx.Err()
	case <-m.wake:
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	news := m.news
	m.news, m.way = News{}, 0
	return news, nil
}

func (m *mailbox) Close() {
	m.bus.mu.Lock()
	defer m.bus.mu.Unlock()
	delete(m.bus.boxes, m)
}
