package pgauth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/proof"
	"github.com/gridpatrol/gridpatrol/proof/pgproof"
)

const byAccountToken = `SELECT ` + person + `, t.expires_at, NULL::bytea AS session, t.secret_hash AS token FROM tokens t JOIN accounts a ON a.id = t.account_id
WHERE t.secret_hash = $1 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > gp_now()) AND a.disabled_at IS NULL`

const byDeviceToken = `SELECT ` + device + `, t.expires_at, NULL::bytea AS session, t.secret_hash AS token FROM tokens t JOIN devices d ON d.id = t.device_id
WHERE t.secret_hash = $1 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > gp_now()) AND d.revoked_at IS NULL`

// ByToken says whose bearer token it is.
func (s *Store) ByToken(ctx context.Context, token string) (Identity, error) {
	switch {
	case plausible(token, accountTokenPrefix):
		return s.one(ctx, "find token", byAccountToken, hashSecret(token))
	case plausible(token, deviceTokenPrefix):
		return s.one(ctx, "find token", byDeviceToken, hashSecret(token))
	}
	return Identity{}, ErrUnknown
}

// Owner of a new token: exactly one of a username and a device's code.
type Owner struct{ Username, DeviceCode string }

const addAccountToken = `INSERT INTO tokens (id, district_id, secret_hash, hint, account_id, expires_at)
SELECT $1, district_id, $2, $3, id, gp_now() + $5::interval FROM accounts WHERE lower(username) = lower($4) AND disabled_at IS NULL`

const addDeviceToken = `INSERT INTO tokens (id, district_id, secret_hash, hint, device_id, expires_at)
SELECT $1, district_id, $2, $3, id, gp_now() + $5::interval FROM devices WHERE (code = $4 OR id::text = $4) AND revoked_at IS NULL`

// CreateToken makes a token for a program or a device. A ttl of 0 never ends.
// Its error is ErrUnknown when there is no such user or device.
func (s *Store) CreateToken(ctx context.Context, owner Owner, ttl time.Duration) (id uuid.UUID, token string, err error) {
	prefix, query, name := accountTokenPrefix, addAccountToken, owner.Username
	if owner.DeviceCode != "" {
		prefix, query, name = deviceTokenPrefix, addDeviceToken, owner.DeviceCode
	}
	var until *time.Duration
	if ttl != 0 {
		until = &ttl
	}
	id, token = uuid.Must(uuid.NewV7()), newSecret(prefix)
	err = s.db.Tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, query, id, hashSecret(token), token[:len(prefix)+4], name, until)
		if err != nil {
			return fmt.Errorf("create token: %w", err)
		}
		if tag.RowsAffected() != 1 {
			return fmt.Errorf("create token for %q: %w", name, ErrUnknown)
		}
		return pgproof.Record(ctx, tx, proof.Entry{Kind: "token.made", Actor: proof.Command, Detail: map[string]any{"token": id, "device": owner.DeviceCode}})
	})
	if err != nil {
		return uuid.Nil, "", err
	}
	return id, token, nil
}

// RevokeToken ends a token by its id or by the token itself. ErrUnknown when
// there is none.
func (s *Store) RevokeToken(ctx context.Context, idOrToken string) error {
	query, arg := `UPDATE tokens SET revoked_at = coalesce(revoked_at, gp_now()) WHERE secret_hash = $1`, any(hashSecret(idOrToken))
	if !strings.HasPrefix(idOrToken, "gp") {
		id, err := uuid.Parse(idOrToken)
		if err != nil {
			return fmt.Errorf("revoke token: %w", ErrUnknown)
		}
		query, arg = `UPDATE tokens SET revoked_at = coalesce(revoked_at, gp_now()) WHERE id = $1`, id
	}
	return s.db.Tx(ctx, func(tx pgx.Tx) error {
		var id uuid.UUID
		err := tx.QueryRow(ctx, query+` RETURNING id`, arg).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("revoke token: %w", ErrUnknown)
		}
		if err != nil {
			return fmt.Errorf("revoke token: %w", err)
		}
		return pgproof.Record(ctx, tx, proof.Entry{Kind: "token.revoked", Actor: proof.Command, Detail: map[string]any{"token": id}})
	})
}
