-- Who outside is told that cases move on. What is to be told is written with the change
-- itself, and carried out of the house afterwards, again and again until it is taken.
-- A district without a row in webhook_books has no webhooks; a release that knows none of
-- them writes none.

-- +goose Up
-- Counts the changes of a district's webhooks: a program that remembers them sees by it
-- whether it is to read them again. Every change of a case reads it with the calendar's.
CREATE TABLE webhook_books (
  district_id uuid PRIMARY KEY REFERENCES districts,
  version     bigint NOT NULL DEFAULT 0
);

-- One that is deleted stays, for what it was told; its secret goes.
CREATE TABLE webhooks (
  id               uuid PRIMARY KEY,
  district_id      uuid NOT NULL REFERENCES districts,
  name             text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  url              text NOT NULL CHECK (length(url) BETWEEN 1 AND 2000),
  kinds            text[] NOT NULL CHECK (cardinality(kinds) BETWEEN 1 AND 32),
  area_code        text NOT NULL DEFAULT '',
  department       text NOT NULL DEFAULT '',
  version          bigint NOT NULL DEFAULT 1,
  made_at          timestamptz NOT NULL DEFAULT gp_now(),
  made_by          uuid,
  disabled_because text CHECK (disabled_because IN ('by_hand', 'failing', 'gone', 'overfull')),
  failing_since    timestamptz,
  last_fault       text NOT NULL DEFAULT '',
  delivered_at     timestamptz,
  deleted_at       timestamptz
);
CREATE INDEX webhooks_district ON webhooks (district_id) WHERE deleted_at IS NULL;
REVOKE DELETE, TRUNCATE ON webhooks FROM gp_app;

-- As it is, since each message is signed with it. Nobody but the service reads it.
CREATE TABLE webhook_secrets (
  webhook_id  uuid PRIMARY KEY REFERENCES webhooks,
  district_id uuid NOT NULL REFERENCES districts,
  secret      bytea NOT NULL CHECK (octet_length(secret) BETWEEN 24 AND 64)
);
REVOKE SELECT ON webhook_secrets FROM gp_auditor;

-- due_at is when the next try may begin, null where there will be none. A try puts it off
-- before it begins, so that another node goes on with what a dead one left.
CREATE TABLE webhook_deliveries (
  id          uuid PRIMARY KEY,
  district_id uuid NOT NULL REFERENCES districts,
  webhook_id  uuid NOT NULL REFERENCES webhooks,
  kind        text NOT NULL,
  case_id     uuid REFERENCES cases,
  body        bytea NOT NULL CHECK (octet_length(body) <= 4096),
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  state       text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'given_up', 'withheld')),
  due_at      timestamptz,
  tries       integer NOT NULL DEFAULT 0,
  status      integer,
  answer      text NOT NULL DEFAULT '' CHECK (length(answer) <= 500),
  took_ms     integer,
  ended_at    timestamptz,
  CHECK ((state = 'waiting') = (due_at IS NOT NULL) AND (state = 'waiting') = (ended_at IS NULL))
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_deliveries_newest ON webhook_deliveries (webhook_id, id DESC);
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (ended_at) WHERE ended_at IS NOT NULL;
REVOKE DELETE, TRUNCATE ON webhook_deliveries FROM gp_app;

SELECT gp_close('webhook_books');
SELECT gp_close('webhooks');
SELECT gp_close('webhook_secrets');
SELECT gp_close('webhook_deliveries');

INSERT INTO retention_policies (district_id, kind, keep_days, least_days)
SELECT id, 'webhook_deliveries', 30, 1 FROM districts ON CONFLICT DO NOTHING;

-- +goose Down
DELETE FROM retention_policies WHERE kind = 'webhook_deliveries';
DROP TABLE webhook_deliveries, webhook_secrets, webhooks, webhook_books;
