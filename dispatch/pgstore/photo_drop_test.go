package pgstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// knowing is a vault that writes nothing it has already, as one over a network. Each
// hook is called once: at finds out that bytes are there, before takes them away.
type knowing struct {
	elsewhere
	at, before func()
}

func (k *knowing) PutPhoto(ctx context.Context, sum [32]byte, mediaType string, content []byte) error {
	k.mu.Lock()
	_, there := k.has[sum]
	at := k.at
	if there {
		k.at = nil
	}
	k.mu.Unlock()
	if !there {
		return k.elsewhere.PutPhoto(ctx, sum, mediaType, content)
	}
	if at != nil {
		at()
	}
	return nil
}

func (k *knowing) DropPhoto(ctx context.Context, sum [32]byte) error {
	if before := k.before; before != nil {
		k.before = nil
		before()
	}
	return k.elsewhere.DropPhoto(ctx, sum)
}

// toBeDropped leaves bytes in the vault whose photo is gone for longer than an hour.
func (w *world) toBeDropped(vault *knowing, content string) {
	w.t.Helper()
	sum := sha256.Sum256([]byte(content))
	vault.has[sum] = []byte(content)
	w.exec(`INSERT INTO photos (district_id, sha256, media_type, width, height, bytes) VALUES ($1, $2, 'image/png', 4, 3, 5)`, district.UUID, sum[:])
	err := w.db.Owner(w.t.Context(), func(conn *pgx.Conn) error {
		_, err := conn.Exec(w.t.Context(), `DELETE FROM photos WHERE sha256 = $1`, sum[:])
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.exec(`UPDATE photo_drops SET made_at = gp_now() - interval '2 hours'`)
}

// whole says that a photo and its copies can be read.
func (w *world) whole(p dispatch.NewPhoto) {
	w.t.Helper()
	for _, size := range []dispatch.PhotoSize{dispatch.PhotoOriginal, dispatch.PhotoShown, dispatch.PhotoThumb} {
		if got, err := w.photo(dispatch.RoleOperator, p, size); err != nil || !bytes.HasSuffix([]byte(got), p.Content) {
			w.t.Errorf("%s: %q %v", size, got, err)
		}
	}
}

// awaitWaiting waits until a statement that begins so waits for a lock, or until another
// thing has come about.
func (w *world) awaitWaiting(statement string, or <-chan struct{}) {
	w.t.Helper()
	const query = `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1 || '%')`
	err := w.db.Owner(w.t.Context(), func(conn *pgx.Conn) error {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for waits := false; !waits; {
			select {
			case <-or:
				return nil
			case <-w.t.Context().Done():
				return w.t.Context().Err()
			case <-tick.C:
			}
			if err := conn.QueryRow(w.t.Context(), query, statement).Scan(&waits); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Errorf("until %s waits: %v", statement, err)
	}
}

// A photo that is sent again while its bytes are being dropped outside keeps them: who
// sends it waits for the drop, and then finds that they are not there.
func TestAPhotoIsSentWhileItsBytesAreDropped(t *testing.T) {
	t.Parallel()
	w, vault := newWorld(t), &knowing{elsewhere: elsewhere{has: map[[32]byte][]byte{}}}
	w.open(func(c *dispatch.Config) { c.Copier, c.Vault = &darkroom{}, vault })
	p := newPhoto("a vat", dispatch.Camera{})
	w.toBeDropped(vault, "a vat")
	found, sent := make(chan struct{}), make(chan error, 1)
	vault.at = func() { close(found) }
	vault.before = func() {
		draft := w.report("C01")
		draft.Photos = []dispatch.NewPhoto{p}
		go func() {
			_, err := w.desk.FileReport(context.Background(), w.operator, draft)
			sent <- err
		}()
		w.awaitWaiting("UPDATE photo_drops", found)
	}
	if err := w.desk.DropPhotos(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	w.whole(p)
}

// A photo that is sent again keeps its bytes outside, whoever drops what is to be dropped
// between the moment they were found there and that of its row; so do its copies.
func TestBytesThatWereFoundAreNotDropped(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"a vat", "shown of a vat", "thumb of a vat"} {
		w, vault := newWorld(t), &knowing{elsewhere: elsewhere{has: map[[32]byte][]byte{}}}
		w.open(func(c *dispatch.Config) { c.Copier, c.Vault = &darkroom{}, vault })
		p := newPhoto("a vat", dispatch.Camera{})
		w.toBeDropped(vault, content)
		found := false
		vault.at = func() {
			found = true
			if err := w.desk.DropPhotos(t.Context()); err != nil {
				t.Errorf("%s: %v", content, err)
			}
		}
		w.filePhotos(p)
		w.whole(p)
		if !found {
			t.Errorf("%s was not there", content)
		}
	}
}
