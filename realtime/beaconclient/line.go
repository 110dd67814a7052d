package beaconclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gridpatrol/gridpatrol/realtime/beacon"
)

// connect lives through one connection and says whether the service greeted it.
func (c *Client) connect(ctx context.Context, node string) (greeted bool, err error) {
	dialer := *c.config.Dialer
	dialer.Subprotocols = []string{beacon.Subprotocol}
	if c.config.Binary {
		dialer.Subprotocols = []string{beacon.SubprotocolBinary, beacon.Subprotocol}
	}
	header := http.Header{}
	if c.config.Token != "" {
		header.Set("Authorization", "Bearer "+c.config.Token)
	}
	conn, response, err := dialer.DialContext(ctx, node, header)
	if err != nil {
		if response != nil && (response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden) {
			return false, fmt.Errorf("%w: %s", ErrRefused, response.Status)
		}
		if response != nil {
			if again, bad := strconv.Atoi(response.Header.Get("Retry-After")); bad == nil && again >= 0 {
				return false, &busyError{status: response.Status, again: min(time.Duration(again)*time.Second, mostAgain)}
			}
		}
		return false, fmt.Errorf("connect: %w", err)
	}
	conn.SetReadLimit(1 << 20)
	defer context.AfterFunc(ctx, func() {
		_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""), time.Now().Add(time.Second))
		conn.Close()
	})()

	c.mu.Lock()
	c.stats.Connections++
	c.sent, c.ahead, c.restart, c.progress = 0, 0, true, time.Now()
	c.mu.Unlock()
	hello := make(chan struct{})
	ended := make(chan error, 1)
	go func() { ended <- c.read(conn, hello) }()
	err = c.write(conn, hello, ended)
	conn.Close()
	c.mu.Lock()
	c.greeted = false
	c.mu.Unlock()
	if err == nil {
		err = <-ended // the writer failed; the reader knows why
	}
	select {
	case <-hello:
		greeted = true
	default:
	}
	var closed *websocket.CloseError
	if errors.As(err, &closed) && c.config.OnClose != nil {
		c.config.OnClose(closed.Code, closed.Text)
	}
	if websocket.IsCloseError(err, beacon.CloseToken, beacon.CloseReplaced) {
		err = fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return greeted, err
}

// write sends until the reader has ended, whose error it answers, or writing fails
// (nil).
func (c *Client) write(conn *websocket.Conn, hello <-chan struct{}, ended <-chan error) error {
	check := time.NewTicker(5 * time.Second)
	defer check.Stop()
	var buf []byte
	greeting := hello
	binary := conn.Subprotocol() == beacon.SubprotocolBinary
	for {
		for {
			message, kind := c.message(buf[:0], greeting == nil, binary)
			buf = message
			if kind == nothing {
				break
			}
			if conn.SetWriteDeadline(time.Now().Add(writeLimit)) != nil || conn.WriteMessage(kind, message) != nil {
				return nil
			}
		}
		select {
		case err := <-ended:
			return err
		case <-greeting:
			greeting = nil
		case <-c.wake:
		case <-check.C:
			if c.stuck() {
				return nil
			}
		}
	}
}

// read takes what the service says until the connection ends.
func (c *Client) read(conn *websocket.Conn, hello chan<- struct{}) error {
	greeted := false
	ping := conn.PingHandler()
	conn.SetPingHandler(func(data string) error {
		_ = conn.SetReadDeadline(time.Now().Add(quietLimit))
		return ping(data)
	})
	for {
		if err := conn.SetReadDeadline(time.Now().Add(quietLimit)); err != nil {
			return err
		}
		kind, message, err := conn.ReadMessage()
		if err != nil {
			return err
		}
		down, err := decode(kind, message)
		if err != nil {
			return err
		}
		c.take(down)
		if _, is := down.(beacon.Hello); is && !greeted {
			greeted = true
			close(hello)
		}
	}
}

func decode(kind int, message []byte) (beacon.Down, error) {
	if kind == websocket.BinaryMessage {
		return beacon.DecodeAckBinary(message)
	}
	return beacon.DecodeDown(message)
}

func (c *Client) take(down beacon.Down) {
	switch m := down.(type) {
	case beacon.Hello:
		c.number(m.Acked)
		c.settle(beacon.Ack{Seq: m.Acked}, &c.stats.Acked)
		c.mu.Lock()
		c.greeted = true
		c.mu.Unlock()
		c.setInterval(m.IntervalS)
		call(c.config.OnHello, m)
	case beacon.Ack:
		c.settle(m, &c.stats.Acked)
		call(c.config.OnAck, m)
	case beacon.Reject:
		c.settle(beacon.Ack{Also: []beacon.Range{{First: m.Seq, Last: m.Seq}}}, &c.stats.Rejected)
		call(c.config.OnReject, m)
	case beacon.Interval:
		c.setInterval(m.IntervalS)
	case beacon.Offer:
		call(c.config.OnOffer, m)
	case beacon.Recall:
		call(c.config.OnRecall, m)
	case beacon.Mission:
		call(c.config.OnMission, m)
	case beacon.HandOver:
		call(c.config.OnHandOver, m)
	case beacon.Notice:
		call(c.config.OnNotice, m)
	}
}

func call[T any](f func(T), v T) {
	if f != nil {
		f(v)
	}
}

func (c *Client) setInterval(seconds int) {
	if seconds <= 0 {
		return
	}
	told := time.Duration(seconds) * time.Second
	c.mu.Lock()
	changed := c.interval != told
	c.interval = told
	c.mu.Unlock()
	if changed {
		call(c.config.OnInterval, told)
	}
}
