package pgbackup_test

import (
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/migrations"
	"github.com/gridpatrol/gridpatrol/migrations/pgbackup"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/retention/pgretain"
)

// claimed has a patrol on its way to a case.
const claimed = `
INSERT INTO plans (id, district_id, case_id, state, why, input, output) SELECT id, district_id, id, 'committed', '', 'in', '' FROM cases ORDER BY id LIMIT 1;
INSERT INTO assignments (id, district_id, case_id, patrol_id, plan_id, department, kind, part, state, mode)
  SELECT p.id, p.district_id, p.case_id, (SELECT id FROM patrols ORDER BY code LIMIT 1), p.id, 'police', 'department', 'lead', 'accepted', 'car' FROM plans p;
UPDATE patrols SET status = 'assigned', claimed_by = a.id FROM assignments a WHERE a.patrol_id = patrols.id;`

// A login that is no superuser, with a database of its own that somebody else set up,
// backs it up, restores it into another, and removes what is old: all of it, with row
// security binding the owner too.
func TestAPlainOwnerBacksUpAndRestores(t *testing.T) {
	t.Parallel()
	super, from := pgtest.Plain(t)
	if err := migrations.Up(t.Context(), from, nil); err != nil {
		t.Fatal(err)
	}
	source := connect(t, from)
	exec(t, source, fill)
	exec(t, source, claimed)
	path, account := backup(t, from)
	if account.Manifest.Photos.Count != 12 {
		t.Errorf("%d photos in the backup, want 12", account.Manifest.Photos.Count)
	}
	exec(t, source, `DELETE FROM backups_made`)

	second := pgtest.PlainDatabase(t, super, "second")
	to := strings.Replace(from, "/gridpatrol?", "/second?", 1)
	if _, err := restore(t, path, to); err != nil {
		t.Fatal(err)
	}
	target := connect(t, to)
	there, here := connect(t, super), connect(t, second) // who sees every row, whatever the policies say
	for _, table := range account.Manifest.Tables {
		if was, is := contents(t, there, table.Name), contents(t, here, table.Name); was != is {
			t.Errorf("%s was %s and is %s", table.Name, was, is)
		}
	}
	if was, is := ask[string](t, source, shape), ask[string](t, target, shape); was != is {
		t.Errorf("the shape is another:\n%s\n\n%s", was, is)
	}
	if n := ask[int64](t, target, `SELECT count(*) FROM pg_trigger WHERE tgenabled = 'D'`); n != 0 {
		t.Errorf("%d triggers are still off", n)
	}

	db, err := pgdb.Open(t.Context(), pgdb.Config{URL: to, AllowUnsafeCommit: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	exec(t, here, `UPDATE clock_shift SET shift = interval '10 years'`)
	report, err := pgretain.New(db).Run(t.Context(), "command", false)
	if err != nil {
		t.Fatal(err)
	}
	if report.State != "done" || len(report.Removed) == 0 {
		t.Errorf("the run of retention: %+v", report)
	}
}

// Who cannot make the schema is told so, with all that a superuser has to run, and
// the database stays as it is.
func TestAPlainOwnerIsToldWhatIsMissing(t *testing.T) {
	t.Parallel()
	super, from := pgtest.Plain(t)
	if err := migrations.Up(t.Context(), from, nil); err != nil {
		t.Fatal(err)
	}
	path, _ := backup(t, from)
	exec(t, connect(t, super), `ALTER ROLE plain NOCREATEROLE`)
	exec(t, connect(t, super), `CREATE DATABASE bare OWNER plain`)
	to := strings.Replace(from, "/gridpatrol?", "/bare?", 1)
	for what, err := range map[string]error{
		"restore": func() error { _, err := restore(t, path, to); return err }(),
		"migrate": migrations.Up(t.Context(), to, nil),
	} {
		for _, remedy := range []string{"CREATE EXTENSION postgis (in the database bare)", `ALTER ROLE "plain" CREATEROLE`} {
			if err == nil || !strings.Contains(err.Error(), remedy) {
				t.Errorf("%s: %v does not name %s", what, err, remedy)
			}
		}
	}
	if n := ask[int64](t, connect(t, to), `SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace`); n != 0 {
		t.Errorf("%d tables were left behind", n)
	}
	// A login that the wall keeps rows from makes no backup of the rest.
	exec(t, connect(t, super), `REVOKE gp_app FROM plain`)
	_, err := pgbackup.Backup(t.Context(), pgbackup.Config{URL: from, Path: path + "2"})
	if err == nil || !strings.Contains(err.Error(), "GRANT gp_app, gp_viewer TO \"plain\"") {
		t.Errorf("a backup of a part: %v", err)
	}
}
