package beaconclient

import (
	"slices"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// Add takes a fix over and answers the sequence it was given. That of a fix added before
// the first hello rises by what the service has of an earlier process's stream.
func (c *Client) Add(f beacon.Fix) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.Seq = c.next
	c.next++
	c.stats.Added++
	if len(c.held) == c.config.Hold {
		c.held = slices.Delete(c.held, 0, 1)
		c.stats.LetGo++
		c.restart = true
	}
	c.held = append(c.held, f)
	c.nudge()
	return f.Seq
}

// nothing is the kind of no message.
const nothing = 0

// message is the next message to send and its kind: a start when one is due, else a
// burst of what is held and not yet on its way. With as much on its way as may be and a
// service that keeps nothing, as while its database is away, the newest fix goes alone:
// the live map goes on by it, and in its turn it goes again.
func (c *Client) message(b []byte, greeted, binary bool) (message []byte, kind int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.restart {
		c.restart = false
		lowest := c.next
		if len(c.held) > 0 {
			lowest = c.held[0].Seq
		}
		return beacon.AppendStart(b, beacon.Start{Stream: c.config.Stream, LowestHeld: lowest, Speed: c.config.Speed}), websocket.TextMessage
	}
	from := c.after(c.sent)
	if !greeted || from == len(c.held) {
		return b, nothing
	}
	if from >= maxFlying {
		newest := c.held[len(c.held)-1:]
		if newest[0].Seq <= c.ahead || time.Since(c.progress) < aheadAfter {
			return b, nothing
		}
		c.ahead = newest[0].Seq
		b, _, kind = appendFixes(b, newest, binary)
		return b, kind
	}
	b, n, kind := appendFixes(b, c.held[from:], binary)
	if c.sent < c.held[from].Seq && from == 0 {
		c.progress = time.Now() // patience begins with the first fix on its way
	}
	c.sent = c.held[from+n-1].Seq
	return b, kind
}

// appendFixes is a message of the first n fixes, as many as one may carry.
func appendFixes(b []byte, fixes []beacon.Fix, binary bool) (message []byte, n, kind int) {
	if binary {
		message, n = beacon.AppendFixesBinary(b, fixes)
		return message, n, websocket.BinaryMessage
	}
	message, n = beacon.AppendFixes(b, fixes)
	return message, n, websocket.TextMessage
}

// after is the index of the first held fix above seq.
func (c *Client) after(seq int64) int {
	i, _ := slices.BinarySearchFunc(c.held, seq+1, func(f beacon.Fix, want int64) int { return int(f.Seq - want) })
	return i
}

// stuck says that fixes are on their way and the service has said nothing for long.
func (c *Client) stuck() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.after(c.sent) > 0 && time.Since(c.progress) > ackWithin
}

// number makes room, at the first hello, for what an earlier process of the stream sent:
// nothing has been sent yet, so that what is acknowledged is none of what is held.
func (c *Client) number(acked int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.numbered {
		return
	}
	c.numbered = true
	first := c.next
	if len(c.held) > 0 {
		first = c.held[0].Seq
	}
	taken := max(0, acked+1-first)
	for i := range c.held {
		c.held[i].Seq += taken
	}
	c.next += taken
}

// settle lets go of what is safe, or never will be, and counts it.
func (c *Client) settle(a beacon.Ack, count *int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.progress = time.Now()
	before := len(c.held)
	c.held = slices.DeleteFunc(c.held, func(f beacon.Fix) bool {
		return f.Seq <= a.Seq || slices.ContainsFunc(a.Also, func(r beacon.Range) bool { return r.First <= f.Seq && f.Seq <= r.Last })
	})
	*count += int64(before - len(c.held))
	if before > 0 && len(c.held) == 0 {
		close(c.settled)
		c.settled = make(chan struct{})
	}
	c.nudge()
}
