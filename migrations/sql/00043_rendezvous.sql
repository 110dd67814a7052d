-- What is known of where a mission meets: how far it is from the place of the case and
-- whether it is covered, who chose it and which rules it breaks, whom and what roads it
-- was found for, and when times to leave were told. The place itself stands beside it;
-- the release before keeps that and lets this be.

-- +goose Up
ALTER TABLE missions ADD COLUMN meeting jsonb;

-- +goose Down
ALTER TABLE missions DROP COLUMN meeting;
