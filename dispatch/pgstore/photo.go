package pgstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgscope"
	"github.com/jackc/pgx/v5"
)

// photoState is whether the copies of the photo p are there.
const photoState = `coalesce((SELECT CASE WHEN k.broken IS NULL THEN 'ready' ELSE 'broken' END FROM photo_copies k
    WHERE k.district_id = p.district_id AND k.sha256 = p.sha256 AND k.size = 'shown'), 'waiting')`

// photoJSON is the photo p as a dispatch.Photo. Rows of an older release have no bytes.
const photoJSON = `jsonb_build_object('sha256', encode(p.sha256, 'hex'), 'media_type', p.media_type, 'width', p.width, 'height', p.height,
      'bytes', coalesce(p.bytes, octet_length(p.content)), 'state', ` + photoState + `,
      'exif', CASE WHEN num_nonnulls(p.exif_lon, p.exif_t) > 0
        THEN jsonb_build_object('lon', p.exif_lon, 'lat', p.exif_lat, 't', p.exif_t) END)`

// A photo that is there already stays as it is, sealed.
const insertPhoto = `
INSERT INTO photos (district_id, sha256, media_type, width, height, content, bytes, exif_lon, exif_lat, exif_t)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT DO NOTHING`

const insertPhotoTodo = `
INSERT INTO photo_todo (district_id, sha256)
SELECT $1, $2 WHERE NOT EXISTS (SELECT FROM photo_copies WHERE district_id = $1 AND sha256 = $2)
ON CONFLICT DO NOTHING`

// takePhoto writes a photo with its report, and that its copies are to be made.
func (s *Store) takePhoto(batch *pgx.Batch, p dispatch.NewPhoto) {
	var lon, lat *float64
	if at := p.Camera.Place; at != nil {
		lon, lat = &at.Lon, &at.Lat
	}
	var taken *time.Time
	if !p.Camera.Taken.IsZero() {
		taken = &p.Camera.Taken
	}
	batch.Queue(insertPhoto, s.district.UUID, p.SHA256[:], p.MediaType, p.Width, p.Height, p.Content, p.Bytes, lon, lat, taken)
	batch.Queue(insertPhotoTodo, s.district.UUID, p.SHA256[:])
}

const selectPhoto = `SELECT ` + photoJSON + ` FROM photos p WHERE p.district_id = $1 AND p.sha256 = $2`

const casesOfPhoto = `
SELECT ` + caseColumns + ` FROM cases c
WHERE c.id IN (SELECT r.case_id FROM report_photos rp JOIN reports r ON r.id = rp.report_id WHERE rp.district_id = $1 AND rp.sha256 = $2
  UNION ALL SELECT r.case_id FROM revisit_photos rp JOIN revisits r ON r.id = rp.revisit_id WHERE rp.district_id = $1 AND rp.sha256 = $2
  UNION ALL SELECT e.case_id FROM evidence_photos ep JOIN evidence e ON e.id = ep.evidence_id WHERE ep.district_id = $1 AND ep.sha256 = $2)`

const sentPhoto = `
SELECT EXISTS (SELECT FROM report_photos rp JOIN reports r ON r.id = rp.report_id
  WHERE rp.district_id = $1 AND rp.sha256 = $2 AND (r.reporter_account = $3 OR r.reporter_device = $4))`

// SentPhoto implements dispatch.PhotoStore.
func (s *Store) SentPhoto(ctx context.Context, v dispatch.Viewer, id [32]byte) (sent bool, err error) {
	err = s.db.QueryRow(ctx, sentPhoto, s.district.UUID, id[:], orNull(v.Account), orNull(v.Device)).Scan(&sent)
	return sent, fault(err)
}

