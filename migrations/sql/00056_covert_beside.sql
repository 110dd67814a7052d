-- What stands beside a covert case says nothing of it either: a revisit of its place is
-- nobody's to see who does not know of it, though the place lies in their grid. And who
-- was shown a covert case is kept as long as who looked at a place.
--
-- The release before this one says at the end of its night's run that it does not know
-- the kind, and removes the others.

-- +goose Up
SELECT gp_close('revisits', 'EXISTS (SELECT FROM cases c WHERE c.id = case_id)
  OR (district_id = (SELECT gp_viewer(''district'')::uuid) AND NOT EXISTS (SELECT FROM told_cases k WHERE k.id = case_id AND k.hidden)
    AND EXISTS (SELECT FROM grids g JOIN grid_versions v ON v.id = g.version_id
      WHERE v.valid @> (SELECT gp_now()) AND ST_DWithin(g.geom, revisits.place, 0.025) AND g.code IN (SELECT gp_viewer_grids())))');

INSERT INTO retention_policies (district_id, kind, keep_days, least_days)
SELECT id, 'case_views', 1095, 180 FROM districts
ON CONFLICT DO NOTHING;
CREATE INDEX case_views_bucket ON case_views (bucket);

-- +goose Down
DROP INDEX case_views_bucket;
DELETE FROM retention_policies WHERE kind = 'case_views';
SELECT gp_close('revisits', 'EXISTS (SELECT FROM cases c WHERE c.id = case_id)
  OR (district_id = (SELECT gp_viewer(''district'')::uuid) AND EXISTS (SELECT FROM grids g JOIN grid_versions v ON v.id = g.version_id
    WHERE v.valid @> (SELECT gp_now()) AND ST_DWithin(g.geom, revisits.place, 0.025) AND g.code IN (SELECT gp_viewer_grids())))');
