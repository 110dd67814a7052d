package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/dispatch/roster"
	"github.com/gridpatrol/gridpatrol/dispatch/whatif"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/pgroad"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/realtime/pgtrack"
)

// dispatchCmd looks at how patrols are sent.
type dispatchCmd struct {
	Replay whatifCmd `cmd:"" help:"Run past reports again by another policy or with another roster, and compare when somebody would have been there."`
}

type whatifCmd struct {
	From      string        `required:"" placeholder:"TIME" help:"The first report that counts: RFC 3339, a date, or an offset from now such as -24h."`
	To        string        `default:"-0s" placeholder:"TIME" help:"Until when, not included; by default now."`
	Policy    []string      `placeholder:"POLICY" help:"nearest (each in turn), batch or even (matched in a window), team (a report's departments together); several with commas. By default all, or nearest with --roster."`
	Window    time.Duration `default:"2s" help:"How long what is not urgent waits, of batch and even."`
	Roster    string        `placeholder:"FILE.csv" help:"Patrols instead of those that were on duty: code,department,mode,lon,lat[,from,until]."`
	Simulated bool          `help:"Take simulated reports and patrols in, too: for demonstrations."`
	TZ        string        `name:"tz" env:"GRIDPATROL_TZ" default:"Asia/Shanghai" help:"The district's time zone, for dates and the hours of a roster."`
	JSON      bool          `name:"json" help:"Print as JSON."`
}

// whatifAsk is what is to be compared.
type whatifAsk struct {
	from, to time.Time
	zone     *time.Location
	setups   []whatif.Setup
}

// Run compares. It works while a service runs or not, and changes nothing: every
// connection it opens refuses to write.
func (c whatifCmd) Run(ctx context.Context, env *Env) error {
	ask, err := c.ask(time.Now())
	if err != nil {
		return usageFault{err}
	}
	done, err := env.openReadOnly(ctx, 3)
	if err != nil {
		return err
	}
	defer done()
	return c.play(ctx, env, ask)
}

// ask reads what the flags say.
func (c whatifCmd) ask(now time.Time) (ask whatifAsk, err error) {
	if ask.zone, err = time.LoadLocation(c.TZ); err != nil {
		return ask, fmt.Errorf("--tz: %q is no time zone this machine knows", c.TZ)
	}
	if ask.from, err = whenever(c.From, now, ask.zone); err != nil {
		return ask, fmt.Errorf("--from: %w", err)
	}
	if ask.to, err = whenever(c.To, now, ask.zone); err != nil {
		return ask, fmt.Errorf("--to: %w", err)
	}
	ask.setups, err = c.setups()
	return ask, err
}

func (c whatifCmd) play(ctx context.Context, env *Env, ask whatifAsk) error {
	past := pastOf{Past: pgstore.Past{DB: env.DB, Simulated: c.Simulated}, tracks: pgtrack.New(env.DB)}
	if c.Roster != "" {
		patrols, err := c.readRoster(ctx, env, past, ask)
		if err != nil {
			return err
		}
		// First what the patrols of then would have done by the same policy: that is what
		// to compare the roster with.
		for _, s := range ask.setups {
			s.Roster, s.RosterName = patrols, filepath.Base(c.Roster)
			ask.setups = append(ask.setups, s)
		}
	}
	roads := &road.Switch{}
	works := pgroad.NewWorks(env.DB, roads)
	works.InZone(ask.zone)
	switch _, err := works.Load(ctx); {
	case errors.Is(err, pgroad.ErrNone):
		env.Log.Warn("no roads are imported: times are estimated from straight lines")
	case err != nil:
		return err
	}
	last := time.Now()
	result, err := whatif.Compare(ctx, past, roads, ask.from, ask.to, ask.setups, func(played, of time.Duration) {
		if time.Since(last) > 3*time.Second {
			last = time.Now()
			env.Log.Info("playing", "hours", int(played.Hours()), "of", int(of.Hours()))
		}
	})
	if errors.Is(err, whatif.ErrAsk) {
		return usageFault{err}
	}
	if err != nil {
		return err
	}
	if result.Reports == 0 {
		hint := "look at another time"
		if !c.Simulated {
			hint += ", or add --simulated in a demonstration"
		}
		return fmt.Errorf("nothing was reported from %s to %s that called a department; %s", ask.from.Format(time.RFC3339), ask.to.Format(time.RFC3339), hint)
	}
	if c.JSON {
		return printed(json.NewEncoder(env.Stdout).Encode(result))
	}
	return printed(result.Write(env.Stdout))
}

