-- A holiday is one because somebody says so: source is who, such as the number of the
-- notice. A writer of the release before leaves it as it stands.

-- +goose Up
ALTER TABLE calendar_days ADD COLUMN source text NOT NULL DEFAULT '' CHECK (length(source) <= 200);

-- +goose Down
ALTER TABLE calendar_days DROP COLUMN source;
