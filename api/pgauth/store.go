package pgauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// Errors a caller branches on.
var (
	// ErrUnknown is the one answer to a wrong password, an unknown user, and a
	// session, token or ticket that is unknown, expired, revoked or used up.
	ErrUnknown = errors.New("not known here")
	// ErrBusy says that too many passwords are being checked at the moment.
	ErrBusy = errors.New("too many sign-ins at once")
)

// ThrottledError says that a username or an address has failed too often.
type ThrottledError struct{ RetryAfter time.Duration }

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many failed sign-ins; try again in %s", e.RetryAfter.Round(time.Second))
}

// Identity is a caller that proved who they are.
type Identity struct {
	Viewer    dispatch.Viewer
	Name      string     // username of an account, code of a device
	ExpiresAt *time.Time // of the secret that proved it; nil is never
	Proof     Proof      // what the right stands on
}

// Config of a Store. The zero value is good.
type Config struct {
	// Idle ends a session that was not used for so long; 0 means 12 h.
	Idle time.Duration
	// Absolute ends a session however busy it is; 0 means 7 days.
	Absolute time.Duration
	// Now is the clock of the throttle; nil means time.Now. Everything that is
	// stored goes by the database's clock.
	Now func() time.Time
}

// Store is identity in PostgreSQL. It is safe for concurrent use.
type Store struct {
	db         *pgdb.DB
	idle       time.Duration
	absolute   time.Duration
	hasher     *hasher
	cost       cost
	nobody     func() string // the hash an unknown user's password is checked against
	byUsername *throttle
	byAddress  *throttle
	// Codes of enrolment are short: wrong ones are counted by address and altogether.
	codesByAddress, codes *throttle
}

// New makes a Store.
func New(db *pgdb.DB, c Config) *Store {
	if c.Idle == 0 {
		c.Idle = 12 * time.Hour
	}
	if c.Absolute == 0 {
		c.Absolute = 7 * 24 * time.Hour
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Store{
		db: db, idle: c.Idle, absolute: c.Absolute, hasher: newHasher(),
		cost: standardCost, nobody: nobody,
		byUsername: newThrottle(c.Now, 10, 30*time.Second),
		byAddress:  newThrottle(c.Now, 50, 2*time.Second),

		codesByAddress: newThrottle(c.Now, 10, 30*time.Second),
		codes:          newThrottle(c.Now, 100, 2*time.Second),
	}
}

// A secret is a prefix that says what it is, and 32 random bytes.
const (
	sessionPrefix      = "gps_"
	accountTokenPrefix = "gpt_"
	deviceTokenPrefix  = "gpd_"
	ticketPrefix       = "gpk_"
)

func newSecret(prefix string) string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails (crypto/rand aborts the program instead)
	return prefix + base64.RawURLEncoding.EncodeToString(b)
}

func hashSecret(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}

// plausible spares the database strings that no secret of ours looks like.
func plausible(secret, prefix string) bool {
	return len(secret) == len(prefix)+43 && strings.HasPrefix(secret, prefix)
}

// A person's patrol is the one they are a member of at present, the newest when two overlap.
const patrolOfPerson = `
  (SELECT m.patrol_id FROM patrol_members m WHERE m.staff_id = a.staff_id AND m.valid @> gp_now()
    ORDER BY lower(m.valid) DESC, m.patrol_id LIMIT 1)`

// person and device are the two ways to be somebody; both select the columns of
// identityRow. A device's patrol is the one it is bound to.
const person = `
  a.district_id, a.id AS account_id, NULL::uuid AS device_id, a.staff_id, a.username AS name, a.role,
  coalesce(a.area_code, '') AS area_code, coalesce(a.department, '') AS department,` + patrolOfPerson + ` AS patrol_id,
  EXISTS (SELECT FROM patrol_members m JOIN patrols p ON p.id = m.patrol_id
    WHERE m.staff_id = a.staff_id AND m.valid @> gp_now() AND p.simulated) AS simulated`

const device = `
  d.district_id, NULL::uuid AS account_id, d.id AS device_id, NULL::uuid AS staff_id, d.code AS name, 'device' AS role,
  '' AS area_code, '' AS department,
  (SELECT b.patrol_id FROM device_bindings b WHERE b.device_id = d.id AND b.valid @> gp_now() LIMIT 1) AS patrol_id,
  d.simulated OR EXISTS (SELECT FROM device_bindings b JOIN patrols p ON p.id = b.patrol_id
    WHERE b.device_id = d.id AND b.valid @> gp_now() AND p.simulated) AS simulated`

type identityRow struct {
	DistrictID dispatch.DistrictID
	AccountID  dispatch.AccountID
	DeviceID   dispatch.DeviceID
	StaffID    dispatch.StaffID
	Name       string
	Role       dispatch.Role
	AreaCode   string
	Department string
	PatrolID   dispatch.PatrolID
	Simulated  bool
	ExpiresAt  *time.Time
	Session    []byte
	Token      []byte
}

func (r identityRow) identity() Identity {
	return Identity{
		Viewer: dispatch.Viewer{
			District: r.DistrictID, Account: r.AccountID, Device: r.DeviceID, Patrol: r.PatrolID, Staff: r.StaffID,
			Role: r.Role, AreaCode: r.AreaCode, Department: r.Department, Simulated: r.Simulated,
		},
		Name: r.Name, ExpiresAt: r.ExpiresAt, Proof: Proof{session: r.Session, token: r.Token},
	}
}

// one reads the identity a query finds, ErrUnknown when it finds none.
func (s *Store) one(ctx context.Context, doing, query string, args ...any) (Identity, error) {
	rows, err := s.db.Query(ctx, query, args...)
	if err != nil {
		return Identity{}, fmt.Errorf("%s: %w", doing, err)
	}
	row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[identityRow])
	if errors.Is(err, pgx.ErrNoRows) {
		return Identity{}, ErrUnknown
	}
	if err != nil {
		return Identity{}, fmt.Errorf("%s: %w", doing, err)
	}
	return row.identity(), nil
}
