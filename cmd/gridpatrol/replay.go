package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo/track"
	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
	"github.com/gridpatrol/gridpatrol/realtime/pgtrack"
	"github.com/gridpatrol/gridpatrol/realtime/replay"
)

// deviceTokenEnv holds the token of a device for a service whose database is out of
// reach; a token on the command line could be read by everybody on the machine.
const deviceTokenEnv = "GRIDPATROL_DEVICE_TOKEN"

type replayCmd struct {
	Paths     []string `arg:"" name:"path" help:"Files .gpx, .plt (GeoLife), .csv (lon,lat,t[,accuracy_m,speed_ms,heading_deg,device]), .geojson, .json; folders are walked."`
	Anchor    string   `placeholder:"LON,LAT" help:"Move each device's journey so that its first point lies here; lengths and directions stay."`
	Start     string   `placeholder:"now|TIME" help:"When each device begins: now, or a time in RFC 3339 at most 7 days ago. What is past is sent at once, the rest when its time comes. Without it the recorded times stand and all is sent at once."`
	Speed     float64  `default:"1" placeholder:"N" help:"Play N times faster than life, up to 60; devices marked simulated only. Begins now where --start is not given."`
	Device    []string `placeholder:"CODE" help:"Devices that play, in turn, a track each. Without it, simulated patrols of its own (replay-01, ...) play: they are seen on the map and never sent to a case."`
	URL       string   `name:"url" env:"GRIDPATROL_URL" placeholder:"URL" help:"The running service. Without it one at the usual address is looked for, and without one the ledger is written directly."`
	TokenFile string   `name:"token-file" type:"existingfile" placeholder:"FILE" help:"A device's token, for a service whose database is out of reach; needs --url. GRIDPATROL_DEVICE_TOKEN does the same."`
	DryRun    bool     `name:"dry-run" help:"Judge every point as the service would and print the account; send nothing, change nothing."`
	JSON      bool     `name:"json" help:"Print the account as JSON."`
}

// Help explains what flags cannot.
func (replayCmd) Help() string {
	return `Plays recorded tracks as devices that are on the move and prints what became of every point:
which lines are no point, what was rejected and why, and the verdict of what was kept.

A patrol that is played is marked 模拟 everywhere, its fixes are no proof of where anybody was,
and only it may be played faster than life. The same replay again (same files, device, start,
anchor and speed) sends nothing twice. Ctrl-C stops it and prints the account so far.

  gridpatrol replay walks/ --anchor 121.38,28.58 --start now --speed 10
  gridpatrol replay lost-signal.gpx --device van-07      a real device's own log, at its own times`
}

// replaySetup is a command line that was understood.
type replaySetup struct {
	files []string
	replay.Options
	token string // of a device, for a service afar
}

// check finds all that is wrong with the command line at once.
func (c replayCmd) check(now time.Time) (replaySetup, error) {
	var s replaySetup
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	var err error
	if s.files, err = track.Files(c.Paths); err != nil {
		faults = append(faults, err)
	}
	if c.Anchor != "" {
		if at, err := lonLat(c.Anchor); err != nil {
			fault("--anchor: %w; give longitude and latitude, such as 121.38,28.58", err)
		} else {
			s.Anchor = &at
		}
	}
	if !(c.Speed >= 1 && c.Speed <= beacon.MaxSpeed) {
		fault("--speed: must be 1 to %d", beacon.MaxSpeed)
	}
	s.Speed = c.Speed
	switch {
	case c.Start == "now" || (c.Start == "" && c.Speed > 1):
		s.Start = &now
	case c.Start != "":
		t, err := time.Parse(time.RFC3339, c.Start)
		switch {
		case err != nil:
			fault("--start: %q is no time; give now, or RFC 3339 such as 2026-11-23T08:00:00+08:00", c.Start)
		case now.Sub(t) > realtime.TooOldBy:
			fault("--start: is more than 7 days ago, and the service keeps no fix that old; give now, or a later time")
		default:
			t = t.UTC()
			s.Start = &t
		}
	}
	s.token = strings.TrimSpace(os.Getenv(deviceTokenEnv))
	if c.TokenFile != "" {
		raw, err := os.ReadFile(c.TokenFile)
		if err != nil {
			fault("--token-file: %w", err)
		}
		if s.token = strings.TrimSpace(string(raw)); s.token == "" && err == nil {
			fault("--token-file: %s is empty; it should hold what gridpatrol token create --device printed", c.TokenFile)
		}
	}
	if s.token != "" {
		if c.URL == "" {
			fault("--url: is needed with a device's token; name the service that gave it, such as https://map.example")
		}
		if len(c.Device) > 0 || c.DryRun {
			fault("--device, --dry-run: need the database; leave out the token (%s, --token-file)", deviceTokenEnv)
		}
	}
	if len(faults) > 0 {
		return s, usageFault{errors.Join(faults...)}
	}
	return s, nil
}

