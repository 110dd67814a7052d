-- Whether a fix came from a device or a patrol that a program plays, as the
-- register had it when the fix was kept: a mark that is taken off a device later
-- makes no proof of what it sent before. True, or null for life; nullable without a
-- default, so that a release that does not know the column writes on.

-- +goose Up
ALTER TABLE tracks ADD COLUMN simulated boolean;

-- The same of what was reported, as its reporter stood then.
ALTER TABLE reports ADD COLUMN simulated boolean NOT NULL DEFAULT false;

-- +goose Down
ALTER TABLE reports DROP COLUMN simulated;
ALTER TABLE tracks DROP COLUMN simulated;
