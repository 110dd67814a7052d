-- Whether a proposal still holds was asked of every open one each second: with six hundred
-- that nobody decides a quarter of the database. Each has a time now at which it is looked
-- at again, and whom others propose is found by the patrol. A removed assignment was
-- searched for among all as one that another relieves.

-- +goose Up
CREATE TABLE proposal_looks (
  case_id     uuid PRIMARY KEY REFERENCES cases ON DELETE CASCADE,
  district_id uuid NOT NULL REFERENCES districts,
  look_at     timestamptz NOT NULL
);
CREATE INDEX proposal_looks_due ON proposal_looks (district_id, look_at);
SELECT gp_close('proposal_looks');

-- +goose StatementBegin
CREATE FUNCTION proposal_waits() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  -- One that is there keeps its time; touching it waits for a look that may remove it.
  INSERT INTO proposal_looks AS l (case_id, district_id, look_at) VALUES (NEW.id, NEW.district_id, gp_now() + interval '1 s')
  ON CONFLICT (case_id) DO UPDATE SET look_at = l.look_at;
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER cases_born_proposed AFTER INSERT ON cases
  FOR EACH ROW WHEN (NEW.dispatch = 'proposed') EXECUTE FUNCTION proposal_waits();
CREATE TRIGGER cases_proposed AFTER UPDATE OF dispatch ON cases
  FOR EACH ROW WHEN (NEW.dispatch = 'proposed' AND OLD.dispatch <> 'proposed') EXECUTE FUNCTION proposal_waits();
INSERT INTO proposal_looks (case_id, district_id, look_at)
SELECT id, district_id, gp_now() FROM cases WHERE dispatch = 'proposed' AND stage = 'reported' AND closed_at IS NULL;

CREATE INDEX assignments_proposed ON assignments (patrol_id) WHERE state = 'proposed';
CREATE INDEX assignments_relieves ON assignments (relieves) WHERE relieves IS NOT NULL;

-- +goose Down
DROP INDEX assignments_relieves, assignments_proposed;
DROP TRIGGER cases_proposed ON cases;
DROP TRIGGER cases_born_proposed ON cases;
DROP FUNCTION proposal_waits;
DROP TABLE proposal_looks;
