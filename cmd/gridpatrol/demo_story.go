package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/cmd/gridsim/city"
	"github.com/gridpatrol/gridpatrol/cmd/gridsim/story"
	"github.com/gridpatrol/gridpatrol/migrations/pgcluster"
	"github.com/gridpatrol/gridpatrol/proof"
)

// storyConfig plays the night of the article: on a service as anybody runs it, with a
// database of its own that is made anew each time, since its clock is moved.
type storyConfig struct {
	Play  bool          `name:"story" help:"Play one night instead: a vat at 20:00, police and environment on scene together before 20:30. In a database of its own below the data directory."`
	Wait  time.Duration `name:"story-wait" default:"45s" help:"How long the story waits for somebody to open the command centre; 0 begins at once."`
	Speed float64       `name:"story-speed" default:"1" help:"How many times as fast as 90 seconds it is played."`
	Stay  bool          `name:"story-stay" help:"Serve on after the end, to look around in it."`
}

// mostSpeed is how fast a story may be played: beyond it, what the service does every
// few seconds is further apart than what happens.
const mostSpeed = 4

// storyMoved moves the clock of the story's database; only its owner may.
const storyMoved = `UPDATE clock_shift SET shift = shift + $1::interval`

// errStory is a night that did not go as it must: exit code 1.
var errStory = errors.New("the night did not go as in the article; what is missing is marked above")

func (c storyConfig) run(ctx context.Context, env *Env, port int) error {
	switch {
	case env.Common.DatabaseURL != "":
		return usageFault{errors.New("--story: moves the clock of its database, so it plays in one of its own; leave --database-url / DATABASE_URL out")}
	case c.Speed <= 0 || c.Speed > mostSpeed:
		return usageFault{fmt.Errorf("--story-speed: %v is not above 0 and at most %d", c.Speed, mostSpeed)}
	case c.Wait < 0 || c.Wait > 5*time.Minute:
		return usageFault{fmt.Errorf("--story-wait: %v is not from 0s to 5m", c.Wait)}
	}
	say := func(format string, args ...any) { fmt.Fprintf(env.Stderr, "story: "+format+"\n", args...) }
	env.Common.DataDir = filepath.Join(env.Common.DataDir, "story")
	if err := emptyStory(ctx, env); err != nil {
		return err
	}
	config := serveConfig{Listen: "127.0.0.1:" + strconv.Itoa(port), TZ: "Asia/Shanghai"}
	zone, err := config.check(env.Common)
	if err != nil {
		return err
	}
	say("starting a database of its own")
	closeDatabase, err := env.openDatabase(ctx, 24)
	if err != nil {
		return err
	}
	defer closeDatabase()
	return env.DB.Owner(ctx, func(conn *pgx.Conn) error {
		n := night{storyConfig: c, env: env, config: config, zone: zone, say: say}
		n.clock = story.NewClock(func(ctx context.Context, by time.Duration) error {
			_, err := conn.Exec(ctx, storyMoved, by)
			return err
		})
		return n.run(ctx)
	})
}

// emptyStory throws away what an earlier story left; a database that still runs there is
// one that a killed story left behind, or somebody else's.
func emptyStory(ctx context.Context, env *Env) error {
	dir := env.Common.DataDir
	held, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("look into the story's folder: %w", err)
	}
	if len(held) > 0 && !slices.ContainsFunc(held, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), "postgres") }) {
		return fmt.Errorf("%s holds something that no story left there; move it away, or name another --data-dir", dir)
	}
	if pgcluster.Running(dir) {
		cluster, err := pgcluster.Start(ctx, pgcluster.Config{Dir: dir, Log: env.Log})
		if err != nil {
			return err
		}
		if err := cluster.Stop(ctx); err != nil {
			return err
		}
		if pgcluster.Running(dir) {
			return fmt.Errorf("a story is being played in %s; wait for its end, or name another --data-dir", dir)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("empty the story's folder: %w", err)
	}
	return nil
}

// night is a story with its service.
type night struct {
	storyConfig
	env    *Env
	config serveConfig
	zone   *time.Location
	clock  *story.Clock
	say    func(format string, args ...any)
}

