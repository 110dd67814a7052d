-- Whether a viewer sees a photo is asked by a function that keeps its plan. As part of
-- the statement it brought the policies of reports, re-visits, evidence, cases and grids
-- into each plan, several times over where copies of the photo were asked for too: the
-- plan of the reports of one case took 0.2 seconds to make, and was made anew whenever a
-- connection changed its role.

-- +goose Up
-- It reads as the viewer, whose policies say which reports, re-visits and steps they see.
-- +goose StatementBegin
CREATE FUNCTION gp_sees_photo(district uuid, sha bytea) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN EXISTS (SELECT FROM report_photos p WHERE p.district_id = district AND p.sha256 = sha)
    OR EXISTS (SELECT FROM revisit_photos p JOIN revisits r ON r.id = p.revisit_id WHERE p.district_id = district AND p.sha256 = sha)
    OR EXISTS (SELECT FROM evidence_photos p WHERE p.district_id = district AND p.sha256 = sha);
END $$;
-- +goose StatementEnd

SELECT gp_close('photos', 'gp_sees_photo(district_id, sha256)');
SELECT gp_close('photo_copies', 'gp_sees_photo(district_id, sha256)');
SELECT gp_close('photo_likes', 'gp_sees_photo(district_id, sha256)');
SELECT gp_close('photo_contents', 'gp_sees_photo(district_id, sha256)
  OR EXISTS (SELECT FROM photo_copies c WHERE c.district_id = photo_contents.district_id AND c.copy_sha256 = photo_contents.sha256)');

-- +goose Down
SELECT gp_close('photos', 'EXISTS (SELECT FROM report_photos rp WHERE rp.district_id = photos.district_id AND rp.sha256 = photos.sha256)
  OR EXISTS (SELECT FROM revisit_photos rp JOIN revisits r ON r.id = rp.revisit_id
    WHERE rp.district_id = photos.district_id AND rp.sha256 = photos.sha256)
  OR EXISTS (SELECT FROM evidence_photos ep WHERE ep.district_id = photos.district_id AND ep.sha256 = photos.sha256)');
SELECT gp_close('photo_copies', 'EXISTS (SELECT FROM photos p WHERE p.district_id = photo_copies.district_id AND p.sha256 = photo_copies.sha256)');
SELECT gp_close('photo_likes', 'EXISTS (SELECT FROM photos p WHERE p.district_id = photo_likes.district_id AND p.sha256 = photo_likes.sha256)');
SELECT gp_close('photo_contents', 'EXISTS (SELECT FROM photos p WHERE p.district_id = photo_contents.district_id AND p.sha256 = photo_contents.sha256)
  OR EXISTS (SELECT FROM photo_copies c WHERE c.district_id = photo_contents.district_id AND c.copy_sha256 = photo_contents.sha256)');
DROP FUNCTION gp_sees_photo;
