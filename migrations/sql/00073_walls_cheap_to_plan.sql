-- What bounds a viewer is planned with every statement of theirs, and the wall of cases is
-- part of most others. Its eighteen questions after the viewer were eighteen plans; they
-- are one now, and the plan of what hangs on a case takes a third of the time.

-- +goose Up
-- Who looks, as one row: gp.viewer taken apart.
-- +goose StatementBegin
CREATE FUNCTION gp_me() RETURNS TABLE (district uuid, account uuid, device uuid, patrol uuid, wide boolean, covert boolean, area text, department text)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1 SET search_path = public, pg_temp
AS $$
DECLARE
  me constant jsonb := nullif(current_setting('gp.viewer', true), '');
BEGIN
  district := me ->> 'district';
  account := me ->> 'account';
  device := me ->> 'device';
  patrol := me ->> 'patrol';
  wide := coalesce((me ->> 'wide')::boolean, false);
  covert := coalesce((me ->> 'covert')::boolean, false);
  area := me ->> 'area';
  department := me ->> 'department';
  RETURN NEXT;
END $$;
-- +goose StatementEnd

-- dispatch.Visible of a case: a covert one is its commanders' and its patrols', and that
-- of whoever may see covert ones; the others are their reporters' too.
SELECT gp_close('cases', $$EXISTS (SELECT FROM gp_me() v WHERE v.district = cases.district_id AND (
      v.wide AND (v.area = '' OR v.area = ANY (cases.areas)) AND (v.department = '' OR v.department = ANY (cases.departments))
        AND (cases.covert IS NULL OR v.covert)
      OR v.account = ANY (cases.commanders)
      OR cases.covert IS NULL AND (cases.reporter_account = v.account OR cases.reporter_device = v.device)))
  OR id IN (SELECT gp_viewer_cases()) AND district_id = (SELECT gp_viewer('district')::uuid)$$);

-- dispatch.Visible of a patrol.
SELECT gp_close('patrols', $$EXISTS (SELECT FROM gp_me() v WHERE v.district = patrols.district_id AND (
  patrols.id = v.patrol OR v.wide AND (v.department = '' OR patrols.department = v.department)
    AND (v.area = '' OR patrols.area_code = ANY ((SELECT gp_viewer_areas())::text[]))))$$);

-- +goose Down
-- +goose StatementBegin
DO $$
DECLARE
  here     constant text := '(SELECT gp_viewer(''district'')::uuid)';
  account  constant text := '(SELECT gp_viewer(''account'')::uuid)';
  device   constant text := '(SELECT gp_viewer(''device'')::uuid)';
  wide     constant text := '(SELECT gp_viewer(''wide'')::boolean)';
  area     constant text := '(SELECT gp_viewer(''area''))';
  dept     constant text := '(SELECT gp_viewer(''department''))';
  patrol   constant text := '(SELECT gp_viewer(''patrol'')::uuid)';
  scope    constant text := format('(%1$s AND (%2$s = '''' OR %2$s = ANY (cases.areas)) AND (%3$s = '''' OR %3$s = ANY (cases.departments)))', wide, area, dept);
  known    constant text := format('(coalesce(%1$s = ANY (cases.commanders), false) OR cases.id IN (SELECT gp_viewer_cases()) OR ((SELECT coalesce(gp_viewer(''covert'')::boolean, false)) AND coalesce(%2$s, false)))',
    account, scope);
BEGIN
  PERFORM gp_close('cases', format('district_id = %s AND (%s
      OR reporter_account = %s OR reporter_device = %s OR %s = ANY (commanders)
      OR id IN (SELECT gp_viewer_cases())) AND (covert IS NULL OR %s)', here, scope, account, device, account, known));
  PERFORM gp_close('patrols', format('district_id = %s AND (id = %s OR (%s AND (%s = '''' OR department = %s) AND (%s = '''' OR area_code = ANY ((SELECT gp_viewer_areas())::text[]))))',
    here, patrol, wide, dept, dept, area));
END $$;
-- +goose StatementEnd
DROP FUNCTION gp_me;
