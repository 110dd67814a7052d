package api_test

import (
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/api"
	"github.com/gridpatrol/gridpatrol/dispatch"
)

// A phone in the rain sends its photo in drops: the deadline of the connection moves
// with them. The server here gives any other body no time at all.
func TestAPhotoMayComeSlowly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	listener := httptest.NewUnstartedServer(b.server)
	listener.Config.ReadTimeout = 300 * time.Millisecond
	listener.Start()
	defer listener.Close()
	body, kind := form(t, func(w *multipart.Writer) {
		part(t, w, "report", []byte(goodReport))
		part(t, w, "photo", aPNG(t))
	})
	drops, pour := io.Pipe()
	go func() {
		const share = 8
		for i := range share {
			time.Sleep(100 * time.Millisecond) // a slow line, not a wait for anything
			if _, err := pour.Write(body[i*len(body)/share : (i+1)*len(body)/share]); err != nil {
				return // the server gave up, which the test sees
			}
		}
		pour.Close()
	}()
	r, err := http.NewRequestWithContext(t.Context(), "POST", listener.URL+"/api/v1/reports", drops)
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
