package pgstore

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/jackc/pgx/v5"
)

const insertEvidence = `
INSERT INTO evidence (id, district_id, case_id, step, at, by, key, body_sha256) VALUES ($1, $2, $3, $4, $5, $6, nullif($7, ''), $8)`

const insertEvidencePhoto = `
INSERT INTO evidence_photos (district_id, evidence_id, position, sha256) VALUES ($1, $2, $3, $4)`

// keepEvidence writes the photos of a step with the step.
func (s *Store) keepEvidence(batch *pgx.Batch, t dispatch.Turn) {
	e := t.Shown
	if e == nil {
		return
	}
	var body []byte
	if e.Shown.Key != "" {
		body = e.Shown.BodySHA256[:]
	}
	batch.Queue(insertEvidence, e.ID.UUID, s.district.UUID, t.Case.ID.UUID, e.Step, e.At, e.By, e.Shown.Key, body)
	for i, p := range e.Shown.Photos {
		s.takePhoto(batch, p)
		batch.Queue(insertEvidencePhoto, s.district.UUID, e.ID.UUID, i, p.SHA256[:])
	}
}

const keptEvidence = `SELECT case_id, step, body_sha256 FROM evidence WHERE district_id = $1 AND by = $2 AND key = $3`

// KeptEvidence implements dispatch.EvidenceStore.
func (s *Store) KeptEvidence(ctx context.Context, by, key string) (out dispatch.KeptEvidence, err error) {
	var sum []byte
	err = s.db.QueryRow(ctx, keptEvidence, s.district.UUID, by, key).Scan(&out.Case.UUID, &out.Step, &sum)
	if errors.Is(err, pgx.ErrNoRows) {
		return out, missing("evidence")
	}
	copy(out.BodySHA256[:], sum)
	return out, fault(err)
}

// Photos whose time is over are gone from what was shown; that it was shown stays.
const shownWith = `
SELECT e.id, e.step, e.at, e.by, coalesce((SELECT jsonb_agg(` + photoJSON + ` ORDER BY ep.position)
  FROM evidence_photos ep JOIN photos p USING (district_id, sha256) WHERE ep.evidence_id = e.id), '[]') AS photos
FROM evidence e WHERE e.case_id = $1 ORDER BY e.at, e.id`

type evidenceRow struct {
	ID     uuid.UUID        `db:"id"`
	Step   string           `db:"step"`
	At     time.Time        `db:"at"`
	By     string           `db:"by"`
	Photos []dispatch.Photo `db:"photos"`
}

// ShownWith implements dispatch.EvidenceStore.
func (s *Store) ShownWith(ctx context.Context, v dispatch.Viewer, c dispatch.Case) ([]dispatch.Evidence, error) {
	found, err := readKept[evidenceRow](ctx, s, v, shownWith, c.ID.UUID)
	out := make([]dispatch.Evidence, len(found))
	for i, r := range found {
		out[i] = dispatch.Evidence{ID: dispatch.EvidenceID{UUID: r.ID}, Step: dispatch.Move(r.Step), At: r.At.UTC(), By: r.By, Photos: r.Photos}
		out[i].ComparePhotos(c)
	}
	return out, err
}