// Photo implements dispatch.PhotoStore.
func (s *Store) Photo(ctx context.Context, v dispatch.Viewer, id [32]byte) (dispatch.Photo, []dispatch.Case, error) {
	var out dispatch.Photo
	var cases []dispatch.Case
	err := s.db.As(ctx, pgscope.Of(v), func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, selectPhoto, s.district.UUID, id[:]).Scan(&out)
		if errors.Is(err, pgx.ErrNoRows) {
			return missing("photo")
		}
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, casesOfPhoto, s.district.UUID, id[:])
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, pgx.RowToStructByName[caseRow])
		if err != nil {
			return err
		}
		cases, err = s.withAssignments(ctx, tx, found)
		return err
	})
	return out, cases, fault(err)
}

const putPhoto = `
INSERT INTO photo_contents (district_id, sha256, content)
SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT FROM photos WHERE district_id = $1 AND sha256 = $2 AND content IS NOT NULL)
ON CONFLICT DO NOTHING`

// PutPhoto implements dispatch.Vault.
func (s *Store) PutPhoto(ctx context.Context, id [32]byte, _ string, content []byte) error {
	if sha256.Sum256(content) != id {
		return fmt.Errorf("the content to keep is not %s", hex.EncodeToString(id[:]))
	}
	_, err := s.db.Exec(ctx, putPhoto, s.district.UUID, id[:], content)
	return fault(err)
}

const photoBytes = `
SELECT content FROM photos WHERE district_id = $1 AND sha256 = $2 AND content IS NOT NULL
UNION ALL SELECT content FROM photo_contents WHERE district_id = $1 AND sha256 = $2
LIMIT 1`

// PhotoBytes implements dispatch.Vault.
func (s *Store) PhotoBytes(ctx context.Context, id [32]byte) ([]byte, error) {
	var content []byte
	err := s.db.QueryRow(ctx, photoBytes, s.district.UUID, id[:]).Scan(&content)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, missing("photo")
	case err != nil:
		return nil, fault(err)
	case sha256.Sum256(content) != id:
		return nil, fmt.Errorf("the content kept as %s has another hash", hex.EncodeToString(id[:]))
	}
	return content, nil
}

const selectCopy = `
SELECT coalesce(copy_sha256, ''), coalesce(media_type, ''), coalesce(width, 0), coalesce(height, 0), coalesce(bytes, 0), coalesce(broken, '')
FROM photo_copies WHERE district_id = $1 AND sha256 = $2 AND size = $3`

// PhotoCopy implements dispatch.PhotoStore.
func (s *Store) PhotoCopy(ctx context.Context, id [32]byte, size dispatch.PhotoSize) (dispatch.PhotoCopy, error) {
	out := dispatch.PhotoCopy{Size: size}
	var sum []byte
	var broken string
	err := s.db.QueryRow(ctx, selectCopy, s.district.UUID, id[:], size).Scan(&sum, &out.MediaType, &out.Width, &out.Height, &out.Bytes, &broken)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return out, missing("copy")
	case err != nil:
		return out, fault(err)
	case broken != "":
		return out, dispatch.PhotoUnshowable(broken)
	}
	copy(out.SHA256[:], sum)
	return out, nil
}

const insertCopy = `
INSERT INTO photo_copies (district_id, sha256, size, copy_sha256, media_type, width, height, bytes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT DO NOTHING`

const insertBroken = `
INSERT INTO photo_copies (district_id, sha256, size, broken) SELECT $1, $2, size, $3 FROM unnest('{shown,thumb}'::text[]) size
ON CONFLICT DO NOTHING`

const strikePhoto = `DELETE FROM photo_todo WHERE district_id = $1 AND sha256 = $2`

// KeepCopies implements dispatch.PhotoStore.
func (s *Store) KeepCopies(ctx context.Context, id [32]byte, copies []dispatch.PhotoCopy, broken string) error {
	batch := &pgx.Batch{}
	if broken != "" {
		batch.Queue(insertBroken, s.district.UUID, id[:], broken)
	}
	for _, c := range copies {
		batch.Queue(insertCopy, s.district.UUID, id[:], c.Size, c.SHA256[:], c.MediaType, c.Width, c.Height, c.Bytes)
	}
	batch.Queue(strikePhoto, s.district.UUID, id[:])
	return fault(s.db.SendBatch(ctx, batch).Close()) // one implicit transaction
}

