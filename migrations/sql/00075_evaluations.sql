-- What a reporter says, once, of how their report was settled. Their words may name people
-- and stand here, outside the chain of events, which keeps how content they are.

-- +goose Up
CREATE TABLE evaluations (
  report_id    uuid PRIMARY KEY REFERENCES reports,
  district_id  uuid NOT NULL REFERENCES districts,
  satisfaction text NOT NULL CHECK (satisfaction IN ('satisfied', 'fair', 'dissatisfied')),
  words        text NOT NULL CHECK (length(words) <= 1000),
  at           timestamptz NOT NULL
);
REVOKE UPDATE, DELETE, TRUNCATE ON evaluations FROM gp_app;

-- Seen with its report, and by nobody else.
SELECT gp_close('evaluations', 'EXISTS (SELECT FROM reports r WHERE r.id = report_id)');

-- +goose Down
DROP TABLE evaluations;