// setups are the columns that are asked for.
func (c whatifCmd) setups() ([]whatif.Setup, error) {
	policies := whatif.Policies
	if c.Roster != "" {
		policies = []whatif.Policy{whatif.Nearest}
	}
	if len(c.Policy) > 0 {
		policies = nil
		for _, p := range c.Policy {
			policies = append(policies, whatif.Policy(strings.TrimSpace(p)))
		}
	}
	var out []whatif.Setup
	for _, p := range policies {
		s := whatif.Setup{Policy: p, Window: c.Window}
		if err := s.Check(); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// readRoster reads the patrols to try out. One bad row spoils the comparison, so it is
// refused whole.
func (c whatifCmd) readRoster(ctx context.Context, env *Env, past pastOf, ask whatifAsk) ([]whatif.Patrol, error) {
	file, err := os.Open(c.Roster)
	if err != nil {
		return nil, fmt.Errorf("--roster: %w", err)
	}
	defer file.Close()
	known, err := past.Known(ctx)
	if err != nil {
		return nil, err
	}
	posts, refused, err := roster.Posts(file, known)
	if err != nil {
		return nil, fmt.Errorf("--roster %s: %w", c.Roster, err)
	}
	for _, r := range refused {
		fmt.Fprintf(env.Stderr, "%s: %v\n", c.Roster, &r)
	}
	if len(refused) > 0 {
		return nil, errRosterRows
	}
	patrols := make([]whatif.Patrol, len(posts))
	for i, p := range posts {
		mode, err := road.ParseMode(p.Mode)
		if err != nil {
			return nil, err
		}
		place := p.Place
		patrols[i] = whatif.Patrol{ID: dispatch.PatrolID{UUID: uuid.NewSHA1(pgdb.District, []byte("roster "+p.Code))}, Code: p.Code, Department: p.Department, Mode: mode, Post: &place}
		for _, d := range p.Duty(ask.from.Add(-whatif.WarmUp), ask.to.Add(whatif.GiveUp), ask.zone) {
			patrols[i].Duty = append(patrols[i].Duty, dispatch.Span{From: d[0], Until: d[1]})
		}
	}
	return patrols, nil
}

// errRosterRows is a roster with faults: exit code 3, as of imports.
var errRosterRows = errors.New("the roster has rows that cannot be used; they are named above, and nothing was played")

// pastOf is what happened, with the tracks of then.
type pastOf struct {
	pgstore.Past
	tracks *pgtrack.Store
}

func (p pastOf) Fixes(ctx context.Context, from, to time.Time) ([]whatif.Fix, error) {
	var out []whatif.Fix
	err := p.tracks.Thinned(ctx, from, to, whatif.Grain, p.Simulated, func(id dispatch.PatrolID, t time.Time, at geo.Point) {
		out = append(out, whatif.Fix{Patrol: id, T: t, Point: at})
	})
	return out, err
}

// whenever reads a time: RFC 3339, a date by a zone's days, or an offset from now.
func whenever(text string, now time.Time, zone *time.Location) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil && strings.ContainsAny(text[:1], "+-") {
		return now.Add(d).UTC(), nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return t.UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%.40q is no time; give 2026-11-23T08:00:00+08:00, 2026-11-23, or -24h from now", text)
	}
	return t.UTC(), nil
}
