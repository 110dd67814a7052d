// Package hookpost carries messages to webhooks: one POST each, signed as the Standard
// Webhooks specification 1.0.0 says (https://www.standardwebhooks.com).
//
// # What it will not do
//
// It speaks HTTPS alone, follows no redirect, goes through no proxy, and reads no more of
// an answer than it keeps. It connects to addresses of the public Internet alone, and looks
// at the one that it is about to connect to, not at what a name stood for before: a name
// that is bound anew in between gains nothing. Networks that are named in its
// configuration are let through, and loopback among them by plain HTTP too, which leaves no
// wire to listen on.
package hookpost

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// The headers of a message, and what its secret begins with when it is shown.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
	SecretPrefix    = "whsec_"
)

const (
	// postWithin bounds a try; the specification recommends 15 to 30 s.
	postWithin = 15 * time.Second
	// readMost and headMost bound what is read of an answer, keepMost what is kept of it.
	readMost = 4 << 10 // bytes
	headMost = 16 << 10
	keepMost = 300 // runes
)

// Config is what a poster goes by. Its zero value reaches the public Internet alone.
type Config struct {
	// Networks are let through beside the public Internet.
	Networks []netip.Prefix
	// Roots are the authorities that are believed; nil means the machine's.
	Roots *x509.CertPool
	// Now is time.Now when nil.
	Now func() time.Time
}

// Poster posts. It is safe for concurrent use.
type Poster struct {
	c             Config
	secure, plain *http.Client
}

// New makes a poster.
func New(c Config) *Poster {
	if c.Now == nil {
		c.Now = time.Now
	}
	p := &Poster{c: c}
	p.secure, p.plain = p.client(p.reachable), p.client(func(a netip.Addr) bool { return a.IsLoopback() && p.reachable(a) })
	return p
}

// errUnreachable says nothing of what was found there.
var errUnreachable = errors.New("the address is not of the public Internet, and not among the networks that are let through")

func (p *Poster) client(reaches func(netip.Addr) bool) *http.Client {
	dial := &net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || !reaches(to.Addr()) {
			return errUnreachable
		}
		return nil
	}}
	return &http.Client{
		Timeout: postWithin,
		Transport: &http.Transport{
			Proxy: nil, DialContext: dial.DialContext, TLSClientConfig: &tls.Config{RootCAs: p.c.Roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: 5 * time.Second, MaxResponseHeaderBytes: headMost, DisableCompression: true,
			MaxIdleConns: 32, MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close lets go of connections that stand idle.
func (p *Poster) Close() {
	p.secure.CloseIdleConnections()
	p.plain.CloseIdleConnections()
}

// AddressFault implements dispatch.AddressFault. What a name stands for is looked at when
// it is dialled.
func (p *Poster) AddressFault(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || strings.ContainsFunc(address, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return "is no address; give one such as https://example.org/hooks/cases"
	case u.User != nil:
		return "names a user; leave user and password out, each message is signed"
	case u.Fragment != "":
		return "has a fragment, which is never sent; leave out what follows #"
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return "has no usable port; give one from 1 to 65535, or none"
		}
	}
	literal, errIP := netip.ParseAddr(u.Hostname())
	here := errIP == nil && literal.Unmap().IsLoopback() || strings.EqualFold(u.Hostname(), "localhost")
	switch {
	case u.Scheme == "http" && here && p.loopback():
	case u.Scheme != "https":
		return "must begin with https://"
	}
	if errIP == nil && !p.reachable(literal) || errIP != nil && here && !p.loopback() {
		return "lies in a network that webhooks do not reach; give an address of the public Internet, or have GRIDPATROL_WEBHOOK_NETWORKS name the network"
	}
	return ""
}

func (p *Poster) loopback() bool {
	return p.reachable(netip.AddrFrom4([4]byte{127, 0, 0, 1})) || p.reachable(netip.IPv6Loopback())
}

// Post implements dispatch.HookPost.
func (p *Poster) Post(ctx context.Context, to string, id dispatch.HookCallID, secret, body []byte) dispatch.HookAnswer {
	began := time.Now()
	a := p.post(ctx, to, id, secret, body)
	a.Took = time.Since(began)
	return a
}

func (p *Poster) post(ctx context.Context, to string, id dispatch.HookCallID, secret, body []byte) dispatch.HookAnswer {
	if fault := p.AddressFault(to); fault != "" { // the configuration may have changed since
		return dispatch.HookAnswer{Text: "the address " + fault}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return dispatch.HookAnswer{Text: "the address is none"}
	}
	at := p.c.Now().Unix()
	request.Header = http.Header{}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "gridpatrol")
	request.Header.Set(HeaderID, id.String())
	request.Header.Set(HeaderTimestamp, strconv.FormatInt(at, 10))
	request.Header.Set(HeaderSignature, Sign(secret, id.String(), at, body))
	client := p.secure
	if request.URL.Scheme == "http" {
		client = p.plain
	}
	response, err := client.Do(request)
	if err != nil {
		return dispatch.HookAnswer{Text: short([]byte(why(err)))}
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, readMost)) // the status says it; the rest is for people
	out := dispatch.HookAnswer{Status: response.StatusCode, Text: short(text)}
	if n, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && n > 0 {
		out.RetryAfter = time.Duration(min(n, 7*24*3600)) * time.Second
	}
	return out
}

// Sign is the header by which a receiver knows a message to be ours: HMAC-SHA256 over
// id.seconds.body.
func Sign(secret []byte, id string, at int64, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s.%d.", id, at)
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// why is what went wrong without the address, which may hold a key of its own.
func why(err error) string {
	var u *url.Error
	switch {
	case errors.Is(err, errUnreachable):
		return errUnreachable.Error()
	case errors.As(err, &u) && u.Timeout():
		return fmt.Sprintf("no answer within %.0f s", postWithin.Seconds())
	case errors.As(err, &u):
		return u.Err.Error()
	}
	return err.Error()
}

// short makes text of somebody else's bytes fit to be kept and shown.
func short(b []byte) string {
	out := []rune{}
	for _, r := range strings.ToValidUTF8(string(b), "\uFFFD") {
		if len(out) == keepMost {
			break
		}
		if !unicode.IsPrint(r) {
			r = ' '
		}
		out = append(out, r)
	}
	return strings.TrimSpace(string(out))
}
