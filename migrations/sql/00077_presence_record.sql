-- When a patrol was heard of, was late, was lost or went off duty, and when it came into a
-- fence or left it: what is asked for later, for a day and one patrol at a time. Still and
-- moving are one here; the track says which. presence_now makes a change one row, however
-- many nodes see it; fence_sides does so for fences. It tells no place but a fence's name.
--
-- Some thirty rows a patrol and day: no partitions, and the nightly run takes old ones out.
-- The release before this one writes none of it, and says at the end of its night's run
-- that it does not know the kind.

-- +goose Up
CREATE TABLE presence_now (
  patrol_id   uuid PRIMARY KEY REFERENCES patrols,
  district_id uuid NOT NULL REFERENCES districts,
  presence    text NOT NULL CHECK (presence IN ('online', 'stale', 'lost', 'off_duty')),
  since       timestamptz NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE presence_moments (
  id          bigint GENERATED ALWAYS AS IDENTITY,
  district_id uuid NOT NULL REFERENCES districts,
  patrol_id   uuid NOT NULL REFERENCES patrols,
  at          timestamptz NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('online', 'stale', 'lost', 'off_duty', 'entered', 'left')),
  area        text CHECK (area IN ('grid', 'closure', 'place')),
  name        text CHECK (length(name) <= 500), -- of the area: a closure's id, a place's code; of a beat, the grids
  because     text CHECK (length(because) <= 200),
  simulated   boolean NOT NULL DEFAULT false,
  PRIMARY KEY (patrol_id, at, id),
  CHECK ((area IS NOT NULL) = (kind IN ('entered', 'left')) AND (area IS NULL) = (name IS NULL))
);
-- The presence that was in force before a span begins.
CREATE INDEX presence_moments_presence ON presence_moments (patrol_id, at) WHERE area IS NULL;
-- What the nightly run looks for; rows come in this order.
CREATE INDEX presence_moments_at ON presence_moments USING brin (at);
REVOKE UPDATE, DELETE, TRUNCATE ON presence_moments FROM gp_app;

SELECT gp_close('presence_now');
SELECT gp_close('presence_moments', 'EXISTS (SELECT FROM patrols p WHERE p.id = patrol_id)');

INSERT INTO retention_policies (district_id, kind, keep_days, least_days)
SELECT id, 'presence_moments', 365, 9 FROM districts ON CONFLICT DO NOTHING;

-- +goose Down
DELETE FROM retention_policies WHERE kind = 'presence_moments';
DROP TABLE presence_moments, presence_now;
