-- Several departments on one case, as one mission: what each is to bring, who commands,
-- where they meet, who is in place. The release before knows none of it: its cases go
-- on without a mission, and what it writes stays valid.

-- +goose Up

-- One row for a case, from the first plan that sends more than one department or patrol
-- on. crews is what each department is to bring, by now: a second alarm adds, a release
-- takes away. commander is the patrol whose people command. cover says which towns the
-- plan leaves without police, and who would go instead. A rendezvous that is null is
-- the place of the case itself.
CREATE TABLE missions (
  id             uuid PRIMARY KEY,
  district_id    uuid NOT NULL REFERENCES districts,
  case_id        uuid NOT NULL UNIQUE REFERENCES cases,
  state          text NOT NULL CHECK (state IN ('gathering', 'in_place', 'going', 'ended')),
  commander      uuid REFERENCES patrols,
  crews          jsonb NOT NULL DEFAULT '[]',
  rendezvous_lon double precision CHECK (rendezvous_lon BETWEEN -180 AND 180),
  rendezvous_lat double precision CHECK (rendezvous_lat BETWEEN -90 AND 90),
  rendezvous_name text NOT NULL DEFAULT '' CHECK (length(rendezvous_name) <= 200),
  meet_at        timestamptz,
  in_place_at    timestamptz,
  went_at        timestamptz,
  ended_at       timestamptz,
  cover          jsonb,
  made_at        timestamptz NOT NULL DEFAULT gp_now(),
  CHECK ((rendezvous_lon IS NULL) = (rendezvous_lat IS NULL)),
  CHECK ((state = 'ended') = (ended_at IS NOT NULL))
) WITH (fillfactor = 70);
CREATE INDEX missions_under_way ON missions (district_id, case_id) WHERE ended_at IS NULL;
SELECT gp_close('missions', 'EXISTS (SELECT FROM cases c WHERE c.id = case_id)');

-- What a category wants of each department: so many people, and skills among them. A
-- department without an entry is to bring one patrol.
ALTER TABLE category_rules ADD COLUMN crews jsonb NOT NULL DEFAULT '[]';

-- The areas that a patrol may be sent to; none is everywhere.
ALTER TABLE patrols ADD COLUMN works_in text[] NOT NULL DEFAULT '{}';

-- When it was last seen whether somebody could be sent by now.
ALTER TABLE operator_items ADD COLUMN looked_at timestamptz NOT NULL DEFAULT gp_now();

-- How often a patrol was sent lately is counted for each plan.
CREATE INDEX assignments_lately ON assignments (patrol_id, made_at);

-- What a patrol brings, as it was when it was sent; when it is to leave and to be at the
-- rendezvous, and when it was; and whom it is to relieve. Last, so that readers wait for a moment only.
ALTER TABLE assignments
  ADD COLUMN people      smallint NOT NULL DEFAULT 1 CHECK (people >= 1),
  ADD COLUMN brings      text[] NOT NULL DEFAULT '{}',
  ADD COLUMN depart_at   timestamptz,
  ADD COLUMN arrives_at  timestamptz,
  ADD COLUMN in_place_at timestamptz,
  ADD COLUMN relieves    uuid REFERENCES assignments;

-- +goose Down
ALTER TABLE assignments DROP COLUMN people, DROP COLUMN brings, DROP COLUMN depart_at, DROP COLUMN arrives_at,
  DROP COLUMN in_place_at, DROP COLUMN relieves;
DROP INDEX assignments_lately;
ALTER TABLE operator_items DROP COLUMN looked_at;
ALTER TABLE patrols DROP COLUMN works_in;
ALTER TABLE category_rules DROP COLUMN crews;
DROP TABLE missions;
