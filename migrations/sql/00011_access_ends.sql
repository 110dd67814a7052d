-- A socket was let in once and may stay for days. Whatever ends the right that
-- opened it (a token, a device or an account that is taken away, a session that is
-- signed out) moves one row in the same transaction, by whatever door it came; every
-- node looks at that row several times a second and asks again for the sockets it
-- holds. Nothing can be lost on the way, since a row is compared and no message sent.

-- +goose Up
CREATE TABLE access_revision (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  revision bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
INSERT INTO access_revision DEFAULT VALUES;
REVOKE INSERT, DELETE, TRUNCATE ON access_revision FROM gp_app;

-- +goose StatementBegin
CREATE FUNCTION access_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE access_revision SET revision = revision + 1;
  RETURN NULL;
END $$;
CREATE FUNCTION sessions_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- Every sign-in sweeps, mostly nothing.
  IF EXISTS (SELECT FROM gone) THEN
    UPDATE access_revision SET revision = revision + 1;
  END IF;
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER tokens_end AFTER UPDATE OF revoked_at, expires_at ON tokens
  FOR EACH ROW WHEN ((old.revoked_at, old.expires_at) IS DISTINCT FROM (new.revoked_at, new.expires_at)) EXECUTE FUNCTION access_ended();
CREATE TRIGGER tokens_go AFTER DELETE ON tokens FOR EACH ROW EXECUTE FUNCTION access_ended();
CREATE TRIGGER devices_end AFTER UPDATE OF revoked_at ON devices
  FOR EACH ROW WHEN (old.revoked_at IS DISTINCT FROM new.revoked_at) EXECUTE FUNCTION access_ended();
-- What a viewer sees follows from these, and a socket keeps the answer it was given.
CREATE TRIGGER accounts_end AFTER UPDATE OF disabled_at, role, area_code, department ON accounts
  FOR EACH ROW WHEN ((old.disabled_at, old.role, old.area_code, old.department)
    IS DISTINCT FROM (new.disabled_at, new.role, new.area_code, new.department)) EXECUTE FUNCTION access_ended();
CREATE TRIGGER accounts_go AFTER DELETE ON accounts FOR EACH ROW EXECUTE FUNCTION access_ended();
CREATE TRIGGER sessions_end AFTER DELETE ON sessions REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION sessions_ended();

-- A ticket opens a socket for as long as that which it was made with is good: the
-- hash of a session's secret or of a token. A ticket of the release before has
-- neither, and its socket ends with the account or the device.
ALTER TABLE tickets
  ADD COLUMN session_hash bytea CHECK (length(session_hash) = 32),
  ADD COLUMN token_hash   bytea CHECK (length(token_hash) = 32);

-- +goose Down
ALTER TABLE tickets DROP COLUMN session_hash, DROP COLUMN token_hash;
DROP TRIGGER sessions_end ON sessions;
DROP TRIGGER accounts_go ON accounts;
DROP TRIGGER accounts_end ON accounts;
DROP TRIGGER devices_end ON devices;
DROP TRIGGER tokens_go ON tokens;
DROP TRIGGER tokens_end ON tokens;
DROP FUNCTION access_ended;
DROP FUNCTION sessions_ended;
DROP TABLE access_revision;
