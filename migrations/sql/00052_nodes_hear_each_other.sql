-- Several nodes on one database: each says whether it speaks with the others, so that
-- whoever does not hear it knows whether the way is cut or there never was one. The
-- release before writes no word here, and that is the truth about it.

-- +goose Up
ALTER TABLE nodes ADD COLUMN bus text NOT NULL DEFAULT 'none' CHECK (bus IN ('none', 'inside', 'outside'));

-- +goose Down
ALTER TABLE nodes DROP COLUMN bus;
