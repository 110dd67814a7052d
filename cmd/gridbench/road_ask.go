package main

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/twpayne/go-geom"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// question asks once and answers how long that took, and how to check what came.
type question func() (took time.Duration, check func() error, err error)

// us is a quantile of sorted durations, in microseconds.
func us(took []time.Duration, q float64) float64 {
	if len(took) == 0 {
		return 0
	}
	return float64(took[int(q*float64(len(took)-1))].Nanoseconds()) / 1000
}

// measure asks again and again, of other places each time, and keeps two medians. Cold:
// each answer is checked by Dijkstra's algorithm before the next question, which leaves
// little of ours in the caches; the bar is for this one. Warm: all answers are checked
// at the end.
func (b *roadBench) measure(f figure, ask question) error {
	if err := b.pass(f, func() (time.Duration, func() error, error) {
		took, check, err := ask()
		if err != nil {
			return 0, nil, err
		}
		return took, nil, check()
	}); err != nil {
		return err
	}
	f.Name, f.Bar = f.Name+", warm", nil
	return b.pass(f, ask)
}

func (b *roadBench) pass(f figure, ask question) error {
	var took []time.Duration
	var checks []func() error
	for range b.rounds {
		d, check, err := ask()
		if err != nil {
			return err
		}
		took = append(took, d)
		if check != nil {
			checks = append(checks, check)
		}
	}
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	slices.Sort(took)
	f.Value, f.Unit, f.Runs = us(took, 0.5), "us", len(took)
	f.Spread = (us(took, 0.75) - us(took, 0.25)) / f.Value
	b.add(f)
	return nil
}

// check compares times with the plain search. A route tells the walks that were taken,
// which may lead to a road a little farther away than the nearest.
func (b *roadBench) check(times []road.Time, from []geo.Point, to geo.Point, route bool) error {
	began := time.Now()
	want, err := b.net.ManyToOne(b.ctx, road.Car, from, to)
	if err != nil {
		return err
	}
	if len(from) == fleetSize {
		b.dijkstra = append(b.dijkstra, time.Since(began))
	}
	h := fnv.New64a()
	for i, t := range times {
		b.compared++
		w := want[i]
		w.Version = t.Version
		if route {
			w.SnapFromM, w.SnapToM = t.SnapFromM, t.SnapToM
		}
		if t != w {
			b.differ++
		}
		fmt.Fprintf(h, "%d %.3f %.2f;", b.sum, t.DurationS, t.DistanceM)
	}
	b.sum = h.Sum64()
	return nil
}

func (b *roadBench) later(times []road.Time, from []geo.Point, to geo.Point) func() error {
	times = slices.Clone(times)
	return func() error { return b.check(times, from, to, false) }
}

