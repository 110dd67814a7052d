-- A place may have a fence: so many metres around it, within which a patrol has been
-- there. Coming and going is an event, as it is of a patrol's own grid and of an area
-- that is closed. A place without one is watched by nobody.
--
-- The release before this one reads and writes places without it, and leaves it as it
-- stands.

-- +goose Up
ALTER TABLE places ADD COLUMN fence_m integer CHECK (fence_m BETWEEN 30 AND 2000);
ALTER TABLE fence_sides DROP CONSTRAINT fence_sides_kind_check,
  ADD CONSTRAINT fence_sides_kind_check CHECK (kind IN ('grid', 'closure', 'place'));

-- +goose Down
DELETE FROM fence_sides WHERE kind = 'place';
ALTER TABLE fence_sides DROP CONSTRAINT fence_sides_kind_check,
  ADD CONSTRAINT fence_sides_kind_check CHECK (kind IN ('grid', 'closure'));
ALTER TABLE places DROP COLUMN fence_m;
