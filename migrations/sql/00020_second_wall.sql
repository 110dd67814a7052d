-- The second wall. Handlers and queries already keep a viewer to what they may see;
-- from here on the database does too, should a query forget. What is read on behalf
-- of a viewer runs in the role gp_viewer, which sees the rows that the setting
-- gp.viewer entitles it to, and none without it (docs/decisions/0003).
--
-- The planner, the timers and the release before this one work in gp_app and see the
-- district as they did: its policies are true, which costs no plan anything.

-- +goose Up
-- +goose StatementBegin
DO $$
BEGIN
  BEGIN
    CREATE ROLE gp_viewer NOLOGIN;
  EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
  END;
END $$;
-- +goose StatementEnd

-- A login that is no superuser may only take on roles it is a member of.
-- +goose StatementBegin
DO $$
DECLARE r text;
BEGIN
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    RETURN;
  END IF;
  FOREACH r IN ARRAY ARRAY['gp_app', 'gp_viewer'] LOOP
    IF NOT pg_has_role(session_user, r, 'MEMBER') THEN
      BEGIN
        EXECUTE format('GRANT %I TO %I', r, session_user);
      EXCEPTION WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'the login % may not work in the role %', session_user, r
          USING HINT = format('Have a superuser run: GRANT gp_app, gp_viewer TO %I', session_user);
      END;
    END IF;
  END LOOP;
END $$;
-- +goose StatementEnd

-- Who looks. gp.viewer is an object of district, account, device, patrol, staff, wide
-- (sees more than their own work), area and department, set for one transaction.
CREATE FUNCTION gp_viewer(key text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('gp.viewer', true), '')::jsonb ->> key $$;

-- The viewer's area and all below it. It is asked several times a query, so it keeps
-- its plan, and reads as the owner.
-- +goose StatementBegin
CREATE FUNCTION gp_viewer_areas() RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
  here constant uuid := gp_viewer('district');
  top  constant text := gp_viewer('area');
BEGIN
  IF top = '' THEN
    RETURN '{}';
  END IF;
  RETURN (WITH RECURSIVE below(code) AS (
      SELECT code FROM areas WHERE district_id = here AND code = top
      UNION
      SELECT a.code FROM areas a JOIN below b ON a.parent_code = b.code WHERE a.district_id = here
    )
    SELECT coalesce(array_agg(code), '{}') FROM below);
END $$;
-- +goose StatementEnd

-- What the viewer's patrol was given, and the grids that its people answer for. They
-- read as the owner: asking through the policies of these tables, which ask for the
-- cases, would go in circles.
-- +goose StatementBegin
CREATE FUNCTION gp_viewer_cases() RETURNS SETOF uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp ROWS 200
AS $$
DECLARE
  me constant uuid := gp_viewer('patrol');
BEGIN
  IF me IS NOT NULL THEN
    RETURN QUERY SELECT case_id FROM assignments
      WHERE patrol_id = me AND state IN ('offered', 'accepted', 'en_route', 'on_scene', 'done');
  END IF;
END $$;

CREATE FUNCTION gp_viewer_grids() RETURNS SETOF text
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp ROWS 10
AS $$
DECLARE
  me   constant uuid := gp_viewer('patrol');
  here constant uuid := gp_viewer('district');
BEGIN
  IF me IS NOT NULL THEN
    RETURN QUERY SELECT s.grid_code FROM grid_staff s JOIN patrol_members m ON m.staff_id = s.staff_id
      WHERE m.patrol_id = me AND s.district_id = here;
  END IF;
END $$;
-- +goose StatementEnd

