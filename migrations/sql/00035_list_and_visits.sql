-- The published list (准入清单): what a category may be worked on by, and the article
-- that says so. A category without a row is on it. And where patrols have been lately:
-- asked by place whenever a case is looked at.

-- +goose Up
CREATE INDEX cases_place ON cases USING gist (place);

ALTER TABLE category_rules
  ADD COLUMN listed  boolean NOT NULL DEFAULT true,
  ADD COLUMN article text NOT NULL DEFAULT '' CHECK (length(article) <= 500);

-- +goose Down
ALTER TABLE category_rules DROP COLUMN listed, DROP COLUMN article;
DROP INDEX cases_place;
