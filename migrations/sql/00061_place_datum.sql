-- What the next socket of a device goes on from, after a restart too: the datum that it
-- sent the place in, where that is not WGS-84 (the place is in WGS-84 all the same), and
-- how full its battery was, which decides how often it is asked to send. And what was
-- last doubtful about a stream that somebody can mend on the device: a datum, a frozen
-- place, a mock one. A writer of the release before leaves all of it as it stands.

-- +goose Up
ALTER TABLE last_positions
  ADD COLUMN datum text CHECK (datum IN ('gcj02', 'bd09')),
  ADD COLUMN battery real CHECK (battery BETWEEN 0 AND 1);
ALTER TABLE beacon_streams
  ADD COLUMN doubts text CHECK (doubts <> ''), -- by name with commas between
  ADD COLUMN doubted_at timestamptz,
  ADD CHECK ((doubts IS NULL) = (doubted_at IS NULL));

-- +goose Down
ALTER TABLE beacon_streams DROP COLUMN doubts, DROP COLUMN doubted_at;
ALTER TABLE last_positions DROP COLUMN datum, DROP COLUMN battery;
