-- Whoever reported hears of it: receipt, who goes, how far they are, the result. A
-- notice that names a report is what that report was told, in both languages, as it
-- was said then; account_id or device_id is who reported and reads it in their own
-- list, neither where somebody filed on behalf of a resident, who reads it with the
-- follow-up code. A notice that names a member of staff is as before.

-- +goose Up
ALTER TABLE notices
  ALTER COLUMN staff_id DROP NOT NULL,
  DROP CONSTRAINT notices_why_check,
  ADD CONSTRAINT notices_why_check CHECK (why ~ '^[a-z][a-z_]{0,31}$'),
  ADD COLUMN report_id  uuid REFERENCES reports,
  ADD COLUMN account_id uuid,
  ADD COLUMN device_id  uuid,
  ADD COLUMN text_zh    text CHECK (length(text_zh) <= 2000),
  ADD COLUMN text_en    text CHECK (length(text_en) <= 2000),
  ADD CONSTRAINT notices_whom CHECK (num_nonnulls(staff_id, report_id) = 1 AND num_nonnulls(account_id, device_id) <= 1),
  ADD CONSTRAINT notices_said CHECK (report_id IS NULL OR (text_zh IS NOT NULL AND text_en IS NOT NULL));
CREATE INDEX notices_report ON notices (report_id, id) WHERE report_id IS NOT NULL;
CREATE INDEX notices_account ON notices (account_id, id DESC) WHERE account_id IS NOT NULL;
CREATE INDEX notices_device ON notices (device_id, id DESC) WHERE device_id IS NOT NULL;
CREATE INDEX notices_of_staff ON notices (staff_id, id DESC) WHERE staff_id IS NOT NULL;

-- How a report came in; null: its caller saw it. Whoever files for a resident is not
-- the one who wants the answer.
ALTER TABLE reports ADD COLUMN channel text CHECK (channel IN ('worker', 'resident', 'hotline', 'sensor'));
CREATE INDEX reports_account ON reports (reporter_account, id DESC) WHERE reporter_account IS NOT NULL;
CREATE INDEX reports_device ON reports (reporter_device, id DESC) WHERE reporter_device IS NOT NULL;

-- Who to call back. Apart from the report, so that lists never touch it.
CREATE TABLE report_contacts (
  report_id   uuid PRIMARY KEY REFERENCES reports ON DELETE CASCADE,
  district_id uuid NOT NULL REFERENCES districts,
  name        text NOT NULL DEFAULT '' CHECK (length(name) <= 100),
  phone       text NOT NULL DEFAULT '' CHECK (length(phone) <= 32),
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  CHECK (name <> '' OR phone <> '')
);

-- The SHA-256 of (report, code). Fifty bits of chance, so no slow hash: guessing is
-- throttled at the door, and whoever reads this table reads the reports too. A
-- report has a second code when the program died before its first was told.
CREATE TABLE follow_ups (
  district_id uuid NOT NULL REFERENCES districts,
  report_id   uuid NOT NULL REFERENCES reports ON DELETE CASCADE,
  code_hash   bytea NOT NULL CHECK (octet_length(code_hash) = 32),
  made_at     timestamptz NOT NULL DEFAULT gp_now(),
  PRIMARY KEY (report_id, code_hash)
);
-- A kept response holds the code for the 72 h in which it must be answered again.
REVOKE SELECT ON report_contacts, follow_ups, idempotency_keys FROM gp_auditor;

ALTER TABLE operator_items
  ADD COLUMN settled_by uuid,
  ADD COLUMN settled_note text NOT NULL DEFAULT '' CHECK (length(settled_note) <= 1000);
CREATE INDEX operator_items_list ON operator_items (district_id, id DESC);

-- No case closes with an unanswered reporter, whoever closes it: a program of the
-- release before this one, or a hand in psql. What the duty has not said by the end
-- of the transaction is said here.
-- +goose StatementBegin
CREATE FUNCTION gp_answer_reporters() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  INSERT INTO notices (district_id, case_id, report_id, account_id, device_id, why, text_zh, text_en)
  SELECT r.district_id, NEW.id, r.id,
    CASE WHEN coalesce(r.channel, 'worker') IN ('worker', 'sensor') THEN r.reporter_account END,
    CASE WHEN coalesce(r.channel, 'worker') IN ('worker', 'sensor') AND r.reporter_account IS NULL THEN r.reporter_device END,
    NEW.stage,
    CASE NEW.stage WHEN 'closed' THEN '已办结：您反映的问题已处理完毕。' ELSE '您反映的问题已注销，不再处理。' END,
    CASE NEW.stage WHEN 'closed' THEN 'Closed: what you reported has been dealt with.' ELSE 'What you reported was cancelled.' END
  FROM reports r
  WHERE r.case_id = NEW.id
    AND NOT EXISTS (SELECT FROM notices n WHERE n.report_id = r.id AND n.why = NEW.stage AND n.made_at >= NEW.closed_at);
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER cases_answer_reporters AFTER UPDATE OF stage ON cases
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (NEW.stage IN ('closed', 'void') AND OLD.stage IS DISTINCT FROM NEW.stage)
  EXECUTE FUNCTION gp_answer_reporters();

-- +goose Down
DROP TRIGGER cases_answer_reporters ON cases;
DROP FUNCTION gp_answer_reporters;
DROP INDEX operator_items_list;
ALTER TABLE operator_items DROP COLUMN settled_by, DROP COLUMN settled_note;
GRANT SELECT ON idempotency_keys TO gp_auditor;
DROP TABLE follow_ups, report_contacts;
DROP INDEX reports_account, reports_device;
ALTER TABLE reports DROP COLUMN channel;
DELETE FROM notices WHERE staff_id IS NULL OR why NOT IN ('grid_chief', 'town_leader');
DROP INDEX notices_report, notices_account, notices_device, notices_of_staff;
ALTER TABLE notices
  DROP CONSTRAINT notices_whom,
  DROP CONSTRAINT notices_said,
  DROP COLUMN report_id, DROP COLUMN account_id, DROP COLUMN device_id, DROP COLUMN text_zh, DROP COLUMN text_en,
  DROP CONSTRAINT notices_why_check,
  ADD CONSTRAINT notices_why_check CHECK (why IN ('grid_chief', 'town_leader')),
  ALTER COLUMN staff_id SET NOT NULL;
