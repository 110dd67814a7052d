-- A larger H3 cell does not hold exactly what its smaller ones hold, and a viewer's
-- area is judged by the smallest: so a visit names its cell of each size that is
-- asked for. cell is the one of resolution 9.

-- +goose Up
ALTER TABLE cell_visits
  ADD COLUMN cell_8 bigint NOT NULL,
  ADD COLUMN cell_7 bigint NOT NULL,
  DROP CONSTRAINT cell_visits_pkey,
  ADD PRIMARY KEY (district_id, hour, cell, cell_8, cell_7, patrol_id);

-- +goose Down
ALTER TABLE cell_visits DROP CONSTRAINT cell_visits_pkey;
DELETE FROM cell_visits;
ALTER TABLE cell_visits DROP COLUMN cell_8, DROP COLUMN cell_7,
  ADD PRIMARY KEY (district_id, hour, cell, patrol_id);
