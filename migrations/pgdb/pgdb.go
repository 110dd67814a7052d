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
	"strings"

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
	pc.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "SET ROLE gp_app")
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db := &DB{Pool: pool, url: c.URL}
	if err := db.check(ctx, c.AllowUnsafeCommit); err != nil {
		pool.Close()
		return nil, err
	}
	return db, nil
}

const settings = `SELECT current_setting('server_version_num')::int, current_setting('fsync'),
  current_setting('synchronous_commit'), current_setting('full_page_writes')`

func (db *DB) check(ctx context.Context, allowUnsafe bool) error {
	var version int
	var fsync, commit, pages string
	if err := db.QueryRow(ctx, settings).Scan(&version, &fsync, &commit, &pages); err != nil {
		return fmt.Errorf("ask the database for its settings: %w", err)
	}
	var faults []string
	if version < 150000 {
		faults = append(faults, fmt.Sprintf("PostgreSQL %d is too old; 15 or newer is needed", version/10000))
	}
	if !allowUnsafe {
		if fsync != "on" {
			faults = append(faults, "fsync is off; set fsync = on")
		}
		if commit == "off" {
			faults = append(faults, "synchronous_commit is off; set synchronous_commit = on")
		}
		if pages != "on" {
			faults = append(faults, "full_page_writes is off; set full_page_writes = on")
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
	conn, err := pgx.Connect(ctx, db.url)
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

// Away says whether err means that the database could not be reached or went away
// in between, so that the same request may succeed later.
func Away(err error) bool {
	var connect *pgconn.ConnectError
	var network net.Error
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return false
	case errors.As(err, &pg): // class 08 is connections, 57P a server that goes down or comes up
		return strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "57P")
	}
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}