// run loads the district at ten to eight, serves, plays, and judges.
func (n *night) run(ctx context.Context) error {
	if err := n.clock.JumpTo(ctx, 19, 50, n.zone); err != nil {
		return err
	}
	if err := loadDistrict(ctx, n.env, n.say); err != nil {
		return fmt.Errorf("load the demo district: %w", err)
	}
	demoFile := filepath.Join(n.env.Common.DataDir, "demo.json")
	access, err := openAccess(ctx, n.env, demoFile, n.say)
	if err != nil {
		return fmt.Errorf("make the demo's sign-ins: %w", err)
	}
	n.config.clock = n.clock.Now
	var stage *story.Stage
	staged := make(chan struct{})
	n.config.stage = func(door http.Handler) http.Handler {
		stage = story.NewStage(door, n.clock)
		close(staged)
		return stage
	}
	up := make(chan struct{})
	ended, end := context.WithCancel(ctx)
	defer end()
	var result error
	service := part{name: "the service", run: func(ctx context.Context) error {
		return n.config.serve(ctx, n.env, n.zone, func(url string) {
			access.URL = url
			if err := access.write(demoFile); err != nil {
				n.say("%v", err)
			}
			close(up)
		})
	}}
	play := part{name: "the story", run: func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return nil
		case <-up:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-staged:
		}
		result = n.play(ctx, demoFile, access, stage)
		if n.Stay && ctx.Err() == nil {
			fmt.Fprintf(n.env.Stdout, "  the service goes on at %s; Ctrl-C ends it\n", access.URL)
			<-ctx.Done()
		}
		end()
		<-ctx.Done()
		return nil
	}}
	if err := runLayers(ended, []part{play}, []part{service}); err != nil {
		return err
	}
	return result
}

// play plays the night before whoever looks on, and judges it by what is on record.
func (n *night) play(ctx context.Context, demoFile string, access *demoAccess, stage *story.Stage) error {
	demo, err := city.ReadDemo(demoFile)
	if err != nil {
		return err
	}
	for _, a := range access.Accounts {
		if a.Role == "operator" {
			fmt.Fprintf(n.env.Stdout, "\n  one night, in 90 seconds, at  %s\n  sign in as  %s  password  %s  and open the case when it comes (处置中)\n", access.URL, a.Username, a.Password)
		}
	}
	if n.Wait > 0 {
		fmt.Fprintf(n.env.Stdout, "  it begins when the command centre is open, or in %v\n", n.Wait)
	}
	fmt.Fprintln(n.env.Stdout)
	ready := func(ctx context.Context) {
		wait := time.NewTimer(n.Wait)
		defer wait.Stop()
		select {
		case <-ctx.Done():
		case <-stage.Opened():
		case <-wait.C:
		}
	}
	began := time.Now()
	played, fault := story.Play(ctx, story.Config{
		Demo: demo, Clock: n.clock, Zone: n.zone, Speed: n.Speed, Ready: ready,
		Say: func(format string, args ...any) { fmt.Fprintf(n.env.Stdout, "  "+format+"\n", args...) },
	})
	if ctx.Err() != nil {
		return nil // told to stop
	}
	if fault != nil {
		n.say("%v", fault)
	}
	n.say("it took %s", time.Since(began).Round(time.Second))
	evidence, err := n.evidence(ctx, played)
	if err != nil {
		return errors.Join(fault, err)
	}
	fmt.Fprintln(n.env.Stdout)
	points := story.Judge(played, evidence, n.zone)
	if !story.Print(n.env.Stdout, played, evidence, points, n.zone) || fault != nil {
		return errors.Join(fault, errStory)
	}
	return nil
}

// evidence writes the dossier and the chain of events beside the story, reads them
// again, and verifies the chain as gridpatrol verify does.
func (n *night) evidence(ctx context.Context, played story.Played) (story.Evidence, error) {
	dir := n.env.Common.DataDir
	e := story.Evidence{DossierFile: filepath.Join(dir, "dossier.html"), EventsFile: filepath.Join(dir, "events.jsonl")}
	if err := os.WriteFile(e.DossierFile, played.Dossier, 0o600); err != nil {
		return e, err
	}
	if err := (eventsExportCmd{File: e.EventsFile, From: 1, headConfig: n.config.Heads}).export(ctx, n.env); err != nil {
		return e, err
	}
	file, err := os.Open(e.EventsFile)
	if err != nil {
		return e, err
	}
	defer file.Close()
	report, err := proof.Verify(file)
	if err != nil {
		return e, err
	}
	e.SignedAll = report.Heads > 0 && report.SignedTo >= report.Last
	if report.Fault != nil {
		e.ChainFault = fmt.Sprint(report.Fault)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return e, err
	}
	e.Events, err = story.ReadEvents(file, played.CaseID)
	return e, err
}
