-- Covert cases (隐蔽行动): until it is released, a case is seen by those who take part,
-- by its commanders and by whom the rule names, and by nobody else; nor are the places
-- of those who are on it. docs/decisions/0011 says why so.
--
-- gp.viewer has one more word, covert: whether the viewer's role sees covert cases of
-- its scope. The release before this one does not set it, so its viewers see none.

-- +goose Up

-- covert: since, until, reason, by, and what its reporters are told on release; null is
-- a case like any other. commanders are accounts; they see it whatever their scope.
ALTER TABLE cases
  ADD COLUMN covert jsonb,
  ADD COLUMN commanders uuid[] NOT NULL DEFAULT '{}';
CREATE INDEX cases_covert ON cases (district_id) WHERE covert IS NOT NULL;

-- The live side hears of it by announcements, and reads it with the register at a start:
-- should it have missed one, it finds so here.
CREATE TRIGGER cases_covert_changed AFTER UPDATE OF covert ON cases
  FOR EACH ROW WHEN ((OLD.covert IS NULL) <> (NEW.covert IS NULL)) EXECUTE FUNCTION roster_changed();
CREATE TRIGGER cases_born_covert AFTER INSERT ON cases
  FOR EACH ROW WHEN (NEW.covert IS NOT NULL) EXECUTE FUNCTION roster_changed();

-- How long a case of this category is covert from its report on; null: it is not.
ALTER TABLE category_rules ADD COLUMN covert_hours integer CHECK (covert_hours BETWEEN 1 AND 720);

-- The release is a deadline like the others, but of no stage: it outlives the case.
ALTER TABLE deadlines DROP CONSTRAINT deadlines_step_check;
ALTER TABLE deadlines ADD CONSTRAINT deadlines_step_check CHECK (step IN ('dispatch', 'offer', 'answer', 'release'));

-- Who was shown a covert case, once a viewer, case and 10 minutes, for what repeats
-- itself: lists and the live map. Opening one is an event each time.
CREATE TABLE case_views (
  district_id uuid NOT NULL REFERENCES districts,
  viewer_id   uuid NOT NULL,
  viewer_kind text NOT NULL CHECK (viewer_kind IN ('account', 'device')),
  case_id     uuid NOT NULL REFERENCES cases,
  bucket      timestamptz NOT NULL,
  what        text NOT NULL,
  PRIMARY KEY (case_id, bucket, viewer_id, what)
);
SELECT gp_close('case_views');
REVOKE UPDATE, DELETE ON case_views FROM gp_app;

-- +goose StatementBegin
DO $$
DECLARE
  here     constant text := '(SELECT gp_viewer(''district'')::uuid)';
  account  constant text := '(SELECT gp_viewer(''account'')::uuid)';
  device   constant text := '(SELECT gp_viewer(''device'')::uuid)';
  wide     constant text := '(SELECT gp_viewer(''wide'')::boolean)';
  area     constant text := '(SELECT gp_viewer(''area''))';
  its_areas constant text := '((SELECT gp_viewer_areas())::text[])';
  dept     constant text := '(SELECT gp_viewer(''department''))';
  patrol   constant text := '(SELECT gp_viewer(''patrol'')::uuid)';
  all_covert constant text := '(SELECT coalesce(gp_viewer(''covert'')::boolean, false))';
  scope    constant text := format('(%1$s AND (%2$s = '''' OR %2$s = ANY (cases.areas)) AND (%3$s = '''' OR %3$s = ANY (cases.departments)))', wide, area, dept);
  -- dispatch.Secret.Known, of the case itself.
  known    constant text := format('(coalesce(%1$s = ANY (cases.commanders), false) OR cases.id IN (SELECT gp_viewer_cases()) OR (%2$s AND coalesce(%3$s, false)))',
    account, all_covert, scope);
  of_patrol constant text := format('patrols.district_id = %s AND (id = %s OR (%s AND (%s = '''' OR department = %s) AND (%s = '''' OR area_code = ANY %s)))',
    here, patrol, wide, dept, dept, area, its_areas);
