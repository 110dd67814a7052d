package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	roadsStaleAfter  = 180 * 24 * time.Hour
	deviceSilentDays = 7
	draftOldDays     = 14
	importStaff      = "`gridpatrol import staff FILE.csv`"
	importShifts     = "`gridpatrol import shifts FILE.csv`"
)

// inForce are the general grids of the map in force.
const inForce = `SELECT g.code, g.district_id, n.t FROM (SELECT gp_now() AS t) n, grids g JOIN grid_versions v ON v.id = g.version_id
WHERE v.state = 'active' AND v.valid @> n.t AND g.kind = 'general'`

func grids(ctx context.Context, p *Patient) (Finding, error) {
	var n int
	if err := p.Conn.QueryRow(ctx, `SELECT count(*) FROM (`+inForce+`) g`).Scan(&n); err != nil {
		return Finding{}, err
	}
	if n == 0 {
		return fail("No map of grids is in force: no report finds who is responsible.",
			"`gridpatrol import grids FILE --code-property P --name-property P --activate`"), nil
	}
	return ok("%d grids are in force.", n), nil
}

func drafts(ctx context.Context, p *Patient) (Finding, error) {
	old, err := list(ctx, p, fmt.Sprintf(`SELECT source || ' (' || made_at::date || ')' FROM grid_versions
	  WHERE state = 'draft' AND made_at < gp_now() - interval '%d days'`, draftOldDays))
	if err != nil {
		return Finding{}, err
	}
	if len(old) > 0 {
		return warn(fmt.Sprintf("%d drafts of a map have waited for more than %d days: %s.", len(old), draftOldDays, some(old)),
			"Import what is wanted again with `gridpatrol import grids FILE --code-property P --name-property P --activate`."), nil
	}
	return ok("No draft of a map is waiting."), nil
}

func staffing(ctx context.Context, p *Patient) (Finding, error) {
	empty, err := list(ctx, p, `SELECT g.code FROM (`+inForce+`) g WHERE NOT EXISTS (SELECT FROM grid_staff s
	  WHERE s.district_id = g.district_id AND s.grid_code = g.code AND s.part = 'worker' AND s.valid @> g.t)`)
	if err != nil {
		return Finding{}, err
	}
	if len(empty) > 0 {
		return warn(fmt.Sprintf("%d grids have no grid worker: %s.", len(empty), some(empty)), "Name one for each: "+importStaff+"."), nil
	}
	return ok("Every grid has its grid worker."), nil
}

// substitutes looks for grids whose worker is off while nobody else of the grid is
// on duty.
func substitutes(ctx context.Context, p *Patient) (Finding, error) {
	alone, err := list(ctx, p, `WITH on_duty AS (
	    SELECT DISTINCT m.staff_id FROM (SELECT gp_now() AS t) n, duties d JOIN patrol_members m ON m.patrol_id = d.patrol_id
	    WHERE d.during @> n.t AND m.valid @> n.t)
	  SELECT g.code FROM (`+inForce+`) g
	  WHERE EXISTS (SELECT FROM grid_staff s WHERE s.district_id = g.district_id AND s.grid_code = g.code AND s.part = 'worker' AND s.valid @> g.t)
	    AND NOT EXISTS (SELECT FROM grid_staff s JOIN on_duty USING (staff_id)
	      WHERE s.district_id = g.district_id AND s.grid_code = g.code AND s.part IN ('worker', 'substitute', 'part_timer') AND s.valid @> g.t)`)
	if err != nil {
		return Finding{}, err
	}
	if len(alone) > 0 {
		return warn(fmt.Sprintf("In %d grids the worker is off and no substitute is on duty now: %s.", len(alone), some(alone)),
			"Give a substitute a shift: "+importShifts+"; until then the nearest grid worker takes the first look."), nil
	}
	return ok("Somebody of every staffed grid is on duty."), nil
}

// policeIn is when police that cover a town are on duty within the next day.
const policeIn = `SELECT a.code || ' ' || a.name, coalesce(c.spans @> n.t, false), coalesce(c.spans @> tstzrange(n.t, n.t + interval '24 h'), false)
FROM (SELECT gp_now() AS t) n, areas a CROSS JOIN LATERAL (
  SELECT range_agg(d.during) AS spans FROM duties d JOIN patrols p ON p.id = d.patrol_id
  WHERE p.district_id = a.district_id AND p.department = 'police' AND d.during && tstzrange(gp_now(), gp_now() + interval '24 h', '[]')
    AND (p.area_code IS NULL OR p.area_code = ANY (gp_area_path(a.district_id, a.code)) OR a.code = ANY (gp_area_path(p.district_id, p.area_code)))) c
WHERE a.level = 'town'`

