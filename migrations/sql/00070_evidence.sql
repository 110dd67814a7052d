-- What somebody showed with a step of a case: photos of what a unit did, or of what a check
-- found, beside those that came with the reports. One that names a key counts once.

-- +goose Up
CREATE TABLE evidence (
  id          uuid PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  case_id     uuid NOT NULL REFERENCES cases,
  step        text NOT NULL CHECK (step IN ('self_handle', 'done', 'feedback', 'pass', 'fail')),
  at          timestamptz NOT NULL,
  by          text NOT NULL,
  key         text CHECK (length(key) BETWEEN 1 AND 128),
  body_sha256 bytea CHECK (octet_length(body_sha256) = 32),
  CHECK ((key IS NULL) = (body_sha256 IS NULL)),
  UNIQUE (district_id, by, key)
);
CREATE INDEX evidence_case ON evidence (case_id);
REVOKE UPDATE, DELETE, TRUNCATE ON evidence FROM gp_app;

CREATE TABLE evidence_photos (
  district_id uuid NOT NULL,
  evidence_id uuid NOT NULL REFERENCES evidence,
  position    integer NOT NULL CHECK (position BETWEEN 0 AND 8),
  sha256      bytea NOT NULL,
  PRIMARY KEY (evidence_id, position),
  FOREIGN KEY (district_id, sha256) REFERENCES photos ON DELETE CASCADE
);
CREATE INDEX evidence_photos_sha256 ON evidence_photos (district_id, sha256);
REVOKE UPDATE, DELETE, TRUNCATE ON evidence_photos FROM gp_app;

-- Seen with its case, and by nobody else.
SELECT gp_close('evidence', 'EXISTS (SELECT FROM cases c WHERE c.id = case_id)');
SELECT gp_close('evidence_photos', 'EXISTS (SELECT FROM evidence e WHERE e.id = evidence_id)');
SELECT gp_close('photos', 'EXISTS (SELECT FROM report_photos rp WHERE rp.district_id = photos.district_id AND rp.sha256 = photos.sha256)
  OR EXISTS (SELECT FROM revisit_photos rp JOIN revisits r ON r.id = rp.revisit_id
    WHERE rp.district_id = photos.district_id AND rp.sha256 = photos.sha256)
  OR EXISTS (SELECT FROM evidence_photos ep WHERE ep.district_id = photos.district_id AND ep.sha256 = photos.sha256)');

-- +goose Down
SELECT gp_close('photos', 'EXISTS (SELECT FROM report_photos rp WHERE rp.district_id = photos.district_id AND rp.sha256 = photos.sha256)
  OR EXISTS (SELECT FROM revisit_photos rp JOIN revisits r ON r.id = rp.revisit_id
    WHERE rp.district_id = photos.district_id AND rp.sha256 = photos.sha256)');
DROP TABLE evidence_photos, evidence;
