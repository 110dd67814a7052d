-- How far the clock of the device that sent a newest place is behind the service's, as
-- it was measured: t stays as it was sent, and what is shown is t with this added. A
-- node that starts, or reads what others could not tell it, would otherwise take a phone
-- that is 12 minutes slow for lost, and what a fast one sends for older than what it sent
-- before. A writer of the release before leaves it as it stands.

-- +goose Up
ALTER TABLE last_positions ADD COLUMN off_ms integer CHECK (off_ms <> 0); -- null: right, or not known

-- Nobody sees a place through a veil because its clock runs ahead.
SELECT gp_close('last_positions', $$EXISTS (SELECT FROM patrols p WHERE p.id = patrol_id)
  AND NOT EXISTS (SELECT FROM gp_veils() v WHERE v.patrol_id = last_positions.patrol_id
    AND (least(t, t + coalesce(off_ms, 0) * interval '1 millisecond') < v.until
      OR ST_DistanceSphere(v.place, ST_SetSRID(ST_MakePoint(last_positions.lon, last_positions.lat), 4326)) <= 1000))$$);

-- +goose Down
SELECT gp_close('last_positions', $$EXISTS (SELECT FROM patrols p WHERE p.id = patrol_id)
  AND NOT EXISTS (SELECT FROM gp_veils() v WHERE v.patrol_id = last_positions.patrol_id
    AND (t < v.until OR ST_DistanceSphere(v.place, ST_SetSRID(ST_MakePoint(last_positions.lon, last_positions.lat), 4326)) <= 1000))$$);
ALTER TABLE last_positions DROP COLUMN off_ms;
