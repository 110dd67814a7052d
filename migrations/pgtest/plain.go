package pgtest

import (
	"context"
	"os"
	"os/user"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/migrations/pgcluster"
)

// OwnCluster is a server of the test's own, reached as its superuser.
func OwnCluster(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "own") // t.TempDir is closed to the server's user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c, err := pgcluster.Start(t.Context(), pgcluster.Config{Dir: dir, Settings: map[string]string{"fsync": "off", "max_connections": "20"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c.URL()
}

// Plain is a server of the test's own as a district gets it from somebody who runs
// databases: a login that is no superuser, may make roles, and owns the database of
// the address. super is the superuser's address of the same database.
func Plain(t testing.TB) (super, plain string) {
	t.Helper()
	super = OwnCluster(t)
	PlainDatabase(t, super, "gridpatrol")
	self, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	// The cluster lets its user in as the superuser alone; now as plain too.
	write := func(setting, content string) {
		t.Helper()
		superExec(t, super, `DO $$ BEGIN EXECUTE format('COPY (SELECT unnest(%L::text[])) TO %L', '`+content+`', current_setting('`+setting+`')); END $$`)
	}
	write("hba_file", "{local all all peer map=gridpatrol}")
	write("ident_file", "{gridpatrol "+self.Username+" gridpatrol,gridpatrol "+self.Username+" plain}")
	superExec(t, super, `SELECT pg_reload_conf()`)
	plain = strings.Replace(super, "gridpatrol@", "plain@", 1)
	for { // the server reads its rules again in its own time
		reached, err := pgx.Connect(t.Context(), plain)
		if err == nil {
			reached.Close(t.Context())
			return super, plain
		}
		if !strings.Contains(err.Error(), "plain") || t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}

// PlainDatabase gives the login plain a database with PostGIS in the server of the
// superuser's address, and answers the superuser's address of it.
func PlainDatabase(t testing.TB, super, name string) string {
	t.Helper()
	superExec(t, super, `DO $$ BEGIN CREATE ROLE plain LOGIN CREATEROLE; EXCEPTION WHEN duplicate_object THEN NULL; END $$`)
	url := strings.Replace(super, "/gridpatrol?", "/"+name+"?", 1)
	if url != super {
		superExec(t, super, `CREATE DATABASE `+ident(name))
	}
	superExec(t, url, `CREATE EXTENSION postgis`)
	superExec(t, url, `ALTER SCHEMA public OWNER TO plain`)
	superExec(t, url, `ALTER DATABASE `+ident(name)+` OWNER TO plain`)
	return url
}

func superExec(t testing.TB, url, query string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}