func (b *roadBench) stands(places []geo.Point) ([]*road.Stand, error) {
	out := make([]*road.Stand, len(places))
	for i, p := range places {
		var err error
		if out[i], err = b.router.Stand(road.Car, p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (b *roadBench) fleet() error {
	peer, source := recorded(25_000)
	var times []road.Time
	return b.measure(figure{Name: "300 registered patrols to one report", Bar: bar(100), Peer: peer, PeerSource: source}, func() (time.Duration, func() error, error) {
		p := b.places(fleetSize + 1)
		stands, err := b.stands(p[1:])
		if err != nil {
			return 0, nil, err
		}
		began := time.Now()
		times, err = b.router.StandsToOne(b.ctx, times[:0], stands, p[0])
		return time.Since(began), b.later(times, p[1:], p[0]), err
	})
}

// port is the same as dispatch asks it: by who moves, through the switch.
func (b *roadBench) port() error {
	roads := &road.Switch{}
	roads.Set(b.router, 1)
	fleet := road.NewFleet(roads)
	var times []road.Time
	return b.measure(figure{Name: "the same through the port of dispatch", Bar: bar(100)}, func() (time.Duration, func() error, error) {
		p := b.places(fleetSize + 1)
		moving, fixes := make([]road.Moving, fleetSize), make([]road.Fix, fleetSize)
		for i := range moving {
			fixes[i] = road.Fix{Point: p[i+1], Who: road.Mover{1, byte(i), byte(i >> 8)}}
			moving[i] = road.Moving{Fix: fixes[i], Mode: road.Car}
		}
		if _, err := fleet.Keep(b.ctx, moving, fleetSize); err != nil {
			return 0, nil, err
		}
		began := time.Now()
		var err error
		times, err = fleet.AppendFixesToOne(b.ctx, times[:0], road.Car, fixes, p[0])
		return time.Since(began), b.later(times, p[1:], p[0]), err
	})
}

func (b *roadBench) cold() error {
	peer, source := recorded(25_000)
	var times []road.Time
	return b.measure(figure{Name: "300 places to one report, unregistered", Bar: bar(10_000), Peer: peer, PeerSource: source}, func() (time.Duration, func() error, error) {
		p := b.places(fleetSize + 1)
		began := time.Now()
		var err error
		times, err = b.router.AppendManyToOne(b.ctx, times[:0], road.Car, p[1:], p[0])
		return time.Since(began), b.later(times, p[1:], p[0]), err
	})
}

func (b *roadBench) moving() error {
	return b.measure(figure{Name: "moving a registered patrol", Bar: bar(50)}, func() (time.Duration, func() error, error) {
		p := b.places(2)
		began := time.Now()
		stand, err := b.router.Stand(road.Car, p[0])
		took := time.Since(began)
		return took, func() error {
			times, err := b.router.StandsToOne(b.ctx, nil, []*road.Stand{stand}, p[1])
			return errors.Join(err, b.check(times, p[:1], p[1], false))
		}, err
	})
}

func (b *roadBench) routes() error {
	peer, source := recorded(335)
	return b.measure(figure{Name: "a route with geometry", Bar: bar(200), Peer: peer, PeerSource: source}, func() (time.Duration, func() error, error) {
		p := b.places(2)
		began := time.Now()
		way, err := b.router.Route(b.ctx, road.Car, p[0], p[1])
		return time.Since(began), func() error { return b.check([]road.Time{way.Time}, p[:1], p[1], true) }, err
	})
}

func (b *roadBench) table() error {
	rounds := b.rounds
	defer func() { b.rounds = rounds }()
	b.rounds = max(5, rounds/10)
	peer, source := recorded(43_000)
	return b.measure(figure{Name: "a table of 200 x 200", Bar: bar(20_000), Peer: peer, PeerSource: source}, func() (time.Duration, func() error, error) {
		p := b.places(2 * tableSide)
		from, to := p[:tableSide], p[tableSide:]
		rows := make([][]road.Time, tableSide)
		began := time.Now()
		err := b.router.Matrix(b.ctx, road.Car, from, to, func(i int, times []road.Time) error { rows[i] = times; return nil })
		took := time.Since(began)
		column := make([]road.Time, tableSide)
		for i := range rows {
			if err == nil {
				column[i] = rows[i][0]
			}
		}
		return took, b.later(column, from, to[0]), err
	})
}

// closing closes a road under a thousand registered patrols: until the next report
// counts it.
func (b *roadBench) closing() error {
	rounds := b.rounds
	defer func() { b.rounds = rounds }()
	b.rounds = 10
	places := b.places(bigFleet)
	var customized []time.Duration
	version := uint64(1)
	err := b.pass(figure{Name: "a closure in force, 1,000 patrols registered anew", Bar: bar(1_000_000)}, func() (time.Duration, func() error, error) {
		s := b.net.Segment(b.random.IntN(b.net.Segments()))
		began := time.Now()
		var flat []float64
		for _, p := range s.Points {
			flat = append(flat, p.Lon, p.Lat)
		}
		closed, err := b.net.Covered(geom.NewLineStringFlat(geom.XY, flat))
		if err != nil {
			return 0, nil, err
		}
		version++
		imposing := time.Now()
		if err := b.router.Impose(b.ctx, road.Conditions{Closed: [road.Modes][]uint32{road.Car: closed}}, version); err != nil {
			return 0, nil, err
		}
		customized = append(customized, time.Since(imposing))
		stands, err := b.stands(places)
		if err != nil {
			return 0, nil, err
		}
		_, err = b.router.StandsToOne(b.ctx, nil, stands, places[0])
		return time.Since(began), nil, err
	})
	if err != nil {
		return err
	}
	slices.Sort(customized)
	b.add(figure{Name: "customize, by car", Value: float64(customized[len(customized)/2].Microseconds()) / 1000, Unit: "ms", Bar: bar(150), Runs: len(customized)})
	return b.router.Impose(b.ctx, road.Conditions{}, version+1)
}
