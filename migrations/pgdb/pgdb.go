// Package pgdb is the one way to the database: pool settings, the role every
// statement runs under, and the transaction helper.
//
// Connections come out of the pool in the role gp_app, which owns no table and
// cannot rewrite an event. What the owner alone may do (migrations, partitions)
// goes through Owner.
package pgdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// District is the row every program of one district works in (migration 1).
var District = uuid.MustParse("00000000-0000-7000-8000-000000000001")

// DB is a pool in the role gp_app.
type DB struct {
	*pgxpool.Pool
	url string
}

// Config of a database connection. MaxConns 0 means 16.
type Config struct {
	URL      string
	MaxConns int32
	// AllowUnsafeCommit opens a database that may lose what it acknowledged. Only
	// tests on a RAM disk set it.
	AllowUnsafeCommit bool
}

// Open connects and refuses a database that could lose an acknowledgement, is
// too old, or lacks PostGIS. The schema must be there already.
func Open(ctx context.Context, c Config) (*DB, error) {
	pc, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, fmt.Errorf("read database url: %w", err)
	}
	pc.MaxConns = c.MaxConns
	if pc.MaxConns == 0 {
		pc.MaxConns = 16
	}
	pc.ConnConfig.RuntimeParams["application_name"] = "gridpatrol"
	pc.ConnConfig.RuntimeParams["timezone"] = "UTC"
	hearSilence(pc.ConnConfig)
	pc.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, settleIn)
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db := &DB{Pool: pool, url: c.URL}
	if err := check(ctx, pool, c.AllowUnsafeCommit); err != nil {
		pool.Close()
		return nil, err
	}
	return db, nil
}

// Check is Open's refusal alone, for whoever must not touch a database before it is
// known to keep what it is given, such as a migration. The schema need not be there.
func Check(ctx context.Context, c Config) error {
	conn, err := pgx.Connect(ctx, c.URL)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return check(ctx, conn, c.AllowUnsafeCommit)
}

const settings = `SELECT name, setting, source, current_database() AS database, session_user::text AS "user" FROM pg_settings
  WHERE name IN ('server_version_num', 'fsync', 'synchronous_commit', 'full_page_writes') ORDER BY name`

// setting is one of the server's, as this session has it. Source is where it was set.
type setting struct{ Name, Setting, Source, Database, User string }

// remedy is what turns it on again, where it was turned off.
func (s setting) remedy() string {
	database, user := pgx.Identifier{s.Database}.Sanitize(), pgx.Identifier{s.User}.Sanitize()
	switch s.Source {
	case "database":
		return fmt.Sprintf("ALTER DATABASE %s RESET %s", database, s.Name)
	case "user":
		return fmt.Sprintf("ALTER ROLE %s RESET %s", user, s.Name)
	case "database user":
		return fmt.Sprintf("ALTER ROLE %s IN DATABASE %s RESET %s", user, database, s.Name)
	case "client":
		return fmt.Sprintf("take %s out of the database's address (and of PGOPTIONS)", s.Name)
	case "command line":
		return fmt.Sprintf("take %s out of the server's command line", s.Name)
	}
	return fmt.Sprintf("ALTER SYSTEM SET %s = on, then SELECT pg_reload_conf()", s.Name)
}

// asker is a pool or a connection.
type asker interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func check(ctx context.Context, db asker, allowUnsafe bool) error {
	rows, err := db.Query(ctx, settings)
	if err != nil {
		return fmt.Errorf("ask the database for its settings: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[setting])
	if err != nil {
		return fmt.Errorf("ask the database for its settings: %w", err)
	}
	var faults []string
	for _, s := range found {
		if s.Name == "server_version_num" {
			version, err := strconv.Atoi(s.Setting)
			if err != nil {
				return fmt.Errorf("read the version of the database: %w", err)
			}
			if version < 150000 {
				faults = append(faults, fmt.Sprintf("PostgreSQL %d is too old; 15 or newer is needed", version/10000))
			}
		} else if s.Setting == "off" && !allowUnsafe {
			faults = append(faults, s.Name+" is off: "+s.remedy())
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("this database could lose what it acknowledged or cannot serve: %s", strings.Join(faults, "; "))
	}
	return nil
}

// Tx runs fn in one transaction, rolled back when fn answers an error or panics.
func (db *DB) Tx(ctx context.Context, fn func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, db.Pool, fn)
}

// Owner runs fn on a connection of its own with the rights of the user in the
// database URL.
func (db *DB) Owner(ctx context.Context, fn func(*pgx.Conn) error) error {
	config, err := pgx.ParseConfig(db.url)
	if err != nil {
		return fmt.Errorf("read database url: %w", err)
	}
	hearSilence(config)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connect as owner: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "SET timezone = 'UTC'"); err != nil {
		return err
	}
	return fn(conn)
}

// Violated says whether err is a violation of the named constraint, by SQLSTATE
// class 23 and name, never by message.
func Violated(err error, constraint string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && strings.HasPrefix(pg.Code, "23") && pg.ConstraintName == constraint
}

// Full says whether err means that a disk has no room: of the database or, where files are
// kept, of this machine.
func Full(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "53100" || errors.Is(err, syscall.ENOSPC)
}

// Away says whether err means that the database could not be reached or went away
// in between, so that the same request may succeed later.
func Away(err error) bool {
	var connect *pgconn.ConnectError
	var network net.Error
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return false
	case errors.As(err, &pg): // class 08 is connections, 57P a server that goes down or comes up, 58 its files
		return strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "57P") || strings.HasPrefix(pg.Code, "58")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	case pgconn.SafeToRetry(err): // the connection was closed before anything was sent
		return true
	}
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}
