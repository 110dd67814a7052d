-- Case numbers without a queue. The counter row of 00002 was locked from a report's
-- first statement to its commit, so reports that came together were taken in one
-- after the other: under load that lock was most of a report's time. A sequence
-- locks nothing; the base of a day makes its first case number 1. A report that is
-- refused leaves a hole.

-- +goose Up
CREATE SEQUENCE case_numbers;

CREATE TABLE case_days (
  district_id uuid NOT NULL REFERENCES districts,
  day         date NOT NULL,
  base        bigint NOT NULL,
  PRIMARY KEY (district_id, day)
);

-- Days that were counted before go on where they were.
INSERT INTO case_days (district_id, day, base) SELECT district_id, day, -last FROM case_counters;
SELECT setval('case_numbers', 1, false);
DROP TABLE case_counters;

-- +goose Down
CREATE TABLE case_counters (
  district_id uuid NOT NULL REFERENCES districts,
  day         date NOT NULL,
  last        integer NOT NULL,
  PRIMARY KEY (district_id, day)
) WITH (fillfactor = 50);
DROP TABLE case_days;
DROP SEQUENCE case_numbers;
