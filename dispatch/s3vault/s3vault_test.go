package s3vault_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"go.uber.org/goleak"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/s3vault"
	"github.com/gridpatrol/gridpatrol/dispatch/vaulttest"
)

func TestMain(m *testing.M) {
	// Idle connections of the client end by themselves, later.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"))
}

// store is a small object store in this process.
func store(t *testing.T) (*s3mem.Backend, *httptest.Server, s3vault.Config) {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("photos"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
	t.Cleanup(server.Close)
	return backend, server, s3vault.Config{Endpoint: strings.TrimPrefix(server.URL, "http://"), Bucket: "photos", AccessKey: "key", SecretKey: "secret",
		Region: "us-east-1", Insecure: true}
}

func open(t *testing.T, c s3vault.Config) *s3vault.Vault {
	t.Helper()
	v, err := s3vault.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVault(t *testing.T) {
	t.Parallel()
	backend, _, c := store(t)
	v := open(t, c)
	if err := v.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	vaulttest.Run(t, v, func(t *testing.T, sum [32]byte) {
		name := fmt.Sprintf("photos/%x/%x", sum[:1], sum)
		if _, err := backend.PutObject("photos", name, map[string]string{}, strings.NewReader("SEALED"), 6, nil); err != nil {
			t.Fatal(err)
		}
	})
	sum := sha256.Sum256([]byte("one"))
	for range 2 { // what is gone already is no error
		if err := v.DropPhoto(t.Context(), sum); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := v.PhotoBytes(t.Context(), sum); dispatch.KindOf(err) != dispatch.NotFound {
		t.Errorf("dropped, and answered %v", err)
	}
}

func TestAStoreThatIsAway(t *testing.T) {
	t.Parallel()
	_, server, c := store(t)
	v := open(t, c)
	server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	sum := sha256.Sum256([]byte("one"))
	if err := v.PutPhoto(ctx, sum, "image/jpeg", []byte("one")); dispatch.KindOf(err) != dispatch.Unavailable {
		t.Errorf("put: %v", err)
	}
	if _, err := v.PhotoBytes(ctx, sum); dispatch.KindOf(err) != dispatch.Unavailable {
		t.Errorf("read: %v", err)
	}
	if err := v.Check(ctx); !errors.Is(err, s3vault.ErrUnreachable) {
		t.Errorf("check: %v", err)
	}
}

func TestWhatIsWrongAtTheStartIsSaid(t *testing.T) {
	t.Parallel()
	_, _, c := store(t)
	c.Bucket = "elsewhere"
	if err := open(t, c).Check(t.Context()); err == nil || errors.Is(err, s3vault.ErrUnreachable) || !strings.Contains(err.Error(), "make it") {
		t.Errorf("no bucket: %v", err)
	}
	denies := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<Error><Code>InvalidAccessKeyId</Code><Message>no</Message></Error>`)
	}))
	defer denies.Close()
	c.Endpoint = strings.TrimPrefix(denies.URL, "http://")
	if err := open(t, c).Check(t.Context()); err == nil || errors.Is(err, s3vault.ErrUnreachable) || !strings.Contains(err.Error(), "keys") {
		t.Errorf("wrong keys: %v", err)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	good := s3vault.Config{Endpoint: "s3.example:9000", Bucket: "photos", AccessKey: "a", SecretKey: "b"}
	if faults := good.Faults(); len(faults) > 0 {
		t.Errorf("a good one: %v", faults)
	}
	if faults := (s3vault.Config{}).Faults(); len(faults) != 4 {
		t.Errorf("an empty one: %v", faults)
	}
	for _, endpoint := range []string{"https://s3.example", "s3.example/bucket", ":9000", "a b"} {
		c := good
		c.Endpoint = endpoint
		if faults := c.Faults(); len(faults) != 1 || faults[0].Setting != "ENDPOINT" {
			t.Errorf("%q: %v", endpoint, faults)
		}
	}
}
