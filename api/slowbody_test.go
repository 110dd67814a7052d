package api_test

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
)

// A phone in the rain sends its photo in drops: the deadline of the connection moves
// with them, beyond what any other body gets. Each drop comes only once it has moved.
func TestAPhotoMayComeSlowly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	listener := httptest.NewUnstartedServer(b.server)
	listener.Config.ReadTimeout = 30 * time.Second
	heard := &deadlines{Listener: listener.Listener, set: make(chan time.Time, 4096)}
	listener.Listener = heard
	listener.Start()
	defer listener.Close()
	body, kind := form(t, func(w *multipart.Writer) {
		part(t, w, "report", []byte(goodReport))
		part(t, w, "photo", aPNG(t))
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // the patience of the test
	defer cancel()
	drops, pour := io.Pipe()
	go func() {
		const share = 8
		for i := range share {
			if _, err := pour.Write(body[i*len(body)/share : (i+1)*len(body)/share]); err != nil {
				return // the server gave up, which the test sees
			}
			if i < share-1 && !heard.moved(ctx, 50*time.Second) {
				pour.CloseWithError(errors.New("the deadline does not move"))
				return
			}
		}
		pour.Close()
	}()
	r, err := http.NewRequestWithContext(ctx, "POST", listener.URL+"/api/v1/reports", drops)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Authorization", "Bearer "+b.as(dispatch.RoleGridWorker))
	answer, err := listener.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", answer.StatusCode, text)
	}
}

// deadlines is a listener that hears how long its connections wait for more.
type deadlines struct {
	net.Listener
	set chan time.Time
}

type deadlineConn struct {
	net.Conn
	set chan<- time.Time
}

func (l *deadlines) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return deadlineConn{c, l.set}, err
}

func (c deadlineConn) SetReadDeadline(t time.Time) error {
	err := c.Conn.SetReadDeadline(t)
	select {
	case c.set <- t:
	default:
	}
	return err
}

// moved waits until a deadline is set that is so far ahead.
func (l *deadlines) moved(ctx context.Context, ahead time.Duration) bool {
	for {
		select {
		case t := <-l.set:
			if time.Until(t) > ahead {
				return true
			}
		case <-ctx.Done():
			return false
		}
	}
}

func TestASlowBodyHasTimeByWhatHasArrived(t *testing.T) {
	t.Parallel()
	since := time.Unix(0, 0)
	for _, c := range []struct {
		name  string
		bytes int64
		at    time.Duration
		until time.Duration
	}{
		{"nothing yet", 0, 0, 60 * time.Second},
		{"still nothing", 0, 40 * time.Second, 75 * time.Second},
		{"a photo at GPRS", 300 << 10, 140 * time.Second, 200 * time.Second},
		{"a trickle", 10 << 10, 79 * time.Second, 80 * time.Second},
		{"all the time there is", 60 << 20, 890 * time.Second, 900 * time.Second},
	} {
		if got := api.SlowBodyDeadline(since, c.bytes, since.Add(c.at)).Sub(since); got != c.until {
			t.Errorf("%s: until %s, want %s", c.name, got, c.until)
		}
	}
}

// 408, not 400: a phone takes 400 for the last word on a report and sends it no more.
func TestTooSlowIsNoAnswerToAReport(t *testing.T) {
	t.Parallel()
	for _, status := range api.StatusesOfReadError(os.ErrDeadlineExceeded) {
		if status != http.StatusRequestTimeout {
			t.Errorf("%d, want 408", status)
		}
	}
}
