package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/realtime/beacon"
	"github.com/gridpatrol/gridpatrol/realtime/beaconclient"
)

// load is what a run has brought.
type load struct {
	sent    map[fixName]time.Time
	acked   map[fixName]bool
	ackedIn []time.Duration
	seen    []time.Duration // never, for a fix that no viewer saw
	cpu     time.Duration   // of the service
}

// sender is one device.
type sender struct {
	unit   unit
	client *beaconclient.Client

	mu    sync.Mutex // guards all below; the ticker adds, the client's Run acknowledges
	sent  []sending  // by sequence, from 1
	acked int64      // all up to it are counted
}

type sending struct {
	at      time.Time
	ackedIn time.Duration
}

func (s *sender) add(f beacon.Fix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, sending{at: f.T, ackedIn: never})
	s.client.Add(f)
}

func (s *sender) ack(a beacon.Ack) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for seq := s.acked + 1; seq <= a.Seq && seq <= int64(len(s.sent)); seq++ {
		s.sent[seq-1].ackedIn = now.Sub(s.sent[seq-1].at)
		s.acked = seq
	}
}

// load sends and looks on.
func (c beaconCmd) load(ctx context.Context, t *town, server *server) (*load, error) {
	base := "ws" + strings.TrimPrefix(server.url, "http")
	running, stop := context.WithCancel(ctx)
	defer stop()
	var clients sync.WaitGroup
	senders := make([]*sender, len(t.units))
	for i, u := range t.units {
		s := &sender{unit: u}
		client, err := beaconclient.New(beaconclient.Config{URL: base + "/ws/beacon", Token: u.token, OnAck: s.ack})
		if err != nil {
			return nil, err
		}
		s.client, senders[i] = client, s
		clients.Go(func() { _ = client.Run(running) }) // what it could not send shows in the figures
	}
	defer clients.Wait()
	defer stop()
	if err := connected(ctx, senders); err != nil {
		return nil, err
	}
	eyes, err := look(ctx, base+"/ws/live", t.viewer)
	if err != nil {
		return nil, err
	}
	defer eyes.close()

	before, err := server.cpu()
	if err != nil {
		return nil, err
	}
	if err := c.send(ctx, senders); err != nil {
		return nil, err
	}
	settle, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for _, s := range senders {
		if s.client.Flush(settle) != nil {
			break // what is missing shows in the figures
		}
	}
	after, err := server.cpu()
	if err != nil {
		return nil, err
	}
	eyes.close()
	stop()
	clients.Wait()

	out := &load{sent: map[fixName]time.Time{}, acked: map[fixName]bool{}, cpu: after - before}
	for _, s := range senders {
		for i, sent := range s.sent {
			name := fixName{patrol: s.unit.patrol, seq: int64(i) + 1}
			out.sent[name] = sent.at
			if sent.ackedIn != never {
				out.acked[name] = true
			}
			out.ackedIn = append(out.ackedIn, sent.ackedIn)
			took, was := eyes.seen[sight{patrol: s.unit.patrol, tMS: sent.at.UnixMilli()}]
			if !was {
				took = never
			}
			out.seen = append(out.seen, took)
		}
	}
	return out, nil
}

// connected waits until every device is greeted.
func connected(ctx context.Context, senders []*sender) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		open := 0
		for _, s := range senders {
			if s.client.Greeted() {
				open++
			}
		}
		if open == len(senders) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d sockets open: %w", open, len(senders), ctx.Err())
		case <-poll.C:
		}
	}
}

// send is the open loop: the devices take turns, evenly spread over the pause, and
// nobody waits for an answer.
func (c beaconCmd) send(ctx context.Context, senders []*sender) error {
	start := time.Now()
	rounds := int(c.For / c.Every)
	const slots = 200 // of one pause; each slot's devices send together
	for k := range rounds * slots {
		due := start.Add(c.Every*time.Duration(k/slots) + c.Every*time.Duration(k%slots)/slots)
		timer := time.NewTimer(time.Until(due))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		for i := k % slots; i < len(senders); i += slots {
			// A car at some 10 m/s round a block; every fix is another place.
			turn := float64(k/slots)*0.2 + float64(i)
			senders[i].add(beacon.Fix{
				T: time.Now().Truncate(time.Millisecond), Lon: 121.3 + float64(i%50)*0.004 + 0.001*math.Cos(turn), Lat: 28.5 + float64(i/50)*0.004 + 0.001*math.Sin(turn),
				AccuracyM: 8, SpeedMS: 10, HeadingDeg: math.NaN(), Battery: math.NaN(),
			})
		}
	}
	return nil
}

// viewer looks at the whole town.
type viewer struct {
	conn *websocket.Conn
	done sync.WaitGroup
	once sync.Once
	seen map[sight]time.Duration // read's own until done
}

type sight struct {
	patrol uuid.UUID
	tMS    int64
}

func look(ctx context.Context, url, token string) (*viewer, error) {
	dialer := websocket.Dialer{Subprotocols: []string{"gridpatrol.live.v1.json"}, HandshakeTimeout: 15 * time.Second}
	conn, response, err := dialer.DialContext(ctx, url, http.Header{"Authorization": {"Bearer " + token}})
	if err != nil {
		if response != nil {
			err = fmt.Errorf("%w: %s", err, response.Status)
		}
		return nil, fmt.Errorf("look on: %w", err)
	}
	if _, _, err := conn.ReadMessage(); err != nil { // the snapshot: what moves from now on is seen
		return nil, fmt.Errorf("look on: %w", err)
	}
	v := &viewer{conn: conn, seen: map[sight]time.Duration{}}
	v.done.Go(v.read)
	return v, nil
}

func (v *viewer) read() {
	for {
		_, message, err := v.conn.ReadMessage()
		if err != nil {
			return
		}
		now := time.Now()
		var f struct {
			Moved []struct {
				ID uuid.UUID `json:"id"`
				T  time.Time `json:"t"`
			} `json:"moved"`
		}
		if json.Unmarshal(message, &f) != nil {
			continue
		}
		for _, m := range f.Moved {
			s := sight{patrol: m.ID, tMS: m.T.UnixMilli()}
			if _, again := v.seen[s]; !again {
				v.seen[s] = now.Sub(m.T)
			}
		}
	}
}

// close ends the look; seen may be read after it.
func (v *viewer) close() {
	v.once.Do(func() { v.conn.Close() })
	v.done.Wait()
}
