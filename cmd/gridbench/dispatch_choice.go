package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// chosen is how long a plan takes once its ways are known.
type chosen struct {
	p50MS, p99MS float64
	runs         int
}

// chooseOften plans for cases that call all five of the departments, with everybody of a
// district in full strength to choose from: 40 patrols a department, some of which lack a
// skill, are about to end their shift or were sent often, and twelve towns that must not
// be left without police.
func chooseOften(seed uint64) chosen {
	const rounds, workers, each, towns = 1000, 622, 40, 12
	departments := []string{"police", "environment", "market", "fire", "emergency"}
	rnd := rand.New(rand.NewPCG(seed, 5))
	runner := func(department string, post int) dispatch.Runner {
		air, age, ends := rnd.Float64()*20_000, rnd.Float64()*60, rnd.Float64()*36_000
		lon, lat := 121.38+rnd.Float64()*0.2, 28.58+rnd.Float64()*0.1
		return dispatch.Runner{PatrolID: dispatch.PatrolID{UUID: uuid.New()}, Code: "P", Department: department, Mode: dispatch.Car, Status: dispatch.Free,
			Presence: dispatch.Online, Post: post, AirM: &air, FixAgeS: &age, ShiftEndsS: &ends, Lon: &lon, Lat: &lat, People: 1 + rnd.IntN(3), Load: rnd.IntN(6),
			Leg: &dispatch.Leg{DurationS: air / 9 * (1 + rnd.Float64()), DistanceM: air * 1.3, Kind: road.KindRoad, Reachable: true}}
	}
	took := make([]time.Duration, rounds)
	for i := range took {
		in := dispatch.PlanInput{Rules: 3, Category: "C01", Place: geo.Point{Lon: 121.4, Lat: 28.6}, Now: time.Unix(1_764_000_000, 0)}
		look := dispatch.Team{Kind: dispatch.KindFirstLook, Department: dispatch.GridDepartment}
		for range workers {
			look.Runners = append(look.Runners, runner(dispatch.GridDepartment, 4))
		}
		in.Teams = append(in.Teams, look)
		for k, d := range departments {
			team := dispatch.Team{Kind: dispatch.KindDepartment, Department: d, Part: dispatch.PartAssist, People: 1 + k%3}
			for range each {
				team.Runners = append(team.Runners, runner(d, 0))
			}
			if d == dispatch.CoverDepartment {
				for t := range towns {
					c := dispatch.CoverTown{Town: dispatch.Town{Code: fmt.Sprint(t)}}
					for range 3 {
						c.Near = append(c.Near, team.Runners[rnd.IntN(each)].PatrolID)
					}
					in.Cover = append(in.Cover, c)
				}
			}
			in.Teams = append(in.Teams, team)
		}
		began := time.Now()
		dispatch.MakePlan(in)
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return chosen{p50MS: ms(took[rounds/2]), p99MS: ms(took[rounds*99/100]), runs: rounds}
}