-- Closes a table: row security is on and forced, and gp_app and the auditor see
-- through it what they were granted. seen is what a viewer sees besides; null is
-- nothing, and gp_viewer is not even granted a look. Every later table with a
-- district_id goes through here; a test asks the catalog.
-- +goose StatementBegin
CREATE FUNCTION gp_close(closed regclass, seen text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', closed);
  EXECUTE format('DROP POLICY IF EXISTS works ON %s', closed);
  EXECUTE format('CREATE POLICY works ON %s TO gp_app, gp_auditor USING (true) WITH CHECK (true)', closed);
  EXECUTE format('DROP POLICY IF EXISTS sees ON %s', closed);
  IF seen IS NOT NULL THEN
    EXECUTE format('CREATE POLICY sees ON %s FOR SELECT TO gp_viewer USING (%s)', closed, seen);
    EXECUTE format('GRANT SELECT ON %s TO gp_viewer', closed);
  END IF;
END $$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION gp_close FROM PUBLIC;

GRANT USAGE ON SCHEMA public TO gp_viewer;
GRANT SELECT ON clock_shift, revisions TO gp_viewer;

-- +goose StatementBegin
DO $$
DECLARE
  here     constant text := '(SELECT gp_viewer(''district'')::uuid)';
  wide     constant text := '(SELECT gp_viewer(''wide'')::boolean)';
  area     constant text := '(SELECT gp_viewer(''area''))';
  its_areas constant text := '((SELECT gp_viewer_areas())::text[])';
  dept     constant text := '(SELECT gp_viewer(''department''))';
  patrol   constant text := '(SELECT gp_viewer(''patrol'')::uuid)';
  -- dispatch.Visible of a patrol, and dispatch.VisibleOnMap of a grid.
  of_patrol constant text := format('district_id = %s AND (id = %s OR (%s AND (%s = '''' OR department = %s) AND (%s = '''' OR area_code = ANY %s)))',
    here, patrol, wide, dept, dept, area, its_areas);
  on_map   constant text := format('district_id = %s AND (%s = '''' OR area_code = ANY %s)', here, area, its_areas);
  of_case  constant text := 'EXISTS (SELECT FROM cases c WHERE c.id = case_id)';
  of_place text;
  t regclass;
BEGIN
  -- What is filled by COPY stays open, since COPY does not go with row security. The
  -- roads are everybody's; no viewer is granted tracks, but tracks_seen, nor visits.
  FOR t IN SELECT a.attrelid::regclass FROM pg_attribute a JOIN pg_class k ON k.oid = a.attrelid
    WHERE k.relnamespace = 'public'::regnamespace AND k.relkind IN ('r', 'p') AND NOT k.relispartition
      AND a.attname = 'district_id' AND NOT a.attisdropped AND k.relname NOT IN ('tracks', 'cell_visits', 'road_segments')
  LOOP
    PERFORM gp_close(t);
  END LOOP;
  PERFORM gp_close('districts', 'id = ' || here);
  FOREACH t IN ARRAY '{departments,areas,categories,grid_versions}'::regclass[] LOOP
    PERFORM gp_close(t, 'district_id = ' || here);
  END LOOP;

  -- dispatch.Visible of a case.
  PERFORM gp_close('cases', format('district_id = %s AND (
      (%s AND (%s = '''' OR %s = ANY (areas)) AND (%s = '''' OR %s = ANY (departments)))
      OR reporter_account = (SELECT gp_viewer(''account'')::uuid) OR reporter_device = (SELECT gp_viewer(''device'')::uuid)
      OR id IN (SELECT gp_viewer_cases()))', here, wide, area, area, dept, dept));
  FOREACH t IN ARRAY '{case_events,operator_items}'::regclass[] LOOP
    PERFORM gp_close(t, of_case);
  END LOOP;
  -- A report is its reporter's too, whatever case it has come to.
  PERFORM gp_close('reports', format('(district_id = %s AND (reporter_account = (SELECT gp_viewer(''account'')::uuid)
    OR reporter_device = (SELECT gp_viewer(''device'')::uuid))) OR %s', here, of_case));
  -- One's own come first: the policy of cases need not be asked for them.
  PERFORM gp_close('assignments', format('(district_id = %s AND patrol_id = %s
    AND state IN (''offered'', ''accepted'', ''en_route'', ''on_scene'', ''done'')) OR %s', here, patrol, of_case));
  PERFORM gp_close('report_photos', 'EXISTS (SELECT FROM reports r WHERE r.id = report_id)');
  PERFORM gp_close('report_contacts', 'EXISTS (SELECT FROM reports r WHERE r.id = report_id)');
  PERFORM gp_close('photos', 'EXISTS (SELECT FROM report_photos rp WHERE rp.district_id = photos.district_id AND rp.sha256 = photos.sha256)');
  PERFORM gp_close('photo_copies', 'EXISTS (SELECT FROM photos p WHERE p.district_id = photo_copies.district_id AND p.sha256 = photo_copies.sha256)');
  PERFORM gp_close('photo_contents', 'EXISTS (SELECT FROM photos p WHERE p.district_id = photo_contents.district_id AND p.sha256 = photo_contents.sha256)
    OR EXISTS (SELECT FROM photo_copies c WHERE c.district_id = photo_contents.district_id AND c.copy_sha256 = photo_contents.sha256)');
  -- A notice is its reader's.
  PERFORM gp_close('notices', format('district_id = %s AND (account_id = (SELECT gp_viewer(''account'')::uuid)
    OR device_id = (SELECT gp_viewer(''device'')::uuid) OR staff_id = (SELECT gp_viewer(''staff'')::uuid))', here));

  PERFORM gp_close('patrols', of_patrol);
  FOREACH t IN ARRAY '{patrol_members,device_bindings,duties,last_positions}'::regclass[] LOOP
    PERFORM gp_close(t, 'EXISTS (SELECT FROM patrols p WHERE p.id = patrol_id)');
  END LOOP;

  -- Everybody finds their way by the same map; the area bounds it.
  PERFORM gp_close('grids', on_map);
  PERFORM gp_close('waters', 'district_id = ' || here);
  EXECUTE format('CREATE VIEW waters_seen AS SELECT * FROM waters WHERE district_id = %s', here);
  EXECUTE format('CREATE VIEW grids_seen AS SELECT * FROM grids WHERE %s', on_map);
  EXECUTE format('CREATE VIEW tracks_seen AS SELECT t.* FROM tracks t
    WHERE EXISTS (SELECT FROM patrols WHERE patrols.id = t.patrol_id AND %s)', replace(of_patrol, 'district_id', 'patrols.district_id'));

  -- The people of a grid, and of a patrol. A phone number is no part of it.
  PERFORM gp_close('grid_staff', format('district_id = %s AND ((%s AND (%s = '''' OR grid_code IN (SELECT code FROM grids)))
    OR grid_code IN (SELECT gp_viewer_grids()))', here, wide, area));
  PERFORM gp_close('staff', format('district_id = %s AND (%s OR id = (SELECT gp_viewer(''staff'')::uuid)
    OR EXISTS (SELECT FROM patrol_members m WHERE m.staff_id = staff.id)
    OR EXISTS (SELECT FROM grid_staff g WHERE g.staff_id = staff.id))', here, wide));
  REVOKE SELECT ON staff FROM gp_viewer;
  GRANT SELECT (id, district_id, code, name, role, department, area_code) ON staff TO gp_viewer;

  -- A case names all who are sent to it, of whatever department; where they are it
  -- does not tell.
  EXECUTE format('CREATE VIEW patrol_names AS SELECT id, district_id, code, name FROM patrols WHERE district_id = %s', here);

  -- A place belongs to the area of the grid it lies in.
  of_place := format('district_id = %s AND (%s = '''' OR EXISTS (SELECT FROM grids_seen g JOIN grid_versions v ON v.id = g.version_id
    WHERE v.valid @> (SELECT gp_now()) AND ST_Covers(g.geom, places.geom)))', here, area);
  PERFORM gp_close('places', of_place);
  EXECUTE format('CREATE VIEW places_seen AS SELECT * FROM places WHERE %s', replace(of_place, 'district_id', 'places.district_id'));

  GRANT SELECT ON grids_seen, places_seen, waters_seen, tracks_seen, patrol_names, road_segments TO gp_viewer;
  REVOKE ALL ON grids_seen, places_seen, waters_seen, tracks_seen, patrol_names FROM gp_app;
END $$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
DO $$
DECLARE p record;
BEGIN
  DROP VIEW places_seen, waters_seen, tracks_seen, patrol_names;
  FOR p IN SELECT schemaname, tablename, policyname FROM pg_policies WHERE schemaname = 'public' AND policyname IN ('works', 'sees') LOOP
    EXECUTE format('DROP POLICY %I ON %I', p.policyname, p.tablename);
    EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY', p.tablename);
  END LOOP;
  DROP VIEW grids_seen;
END $$;
-- +goose StatementEnd
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM gp_viewer;
REVOKE ALL ON SCHEMA public FROM gp_viewer;
DROP FUNCTION gp_close, gp_viewer_grids, gp_viewer_cases, gp_viewer_areas, gp_viewer;