// Run plays the tracks and prints the account.
func (c replayCmd) Run(ctx context.Context, env *Env) error {
	s, err := c.check(time.Now().UTC().Truncate(time.Microsecond))
	if err != nil {
		return err
	}
	stop := showWork(env, "reading tracks")
	surveys, err := survey(ctx, s.files)
	stop()
	if err != nil {
		return err
	}
	if s.token != "" {
		return c.playAfar(ctx, env, s, surveys)
	}
	done, err := env.openDatabase(ctx, 8)
	if err != nil {
		return err
	}
	defer done()
	return c.playHere(ctx, env, s, surveys)
}

func survey(ctx context.Context, files []string) ([]replay.Survey, error) {
	var surveys []replay.Survey
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		surveys = append(surveys, replay.LookAt(track.Open, file)...)
	}
	return surveys, nil
}

// playAfar sends to a service of which only a device's token is known. Whether the
// device may play faster is the service's to say.
func (c replayCmd) playAfar(ctx context.Context, env *Env, s replaySetup, surveys []replay.Survey) error {
	const device = "the token's device"
	for i := range surveys {
		if surveys[i].Recorder != "" {
			return usageFault{fmt.Errorf("%s: names the device %q in its rows; a token speaks for one device, so leave that column out", surveys[i].File, surveys[i].Recorder)}
		}
	}
	plan, err := replay.NewPlan(surveys, []string{device}, s.Options)
	if err != nil {
		return usageFault{err}
	}
	socket, err := beaconURL(c.URL)
	if err != nil {
		return err
	}
	if err := knock(ctx, c.URL, s.token); err != nil {
		return err
	}
	return c.play(ctx, env, plan, &replay.Player{URL: socket, Token: func(context.Context, string) (string, error) { return s.token, nil }})
}

// playHere plays with the database at hand: through the running service, or straight
// into the ledger when there is none.
func (c replayCmd) playHere(ctx context.Context, env *Env, s replaySetup, surveys []replay.Survey) error {
	cast, err := c.cast(ctx, env, surveys, s.Speed)
	if err != nil {
		return err
	}
	if s.Start != nil && (c.Start == "now" || c.Start == "") {
		*s.Start = time.Now().UTC().Truncate(time.Microsecond) // reading may have taken its time
	}
	plan, err := replay.NewPlan(surveys, cast.devices, s.Options)
	if err != nil {
		return usageFault{err}
	}
	store := pgtrack.New(env.DB)
	if c.DryRun {
		return c.rehearse(ctx, env, plan, cast, store)
	}
	if err := cast.begin(ctx, plan); err != nil {
		return err
	}
	defer cast.end(context.WithoutCancel(ctx))
	stage, err := c.openStage(ctx, env, cast, plan, store)
	if err != nil {
		return err
	}
	defer stage.close()
	return c.play(ctx, env, plan, &replay.Player{
		URL: stage.url, Token: stage.token,
		Tally: func(ctx context.Context, ask replay.Ask) (replay.Tally, error) {
			key := realtime.StreamKey{Device: cast.known[ask.Device].ID, Stream: ask.Stream}
			t, err := store.Tally(ctx, key, ask.From, ask.To, ask.Above)
			return replay.Tally(t), err
		},
	})
}

