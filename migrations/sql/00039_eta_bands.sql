-- How arrivals of the last 90 days compare with what was promised at dispatch: between
-- the promise times low and times high lie eight arrivals of ten. By mode, and by
-- bucket of the week where there are enough; bucket is null for the whole week.
-- Replaced at once, which made_at tells those who
-- keep them in memory; aggregates of at least 30 arrivals, never fewer.

-- +goose Up
CREATE TABLE eta_bands (
  district_id uuid NOT NULL REFERENCES districts,
  mode        text NOT NULL CHECK (mode IN ('foot', 'ebike', 'car')),
  bucket      smallint CHECK (bucket BETWEEN 0 AND 15),
  low         double precision NOT NULL CHECK (low > 0),
  high        double precision NOT NULL CHECK (high >= low),
  arrivals    integer NOT NULL CHECK (arrivals >= 30),
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  UNIQUE NULLS NOT DISTINCT (district_id, mode, bucket)
);
SELECT gp_close('eta_bands');

-- +goose Down
DROP TABLE eta_bands;
