-- Two more kinds come under the policy of retention. Whom to call back of a report is
-- personal data: it goes a quarter of a year after the case is closed. Visits by cell
-- can be asked for over 32 days, so none is younger when it goes. (Notices have had a
-- policy since migration 18.)
--
-- The release before this one says at the end of its night's run that it does not know
-- these kinds, and removes the others; it still forgets visits by itself.

-- +goose Up
INSERT INTO retention_policies (district_id, kind, keep_days, least_days)
SELECT d.id, k.kind, k.keep_days, k.least_days
FROM districts d, (VALUES ('report_contacts', 90, 7), ('cell_visits', 32, 32)) k (kind, keep_days, least_days)
ON CONFLICT DO NOTHING;

-- +goose Down
DELETE FROM retention_policies WHERE kind IN ('report_contacts', 'cell_visits');
