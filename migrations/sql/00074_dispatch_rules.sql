-- How the desk sends in a district: how long before the end of its shift a patrol that is
-- on a case is told to hand over (0: nobody is told), how much a move of a patrol that has
-- not set out must save (0: nobody is moved), and how long neither that patrol nor its case
-- is moved again. A release that knows none of it goes by the same figures. A district
-- without a row has them too.

-- +goose Up
CREATE TABLE dispatch_rules (
  district_id  uuid PRIMARY KEY REFERENCES districts,
  version      bigint NOT NULL DEFAULT 1,
  hand_over_s  integer NOT NULL DEFAULT 1800 CHECK (hand_over_s BETWEEN 0 AND 14400),
  move_saves_s integer NOT NULL DEFAULT 180 CHECK (move_saves_s BETWEEN 0 AND 3600),
  move_quiet_s integer NOT NULL DEFAULT 600 CHECK (move_quiet_s BETWEEN 0 AND 14400)
);
INSERT INTO dispatch_rules (district_id) SELECT id FROM districts;
SELECT gp_close('dispatch_rules');

-- When the shift of a patrol ends that was told to hand over, and null for all others.
-- Last, so that readers wait for a moment only.
ALTER TABLE assignments ADD COLUMN shift_ends_at timestamptz;

-- +goose Down
ALTER TABLE assignments DROP COLUMN shift_ends_at;
DROP TABLE dispatch_rules;
