package pgauth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/proof"
	"github.com/gridpatrol/gridpatrol/proof/pgproof"
)

// Session is what a person gets for a right password. Secret goes into the
// cookie, CSRF to the page. Until is its last end, however busy it is; ExpiresAt
// of the Identity is when it ends if it is not used again.
type Session struct {
	Identity
	Secret string
	CSRF   string
	Until  time.Time
}

// nobody is what the password of an unknown user is checked against, so that it
// takes as long as that of a known one.
var nobody = sync.OnceValue(func() string { return hashPassword("nobody", standardCost) })

const findPassword = `SELECT id, password_hash FROM accounts
  WHERE lower(username) = lower($1) AND disabled_at IS NULL`

const addSession = `WITH swept AS (DELETE FROM sessions WHERE expires_at < gp_now())
INSERT INTO sessions (secret_hash, district_id, account_id, expires_at)
SELECT $1, district_id, id, gp_now() + $3::interval FROM accounts WHERE id = $2 RETURNING expires_at`

// SignIn checks a password and opens a session. Its errors are ErrUnknown,
// ErrBusy and *ThrottledError.
func (s *Store) SignIn(ctx context.Context, username, password, address string) (Session, error) {
	userKey, addrKey := strings.ToLower(username), addressKey(address)
	if wait := s.byAddress.take(addrKey); wait > 0 {
		return Session{}, &ThrottledError{RetryAfter: wait}
	}
	if wait := s.byUsername.take(userKey); wait > 0 {
		return Session{}, &ThrottledError{RetryAfter: wait}
	}
	var account dispatch.AccountID
	var hash string
	err := s.db.QueryRow(ctx, findPassword, username).Scan(&account, &hash)
	known := err == nil
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return Session{}, fmt.Errorf("find account: %w", err)
	}
	if !known {
		hash = s.nobody()
	}
	right := false
	if err := s.hasher.run(ctx, func() { right = checkPassword(hash, password) }); err != nil {
		s.byAddress.giveBack(addrKey)
		s.byUsername.giveBack(userKey)
		return Session{}, err
	}
	if !known || !right {
		return Session{}, ErrUnknown
	}
	s.byAddress.giveBack(addrKey)
	s.byUsername.giveBack(userKey)

	secret := newSecret(sessionPrefix)
	var until time.Time
	err = s.db.Tx(ctx, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, addSession, hashSecret(secret), account, s.absolute).Scan(&until); err != nil {
			return err
		}
		return pgproof.Record(ctx, tx, proof.Entry{Kind: "session.opened",
			Actor: dispatch.ActorOf(dispatch.Viewer{Account: account, From: address}), Detail: map[string]any{"until": until.UTC()},
			After: map[string]any{"until": until.UTC()}})
	})
	if err != nil {
		return Session{}, fmt.Errorf("open session: %w", err)
	}
	who, err := s.BySession(ctx, secret)
	if err != nil {
		return Session{}, err
	}
	return Session{Identity: who, Secret: secret, CSRF: CSRF(secret), Until: until}, nil
}

// The session is marked as seen once a minute at most, so that reading costs no
// write. It shows as expiring at whichever end comes first.
const bySession = `WITH live AS (
    SELECT secret_hash, account_id, seen_at, least(expires_at, gp_now() + $2::interval) AS expires_at FROM sessions
    WHERE secret_hash = $1 AND expires_at > gp_now() AND seen_at > gp_now() - $2::interval
  ), seen AS (
    UPDATE sessions SET seen_at = gp_now() FROM live
    WHERE sessions.secret_hash = live.secret_hash AND live.seen_at < gp_now() - interval '1 minute'
  )
SELECT ` + person + `, live.expires_at, live.secret_hash AS session, NULL::bytea AS token FROM live JOIN accounts a ON a.id = live.account_id WHERE a.disabled_at IS NULL`

