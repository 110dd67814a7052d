// Package vaulttest is what every vault of photos must do; each implementation
// runs it.
package vaulttest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// Spoil changes the bytes that a vault keeps, behind its back.
type Spoil func(t *testing.T, sha256 [32]byte)

// Run holds a vault to the port. A nil spoil leaves that part out.
func Run(t *testing.T, v dispatch.Vault, spoil Spoil) {
	ctx := t.Context()
	put := func(content []byte) [32]byte {
		t.Helper()
		sum := sha256.Sum256(content)
		if err := v.PutPhoto(ctx, sum, "image/jpeg", content); err != nil {
			t.Fatalf("put: %v", err)
		}
		return sum
	}
	large := bytes.Repeat([]byte("0123456789abcdef"), 3<<16) // 3 MB
	for _, content := range [][]byte{[]byte("one"), []byte("two"), {0, 1, 2, 255}, large} {
		sum := put(content)
		put(content) // the same bytes twice are one
		got, err := v.PhotoBytes(ctx, sum)
		if err != nil || !bytes.Equal(got, content) {
			t.Fatalf("%d bytes came back as %d: %v", len(content), len(got), err)
		}
	}

	t.Run("what is not there", func(t *testing.T) {
		if _, err := v.PhotoBytes(ctx, sha256.Sum256([]byte("never kept"))); dispatch.KindOf(err) != dispatch.NotFound {
			t.Errorf("answered %v", err)
		}
	})
	t.Run("a wrong name", func(t *testing.T) {
		sum := sha256.Sum256([]byte("the name"))
		if err := v.PutPhoto(ctx, sum, "image/jpeg", []byte("the content")); err == nil {
			t.Error("content is kept under a hash that is not its own")
		}
		if _, err := v.PhotoBytes(ctx, sum); dispatch.KindOf(err) != dispatch.NotFound {
			t.Errorf("answered %v", err)
		}
	})
	t.Run("many at once", func(t *testing.T) {
		var g sync.WaitGroup
		for i := range 8 {
			g.Go(func() {
				content := fmt.Appendf(nil, "shared by two: %d", i/2)
				sum := sha256.Sum256(content)
				if err := v.PutPhoto(ctx, sum, "image/jpeg", content); err != nil {
					t.Errorf("put: %v", err)
				}
				if got, err := v.PhotoBytes(ctx, sum); err != nil || !bytes.Equal(got, content) {
					t.Errorf("answered %q %v", got, err)
				}
			})
		}
		g.Wait()
	})
	t.Run("a caller who has left", func(t *testing.T) {
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if err := v.PutPhoto(gone, sha256.Sum256([]byte("late")), "image/jpeg", []byte("late")); !errors.Is(err, context.Canceled) {
			t.Errorf("answered %v", err)
		}
	})
	if spoil == nil {
		return
	}
	t.Run("spoilt bytes", func(t *testing.T) {
		sum := put([]byte("sealed"))
		spoil(t, sum)
		got, err := v.PhotoBytes(ctx, sum)
		if err == nil || dispatch.KindOf(err) == dispatch.NotFound {
			t.Errorf("answered %q %v", got, err)
		}
	})
}
