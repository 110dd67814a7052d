package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/photo/phototest"
)

func TestAllThatIsWrongWithTheObjectStoreIsSaidAtOnce(t *testing.T) {
	t.Setenv("GRIDPATROL_S3_SECRET_KEY", "very secret")
	var out, complaints bytes.Buffer
	code := run(t.Context(), []string{"serve", "--data-dir", t.TempDir(), "--s3-endpoint", "https://s3.example", "--s3-bucket", "B", "--listen", "nowhere"},
		strings.NewReader(""), &out, &complaints)
	said := complaints.String()
	for _, want := range []string{"GRIDPATROL_S3_ENDPOINT", "without https://", "GRIDPATROL_S3_BUCKET", "GRIDPATROL_S3_ACCESS_KEY", "GRIDPATROL_LISTEN"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not said in: %s", want, said)
		}
	}
	if code != exitUsage || strings.Contains(said, "very secret") {
		t.Errorf("exit %d: %s", code, said)
	}
}

func TestTheObjectStoreIsTriedAtTheStart(t *testing.T) {
	t.Setenv("GRIDPATROL_S3_ACCESS_KEY", "key")
	t.Setenv("GRIDPATROL_S3_SECRET_KEY", "secret")
	backend := s3mem.New()
	server := httptest.NewServer(gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
	c := s3Config{Endpoint: strings.TrimPrefix(server.URL, "http://"), Bucket: "photos", Region: "us-east-1"}
	env := &Env{Log: slog.New(slog.DiscardHandler)}
	var usage usageFault
	if _, err := c.open(t.Context(), env); !errors.As(err, &usage) || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("no bucket: %v", err)
	}
	if err := backend.CreateBucket("photos"); err != nil {
		t.Fatal(err)
	}
	if vault, err := c.open(t.Context(), env); vault == nil || err != nil {
		t.Errorf("all well: %v %v", vault, err)
	}
	server.Close()
	if vault, err := c.open(t.Context(), env); vault == nil || err != nil {
		t.Errorf("a store that is away must not keep the service from its work: %v", err)
	}
}

func TestTheCopierIsAnotherProcess(t *testing.T) {
	t.Parallel()
	copies, err := newPhotoCopier().Copies(t.Context(), phototest.JPEG(t, 400, 300), true)
	if err != nil || len(copies) != 2 || copies[0].Size != dispatch.PhotoShown || copies[1].Size != dispatch.PhotoThumb || copies[1].Width != 320 {
		t.Errorf("%d copies: %v", len(copies), err)
	}
	for _, h := range phototest.HostileSet(t)[:3] {
		if _, err := newPhotoCopier().Copies(context.Background(), h.Body, true); dispatch.KindOf(err) != dispatch.Invalid {
			t.Errorf("%s: %v", h.Name, err)
		}
	}
}