func towns(ctx context.Context, p *Patient) (Finding, error) {
	rows, err := p.Conn.Query(ctx, policeIn)
	if err != nil {
		return Finding{}, err
	}
	var town string
	var now, day bool
	var bare, later []string
	_, err = pgx.ForEachRow(rows, []any{&town, &now, &day}, func() error {
		switch {
		case !now:
			bare = append(bare, town)
		case !day:
			later = append(later, town)
		}
		return nil
	})
	if err != nil {
		return Finding{}, err
	}
	const remedy = "Give a police patrol of the town, or of the district, a shift: " + importShifts + "."
	switch {
	case len(bare) > 0:
		return warn(fmt.Sprintf("No police patrol is on duty for %d towns now: %s.", len(bare), some(bare)), remedy), nil
	case len(later) > 0:
		return warn(fmt.Sprintf("%d towns have no police patrol for a part of the next 24 h: %s.", len(later), some(later)), remedy), nil
	}
	return ok("Police are on duty for every town, now and for the next 24 h."), nil
}

func departments(ctx context.Context, p *Patient) (Finding, error) {
	empty, err := list(ctx, p, `SELECT code FROM departments d WHERE NOT EXISTS (
	  SELECT FROM patrols p WHERE p.district_id = d.district_id AND p.department = d.code)`)
	if err != nil {
		return Finding{}, err
	}
	if len(empty) > 0 {
		return warn(fmt.Sprintf("%d departments have no patrol: %s.", len(empty), some(empty)), "Give staff of theirs a patrol_code: "+importStaff+"."), nil
	}
	return ok("Every department has a patrol."), nil
}

func categories(ctx context.Context, p *Patient) (Finding, error) {
	nobody, err := list(ctx, p, `SELECT c.code || ' (' || c.lead || ')' FROM categories c WHERE c.valid @> gp_now() AND c.lead NOT IN ('village', 'town')
	  AND NOT EXISTS (SELECT FROM patrols p WHERE p.district_id = c.district_id AND p.department = c.lead)`)
	if err != nil {
		return Finding{}, err
	}
	if len(nobody) > 0 {
		return warn(fmt.Sprintf("%d categories are led by a department without a patrol: %s.", len(nobody), some(nobody)),
			"Give the department a patrol ("+importStaff+"), or another lead (`gridpatrol import categories FILE.csv`)."), nil
	}
	return ok("Every category is led by somebody who can be sent."), nil
}

func roads(ctx context.Context, p *Patient) (Finding, error) {
	var source string
	var seconds float64
	err := p.Conn.QueryRow(ctx, `SELECT source, extract(epoch FROM gp_now() - made_at)::float8 FROM road_networks WHERE active ORDER BY version DESC LIMIT 1`).Scan(&source, &seconds)
	const remedy = "`gridpatrol import roads FILE.osm.pbf`; a running service takes them over."
	if errors.Is(err, pgx.ErrNoRows) {
		return warn("No roads are imported: who comes first is judged by straight lines.", remedy), nil
	}
	if err != nil {
		return Finding{}, err
	}
	age := time.Duration(seconds * float64(time.Second))
	if age > roadsStaleAfter {
		return warn(fmt.Sprintf("The roads (%s) were imported %d days ago.", source, int(age.Hours()/24)), remedy), nil
	}
	return ok("The roads (%s) were imported %d days ago.", source, int(age.Hours()/24)), nil
}

func devices(ctx context.Context, p *Patient) (Finding, error) {
	silent, err := list(ctx, p, fmt.Sprintf(`SELECT d.code FROM (SELECT gp_now() - interval '%d days' AS since) n, devices d
	  WHERE d.revoked_at IS NULL AND EXISTS (SELECT FROM device_bindings b WHERE b.device_id = d.id AND b.valid @> gp_now()
	      AND (lower_inf(b.valid) OR lower(b.valid) < n.since))
	    AND NOT EXISTS (SELECT FROM beacon_streams s WHERE s.device_id = d.id AND s.written_at >= n.since)`, deviceSilentDays))
	if err != nil {
		return Finding{}, err
	}
	if len(silent) > 0 {
		return warn(fmt.Sprintf("%d devices have sent nothing for %d days: %s.", len(silent), deviceSilentDays, some(silent)),
			"Ask who carries it; report a lost one with `gridpatrol device revoke CODE`."), nil
	}
	return ok("Every device that speaks for a patrol was heard within %d days.", deviceSilentDays), nil
}

