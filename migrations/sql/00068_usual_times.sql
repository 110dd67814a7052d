-- +goose Up
-- What the last assignments of a department took is asked with each shortfall.
CREATE INDEX assignments_took ON assignments (district_id, department, id DESC) WHERE state = 'done' AND arrived_at IS NOT NULL;

-- +goose Down
DROP INDEX assignments_took;
