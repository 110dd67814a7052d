package story

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"github.com/gridpatrol/gridpatrol/cmd/gridsim/city"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
	"github.com/gridpatrol/gridpatrol/realtime/beaconclient"
)

// player is a patrol with its phone. Its fields belong to the play; only heard is
// written by the phone's own goroutine.
type player struct {
	code, name, department, mode string
	patrolID                     string
	door                         city.Door
	phone                        *beaconclient.Client
	heard                        chan heardOffer
	mover                        *city.Mover
	home                         geo.Point
	rng                          *rand.Rand
	sentAt                       time.Time

	offer   *heardOffer
	to      geo.Point // where it is on the way to
	arrived bool      // there
	asked   map[string]time.Time
}

// heardOffer is an offer and when it rang.
type heardOffer struct {
	beacon.Offer
	at time.Time
}

// How often a phone says where it is, in the story's time.
const (
	everyMoving = 3 * time.Second
	everyStill  = 75 * time.Second
)

func newPlayer(base string, row patrolRow, device city.Device, home geo.Point, clock *Clock, seed uint64) (*player, error) {
	p := &player{
		code: row.Code, name: row.Name, department: row.Department, mode: row.Mode, patrolID: row.ID, door: city.WithToken(base, device.Token),
		heard: make(chan heardOffer, 4), home: home, rng: rand.New(rand.NewPCG(seed, 1)), asked: map[string]time.Time{},
	}
	p.mover = city.NewMover(home, p.rng)
	var err error
	p.phone, err = beaconclient.New(beaconclient.Config{
		URL: "ws" + strings.TrimPrefix(base, "http") + "/ws/beacon", Token: device.Token,
		OnOffer: func(o beacon.Offer) {
			select {
			case p.heard <- heardOffer{o, clock.Now()}:
			default: // an offer that came again
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("the phone of %s: %w", row.Code, err)
	}
	return p, nil
}

// move goes on for so long, and sends where that is when it is time to.
func (p *player) move(d time.Duration, now time.Time) {
	p.mover.Advance(d)
	every := everyStill
	if !p.mover.Arrived() {
		every = everyMoving
	}
	if now.Sub(p.sentAt) >= every {
		p.send(now)
	}
}

func (p *player) send(now time.Time) {
	p.sentAt = now
	r := p.mover.Read()
	p.phone.Add(beacon.Fix{T: now.UTC().Truncate(time.Millisecond), Lon: r.Point.Lon, Lat: r.Point.Lat,
		AccuracyM: r.AccuracyM, SpeedMS: r.SpeedMS, HeadingDeg: r.HeadingDeg, Battery: 0.8})
}

// drive sets off to a place, unless it is under way there already, and says whether it
// is there.
func (p *player) drive(ctx context.Context, to geo.Point) (there bool, err error) {
	if p.to != to {
		way, seconds, err := p.door.Way(ctx, p.mode, p.mover.At(), to)
		if err != nil {
			return false, fmt.Errorf("%s asks for the way: %w", p.code, err)
		}
		p.mover.Follow(append([]geo.Point{p.mover.At()}, way...), seconds)
		p.to, p.arrived = to, false
	}
	if p.mover.Arrived() {
		p.arrived = true
	}
	return p.arrived, nil
}

// act does what a patrol that was sent does next. Each thing is done once, a moment
// after it became possible, as people do.
func (p *player) act(ctx context.Context, now time.Time, c caseView) error {
	a, m, ok := c.part(p.patrolID)
	if !ok {
		return nil
	}
	step := func(action string, after time.Duration) error {
		due, waits := p.asked[action]
		if !waits {
			due = now.Add(after)
			p.asked[action] = due
		}
		if due.IsZero() || now.Before(due) {
			return nil
		}
		path := "/api/v1/cases/" + url.PathEscape(c.ID) + "/assignments/" + url.PathEscape(a.ID) + "/" + action
		var err error
		if action == "in_place" {
			err = p.door.Post(ctx, "/api/v1/cases/"+url.PathEscape(c.ID)+"/mission/in_place", map[string]string{"assignment_id": a.ID}, nil)
		} else {
			err = p.door.Post(ctx, path, nil, nil)
		}
		if !city.Passing(err) {
			p.asked[action] = time.Time{} // said
		}
		return err
	}
	switch a.State {
	case "offered":
		return step("accept", 12*time.Second)
	case "accepted":
		if m.DepartAt != nil && !now.Before(*m.DepartAt) {
			return step("en_route", 0)
		}
	case "en_route":
		meet := c.Mission.Rendezvous
		if c.Mission.State != "going" && meet != nil {
			there, err := p.drive(ctx, geo.Point{Lon: meet.Lon, Lat: meet.Lat})
			// Nobody is to stand there long: whoever sees that the others come later takes
			// the time. What chance does to two drives of eight minutes is else near what
			// they may be apart.
			if c.Mission.MeetAt != nil {
				p.mover.Spread(c.Mission.MeetAt.Sub(now))
			}
			if err != nil || !there || m.InPlaceAt != nil {
				return err
			}
			return step("in_place", 5*time.Second)
		}
		if c.Mission.State == "going" {
			there, err := p.drive(ctx, geo.Point{Lon: c.Lon, Lat: c.Lat})
			if err != nil || !there {
				return err
			}
			return step("on_scene", 2*time.Second)
		}
	}
	return nil
}