// BySession says whose session it is.
func (s *Store) BySession(ctx context.Context, secret string) (Identity, error) {
	if !plausible(secret, sessionPrefix) {
		return Identity{}, ErrUnknown
	}
	return s.one(ctx, "find session", bySession, hashSecret(secret), s.idle)
}

// SignOut ends a session; ending one that is gone is no error.
func (s *Store) SignOut(ctx context.Context, v dispatch.Viewer, secret string) error {
	return s.db.Tx(ctx, func(tx pgx.Tx) error {
		var until time.Time
		err := tx.QueryRow(ctx, `DELETE FROM sessions WHERE secret_hash = $1 RETURNING expires_at`, hashSecret(secret)).Scan(&until)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("end session: %w", err)
		}
		return pgproof.Record(ctx, tx, proof.Entry{Kind: "session.ended", Actor: dispatch.ActorOf(v),
			Before: map[string]any{"until": until.UTC()}, After: map[string]any{"until": nil}})
	})
}

// CSRF is the token that belongs to a session. It is derived, so nothing more is
// stored, and the cookie cannot be found from it.
func CSRF(secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("csrf"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// CSRFMatches compares in constant time.
func CSRFMatches(secret, token string) bool {
	return hmac.Equal([]byte(CSRF(secret)), []byte(token))
}

// TicketTTL is how long a ticket opens a socket.
const TicketTTL = 30 * time.Second

const addTicket = `WITH swept AS (DELETE FROM tickets WHERE expires_at < gp_now())
INSERT INTO tickets (secret_hash, district_id, purpose, account_id, device_id, expires_at, session_hash, token_hash)
VALUES ($1, $2, $3, $4, $5, gp_now() + $6::interval, $7, $8) RETURNING expires_at`

// MakeTicket makes the ticket that opens one socket for the caller.
func (s *Store) MakeTicket(ctx context.Context, who Identity, purpose string) (ticket string, expiresAt time.Time, err error) {
	ticket = newSecret(ticketPrefix)
	err = s.db.QueryRow(ctx, addTicket, hashSecret(ticket), who.Viewer.District, purpose,
		orNull(who.Viewer.Account), orNull(who.Viewer.Device), TicketTTL, who.Proof.session, who.Proof.token).Scan(&expiresAt)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("make ticket: %w", err)
	}
	return ticket, expiresAt, nil
}

// A ticket is worth no more than the session or the token that it was made with.
const byTicket = `WITH used AS (
    DELETE FROM tickets WHERE secret_hash = $1 AND purpose = $2
    RETURNING account_id, device_id, expires_at, session_hash, token_hash
  ), good AS (
    SELECT * FROM used WHERE expires_at > gp_now()
      AND (session_hash IS NULL OR EXISTS (SELECT FROM sessions s WHERE s.secret_hash = session_hash AND s.expires_at > gp_now()))
      AND (token_hash IS NULL OR EXISTS (SELECT FROM tokens t WHERE t.secret_hash = token_hash AND t.revoked_at IS NULL
        AND (t.expires_at IS NULL OR t.expires_at > gp_now())))
  )
SELECT ` + person + `, NULL::timestamptz AS expires_at, good.session_hash AS session, good.token_hash AS token
FROM good JOIN accounts a ON a.id = good.account_id WHERE a.disabled_at IS NULL
UNION ALL
SELECT ` + device + `, NULL::timestamptz, good.session_hash, good.token_hash
FROM good JOIN devices d ON d.id = good.device_id WHERE d.revoked_at IS NULL`

// ByTicket uses a ticket up and says whose it was.
func (s *Store) ByTicket(ctx context.Context, ticket, purpose string) (Identity, error) {
	if !plausible(ticket, ticketPrefix) {
		return Identity{}, ErrUnknown
	}
	return s.one(ctx, "use ticket", byTicket, hashSecret(ticket), purpose)
}

// orNull turns the zero identifier into NULL.
func orNull[K any](id dispatch.ID[K]) any {
	if id == (dispatch.ID[K]{}) {
		return nil
	}
	return id
}
