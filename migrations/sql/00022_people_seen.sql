-- The lists of people and devices, the telephones and the duty sheet come behind the
-- second wall too (docs/decisions/0003). Each is a view of all, for the program's own
-- role where it needs one, and beside it a view of what the viewer may see: a policy
-- on the tables would take away the rows that say where a person or a device belongs.
--
-- gp.viewer has one more word, phones: whether the viewer's role may have telephones.
-- The release before this one does not set it and reads none of these views.

-- +goose Up

-- A person with the patrol they are in, and the parts they have in grids, at present.
CREATE VIEW people AS
SELECT s.id, s.district_id, s.code, s.name, s.role, s.department, s.area_code, s.phone, m.patrol_id,
  ARRAY(SELECT g.grid_code FROM grid_staff g WHERE g.staff_id = s.id AND g.valid @> (SELECT gp_now()) ORDER BY g.grid_code, g.part) AS grids,
  ARRAY(SELECT g.part FROM grid_staff g WHERE g.staff_id = s.id AND g.valid @> (SELECT gp_now()) ORDER BY g.grid_code, g.part) AS parts
FROM staff s LEFT JOIN LATERAL (SELECT m.patrol_id FROM patrol_members m WHERE m.staff_id = s.id AND m.valid @> (SELECT gp_now())
  ORDER BY lower(m.valid) DESC LIMIT 1) m ON true;

-- A device belongs where the patrol is that it speaks for, or spoke for last. When it
-- was heard is what its streams say; its newest fix lies in the partitions of the last
-- days, which the track's key reads from the newest down. Where it is stands nowhere.
CREATE VIEW device_states AS
SELECT d.id, d.district_id, d.code, d.name, d.model, d.simulated, d.enrolled_at, d.revoked_at,
  p.id AS patrol_id, p.department, p.area_code, coalesce(b.valid @> (SELECT gp_now()), false) AS bound,
  nullif(lower(b.valid), '-infinity') AS bound_since, seen.at AS last_seen, fix.t, fix.battery::float8 AS battery,
  (SELECT count(*) FROM tokens k WHERE k.device_id = d.id AND k.revoked_at IS NULL
    AND (k.expires_at IS NULL OR k.expires_at > (SELECT gp_now())))::int AS tokens
FROM devices d
LEFT JOIN LATERAL (SELECT b.patrol_id, b.valid FROM device_bindings b WHERE b.device_id = d.id
  AND (lower_inf(b.valid) OR lower(b.valid) <= (SELECT gp_now())) ORDER BY lower(b.valid) DESC NULLS LAST LIMIT 1) b ON true
LEFT JOIN patrols p ON p.id = b.patrol_id
LEFT JOIN LATERAL (SELECT max(written_at) AS at FROM beacon_streams w WHERE w.device_id = d.id) seen ON true
LEFT JOIN LATERAL (SELECT t, battery FROM tracks k WHERE k.device_id = d.id AND k.t > (SELECT gp_now()) - interval '2 days'
  ORDER BY k.t DESC LIMIT 1) fix ON true;

-- Whom to call, and whether they are on duty.
CREATE VIEW phones AS
SELECT s.id, s.district_id, s.phone,
  EXISTS (SELECT FROM patrol_members m JOIN patrols p ON p.id = m.patrol_id
    WHERE m.staff_id = s.id AND m.valid @> (SELECT gp_now()) AND p.status <> 'off_duty') AS on_duty
FROM staff s;

REVOKE ALL ON people, device_states, phones FROM gp_app, gp_auditor;
GRANT SELECT ON people, device_states TO gp_app;

-- The viewer's area and all above it.
CREATE FUNCTION gp_viewer_above() RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp
AS $$ SELECT gp_area_path(gp_viewer('district')::uuid, gp_viewer('area')) $$;

-- +goose StatementBegin
DO $$
DECLARE
  here     constant text := '(SELECT gp_viewer(''district'')::uuid)';
  wide     constant text := '(SELECT gp_viewer(''wide'')::boolean)';
  area     constant text := '(SELECT gp_viewer(''area''))';
  its_areas constant text := '((SELECT gp_viewer_areas())::text[])';
  dept     constant text := '(SELECT gp_viewer(''department''))';
  patrol   constant text := '(SELECT gp_viewer(''patrol'')::uuid)';
  -- dispatch.Manages of a person or a device, as far as area and department go.
  managed  constant text := format('district_id = %s AND %s AND (%s = '''' OR area_code = ANY %s) AND (%s = '''' OR department = %s)',
    here, wide, area, its_areas, dept, dept);
BEGIN
  EXECUTE format('CREATE VIEW people_seen AS SELECT * FROM people WHERE %s', managed);
  EXECUTE format('CREATE VIEW device_states_seen AS SELECT * FROM device_states WHERE %s', managed);
  -- Telephones of one's own people, of whoever is in a patrol or a grid that the viewer
  -- sees, and of those who lead the viewer's town.
  EXECUTE format('CREATE VIEW phones_seen AS SELECT * FROM phones
    WHERE district_id = %1$s AND %2$s AND (SELECT coalesce(gp_viewer(''phones'')::boolean, false)) AND id IN (
      SELECT s.id FROM staff s WHERE s.district_id = %1$s AND (
        ((%3$s = '''' OR s.area_code = ANY %4$s) AND (%5$s = '''' OR s.department = %5$s))
        OR (s.role = ''town_leader'' AND s.area_code = ANY ((SELECT gp_viewer_above())::text[])))
      UNION ALL
      SELECT m.staff_id FROM patrol_members m JOIN patrols p ON p.id = m.patrol_id
      WHERE p.district_id = %1$s AND (p.id = %6$s OR ((%3$s = '''' OR p.area_code = ANY %4$s) AND (%5$s = '''' OR p.department = %5$s)))
      UNION ALL
      SELECT g.staff_id FROM grid_staff g
      WHERE g.district_id = %1$s AND (%3$s = '''' OR g.grid_code IN (SELECT code FROM grids_seen)))',
    here, wide, area, its_areas, dept, patrol);

  -- Whoever was told of a case knows its number, though the case may not be theirs to
  -- see any more.
  EXECUTE format('CREATE VIEW told_cases AS SELECT id, district_id, number FROM cases WHERE district_id = %s', here);
  GRANT SELECT ON people_seen, device_states_seen, phones_seen, told_cases TO gp_viewer;
  REVOKE ALL ON people_seen, device_states_seen, phones_seen, told_cases FROM gp_app, gp_auditor;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP VIEW told_cases, phones_seen, device_states_seen, people_seen, phones, device_states, people;
DROP FUNCTION gp_viewer_above;
