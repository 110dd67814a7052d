-- Who reported a covert case is answered on its release, with what the duty says of it. What
-- was said for the duty while it was covert, in standard words, would be read beside that.

-- +goose Up
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION gp_answer_reporters() RETURNS trigger
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
  WHERE r.case_id = NEW.id AND NEW.covert IS NULL
    AND NOT EXISTS (SELECT FROM notices n WHERE n.report_id = r.id AND n.why = NEW.stage AND n.made_at >= NEW.closed_at);
  RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION gp_answer_reporters() RETURNS trigger
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
