package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// flood measures what the beacon path can take: sockets that send bursts of records
// as fast as they are acknowledged, and then at half of the bar, on time.
type flood struct {
	sockets, burst int
	most           flooded // as fast as it goes
	half           flooded // at half of the bar
	missing        int     // acknowledged and not on disk
	floor          flooded // the same bursts at the least that can answer them
	each           inserted
}

type flooded struct {
	span    time.Duration
	fixes   int64
	ackedIn []time.Duration // a burst each
	service time.Duration   // processor time
	store   time.Duration   // of PostgreSQL
}

func (f flooded) rate() float64 { return float64(f.fixes) / f.span.Seconds() }

func (f flooded) costUS(cpu time.Duration) float64 {
	return float64(cpu.Microseconds()) / float64(max(1, f.fixes))
}

// floodBar is the bar, in fixes a second that are acknowledged after their commit.
const floodBar = 50_000

func (c beaconCmd) flood(ctx context.Context, t *town, server *server, data string) (*flood, error) {
	out := &flood{sockets: min(c.FloodSockets, len(t.units)), burst: c.FloodBurst}
	hoses := make([]*hose, out.sockets)
	for i := range hoses {
		h, err := openHose(ctx, server, t.units[i].token, i)
		if err != nil {
			return nil, err
		}
		defer h.conn.Close()
		hoses[i] = h
	}
	var err error
	if out.most, err = c.run(ctx, hoses, server, data, 0); err != nil {
		return nil, err
	}
	// What the flood left to be written belongs to the flood.
	err = t.db.Owner(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `CHECKPOINT`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("write what the flood left: %w", err)
	}
	if out.half, err = c.run(ctx, hoses, server, data, floodBar/2); err != nil {
		return nil, err
	}
	for _, h := range hoses {
		var rows int64
		if err := t.db.QueryRow(ctx, `SELECT count(*) FROM tracks WHERE stream = $1`, h.stream).Scan(&rows); err != nil {
			return nil, err
		}
		if rows != h.seq {
			out.missing += int(h.seq - rows)
		}
	}
	if out.each, err = oneEach(ctx, t, data, c.FloodFor/4); err != nil {
		return nil, err
	}
	out.floor, err = c.floor(ctx, data, out.sockets)
	return out, err
}

// floor sends the same bursts to the least that can answer them.
func (c beaconCmd) floor(ctx context.Context, data string, sockets int) (flooded, error) {
	least, err := startFloor(ctx, data)
	if err != nil {
		return flooded{}, err
	}
	defer least.stop()
	hoses := make([]*hose, sockets)
	for i := range hoses {
		if hoses[i], err = openHose(ctx, least, "", i); err != nil {
			return flooded{}, err
		}
		defer hoses[i].conn.Close()
	}
	return c.run(ctx, hoses, least, data, 0)
}

// run lets every hose send for a while; rate is the fixes a second of all together,
// 0 for as many as are acknowledged.
func (c beaconCmd) run(ctx context.Context, hoses []*hose, server *server, data string, rate float64) (out flooded, err error) {
	const warm = 2 * time.Second
	begun := time.Now()
	from, to := begun.Add(warm), begun.Add(warm+c.FloodFor)
	var fixes atomic.Int64
	var mu sync.Mutex // guards out.ackedIn; each hose adds its own once
	var g errgroup.Group
	for i, h := range hoses {
		g.Go(func() error {
			var took []time.Duration
			pause := time.Duration(0)
			if rate > 0 {
				pause = time.Duration(float64(time.Second) * float64(c.FloodBurst*len(hoses)) / rate)
			}
			due := begun.Add(pause * time.Duration(i) / time.Duration(len(hoses)))
			for time.Now().Before(to) && ctx.Err() == nil {
				if pause > 0 {
					time.Sleep(time.Until(due)) // an open loop: what is late is late
				} else {
					due = time.Now()
				}
				if err := h.send(c.FloodBurst); err != nil {
					return err
				}
				now := time.Now()
				if now.After(from) && now.Before(to) {
					fixes.Add(int64(c.FloodBurst))
				}
				// What was due within the time counts however late its answer comes.
				if due.After(from) && due.Before(to) {
					took = append(took, now.Sub(due))
				}
				due = due.Add(pause)
			}
			mu.Lock()
			defer mu.Unlock()
			out.ackedIn = append(out.ackedIn, took...)
			return nil
		})
	}
	time.Sleep(time.Until(from))
	service, err := server.cpu()
	if err != nil {
		return out, err
	}
	store, err := storeCPU(data)
	if err != nil {
		return out, err
	}
	time.Sleep(time.Until(to))
	serviceThen, err := server.cpu()
	if err != nil {
		return out, err
	}
	storeThen, err := storeCPU(data)
	if err != nil {
		return out, err
	}
	if err := g.Wait(); err != nil {
		return out, err
	}
	out.span, out.fixes, out.service, out.store = c.FloodFor, fixes.Load(), serviceThen-service, storeThen-store
	if len(out.ackedIn) == 0 {
		return out, errors.New("nothing was acknowledged within the flood")
	}
	return out, nil
}

