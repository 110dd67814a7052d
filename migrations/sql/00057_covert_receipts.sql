-- Whoever reported hears of their own report, whatever case it is in by now: one that was
-- joined to a covert case which its reporter does not know of reads as it did on the day
-- it came in, under the case that it was filed as. reported_cases, which the release
-- before this one reads, told the id and the number of the covert one.

-- +goose Up
-- +goose StatementBegin
DO $$
DECLARE
  here     constant text := '(SELECT gp_viewer(''district'')::uuid)';
  account  constant text := '(SELECT gp_viewer(''account'')::uuid)';
  device   constant text := '(SELECT gp_viewer(''device'')::uuid)';
  wide     constant text := '(SELECT gp_viewer(''wide'')::boolean)';
  area     constant text := '(SELECT gp_viewer(''area''))';
  dept     constant text := '(SELECT gp_viewer(''department''))';
  all_covert constant text := '(SELECT coalesce(gp_viewer(''covert'')::boolean, false))';
  scope    constant text := format('(%1$s AND (%2$s = '''' OR %2$s = ANY (cases.areas)) AND (%3$s = '''' OR %3$s = ANY (cases.departments)))', wide, area, dept);
  -- dispatch.Secret.Known, of the case itself; as in migration 45.
  known    constant text := format('(coalesce(%1$s = ANY (cases.commanders), false) OR cases.id IN (SELECT gp_viewer_cases()) OR (%2$s AND coalesce(%3$s, false)))',
    account, all_covert, scope);
BEGIN
  -- From the case that holds it back to the one that it was filed as, join by join.
  EXECUTE format('CREATE VIEW reports_told AS
    SELECT h.report_id, h.district_id, told.id AS case_id, told.number, CASE WHEN h.hidden THEN ''accepted'' ELSE told.stage END AS stage
    FROM (SELECT r.id AS report_id, cases.id AS case_id, cases.district_id, cases.covert IS NOT NULL AND NOT %s AS hidden
      FROM reports r JOIN cases ON cases.id = r.case_id
      WHERE cases.district_id = %s AND (r.reporter_account = %s OR r.reporter_device = %s)) h
    JOIN cases told ON told.id = CASE WHEN NOT h.hidden THEN h.case_id ELSE (
      WITH RECURSIVE came AS (
        SELECT h.case_id AS id, 0 AS n
        UNION ALL
        SELECT j.case_id, came.n + 1 FROM came JOIN case_joins j ON j.into_case_id = came.id AND j.split_at IS NULL AND j.reports @> ARRAY[h.report_id]
        WHERE came.n < 20)
      SELECT came.id FROM came ORDER BY came.n DESC LIMIT 1) END', known, here, account, device);
  GRANT SELECT ON reports_told TO gp_viewer;
  REVOKE ALL ON reports_told FROM gp_app, gp_auditor;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP VIEW reports_told;
