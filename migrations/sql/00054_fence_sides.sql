-- On which side of a fence a patrol was seen last: of its own grid, and of each area
-- that is closed. A change of sides is an event; the row makes it one event, however
-- many nodes see it and however often they start.

-- +goose Up
CREATE TABLE fence_sides (
  district_id uuid NOT NULL REFERENCES districts,
  patrol_id   uuid NOT NULL REFERENCES patrols,
  kind        text NOT NULL CHECK (kind IN ('grid', 'closure')),
  fence       text NOT NULL CHECK (fence <> '' AND length(fence) <= 500), -- a closure's id; of a beat, the grids
  inside      boolean NOT NULL,
  since       timestamptz NOT NULL,
  PRIMARY KEY (patrol_id, kind, fence)
) WITH (fillfactor = 70);
SELECT gp_close('fence_sides');

-- +goose Down
DROP TABLE fence_sides;