// play sends, shows how far it is, and prints the account.
func (c replayCmd) play(ctx context.Context, env *Env, plan *replay.Plan, player *replay.Player) error {
	from, to := plan.Span()
	tracks, points := plan.Tracks(), plan.Points()
	when := "all at once, at their recorded times"
	if plan.Start != nil {
		when = fmt.Sprintf("from %s to %s", from.Local().Format(time.DateTime), to.Local().Format(time.DateTime))
		if plan.Speed > 1 {
			when += fmt.Sprintf(", %gx as fast as life", plan.Speed)
		}
	}
	fmt.Fprintf(env.Stderr, "replay: tracks %d, points %d, devices %d; %s\n", len(tracks), points, len(plan.Queues), when)
	progress, stop := countWork(env, "replaying", points)
	player.Progress = progress
	account, err := player.Play(ctx, plan)
	stop()
	if printing := c.print(env, account); printing != nil {
		return printing
	}
	switch s := account.Total; {
	case err != nil:
		return fmt.Errorf("replay: %w", err)
	case s.Lost > 0 || s.Doubled > 0:
		return fmt.Errorf("replay: %d acknowledged points are not in the ledger and %d stand there more than once; this must never happen, please report it", s.Lost, s.Doubled)
	case s.Unacked > 0 && !account.Stopped:
		return fmt.Errorf("replay: %d points were not acknowledged; run the same again, what is there is not sent twice", s.Unacked)
	}
	return refusedPoints(account)
}

func (c replayCmd) print(env *Env, account *replay.Account) error {
	if c.JSON {
		return printed(json.NewEncoder(env.Stdout).Encode(account))
	}
	return printed(account.Print(env.Stdout))
}

// refusedPoints makes lines that are no point exit code 3, as rows of an import.
func refusedPoints(a *replay.Account) error {
	if len(a.Total.Refused) > 0 || len(a.Faulty()) > 0 {
		return errRefusedRows
	}
	return nil
}

// rehearse judges by the register as it stands, its own players on duty.
func (c replayCmd) rehearse(ctx context.Context, env *Env, plan *replay.Plan, cast *cast, store *pgtrack.Store) error {
	roster, err := store.Roster(ctx, time.Now().Add(-realtime.TooOldBy-24*time.Hour))
	if err != nil {
		return err
	}
	player := &realtime.Patrol{ID: dispatch.PatrolID{UUID: uuid.Must(uuid.NewV7())}, Mode: dispatch.Car, Simulated: true}
	rehearsed := func(device string, speed float64) replay.Judge {
		r, id := roster, cast.known[device].ID
		if cast.own && slices.Contains(cast.devices, device) {
			r = &realtime.Roster{
				Patrols:   map[dispatch.PatrolID]*realtime.Patrol{player.ID: player},
				Bindings:  map[dispatch.DeviceID][]realtime.Binding{id: {{Patrol: player.ID}}},
				Duties:    map[dispatch.PatrolID][]realtime.Span{player.ID: {{}}},
				Simulated: map[dispatch.DeviceID]bool{id: true},
			}
		}
		rehearsal := realtime.NewRehearsal(r, id, speed)
		return func(f beacon.Fix, now time.Time) (string, string) {
			reject, verdict := rehearsal.Judge(f, now)
			return string(reject), verdict.String()
		}
	}
	account := replay.Rehearse(plan, track.Open, rehearsed, time.Now())
	if err := c.print(env, account); err != nil {
		return err
	}
	return refusedPoints(account)
}
