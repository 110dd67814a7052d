package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
	"github.com/gridpatrol/gridpatrol/realtime/beaconclient"
	"golang.org/x/sync/errgroup"
)

// patrolRow is a patrol as the list shows it.
type patrolRow struct {
	ID     string   `json:"id"`
	Mode   string   `json:"mode"`
	Status string   `json:"status"`
	Lon    *float64 `json:"lon"`
}

// gridRow is a grid as the list shows it.
type gridRow struct {
	BBox [4]float64 `json:"bbox"`
}

func (g gridRow) somewhere(rnd *rand.Rand) geo.Point {
	return geo.Point{Lon: g.BBox[0] + rnd.Float64()*(g.BBox[2]-g.BBox[0]), Lat: g.BBox[1] + rnd.Float64()*(g.BBox[3]-g.BBox[1])}
}

// walker is a patrol that moves from place to place and says where it is.
type walker struct {
	client  *beaconclient.Client
	rnd     *rand.Rand
	grids   []gridRow
	at, to  geo.Point
	speedMS float64
}

var speedMS = map[string]float64{"foot": 1.4, "ebike": 5, "car": 9}

// crowd moves every patrol that is on duty, each with its own device on its own
// socket, one fix each interval, until ctx ends.
func crowd(ctx context.Context, s *service, grids []gridRow, seed uint64, interval time.Duration) (patrols int, run func() error, err error) {
	rows, err := onDuty(ctx, s)
	if err != nil {
		return 0, nil, fmt.Errorf("list patrols: %w", err)
	}
	device := map[string]string{}
	for _, d := range s.Devices {
		device[d.PatrolID] = d.Token
	}
	var walkers []*walker
	for i, p := range rows {
		if device[p.ID] == "" {
			continue
		}
		client, err := beaconclient.New(beaconclient.Config{URL: "ws" + strings.TrimPrefix(s.URL, "http") + "/ws/beacon", Token: device[p.ID]})
		if err != nil {
			return 0, nil, err
		}
		w := &walker{client: client, rnd: rand.New(rand.NewPCG(seed, uint64(i))), grids: grids, speedMS: speedMS[p.Mode]}
		w.at, w.to = w.place(), w.place()
		walkers = append(walkers, w)
	}
	return len(walkers), func() error {
		var g errgroup.Group
		for i, w := range walkers {
			g.Go(func() error { return w.client.Run(ctx) })
			g.Go(func() error { return w.walk(ctx, interval, interval*time.Duration(i)/time.Duration(len(walkers))) })
		}
		return g.Wait()
	}, nil
}

// onDuty answers who is on duty once the shifts have begun: two looks a while apart
// must find the same.
func onDuty(ctx context.Context, s *service) ([]patrolRow, error) {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for before := 0; ; {
		rows, err := list[patrolRow](ctx, s, "/api/v1/patrols")
		if err != nil {
			return nil, err
		}
		rows = slices.DeleteFunc(rows, func(p patrolRow) bool { return p.Status == "off_duty" })
		if len(rows) > 0 && len(rows) == before {
			return rows, nil
		}
		before = len(rows)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

func (w *walker) place() geo.Point { return w.grids[w.rnd.IntN(len(w.grids))].somewhere(w.rnd) }

// walk sends a fix at once and then each interval, offset so that not all speak at
// the same moment.
func (w *walker) walk(ctx context.Context, interval, offset time.Duration) error {
	w.say()
	next := time.NewTimer(offset)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-next.C:
		}
		next.Reset(interval)
		w.step(interval)
		w.say()
	}
}

func (w *walker) step(d time.Duration) {
	left, step := geo.DistanceM(w.at, w.to), w.speedMS*d.Seconds()
	if left <= step {
		w.at, w.to = w.to, w.place()
		return
	}
	w.at.Lon += (w.to.Lon - w.at.Lon) * step / left
	w.at.Lat += (w.to.Lat - w.at.Lat) * step / left
}

func (w *walker) say() {
	w.client.Add(beacon.Fix{T: time.Now(), Lon: w.at.Lon, Lat: w.at.Lat, AccuracyM: 8, SpeedMS: w.speedMS,
		HeadingDeg: math.Mod(360+math.Atan2(w.to.Lon-w.at.Lon, w.to.Lat-w.at.Lat)*180/math.Pi, 360), Battery: 0.8})
}

// seen waits until every patrol of the crowd has a place on the map.
func seen(ctx context.Context, s *service, want int) error {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		rows, err := list[patrolRow](ctx, s, "/api/v1/patrols")
		if err != nil {
			return err
		}
		have := 0
		for _, p := range rows {
			if p.Lon != nil {
				have++
			}
		}
		if have >= want*95/100 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d patrols are on the map: %w", have, want, ctx.Err())
		case <-tick.C:
		}
	}
}

// release plays an assignment to its end at once, with the patrol's own device.
func release(ctx context.Context, s *service, token, caseID, assignmentID, state string) error {
	verbs := []string{"accept", "on_scene", "done"}
	if state == "on_scene" {
		verbs = verbs[2:]
	}
	for _, verb := range verbs {
		if _, err := s.call(ctx, token, http.MethodPost, "/api/v1/cases/"+caseID+"/assignments/"+assignmentID+"/"+verb, nil, nil); err != nil {
			return err
		}
	}
	return nil
}
