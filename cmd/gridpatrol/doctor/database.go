package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gridpatrol/gridpatrol/migrations"
)

const (
	// skewWarn and skewFail: ages and presence are judged by one clock, deadlines by
	// the other; beyond two minutes good fixes come "from the future".
	skewWarn = 2 * time.Second
	skewFail = 30 * time.Second
	// partitionsWanted is how many days from today on must have their partition.
	partitionsWanted = 7
)

const clocks = `SELECT gp_now() - shift, shift <> '0', coalesce((SELECT max(abs(clock_ahead_s)) FROM nodes WHERE beat_at > gp_now() - interval '30 s'), 0)
FROM clock_shift`

// clock compares three clocks: this machine's, the database's, and those of the
// nodes that run.
func clock(ctx context.Context, p *Patient) (Finding, error) {
	var theirs time.Time
	var shifted bool
	var nodes float64
	began := p.Now()
	if err := p.Conn.QueryRow(ctx, clocks).Scan(&theirs, &shifted, &nodes); err != nil {
		return Finding{}, err
	}
	give := p.Now().Sub(began) / 2
	skew := max(began.Add(give).Sub(theirs).Abs()-give, time.Duration(nodes*float64(time.Second)))
	const remedy = "Let both machines follow one time server: `timedatectl set-ntp true`."
	switch {
	case shifted:
		return fail("The database's clock has been moved for a test; deadlines go by it.",
			"As the database's owner: `UPDATE clock_shift SET shift = '0'`."), nil
	case skew > skewFail:
		return fail(fmt.Sprintf("The clocks of a node and of the database differ by %s.", skew.Round(time.Second)), remedy), nil
	case skew > skewWarn:
		return warn(fmt.Sprintf("The clocks of a node and of the database differ by %s.", skew.Round(100*time.Millisecond)), remedy), nil
	}
	return ok("Every clock agrees with the database's within %s.", skewWarn), nil
}

func durability(ctx context.Context, p *Patient) (Finding, error) {
	var unsafe []string
	for _, name := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		var value string
		if err := p.Conn.QueryRow(ctx, `SELECT current_setting($1)`, name).Scan(&value); err != nil {
			return Finding{}, err
		}
		if value == "off" {
			unsafe = append(unsafe, name)
		}
	}
	if len(unsafe) > 0 {
		return fail(strings.Join(unsafe, ", ")+" off: a power cut loses what was acknowledged.",
			fmt.Sprintf("`ALTER SYSTEM SET %s = on`, `SELECT pg_reload_conf()`; look at ALTER DATABASE and ALTER ROLE settings too.", unsafe[0])), nil
	}
	return ok("What is acknowledged is on disk (fsync, synchronous_commit, full_page_writes)."), nil
}

func checksums(ctx context.Context, p *Patient) (Finding, error) {
	var on string
	if err := p.Conn.QueryRow(ctx, `SELECT current_setting('data_checksums')`).Scan(&on); err != nil {
		return Finding{}, err
	}
	if on != "on" {
		return warn("Data checksums are off: a disk that returns wrong bytes is not noticed.",
			"Stop the database and run `pg_checksums --enable -D DATA_DIRECTORY`."), nil
	}
	return ok("Data checksums are on."), nil
}

func versions(ctx context.Context, p *Patient) (Finding, error) {
	var server int
	var postgis *string
	const ask = `SELECT current_setting('server_version_num')::int, (SELECT extversion FROM pg_extension WHERE extname = 'postgis')`
	if err := p.Conn.QueryRow(ctx, ask).Scan(&server, &postgis); err != nil {
		return Finding{}, err
	}
	switch {
	case server < 150000:
		return fail(fmt.Sprintf("PostgreSQL %d is too old.", server/10000), "Move to PostgreSQL 15 or newer with `pg_upgrade`."), nil
	case postgis == nil:
		return fail("PostGIS is not in this database.", "Install the server's PostGIS package, then run `gridpatrol migrate up`."), nil
	case older(*postgis, 3, 3):
		return warn("PostGIS "+*postgis+" is older than what is tested (3.3).", "Update the package, then `SELECT postgis_extensions_upgrade()`."), nil
	}
	return ok("PostgreSQL %d with PostGIS %s.", server/10000, *postgis), nil
}

// older says whether a version such as 3.3.2 is below major.minor.
func older(version string, major, minor int) bool {
	var a, b int
	if _, err := fmt.Sscanf(version, "%d.%d", &a, &b); err != nil {
		return true
	}
	return a < major || (a == major && b < minor)
}

func schema(ctx context.Context, p *Patient) (Finding, error) {
	pending, unknown, err := migrations.Pending(ctx, p.Conn)
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && pg.Code == "42P01":
		return fail("There is no schema in this database.", "Run `gridpatrol migrate up`."), nil
	case err != nil:
		return Finding{}, err
	case len(pending) > 0:
		return fail(fmt.Sprintf("Migrations %v are pending.", pending), "Run `gridpatrol migrate up`; a service does so at its start."), nil
	case len(unknown) > 0:
		return warn(fmt.Sprintf("The schema is newer than this program (migrations %v).", unknown), "Finish the rollout: install the newer program here too."), nil
	}
	return ok("The schema is this program's."), nil
}

func disk(_ context.Context, p *Patient) (Finding, error) {
	if p.Disk == nil {
		return ok("The database is elsewhere; its disk is looked at there."), nil
	}
	free, total, err := p.Disk()
	if err != nil {
		return Finding{}, err
	}
	const remedy = "Make room: old logs and backups first; `du -xsh /var/*`. Never delete below postgres/."
	says := fmt.Sprintf("The database's disk has %.1f of %.1f GB free.", float64(free)/1e9, float64(total)/1e9)
	switch {
	case free < 1e9:
		return fail(says, remedy), nil
	case float64(free) < 0.15*float64(total):
		return warn(says, remedy), nil
	}
	return ok("%s", says), nil
}

