-- Whose patrol somebody is in decides which covert cases they see. A socket keeps the
-- answer it was given, so that it ends when the patrol of its account is another one.

-- +goose Up
CREATE TRIGGER patrol_members_change AFTER INSERT OR UPDATE OR DELETE ON patrol_members
  FOR EACH STATEMENT EXECUTE FUNCTION access_ended();
CREATE TRIGGER accounts_person AFTER UPDATE OF staff_id ON accounts
  FOR EACH ROW WHEN (old.staff_id IS DISTINCT FROM new.staff_id) EXECUTE FUNCTION access_ended();

-- +goose Down
DROP TRIGGER accounts_person ON accounts;
DROP TRIGGER patrol_members_change ON patrol_members;
