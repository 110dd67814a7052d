package pgauth

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/proof"
	"github.com/gridpatrol/gridpatrol/proof/pgproof"
)

// NewAccount is a person who may sign in. Empty AreaCode and Department leave the
// scope open; StaffCode joins the account to a staff member and so to a patrol.
type NewAccount struct {
	Username   string
	Password   string
	Role       dispatch.Role
	AreaCode   string
	Department string
	StaffCode  string
}

// minPassword is NIST SP 800-63B's floor for a chosen password.
const minPassword = 8

const addAccount = `INSERT INTO accounts (id, district_id, username, role, area_code, department, staff_id, password_hash)
VALUES ($1, $2, $3, $4, nullif($5, ''), nullif($6, ''), (SELECT id FROM staff WHERE district_id = $2 AND code = nullif($7, '')), $8)`

// AddAccount makes an account. What is wrong with it comes back as a
// *dispatch.Fault that names the field.
func (s *Store) AddAccount(ctx context.Context, a NewAccount) (dispatch.AccountID, error) {
	if err := acceptable(a.Password); err != nil {
		return dispatch.AccountID{}, err
	}
	if a.Role == dispatch.RoleDevice {
		return dispatch.AccountID{}, accountFault("/role", "device is the role of a device's token, not of a person")
	}
	if a.StaffCode != "" {
		var known bool
		if err := s.db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM staff WHERE district_id = $1 AND code = $2)`, pgdb.District, a.StaffCode).Scan(&known); err != nil {
			return dispatch.AccountID{}, fmt.Errorf("find staff member: %w", err)
		}
		if !known {
			return dispatch.AccountID{}, accountFault("/staff", fmt.Sprintf("there is no staff member %q; import staff first", a.StaffCode))
		}
	}
	var hash string
	if err := s.hasher.run(ctx, func() { hash = hashPassword(a.Password, s.cost) }); err != nil {
		return dispatch.AccountID{}, err
	}
	id := dispatch.AccountID{UUID: uuid.Must(uuid.NewV7())}
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, addAccount, id, pgdb.District, a.Username, a.Role, a.AreaCode, a.Department, a.StaffCode, hash); err != nil {
			return err
		}
		return pgproof.Record(ctx, tx, proof.Entry{Kind: "account.made", Actor: proof.Command, Detail: map[string]any{"account": id},
			After: map[string]any{"role": a.Role, "area": a.AreaCode, "department": a.Department, "staff": a.StaffCode}})
	})
	return id, accountError(err, a)
}

func acceptable(password string) error {
	if n := utf8.RuneCountInString(password); n < minPassword || len(password) > 256 {
		return accountFault("/password", fmt.Sprintf("a password has %d to 256 characters; this one has %d", minPassword, n))
	}
	return nil
}

// A changed password ends every session that the old one opened.
const setPassword = `WITH changed AS (
  UPDATE accounts SET password_hash = $2 WHERE lower(username) = lower($1) RETURNING id
), ended AS (
  DELETE FROM sessions WHERE account_id IN (SELECT id FROM changed)
)
SELECT id FROM changed`

// SetPassword gives an account another password. Its error is ErrUnknown when
// there is no such account.
func (s *Store) SetPassword(ctx context.Context, username, password string) error {
	if err := acceptable(password); err != nil {
		return err
	}
	var hash string
	if err := s.hasher.run(ctx, func() { hash = hashPassword(password, s.cost) }); err != nil {
		return err
	}
	return s.changeAccount(ctx, "account.password", nil, setPassword, username, hash)
}

// changeAccount runs a query that answers the account it changed, and writes it down.
func (s *Store) changeAccount(ctx context.Context, kind string, after any, query string, args ...any) error {
	return s.db.Tx(ctx, func(tx pgx.Tx) error {
		var id uuid.UUID
		err := tx.QueryRow(ctx, query, args...).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrUnknown
		}
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		return pgproof.Record(ctx, tx, proof.Entry{Kind: kind, Actor: proof.Command, Detail: map[string]any{"account": id}, After: after})
	})
}

// Whoever is let in again signs in again.
const setDisabled = `WITH changed AS (
  UPDATE accounts SET disabled_at = CASE WHEN $2 THEN coalesce(disabled_at, gp_now()) END WHERE lower(username) = lower($1) RETURNING id
), ended AS (
  DELETE FROM sessions WHERE $2 AND account_id IN (SELECT id FROM changed)
)
SELECT id FROM changed`

// SetDisabled shuts an account out, with its sessions, tokens and sockets, or lets it
// in again. Its error is ErrUnknown when there is none.
func (s *Store) SetDisabled(ctx context.Context, username string, disabled bool) error {
	kind := "account.enabled"
	if disabled {
		kind = "account.disabled"
	}
	return s.changeAccount(ctx, kind, map[string]any{"disabled": disabled}, setDisabled, username, disabled)
}

func accountError(err error, a NewAccount) error {
	var pg *pgconn.PgError
	if err == nil || !errors.As(err, &pg) {
		return err
	}
	switch pg.ConstraintName {
	case "accounts_username":
		taken := accountFault("/username", fmt.Sprintf("there is an account %q already", a.Username))
		taken.Kind = dispatch.Conflict
		return taken
	case "accounts_username_check":
		return accountFault("/username", "a username has letters, digits, dot, dash, underscore or @, 64 at most")
	case "accounts_role_check":
		return accountFault("/role", fmt.Sprintf("there is no role %q", a.Role))
	case "accounts_district_id_area_code_fkey":
		return accountFault("/area", fmt.Sprintf("there is no area %q; import areas first", a.AreaCode))
	case "accounts_district_id_department_fkey":
		return accountFault("/department", fmt.Sprintf("there is no department %q; import departments first", a.Department))
	}
	return fmt.Errorf("add account: %w", err)
}

func accountFault(pointer, detail string) *dispatch.Fault {
	return &dispatch.Fault{Kind: dispatch.Invalid, Code: "account", Detail: detail,
		Fields: []dispatch.FieldFault{{Pointer: pointer, Detail: detail}}}
}
