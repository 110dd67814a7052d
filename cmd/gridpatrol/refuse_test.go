package main

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/migrations/pgcluster"
)

// serve refuses a database that could lose what it acknowledges, wherever that is set,
// and says which setting it is and what turns it on again there.
func TestServeRefusesADatabaseThatCouldLose(t *testing.T) {
	t.Parallel()
	dir := crashDir(t)
	with := func(settings map[string]string, statements ...string) string {
		t.Helper()
		cluster, err := pgcluster.Start(t.Context(), pgcluster.Config{Dir: dir, Settings: settings})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := cluster.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		do := func(statement string) {
			conn, err := pgx.Connect(t.Context(), cluster.URL())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(context.Background())
			if _, err := conn.Exec(t.Context(), statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		set, reset := "", ""
		if len(statements) == 2 {
			set, reset = statements[0], statements[1]
			do(set)
		}
		var out, log strings.Builder
		// A service that starts after all ends with this.
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		code := run(ctx, []string{"serve", "--listen", "127.0.0.1:0", "--data-dir", dir, "--database-url", cluster.URL()}, strings.NewReader(""), endWith{&out, cancel}, &log)
		if reset != "" {
			do(reset)
		}
		if code == exitOK || out.Len() > 0 {
			return "ready" + out.String()
		}
		return log.String()
	}
	for _, c := range []struct {
		name       string
		settings   map[string]string
		statements []string // one that spoils and one that mends
		says       []string
	}{
		{"the server does not sync", map[string]string{"fsync": "off"}, nil, []string{"fsync is off", "command line"}},
		{"the server writes no full pages", map[string]string{"full_page_writes": "off"}, nil, []string{"full_page_writes is off"}},
		{"the server does not wait", map[string]string{"synchronous_commit": "off"}, nil, []string{"synchronous_commit is off", "command line"}},
		{"the database does not wait", nil, []string{`ALTER DATABASE gridpatrol SET synchronous_commit = off`, `ALTER DATABASE gridpatrol RESET synchronous_commit`},
			[]string{`synchronous_commit is off: ALTER DATABASE "gridpatrol" RESET synchronous_commit`}},
		{"the role does not wait", nil, []string{`ALTER ROLE CURRENT_USER SET synchronous_commit = off`, `ALTER ROLE CURRENT_USER RESET synchronous_commit`},
			[]string{`synchronous_commit is off: ALTER ROLE`}},
		{"the role does not wait in this database", nil, []string{`ALTER ROLE CURRENT_USER IN DATABASE gridpatrol SET synchronous_commit = off`, `ALTER ROLE CURRENT_USER IN DATABASE gridpatrol RESET synchronous_commit`},
			[]string{`synchronous_commit is off: ALTER ROLE`, `IN DATABASE`}},
		{"two at once", map[string]string{"fsync": "off", "synchronous_commit": "off"}, nil, []string{"fsync is off", "synchronous_commit is off"}},
	} {
		said := with(c.settings, c.statements...)
		for _, want := range c.says {
			if !strings.Contains(said, want) {
				t.Errorf("%s: said %s, want %q", c.name, said[max(0, len(said)-600):], want)
			}
		}
	}
	if said := with(nil); !strings.HasPrefix(said, "ready") {
		t.Errorf("a database as it should be is refused: %s", said)
	}
}

// Who refuses a database has not touched it: no migration runs before.
func TestARefusedDatabaseIsLeftAsItWas(t *testing.T) {
	t.Parallel()
	dir := crashDir(t)
	cluster, err := pgcluster.Start(t.Context(), pgcluster.Config{Dir: dir, Settings: map[string]string{"full_page_writes": "off"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cluster.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	tables := func() (n int) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), cluster.URL())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := tables()
	for _, command := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"migrate", "up"}, {"demo", "--port", "0", "--no-sim"}, {"token", "create", "--user", "u"}} {
		var out, log strings.Builder
		ctx, cancel := context.WithCancel(t.Context())
		code := run(ctx, append(command, "--data-dir", dir, "--database-url", cluster.URL()), strings.NewReader(""), endWith{&out, cancel}, &log)
		cancel()
		if now := tables(); code == exitOK || now != before {
			t.Errorf("%v: exit %d, %d tables where %d were: %s", command, code, now, before, out.String()+log.String())
		}
		if said := log.String(); !strings.Contains(said, "full_page_writes is off") {
			t.Errorf("%v: %s", command, said)
		}
	}
}

// endWith ends something with the first word that is written.
type endWith struct {
	to  *strings.Builder
	end context.CancelFunc
}

func (e endWith) Write(p []byte) (int, error) {
	defer e.end()
	return e.to.Write(p)
}
