package hookpost_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/hookpost"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// The vector that the libraries of the Standard Webhooks project are tested by.
func TestSignsAsTheStandardSays(t *testing.T) {
	t.Parallel()
	secret, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got := hookpost.Sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// The vector of docs/webhooks.md.
func TestSignsAsTheManualSays(t *testing.T) {
	t.Parallel()
	secret, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=")
	if err != nil {
		t.Fatal(err)
	}
	body := `{"id":"01985e2a-7c00-7000-8000-000000000001","type":"ping","timestamp":"2026-05-03T13:40:00Z","data":null}`
	got := hookpost.Sign(secret, "01985e2a-7c00-7000-8000-000000000001", 1777815600, []byte(body))
	if want := manualSignature; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// receiver answers as do says, over TLS that the poster believes.
func receiver(t *testing.T, networks []netip.Prefix, do http.HandlerFunc) (*hookpost.Poster, *httptest.Server) {
	t.Helper()
	server := httptest.NewTLSServer(do)
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	p := hookpost.New(hookpost.Config{Networks: networks, Roots: roots, Now: func() time.Time { return time.Unix(1777815600, 0) }})
	t.Cleanup(p.Close)
	return p, server
}

func id() dispatch.HookCallID { return dispatch.HookCallID{UUID: uuid.Must(uuid.NewV7())} }

func TestAMessageArrivesSigned(t *testing.T) {
	t.Parallel()
	secret, body, call := []byte("0123456789abcdef0123456789abcdef"), []byte(`{"type":"case.stage"}`), id()
	p, server := receiver(t, loopback, func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		at, err := strconv.ParseInt(r.Header.Get("webhook-timestamp"), 10, 64)
		if r.Method != "POST" || err != nil || at != 1777815600 || r.Header.Get("webhook-id") != call.String() || string(got) != string(body) ||
			r.Header.Get("webhook-signature") != hookpost.Sign(secret, call.String(), at, body) || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %v %s", r.Method, r.Header, got)
		}
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, "谢谢\x00\n<b>"+strings.Repeat("x", 100_000))
	})
	a := p.Post(t.Context(), server.URL, call, secret, body)
	if !a.OK() || a.Status != 202 || !strings.HasPrefix(a.Text, "谢谢  <b>xx") || utf8.RuneCountInString(a.Text) != 300 {
		t.Errorf("%+v", a)
	}
}

// What leads elsewhere is not followed, what asks for time is heard.
func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	followed := false
	p, server := receiver(t, loopback, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/elsewhere":
			http.Redirect(w, r, "/inside", http.StatusTemporaryRedirect)
		case "/inside":
			followed = true
		case "/busy":
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/heads":
			w.Header().Set("X-Much", strings.Repeat("x", 64<<10))
		}
	})
	if a := p.Post(t.Context(), server.URL+"/elsewhere", id(), nil, nil); a.OK() || a.Status != http.StatusTemporaryRedirect || followed {
		t.Errorf("a redirect: %+v, followed %v", a, followed)
	}
	if a := p.Post(t.Context(), server.URL+"/busy", id(), nil, nil); a.OK() || a.RetryAfter != 2*time.Minute {
		t.Errorf("busy: %+v", a)
	}
	if a := p.Post(t.Context(), server.URL+"/heads", id(), nil, nil); a.OK() || a.Status != 0 || strings.Contains(a.Text, server.URL) {
		t.Errorf("headers without end: %+v", a)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a := p.Post(ctx, server.URL+"/", id(), nil, nil); a.OK() {
		t.Errorf("the program stops: %+v", a)
	}
}

// A name that stands for an address inside is refused when it is dialled, whatever it stood
// for when the webhook was registered; and so is the address itself.
func TestNothingInsideIsReached(t *testing.T) {
	t.Parallel()
	reached := false
	p, server := receiver(t, nil, func(http.ResponseWriter, *http.Request) { reached = true })
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	// localhost passes for any name: what it stands for is known to this machine alone.
	for _, to := range []string{"https://localhost.:" + port, "https://127.0.0.1:" + port, "https://[::ffff:127.0.0.1]:" + port, "http://127.0.0.1:" + port} {
		if a := p.Post(t.Context(), to, id(), nil, nil); a.OK() || a.Status != 0 || a.Text == "" {
			t.Errorf("%s: %+v", to, a)
		}
	}
	if reached {
		t.Error("a server inside was reached")
	}
}

func TestPlainHTTPStaysOnThisMachine(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	defer server.Close()
	p := hookpost.New(hookpost.Config{Networks: loopback})
	defer p.Close()
	if a := p.Post(t.Context(), server.URL, id(), nil, nil); !a.OK() {
		t.Errorf("loopback that is let through: %+v", a)
	}
	wide := hookpost.New(hookpost.Config{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	for _, to := range []string{"http://10.1.2.3/", "http://example.org/", server.URL} {
		if wide.AddressFault(to) == "" {
			t.Errorf("%s by plain http is taken", to)
		}
	}
	if fault := wide.AddressFault("https://10.1.2.3/"); fault != "" {
		t.Errorf("a network that is let through: %s", fault)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	p := hookpost.New(hookpost.Config{})
	for _, good := range []string{"https://example.org/hooks?key=1", "https://example.org:8443/", "https://1.1.1.1/", "https://[2606:4700::1111]/", "https://事件.example/"} {
		if fault := p.AddressFault(good); fault != "" {
			t.Errorf("%s %s", good, fault)
		}
	}
	for _, bad := range []string{"", "x", "https://", "http://example.org/", "ftp://example.org/", "https://u:p@example.org/", "https://example.org/#x", "https://example.org:0/",
		"https://example.org:70000/", "https://ex ample.org/", "https://example.org/\n", "https:example.org", "javascript:alert(1)",
		"https://127.0.0.1/", "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.1.1/", "https://169.254.169.254/latest", "https://100.64.0.1/", "https://0.0.0.0/",
		"https://[::1]/", "https://[fe80::1]/", "https://[fd00::1]/", "https://[::ffff:10.0.0.1]/", "https://[64:ff9b::a00:1]/", "https://[2002:a00:1::]/", "https://[ff02::1]/",
		"https://224.0.0.1/", "https://255.255.255.255/", "https://198.18.0.1/", "https://localhost/"} {
		if p.AddressFault(bad) == "" {
			t.Errorf("%q is taken", bad)
		}
	}
}

// Whatever a stranger types as an address, and whatever their server says: no fault, no
// text that cannot be kept.
func FuzzAddress(f *testing.F) {
	f.Add("https://example.org/")
	f.Add("http://[::1%25eth0]:1/")
	p := hookpost.New(hookpost.Config{})
	f.Fuzz(func(t *testing.T, address string) {
		if p.AddressFault(address) == "" && !strings.HasPrefix(strings.ToLower(address), "https://") {
			t.Errorf("%q is taken", address)
		}
	})
}

func FuzzShort(f *testing.F) {
	f.Add([]byte("ok"))
	f.Add([]byte{0, 0xff, '\n'})
	f.Fuzz(func(t *testing.T, b []byte) {
		s := hookpost.Short(b)
		if !utf8.ValidString(s) || utf8.RuneCountInString(s) > 300 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' }) {
			t.Errorf("%q", s)
		}
	})
}

const manualSignature = "v1,v2HiBs1vTpMmQjYRNhVylqQOsF3RwR2sdmWTUh9Upi4="