const leasePhoto = `
UPDATE photo_todo t SET leased_until = gp_now() + make_interval(secs => $2), tries = t.tries + 1
WHERE (t.district_id, t.sha256) = (SELECT district_id, sha256 FROM photo_todo
  WHERE district_id = $1 AND due_at <= (SELECT gp_now()) AND (leased_until IS NULL OR leased_until <= (SELECT gp_now()))
  ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING t.sha256, t.tries`

// LeasePhoto implements dispatch.PhotoStore.
func (s *Store) LeasePhoto(ctx context.Context, lease time.Duration) (id [32]byte, tries int, err error) {
	var sum []byte
	err = s.db.QueryRow(ctx, leasePhoto, s.district.UUID, lease.Seconds()).Scan(&sum, &tries)
	if errors.Is(err, pgx.ErrNoRows) {
		return id, 0, missing("photo to copy")
	}
	copy(id[:], sum)
	return id, tries, fault(err)
}

const postponePhoto = `
UPDATE photo_todo SET leased_until = NULL, due_at = gp_now() + make_interval(secs => $3) WHERE district_id = $1 AND sha256 = $2`

// PostponePhoto implements dispatch.PhotoStore.
func (s *Store) PostponePhoto(ctx context.Context, id [32]byte, by time.Duration) error {
	_, err := s.db.Exec(ctx, postponePhoto, s.district.UUID, id[:], by.Seconds())
	return fault(err)
}

const sparePhoto = `UPDATE photo_drops SET made_at = gp_now() WHERE district_id = $1 AND sha256 = $2`

// SparePhoto implements dispatch.PhotoStore. It waits for a drop under way by the lock of
// its row.
func (s *Store) SparePhoto(ctx context.Context, id [32]byte) error {
	_, err := s.db.Exec(ctx, sparePhoto, s.district.UUID, id[:])
	return fault(err)
}

// Bytes that a photo names again stay; they are struck off when that one goes too. What
// is about to be named was spared within the hour.
const (
	nextDrop = `
SELECT d.sha256 FROM photo_drops d WHERE d.district_id = $1 AND d.made_at < gp_now() - interval '1 hour'
  AND NOT EXISTS (SELECT FROM photos p WHERE p.district_id = d.district_id AND p.sha256 = d.sha256)
  AND NOT EXISTS (SELECT FROM photo_copies k WHERE k.district_id = d.district_id AND k.copy_sha256 = d.sha256)
ORDER BY d.made_at LIMIT 1 FOR UPDATE OF d SKIP LOCKED`
	photoDropped = `DELETE FROM photo_drops WHERE district_id = $1 AND sha256 = $2`
)

// DropNextPhoto implements dispatch.PhotoStore.
func (s *Store) DropNextPhoto(ctx context.Context, drop func(context.Context, [32]byte) error) error {
	var undropped error
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		var sum []byte
		err := tx.QueryRow(ctx, nextDrop, s.district.UUID).Scan(&sum)
		if errors.Is(err, pgx.ErrNoRows) {
			return missing("photo to drop")
		}
		if err != nil {
			return err
		}
		after := photoDropped
		if undropped = drop(ctx, [32]byte(sum)); undropped != nil {
			after = sparePhoto // and those after it come before it
		}
		_, err = tx.Exec(ctx, after, s.district.UUID, sum)
		return err
	})
	if err != nil {
		return fault(err)
	}
	return undropped
}

// Record implements dispatch.PhotoStore.
func (s *Store) Record(ctx context.Context, events func(time.Time) ([]dispatch.Event, error)) error {
	return fault(s.db.Tx(ctx, func(tx pgx.Tx) error {
		var now time.Time
		if err := tx.QueryRow(ctx, `SELECT gp_now()`).Scan(&now); err != nil {
			return err
		}
		what, err := events(now.UTC())
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		s.prove(batch, what)
		return tx.SendBatch(ctx, batch).Close()
	}))
}
