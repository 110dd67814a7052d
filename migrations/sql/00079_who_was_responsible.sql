-- Who was responsible at a time past is asked with who had set it so: the change of the
-- register's dated rows by hand is found by the rows that it left, a duty begun by hand by
-- its patrol and moment, imports and maps among their kind. Without these the whole record
-- would be read.

-- +goose Up
CREATE INDEX case_events_rows ON case_events USING gin ((body -> 'after') jsonb_path_ops)
  WHERE kind IN ('member.begins', 'member.ends', 'post.begins', 'post.ends', 'shift.added', 'shift.changed', 'shift.ended');
CREATE INDEX case_events_imports ON case_events (at) WHERE kind = 'register.changed';
CREATE INDEX case_events_statuses ON case_events (patrol_id, at) WHERE kind = 'patrol.status';
CREATE INDEX case_events_maps ON case_events (at) WHERE kind = 'map.activated';

-- +goose Down
DROP INDEX case_events_maps, case_events_statuses, case_events_imports, case_events_rows;