BEGIN
  -- dispatch.Visible of a case.
  PERFORM gp_close('cases', format('district_id = %s AND (%s
      OR reporter_account = %s OR reporter_device = %s OR %s = ANY (commanders)
      OR id IN (SELECT gp_viewer_cases())) AND (covert IS NULL OR %s)', here, scope, account, device, account, known));

  -- Whoever was told of a case knows its number, unless it has become covert since.
  EXECUTE format('CREATE OR REPLACE VIEW told_cases AS SELECT id, district_id, number, covert IS NOT NULL AND NOT %s AS hidden
    FROM cases WHERE district_id = %s', known, here);
  PERFORM gp_close('notices', format('district_id = %s AND (account_id = %s OR device_id = %s OR staff_id = (SELECT gp_viewer(''staff'')::uuid))
    AND (why = ''received'' OR NOT EXISTS (SELECT FROM told_cases t WHERE t.id = case_id AND t.hidden))', here, account, device));

  -- A reporter keeps the receipt: the number, and that it was accepted.
  EXECUTE format('CREATE VIEW reported_cases AS SELECT id, district_id, number,
      CASE WHEN covert IS NOT NULL AND NOT %s THEN ''accepted'' ELSE stage END AS stage
    FROM cases WHERE district_id = %s AND EXISTS (SELECT FROM reports r WHERE r.case_id = cases.id
      AND (r.reporter_account = %s OR r.reporter_device = %s))', known, here, account, device);

  -- What hides where a patrol was: from the claim to the end of its assignment, and near
  -- the target until the case is released. Of the veils that the viewer sees through,
  -- none is here.
  EXECUTE format('CREATE FUNCTION gp_veils() RETURNS TABLE (patrol_id uuid, since timestamptz, until timestamptz, place geometry)
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp ROWS 10 AS $f$
    SELECT a.patrol_id, a.made_at, CASE WHEN a.active THEN ''infinity'' ELSE coalesce(a.ended_at, a.made_at) END, cases.place
    FROM cases JOIN assignments a ON a.case_id = cases.id
    WHERE cases.district_id = %1$s AND cases.covert IS NOT NULL AND a.state <> ''proposed'' AND a.patrol_id IS DISTINCT FROM %2$s AND NOT %3$s
    $f$', here, patrol, known);
  EXECUTE format('CREATE OR REPLACE VIEW tracks_seen AS SELECT t.* FROM tracks t
    WHERE EXISTS (SELECT FROM patrols WHERE patrols.id = t.patrol_id AND %s)
      AND NOT EXISTS (SELECT FROM gp_veils() v WHERE v.patrol_id = t.patrol_id AND t.t >= v.since
        AND (t.t < v.until OR ST_DistanceSphere(v.place, ST_SetSRID(ST_MakePoint(t.lon, t.lat), 4326)) <= 1000))', of_patrol);
  PERFORM gp_close('last_positions', 'EXISTS (SELECT FROM patrols p WHERE p.id = patrol_id)
    AND NOT EXISTS (SELECT FROM gp_veils() v WHERE v.patrol_id = last_positions.patrol_id
      AND (last_positions.t < v.until OR ST_DistanceSphere(v.place, ST_SetSRID(ST_MakePoint(last_positions.lon, last_positions.lat), 4326)) <= 1000))');

  GRANT SELECT ON reported_cases TO gp_viewer;
  REVOKE ALL ON reported_cases FROM gp_app, gp_auditor;
END $$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
DO $$
DECLARE
  here     constant text := '(SELECT gp_viewer(''district'')::uuid)';
  wide     constant text := '(SELECT gp_viewer(''wide'')::boolean)';
  area     constant text := '(SELECT gp_viewer(''area''))';
  its_areas constant text := '((SELECT gp_viewer_areas())::text[])';
  dept     constant text := '(SELECT gp_viewer(''department''))';
  patrol   constant text := '(SELECT gp_viewer(''patrol'')::uuid)';
BEGIN
  PERFORM gp_close('cases', format('district_id = %s AND (
      (%s AND (%s = '''' OR %s = ANY (areas)) AND (%s = '''' OR %s = ANY (departments)))
      OR reporter_account = (SELECT gp_viewer(''account'')::uuid) OR reporter_device = (SELECT gp_viewer(''device'')::uuid)
      OR id IN (SELECT gp_viewer_cases()))', here, wide, area, area, dept, dept));
  PERFORM gp_close('notices', format('district_id = %s AND (account_id = (SELECT gp_viewer(''account'')::uuid)
    OR device_id = (SELECT gp_viewer(''device'')::uuid) OR staff_id = (SELECT gp_viewer(''staff'')::uuid))', here));
  PERFORM gp_close('last_positions', 'EXISTS (SELECT FROM patrols p WHERE p.id = patrol_id)');
  EXECUTE format('CREATE OR REPLACE VIEW tracks_seen AS SELECT t.* FROM tracks t
    WHERE EXISTS (SELECT FROM patrols WHERE patrols.id = t.patrol_id AND patrols.district_id = %s AND (id = %s OR (%s AND (%s = '''' OR department = %s) AND (%s = '''' OR area_code = ANY %s))))',
    here, patrol, wide, dept, dept, area, its_areas);
  DROP VIEW reported_cases, told_cases;
  EXECUTE format('CREATE VIEW told_cases AS SELECT id, district_id, number FROM cases WHERE district_id = %s', here);
  GRANT SELECT ON told_cases TO gp_viewer;
  REVOKE ALL ON told_cases FROM gp_app, gp_auditor;
END $$;
-- +goose StatementEnd
DROP FUNCTION gp_veils;
DROP TRIGGER cases_covert_changed ON cases;
DROP TRIGGER cases_born_covert ON cases;
DROP TABLE case_views;
DELETE FROM deadlines WHERE step = 'release';
ALTER TABLE deadlines DROP CONSTRAINT deadlines_step_check;
ALTER TABLE deadlines ADD CONSTRAINT deadlines_step_check CHECK (step IN ('dispatch', 'offer', 'answer'));
ALTER TABLE category_rules DROP COLUMN covert_hours;
DROP INDEX cases_covert;
ALTER TABLE cases DROP COLUMN commanders, DROP COLUMN covert;
