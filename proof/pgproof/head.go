package pgproof

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/proof"
)

// ErrStranger is the fault of a key that no key before it vouches for.
var ErrStranger = errors.New("the key of heads in this file is not the one that signed so far, and no key before it vouches for it; " +
	"bring the file of the key in force here, or rotate with it: gridpatrol events rotate-key")

// keysLock keeps two from adding a key or a head at once.
const keysLock = "gridpatrol heads "

const selectKeys = `SELECT body FROM head_keys WHERE district_id = $1 ORDER BY n`

// Keys answers the keys that ever signed, the oldest first.
func Keys(ctx context.Context, q interface {
	Query(context.Context, string, ...any) (pgx.Rows, error)
}, district uuid.UUID) ([]proof.Key, error) {
	return bodies[proof.Key](ctx, q, selectKeys, district)
}

func bodies[T any](ctx context.Context, q interface {
	Query(context.Context, string, ...any) (pgx.Rows, error)
}, query string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return nil, err
	}
	out := make([]T, len(found))
	for i, b := range found {
		if err := json.Unmarshal(b, &out[i]); err != nil {
			return nil, fmt.Errorf("read a key or head: %w", err)
		}
	}
	return out, nil
}

const insertKey = `INSERT INTO head_keys (district_id, id, body) VALUES ($1, $2, $3)`

// Adopt makes a key known. The first one of a district is believed; every later one
// needs the word of the one in force, before, which is nil where there is none.
// One that is known already is no error.
func Adopt(ctx context.Context, db *pgdb.DB, district uuid.UUID, key, before ed25519.PrivateKey) error {
	id := proof.KeyID(key.Public().(ed25519.PublicKey))
	return db.Tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, keysLock+district.String()); err != nil {
			return err
		}
		known, err := Keys(ctx, tx, district)
		if err != nil {
			return err
		}
		for _, k := range known {
			if k.ID == id {
				return nil
			}
		}
		if len(known) > 0 && (before == nil || proof.KeyID(before.Public().(ed25519.PublicKey)) != known[len(known)-1].ID) {
			return ErrStranger
		}
		var now time.Time
		if err := tx.QueryRow(ctx, `SELECT gp_now()`).Scan(&now); err != nil {
			return err
		}
		entry := proof.NewKey(key.Public().(ed25519.PublicKey), now.UTC(), before)
		body, err := proof.Canonical(entry)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, insertKey, district, id, body); err != nil {
			return fmt.Errorf("keep a key of heads: %w", err)
		}
		return Record(ctx, tx, proof.Entry{Kind: "head_key.adopted", District: district, Actor: proof.System,
			Detail: map[string]any{"key": id, "by": entry.By}})
	})
}

const lastHead = `SELECT position, at FROM event_heads WHERE district_id = $1 ORDER BY position DESC LIMIT 1`

const insertHead = `INSERT INTO event_heads (district_id, position, key_id, at, body) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`

// SignHead signs where the chain ends now, when the last head is older than every (0:
// in any case) and something was chained since. It answers whether it did.
func SignHead(ctx context.Context, db *pgdb.DB, district uuid.UUID, key ed25519.PrivateKey, every time.Duration) (signed bool, err error) {
	err = db.Tx(ctx, func(tx pgx.Tx) error {
		var mine bool
		if err := tx.QueryRow(ctx, tryLock, keysLock+district.String()).Scan(&mine); err != nil || !mine {
			return err
		}
		known, err := Keys(ctx, tx, district)
		if err != nil {
			return err
		}
		id := proof.KeyID(key.Public().(ed25519.PublicKey))
		if len(known) == 0 || known[len(known)-1].ID != id {
			return ErrStranger // one that was replaced signs no more
		}
		var now, at time.Time
		if err := tx.QueryRow(ctx, `SELECT gp_now()`).Scan(&now); err != nil {
			return err
		}
		var last, position int64
		err = tx.QueryRow(ctx, lastHead, district).Scan(&last, &at)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if err == nil && now.Sub(at) < every {
			return nil
		}
		var hash []byte
		var xid string
		var event int64
		err = tx.QueryRow(ctx, lastSealed, district).Scan(&position, &hash, &xid, &event)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && position == last {
			return nil
		}
		if err != nil {
			return err
		}
		h := proof.Head{District: district, Position: position, At: now.UTC()}
		copy(h.Hash[:], hash)
		if h, err = h.Sign(key); err != nil {
			return err
		}
		body, err := proof.Canonical(h)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, insertHead, district, h.Position, h.Key, h.At, body)
		signed = err == nil
		return err
	})
	if err != nil && !errors.Is(err, ErrStranger) {
		err = fmt.Errorf("sign the end of the chain: %w", err)
	}
	return signed && err == nil, err
}

const headsAfter = `SELECT body FROM event_heads WHERE district_id = $1 AND position > $2 ORDER BY position LIMIT 1000`

// CopyHeads appends to a file what heads it lacks, with the keys before them: JSON
// lines as an export has them. Whoever has this file needs no trust in the database.
func CopyHeads(ctx context.Context, db *pgdb.DB, district uuid.UUID, path string) error {
	last, keys, err := headsInFile(path)
	if err != nil {
		return err
	}
	heads, err := bodies[proof.Head](ctx, db, headsAfter, district, last)
	if err != nil {
		return fmt.Errorf("read heads: %w", err)
	}
	known, err := Keys(ctx, db, district)
	if err != nil {
		return fmt.Errorf("read keys of heads: %w", err)
	}
	var lines []any
	for _, k := range known {
		if !keys[k.ID] {
			lines = append(lines, map[string]any{"key": k})
		}
	}
	for _, h := range heads {
		lines = append(lines, map[string]any{"head": h})
	}
	if len(lines) == 0 {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("copy heads into a file: %w", err)
	}
	for _, line := range lines {
		text, err := proof.Canonical(line)
		if err == nil {
			_, err = f.Write(append(text, '\n'))
		}
		if err != nil {
			f.Close()
			return fmt.Errorf("copy heads into a file: %w", err)
		}
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("copy heads into a file: %w", err)
	}
	return nil
}

// headsInFile answers the last position that a file has a head of, and its keys. A
// last line that was broken off by a crash is passed over.
func headsInFile(path string) (last int64, keys map[string]bool, err error) {
	keys = map[string]bool{}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, keys, nil
	}
	if err != nil {
		return 0, nil, fmt.Errorf("read the copied heads: %w", err)
	}
	defer f.Close()
	in := bufio.NewReader(io.LimitReader(f, 1<<30))
	for {
		text, err := in.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return 0, nil, fmt.Errorf("read the copied heads: %w", err)
		}
		var line struct {
			Key  *proof.Key
			Head *proof.Head
		}
		if json.Unmarshal(text, &line) == nil {
			if line.Key != nil {
				keys[line.Key.ID] = true
			}
			if line.Head != nil {
				last = max(last, line.Head.Position)
			}
		}
		if err == io.EOF {
			return last, keys, nil
		}
	}
}
