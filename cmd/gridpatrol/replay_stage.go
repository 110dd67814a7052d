package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/realtime"
	"github.com/gridpatrol/gridpatrol/realtime/pgtrack"
	"github.com/gridpatrol/gridpatrol/realtime/replay"
)

// maxPlayers is how many patrols of its own a replay puts on the map at once; more
// tracks are played by the same ones in turn.
const maxPlayers = 50

// cast is who plays: devices of the register, or the replay's own.
type cast struct {
	env      *Env
	register *pgstore.Register
	devices  []string // in turn
	known    map[string]pgstore.KnownDevice
	own      bool // devices are the replay's own players
	players  []string
}

// cast finds out who plays and refuses by name who may not.
func (c replayCmd) cast(ctx context.Context, env *Env, surveys []replay.Survey, speed float64) (*cast, error) {
	k := &cast{env: env, register: pgstore.NewRegister(env.DB), devices: slices.Clone(c.Device), known: map[string]pgstore.KnownDevice{}}
	named := slices.Clone(c.Device)
	loose := 0 // tracks whose file names nobody
	for i := range surveys {
		switch {
		case surveys[i].Points == 0:
		case surveys[i].Recorder == "":
			loose++
		case !slices.Contains(named, surveys[i].Recorder):
			named = append(named, surveys[i].Recorder)
		}
	}
	if len(named) > 0 {
		found, err := k.register.Devices(ctx, named)
		if err != nil {
			return nil, err
		}
		var faults []error
		for _, code := range named {
			d, there := found[code]
			switch {
			case !there:
				faults = append(faults, fmt.Errorf("device %q: the register does not know it; import staff with that device_id, or leave --device out", code))
			case d.Revoked:
				faults = append(faults, fmt.Errorf("device %q: was revoked; name another", code))
			case speed > 1 && !d.Simulated:
				faults = append(faults, fmt.Errorf("device %q: is not marked simulated, so it plays at the speed of life only; leave --speed out, or --device", code))
			}
		}
		if len(faults) > 0 {
			return nil, usageFault{errors.Join(faults...)}
		}
		k.known = found
	}
	if len(c.Device) == 0 && loose > 0 {
		k.own = true
		for i := range min(loose, maxPlayers) {
			k.devices = append(k.devices, pgstore.PlayerCode(i+1))
		}
	}
	return k, nil
}

// begin puts the replay's own players on duty for as long as they play.
func (k *cast) begin(ctx context.Context, plan *replay.Plan) error {
	if !k.own {
		return nil
	}
	from, to := plan.Span()
	codes, err := k.register.BeginPlayers(ctx, len(k.devices), from.Add(-time.Minute), to.Add(5*time.Minute))
	if errors.Is(err, pgstore.ErrNoDepartment) {
		return fmt.Errorf("%w; import departments first (gridpatrol import departments FILE.csv)", err)
	}
	if err != nil {
		return err
	}
	k.players = codes
	found, err := k.register.Devices(ctx, codes)
	for code, d := range found {
		k.known[code] = d
	}
	return err
}

// end takes the players off the map.
func (k *cast) end(ctx context.Context) {
	if len(k.players) == 0 {
		return
	}
	if err := k.register.EndPlayers(ctx, k.players); err != nil {
		k.env.Log.Error("take the replay's patrols off duty", "error", err)
	}
}

// stage is where the tracks are played.
type stage struct {
	url   string // of the beacon socket
	token func(ctx context.Context, device string) (string, error)
	close func()
}

// openStage finds the running service, or takes beacons itself.
func (c replayCmd) openStage(ctx context.Context, env *Env, k *cast, plan *replay.Plan, store *pgtrack.Store) (*stage, error) {
	auth := pgauth.New(env.DB, pgauth.Config{})
	// A replay that is killed revokes nothing: its tokens end soon after it would have.
	_, to := plan.Span()
	ttl := max(0, time.Until(to)) + time.Hour
	var mu sync.Mutex // guards the two below; each device's goroutine asks
	tokens, ids := map[string]string{}, []string{}
	make1 := func(ctx context.Context, device string) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if token := tokens[device]; token != "" {
			return token, nil
		}
		id, token, err := auth.CreateToken(ctx, pgauth.Owner{DeviceCode: device}, ttl)
		if err != nil {
			return "", err
		}
		tokens[device], ids = token, append(ids, id.String())
		return token, nil
	}
	revoke := func() {
		for _, id := range ids {
			if err := auth.RevokeToken(context.WithoutCancel(ctx), id); err != nil {
				env.Log.Error("end the replay's token", "token", id, "error", err)
			}
		}
	}
	var probe string
	for _, device := range slices.Sorted(maps.Keys(k.known)) {
		probe = device
		break
	}
	if probe != "" {
		token, err := make1(ctx, probe)
		if err != nil {
			return nil, err
		}
		for _, base := range c.services(env) {
			if err = knock(ctx, base, token); err == nil {
				socket, err := beaconURL(base)
				if err != nil {
					revoke()
					return nil, err
				}
				fmt.Fprintf(env.Stderr, "replay: through the service at %s\n", base)
				return &stage{url: socket, token: make1, close: revoke}, nil
			}
		}
		if c.URL != "" {
			revoke()
			return nil, err
		}
	}
	revoke()
	return openOwnStage(ctx, env, k, store)
}