const partitionsAhead = `SELECT coalesce(min(ahead) FILTER (WHERE NOT there), 30) FROM (
  SELECT ahead, to_regclass('public.tracks_' || to_char((gp_now() AT TIME ZONE 'UTC')::date + ahead, 'YYYYMMDD')) IS NOT NULL AS there
  FROM generate_series(0, 29) ahead) days`

func partitions(ctx context.Context, p *Patient) (Finding, error) {
	var ahead int
	if err := p.Conn.QueryRow(ctx, partitionsAhead).Scan(&ahead); err != nil {
		return Finding{}, err
	}
	const remedy = "A service makes them at its start and each hour: `systemctl restart gridpatrol`, or `gridpatrol serve`; its log says why it could not."
	switch {
	case ahead == 0:
		return fail("Today has no track partition; fixes go to the default one.", remedy), nil
	case ahead < partitionsWanted:
		return warn(fmt.Sprintf("Track partitions are there for %d days, not for %d.", ahead, partitionsWanted), remedy), nil
	}
	return ok("Track partitions are there for %d days.", ahead), nil
}

func strays(ctx context.Context, p *Patient) (Finding, error) {
	days, err := list(ctx, p, `SELECT DISTINCT (t AT TIME ZONE 'UTC')::date::text FROM (SELECT t FROM tracks_default LIMIT 100000) s`)
	if err != nil {
		return Finding{}, err
	}
	if len(days) > 0 {
		return warn("Fixes of "+some(days)+" lie outside every day's partition.",
			"A start takes over what lies within the coming days: `systemctl restart gridpatrol`. A day far off is a device with a wrong clock."), nil
	}
	return ok("No fix lies outside its day's partition."), nil
}

// backupOldAfter is how long a district may go without a backup.
const backupOldAfter = 26 * time.Hour

func backup(ctx context.Context, p *Patient) (Finding, error) {
	var kept bool
	if err := p.Conn.QueryRow(ctx, `SELECT to_regclass('public.backups_made') IS NOT NULL`).Scan(&kept); err != nil {
		return Finding{}, err
	}
	if !kept {
		return ok("This schema keeps no book of backups; whoever makes them knows."), nil
	}
	var seconds *float64
	if err := p.Conn.QueryRow(ctx, `SELECT extract(epoch FROM gp_now() - max(at))::float8 FROM backups_made`).Scan(&seconds); err != nil {
		return Finding{}, err
	}
	const remedy = "`gridpatrol backup FILE`, each night, onto another machine's disk."
	switch {
	case seconds == nil:
		return warn("No backup has ever been made.", remedy), nil
	case *seconds > backupOldAfter.Seconds():
		return warn(fmt.Sprintf("The last backup is %.0f hours old.", *seconds/3600), remedy), nil
	}
	return ok("The last backup is %.0f hours old.", *seconds/3600), nil
}

// photoWait is how long a photo may wait for its copies: a burst takes minutes.
const photoWait = 10 * time.Minute

const photosWaiting = `SELECT count(*), coalesce(extract(epoch FROM gp_now() - min(p.made_at)), 0)::float8, coalesce(max(t.tries), 0)
FROM photo_todo t JOIN photos p USING (district_id, sha256)`

func photos(ctx context.Context, p *Patient) (Finding, error) {
	var waiting, tries int
	var seconds float64
	if err := p.Conn.QueryRow(ctx, photosWaiting).Scan(&waiting, &seconds, &tries); err != nil {
		return Finding{}, err
	}
	if seconds > photoWait.Seconds() {
		return warn(fmt.Sprintf("%d photo(s) wait for their copies, the oldest for %.0f minutes, tried %d times at most; pages show a placeholder.", waiting, seconds/60, tries),
			"The log says why (`journalctl -u gridpatrol -n 200`, \"copied again later\"): an object store that is away, or no memory for the copying program. Then `systemctl restart gridpatrol`; originals are kept."), nil
	}
	return ok("%d photo(s) wait for their copies.", waiting), nil
}

const running = `SELECT count(*), coalesce(string_agg(DISTINCT host, ', '), ''), coalesce(max(timers_late_s), 0),
  count(*) FILTER (WHERE bus = 'none')
FROM nodes WHERE beat_at > gp_now() - interval '30 s'`

func service(ctx context.Context, p *Patient) (Finding, error) {
	var nodes, mute int
	var hosts string
	var late float64
	if err := p.Conn.QueryRow(ctx, running).Scan(&nodes, &hosts, &late, &mute); err != nil {
		return Finding{}, err
	}
	switch {
	case nodes == 0:
		return warn("No service is running on this database.", "`systemctl start gridpatrol`, or `gridpatrol serve`."), nil
	case late > 30:
		return fail(fmt.Sprintf("A timer is %.0f s late on %s: deadlines, shifts or announcements stand still.", late, hosts),
			"Look into the log (`journalctl -u gridpatrol -n 200`), then `systemctl restart gridpatrol`; deadlines are kept."), nil
	case nodes > 1 && mute > 0:
		return warn(fmt.Sprintf("%d nodes run (%s), and %d of them have no bus: positions from one come some seconds late to the screens of another.", nodes, hosts, mute),
			"Set GRIDPATROL_BUS_LISTEN, GRIDPATROL_BUS_PEERS and GRIDPATROL_BUS_SECRET, or NATS_URL, on every node and restart one after another; see docs/scale.md."), nil
	}
	return ok("%d node(s) run (%s), and their timers tick.", nodes, hosts), nil
}