// doubtful are the devices that sent, within a day, what somebody can mend on them: the
// last such doubts of each stream. What a program plays is no matter.
const doubtful = `SELECT d.code, string_agg(DISTINCT w, ',' ORDER BY w) FROM beacon_streams s JOIN devices d ON d.id = s.device_id,
  unnest(string_to_array(s.doubts, ',')) w
WHERE s.doubted_at > gp_now() - interval '24 h' AND d.revoked_at IS NULL AND NOT d.simulated GROUP BY d.code`

const wrongDatum = "gcj02, bd09: the app asks a map library for its place and must send WGS-84 (docs/beacon.md); the patrol is shown where it is, but its track keeps what was sent."

var mending = []struct{ word, remedy string }{
	{"gcj02", wrongDatum},
	{"bd09", wrongDatum},
	{"frozen", "frozen: let the app use the position while in the background, take it out of battery saving, restart the phone; the patrol stands where it was last."},
	{"mock", "mock: take away \"mock location app\" in the phone's developer options, and ask who carries it why it was set; the patrol is not moved by it."},
}

func positions(ctx context.Context, p *Patient) (Finding, error) {
	rows, err := p.Conn.Query(ctx, doubtful)
	if err != nil {
		return Finding{}, err
	}
	var code, words string
	var who, remedies []string
	_, err = pgx.ForEachRow(rows, []any{&code, &words}, func() error {
		who = append(who, code+" ("+words+")")
		for _, m := range mending {
			if slices.Contains(strings.Split(words, ","), m.word) && !slices.Contains(remedies, m.remedy) {
				remedies = append(remedies, m.remedy)
			}
		}
		return nil
	})
	if err != nil {
		return Finding{}, err
	}
	if len(who) > 0 {
		slices.Sort(remedies)
		return warn(fmt.Sprintf("%d devices sent positions within 24 hours that are not to be believed as they were sent: %s.", len(who), some(who)),
			strings.Join(remedies, " ")), nil
	}
	return ok("No device sent positions of another datum, frozen or mock ones within 24 hours."), nil
}

func accounts(ctx context.Context, p *Patient) (Finding, error) {
	missing, err := list(ctx, p, `SELECT r FROM unnest(ARRAY['admin', 'operator']) r
	  WHERE NOT EXISTS (SELECT FROM accounts a WHERE a.role = r AND a.disabled_at IS NULL)`)
	if err != nil {
		return Finding{}, err
	}
	if len(missing) > 0 {
		return warn("Nobody can sign in as "+some(missing)+".", "`gridpatrol user add --username NAME --role "+missing[0]+" --password-stdin`"), nil
	}
	return ok("An administrator and an operator can sign in."), nil
}

func tokens(ctx context.Context, p *Patient) (Finding, error) {
	endless, err := list(ctx, p, `SELECT id::text FROM tokens WHERE expires_at IS NULL AND revoked_at IS NULL`)
	if err != nil {
		return Finding{}, err
	}
	if len(endless) > 0 {
		return warn(fmt.Sprintf("%d tokens never expire: %s.", len(endless), some(endless)),
			"Make one that ends (`gridpatrol token create --user NAME --ttl 8760h`) and end the old one (`gridpatrol token revoke ID`)."), nil
	}
	return ok("Every token ends."), nil
}

// webhooks are somebody else's servers: one that takes nothing is told of in the morning.
func webhooks(ctx context.Context, p *Patient) (Finding, error) {
	off, err := list(ctx, p, `SELECT name || ' (' || disabled_because || coalesce(': ' || nullif(last_fault, ''), '') || ')' FROM webhooks
		WHERE deleted_at IS NULL AND disabled_because <> 'by_hand'`)
	if err != nil {
		return Finding{}, err
	}
	if len(off) > 0 {
		return warn(fmt.Sprintf("%d webhooks were disabled, since they took nothing any more: %s.", len(off), some(off)),
			"Have the receiving system mended, test the webhook (POST /api/v1/webhooks/{id}/test), and enable it again; what it missed is in GET /api/v1/cases."), nil
	}
	failing, err := list(ctx, p, `SELECT name || ' (' || last_fault || ')' FROM webhooks
		WHERE deleted_at IS NULL AND disabled_because IS NULL AND failing_since < gp_now() - interval '1 h'`)
	if err != nil {
		return Finding{}, err
	}
	if len(failing) > 0 {
		return warn(fmt.Sprintf("%d webhooks have taken nothing for more than an hour: %s.", len(failing), some(failing)),
			"Look at GET /api/v1/webhooks/{id}/deliveries and at the receiving system; after three days it is disabled."), nil
	}
	return ok("Every webhook takes what it is sent."), nil
}
