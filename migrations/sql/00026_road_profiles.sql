-- A network carries three profiles: those of dispatch in the active one. Networks for
-- other profiles are stored beside it, made of the same file; they are loaded only
-- when somebody asks, and go with the network they stand beside.

-- +goose Up
ALTER TABLE road_networks
  ADD COLUMN profiles text[] NOT NULL DEFAULT ARRAY['foot', 'ebike', 'car'],
  ADD COLUMN beside bigint REFERENCES road_networks;
CREATE INDEX road_networks_beside ON road_networks (beside) WHERE beside IS NOT NULL;

-- +goose Down
ALTER TABLE road_networks DROP COLUMN beside, DROP COLUMN profiles;