// hose is a device that sends a burst and waits for its acknowledgement.
type hose struct {
	conn   *websocket.Conn
	stream uuid.UUID
	seq    int64
	acked  int64 // of seq, once it ends
	place  float64
	buf    []byte
	fixes  []beacon.Fix
}

func openHose(ctx context.Context, server *server, token string, i int) (*hose, error) {
	dialer := websocket.Dialer{Subprotocols: []string{beacon.SubprotocolBinary}, HandshakeTimeout: 15 * time.Second, ReadBufferSize: 512, WriteBufferSize: 2048}
	conn, response, err := dialer.DialContext(ctx, "ws"+strings.TrimPrefix(server.url, "http")+"/ws/beacon", http.Header{"Authorization": {"Bearer " + token}})
	if err != nil {
		return nil, fmt.Errorf("open a hose: %w", err)
	}
	response.Body.Close()
	h := &hose{conn: conn, stream: uuid.New(), place: float64(i)}
	if err := conn.WriteMessage(websocket.TextMessage, beacon.AppendStart(nil, beacon.Start{Stream: h.stream, LowestHeld: 1})); err != nil {
		conn.Close()
		return nil, err
	}
	if _, _, err = conn.ReadMessage(); err != nil { // hello
		conn.Close()
		return nil, err
	}
	return h, nil
}

func (h *hose) send(burst int) error {
	now := time.Now().Truncate(time.Millisecond)
	h.fixes = h.fixes[:0]
	for k := range burst {
		h.seq++
		turn := float64(h.seq)*0.01 + h.place
		h.fixes = append(h.fixes, beacon.Fix{
			Seq: h.seq, T: now.Add(time.Duration(k-burst) * time.Millisecond),
			Lon: 121.3 + math.Mod(h.place, 50)*0.004 + 0.001*math.Cos(turn), Lat: 28.5 + math.Floor(h.place/50)*0.004 + 0.001*math.Sin(turn),
			AccuracyM: 8, SpeedMS: 10, HeadingDeg: math.NaN(), Battery: math.NaN(),
		})
	}
	h.buf, _ = beacon.AppendFixesBinary(h.buf[:0], h.fixes)
	if err := h.conn.WriteMessage(websocket.BinaryMessage, h.buf); err != nil {
		return err
	}
	for {
		kind, message, err := h.conn.ReadMessage()
		if err != nil {
			return err
		}
		if kind != websocket.BinaryMessage {
			if strings.Contains(string(message), `"reject"`) {
				return fmt.Errorf("the service says %s", message)
			}
			continue
		}
		ack, err := beacon.DecodeAckBinary(message)
		if err != nil {
			return err
		}
		if ack.Seq >= h.seq {
			return nil
		}
	}
}

// storeCPU is the processor time of the private cluster, of all its processes that
// are there.
func storeCPU(data string) (sum time.Duration, err error) {
	text, err := os.ReadFile(filepath.Join(data, "postgres", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	postmaster, err := strconv.Atoi(strings.TrimSpace(strings.SplitN(string(text), "\n", 2)[0]))
	if err != nil {
		return 0, err
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, name := range stats {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) < 13 || fields[1] != strconv.Itoa(postmaster) {
			continue
		}
		cpu, err := cpuOf(fields)
		if err != nil {
			return 0, err
		}
		sum += cpu
	}
	return sum, nil
}

func (f *flood) figures(one func(name string, value float64, unit string, bar *float64) figure) []figure {
	most := one("flood: acknowledged after commit", f.most.rate(), "fixes/s", bar(floodBar))
	most.AtLeast = true
	most.Peer, most.PeerSource = &f.each.rate, ptrTo("same_run")
	p99 := func(d []time.Duration) float64 { return quantileMS(d, 0.99) }
	return []figure{
		most,
		one("flood: sockets", float64(f.sockets), "", nil),
		one("flood: fixes a burst", float64(f.burst), "", nil),
		one("flood: burst to acknowledgement, p50", quantileMS(f.most.ackedIn, 0.5), "ms", nil),
		one("flood: burst to acknowledgement, p99", p99(f.most.ackedIn), "ms", nil),
		one("flood: CPU of the service", f.most.costUS(f.most.service), "us a fix", nil),
		one("flood: CPU of PostgreSQL", f.most.costUS(f.most.store), "us a fix", nil),
		one("flood: CPU of the least that answers (epoll, nothing kept)", f.floor.costUS(f.floor.service), "us a fix", nil),
		one("one INSERT each: on disk", f.each.rate, "fixes/s", nil),
		one("one INSERT each: CPU of PostgreSQL", f.each.cost, "us a fix", nil),
		one("flood: acknowledged and not on disk", float64(f.missing), "fixes", bar(0)),
		one("half load: acknowledged after commit", f.half.rate(), "fixes/s", nil),
		one("half load: burst to acknowledgement, p50", quantileMS(f.half.ackedIn, 0.5), "ms", nil),
		one("half load: burst to acknowledgement, p99", p99(f.half.ackedIn), "ms", bar(50)),
		one("half load: worst", quantileMS(slices.Clone(f.half.ackedIn), 1), "ms", nil),
	}
}
