-- A case of one patrol may leave a town without police like a mission does, and has no
-- mission to keep the mark with: it stands beside the case. The release before this one
-- knows only that of a mission, which is kept there as well.

-- +goose Up
ALTER TABLE cases ADD COLUMN cover jsonb;

-- +goose Down
ALTER TABLE cases DROP COLUMN cover;
