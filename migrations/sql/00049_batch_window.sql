-- Reports that may wait some seconds are planned together. The window is their deadlines:
-- one that is `together` is due when the window closes, and whoever finds one due takes
-- all that wait. A program of the release before plans each at its time, alone.
--
-- reporter is the patrol of whoever reported, who stands at the place: the plan that comes
-- later knows it too.

-- +goose Up
ALTER TABLE deadlines ADD COLUMN together boolean NOT NULL DEFAULT false;
ALTER TABLE deadlines ADD COLUMN reporter uuid;
CREATE INDEX deadlines_together ON deadlines (due_at) WHERE together;

-- +goose Down
ALTER TABLE deadlines DROP COLUMN reporter;
ALTER TABLE deadlines DROP COLUMN together;
