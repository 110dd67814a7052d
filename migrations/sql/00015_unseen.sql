-- What is unread is counted every few seconds by every phone and page, and is little
-- beside what was read; what waits for an operator is little beside what was settled.

-- +goose Up
CREATE INDEX notices_unseen_account ON notices (account_id) WHERE account_id IS NOT NULL AND seen_at IS NULL;
CREATE INDEX notices_unseen_device ON notices (device_id) WHERE device_id IS NOT NULL AND seen_at IS NULL;
CREATE INDEX operator_items_waiting ON operator_items (district_id, id DESC) WHERE settled_at IS NULL;

-- +goose Down
DROP INDEX notices_unseen_account, notices_unseen_device, operator_items_waiting;
