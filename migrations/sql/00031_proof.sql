-- Events become proof. Each district's events are chained in the order of (xid, id)
-- by one sealer, after their transactions are over: position by position, without
-- holes, each with the hash of the one before it (docs/proof.md). The end of the chain
-- is signed every hour, and the keys that signed stay.

-- +goose Up
CREATE TABLE event_chain (
  district_id uuid NOT NULL REFERENCES districts,
  position    bigint NOT NULL CHECK (position > 0),
  xid         xid8 NOT NULL,
  event_id    bigint NOT NULL,
  before      bytea NOT NULL CHECK (octet_length(before) = 32), -- the hash of the event before it
  hash        bytea NOT NULL CHECK (octet_length(hash) = 32),
  sealed_at   timestamptz NOT NULL DEFAULT gp_now(),
  PRIMARY KEY (district_id, position),
  -- No foreign key: an event that was taken away is found, not forbidden.
  UNIQUE (xid, event_id)
);
SELECT gp_close('event_chain');
REVOKE UPDATE, DELETE, TRUNCATE ON event_chain FROM gp_app;

-- What an event commits to by a hash (an address, say) stands here and can be deleted;
-- the chain holds without it.
CREATE TABLE event_openings (
  district_id uuid NOT NULL REFERENCES districts,
  commitment  bytea NOT NULL CHECK (octet_length(commitment) = 32),
  salt        bytea NOT NULL CHECK (octet_length(salt) = 16),
  value       text NOT NULL CHECK (length(value) <= 500),
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  PRIMARY KEY (district_id, commitment)
);
CREATE INDEX event_openings_age ON event_openings USING brin (made_at);
SELECT gp_close('event_openings');
REVOKE UPDATE, DELETE, TRUNCATE ON event_openings FROM gp_app;

CREATE TABLE head_keys (
  district_id uuid NOT NULL REFERENCES districts,
  id          text NOT NULL CHECK (id ~ '^[0-9a-f]{16}$'),
  n           bigint GENERATED ALWAYS AS IDENTITY, -- the order in which they came
  body        bytea NOT NULL, -- canonical: the public key, and the word of the key before
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  PRIMARY KEY (district_id, id)
);
SELECT gp_close('head_keys');
REVOKE UPDATE, DELETE, TRUNCATE ON head_keys FROM gp_app;

CREATE TABLE event_heads (
  district_id uuid NOT NULL REFERENCES districts,
  position    bigint NOT NULL CHECK (position > 0),
  key_id      text NOT NULL,
  at          timestamptz NOT NULL,
  body        bytea NOT NULL, -- canonical, signature and all
  PRIMARY KEY (district_id, position),
  FOREIGN KEY (district_id, key_id) REFERENCES head_keys
);
SELECT gp_close('event_heads');
REVOKE UPDATE, DELETE, TRUNCATE ON event_heads FROM gp_app;

-- +goose Down
DROP TABLE event_heads, head_keys, event_openings, event_chain;