// services are the addresses at which the service that works on this database may
// be.
func (c replayCmd) services(env *Env) []string {
	if c.URL != "" {
		return []string{c.URL}
	}
	var bases []string
	var demo struct{ URL string }
	if raw, err := os.ReadFile(filepath.Join(env.Common.DataDir, "demo.json")); err == nil && json.Unmarshal(raw, &demo) == nil && demo.URL != "" {
		bases = append(bases, demo.URL)
	}
	listen := os.Getenv("GRIDPATROL_LISTEN")
	if listen == "" {
		listen = "127.0.0.1:8080"
	}
	if host, port, err := net.SplitHostPort(listen); err == nil {
		if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
			host = "127.0.0.1"
		}
		bases = append(bases, "http://"+net.JoinHostPort(host, port))
	}
	return bases
}

// knock asks a service whether it knows a device's token: then it works on the
// database that the token was made in.
func knock(ctx context.Context, base, token string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(base, "/")+"/api/v1/tickets", strings.NewReader(`{"for":"beacon"}`))
	if err != nil {
		return usageFault{fmt.Errorf("--url: %q cannot be asked; give http(s)://host[:port]", base)}
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("no service answers at %s: %w", base, err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // what it says does not matter
	switch {
	case response.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("the service at %s does not know the device's token: it works on another database, or the token has ended", base)
	case response.StatusCode >= 300:
		return fmt.Errorf("the service at %s answers %s", base, response.Status)
	}
	return nil
}

func beaconURL(base string) (string, error) {
	u, err := url.Parse(strings.TrimRight(base, "/"))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", usageFault{fmt.Errorf("--url: %q is no address; give http(s)://host[:port]", base)}
	}
	return strings.Replace(u.Scheme, "http", "ws", 1) + "://" + u.Host + u.Path + "/ws/beacon", nil
}

const serviceRuns = `SELECT EXISTS (SELECT FROM nodes WHERE district_id = $1 AND beat_at > gp_now() - interval '15 seconds')`

// openOwnStage takes beacons as a service does, judge, ledger and all, on a socket
// that only this program knows the way into.
func openOwnStage(ctx context.Context, env *Env, k *cast, store *pgtrack.Store) (*stage, error) {
	var runs bool
	if err := env.DB.QueryRow(ctx, serviceRuns, pgdb.District).Scan(&runs); err != nil {
		return nil, fmt.Errorf("look whether a service runs: %w", err)
	}
	if runs {
		fmt.Fprintln(env.Stderr, "replay: a service works on this database, but not at the usual address; name it with --url to see the replay on its map")
	}
	fmt.Fprintln(env.Stderr, "replay: straight into the ledger")
	zone, err := time.LoadLocation(zoneName())
	if err != nil {
		return nil, usageFault{fmt.Errorf("GRIDPATROL_TZ: %w", err)}
	}
	if _, err := pgtrack.EnsurePartitions(ctx, env.DB, partitionsAheadDays); err != nil {
		return nil, fmt.Errorf("make the coming days' track partitions: %w", err)
	}
	beacons, err := realtime.OpenBeacons(ctx, realtime.Config{
		Ledger: store, Rosters: store, Snapshots: store, Index: realtime.NewIndex(time.Now), Bus: realtime.NewLocalBus(), Zone: zone, Log: env.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open the replay's own socket: %w", err)
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	secret := rand.Text()
	upgrader := realtime.BeaconUpgrader()
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, code, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), " ")
		device, known := k.known[code]
		if given != secret || !known {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		_ = beacons.Serve(running, conn, realtime.Device{ID: device.ID, District: dispatch.DistrictID{UUID: pgdb.District}}) // it has told the peer why
	})}
	var parts sync.WaitGroup
	parts.Go(func() { _ = beacons.Run(running) })
	parts.Go(func() { _ = server.Serve(listener) })
	return &stage{
		url:   "ws://" + listener.Addr().String() + "/ws/beacon",
		token: func(_ context.Context, device string) (string, error) { return secret + " " + device, nil },
		close: func() {
			stop()
			server.Close()
			parts.Wait()
		},
	}, nil
}

// zoneName is the district's time zone, as serve takes it.
func zoneName() string {
	if name := os.Getenv("GRIDPATROL_TZ"); name != "" {
		return name
	}
	return "Asia/Shanghai"
}

// countWork shows how far a work is that is counted: a bar on a terminal, a line
// every few seconds elsewhere. The counter may be called from any goroutine.
func countWork(env *Env, what string, total int64) (add func(int64), stop func()) {
	if f, is := env.Stderr.(*os.File); is && term.IsTerminal(int(f.Fd())) {
		bar := progressbar.NewOptions64(total, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(what),
			progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
		// A bar that cannot be drawn stops nothing.
		return func(n int64) { _ = bar.Add64(n) }, func() { _ = bar.Finish() }
	}
	const every = 5 * time.Second
	var mu sync.Mutex // guards the two below
	var done int64
	last := time.Now()
	return func(n int64) {
		mu.Lock()
		defer mu.Unlock()
		if done += n; time.Since(last) >= every {
			last = time.Now()
			env.Log.Info(what, "points", done, "of", total)
		}
	}, func() {}
}
