package story

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/gridpatrol/gridpatrol/cmd/gridsim/city"
	"github.com/gridpatrol/gridpatrol/geo"
)

// Config is a night.
type Config struct {
	Demo  city.Demo
	Clock *Clock
	Zone  *time.Location
	// Speed is how many times as fast as the 90 seconds it is played; 0 is 1.
	Speed float64
	// Ready waits until the audience is there; nil waits for nobody.
	Ready func(ctx context.Context)
	// Say tells how it goes on.
	Say func(format string, args ...any)
}

// Scene is a part of the night, as the page and the terminal call it.
type Scene struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Played is what the people of the story hold in their hands in the end; the rest is in
// the chain of events.
type Played struct {
	CaseID, Number string
	Photo          string               // SHA-256 of the worker's photo
	TownTold       time.Time            // on the leader's list
	Rang           map[string]time.Time // by department: when a phone of it rang
	Result         bool                 // the reporter heard the result
	Names          map[string]string    // what the patrols of the story are called
	Dossier        []byte               // as the supervisor was handed it
}

// vat is where the worker stands: beside a yard in grid 331004002050001, which is theirs.
var vat = geo.Point{Lon: 121.35925, Lat: 28.56735}

// cast is who is on the road tonight; whoever else is on duty stays with their own.
var cast = map[string]geo.Point{
	"公安10": {Lon: 121.3750, Lat: 28.5600}, "公安12": {Lon: 121.3760, Lat: 28.5800}, "公安15": {Lon: 121.5300, Lat: 28.5900},
	"环境05": {Lon: 121.4150, Lat: 28.5700}, "环境06": {Lon: 121.4300, Lat: 28.5550}, "环境04": {Lon: 121.5000, Lat: 28.5800},
}

const (
	worker = "W067"
	// companyM and company are which and how many grid workers are on the map as well.
	companyM = 6000
	company  = 60
)

// play is a night under way.
type play struct {
	Config
	players  []*player
	operator city.Door
	last     time.Time // on the machine's clock: of the last step
	caseID   string
	view     caseView
	out      Played
}

// Play plays the night to its end, or until something that must come does not.
func Play(ctx context.Context, c Config) (Played, error) {
	if c.Speed == 0 {
		c.Speed = 1
	}
	p := &play{Config: c, out: Played{Rang: map[string]time.Time{}, Names: map[string]string{}}}
	if err := p.gather(ctx); err != nil {
		return p.out, err
	}
	running, hangUp := context.WithCancel(ctx)
	var phones sync.WaitGroup
	faults := make(chan error, len(p.players))
	for _, who := range p.players {
		phones.Go(func() {
			if err := who.phone.Run(running); err != nil {
				faults <- fmt.Errorf("the phone of %s: %w", who.code, err)
			}
		})
	}
	err := p.night(ctx)
	hangUp()
	phones.Wait()
	select {
	case fault := <-faults:
		err = errors.Join(err, fault)
	default:
	}
	return p.out, err
}

// gather finds who plays and puts everybody where they are at eight in the evening.
func (p *play) gather(ctx context.Context) error {
	admin := city.WithToken(p.Demo.URL, p.Demo.AdminToken)
	var err error
	if p.operator, err = p.as(ctx, "operator"); err != nil {
		return err
	}
	posts, err := city.Posts()
	if err != nil {
		return err
	}
	devices := map[string]city.Device{}
	for _, d := range p.Demo.Devices {
		devices[d.PatrolID] = d
	}
	others := 0
	var fault error
	err = city.Each(ctx, admin, "/api/v1/patrols", func(row patrolRow) {
		device, has := devices[row.ID]
		home, plays := cast[row.Code]
		switch {
		case fault != nil || !has:
			return
		case row.Code == worker:
			home, plays = vat, true
		case !plays && row.Department == "grid" && row.Status != "off_duty" && others < company:
			if home, plays = posts[row.Code]; plays {
				plays = geo.DistanceM(home, vat) < companyM
			}
			if plays {
				others++
			}
		}
		if !plays {
			return
		}
		who, err := newPlayer(p.Demo.URL, row, device, home, p.Clock, uint64(len(p.players)+1))
		if err != nil {
			fault = err
			return
		}
		p.players = append(p.players, who)
		p.out.Names[row.ID] = row.Code
	})
	if err == nil {
		err = fault
	}
	if err == nil && len(p.players) < len(cast)+1 {
		err = fmt.Errorf("of %d patrols of the story only %d are in the district", len(cast)+1, len(p.players))
	}
	return err
}

// as signs in as the account of a role.
func (p *play) as(ctx context.Context, role string) (city.Door, error) {
	i := slices.IndexFunc(p.Demo.Accounts, func(a city.Account) bool { return a.Role == role })
	if i < 0 {
		return city.Door{}, fmt.Errorf("the demo has no account of a %s", role)
	}
	return city.SignIn(ctx, p.Demo.URL, p.Demo.Accounts[i])
}

// night is the night, scene by scene.
func (p *play) night(ctx context.Context) error {
	p.scene("各就各位，等待 20:00", "everybody is where they are; it is nearly eight", 1)
	if err := p.until(ctx, 1, "everybody is on the map", p.seen); err != nil {
		return err
	}
	if p.Ready != nil {
		ready := make(chan struct{})
		waiting, done := context.WithCancel(ctx)
		go func() { defer close(ready); p.Ready(waiting) }()
		err := p.wait(ctx, ready)
		done()
		<-ready
		if err != nil {
			return err
		}
	}
	if err := p.Clock.JumpTo(ctx, 20, 0, p.Zone); err != nil {
		return err
	}
	for _, who := range p.players {
		who.send(p.Clock.Now())
	}
	if err := p.until(ctx, 1, "everybody is on the map at eight", p.seen); err != nil {
		return err
	}
	began := p.Clock.Now()
	for _, scene := range []func(context.Context) error{p.report, p.send, p.drive, p.enter, p.settle} {
		if err := scene(ctx); err != nil {
			return err
		}
	}
	p.Say("%s to %s: played", began.In(p.Zone).Format(clockFace), p.Clock.Now().In(p.Zone).Format(clockFace))
	return nil
}

const clockFace = "15:04:05"

// report is 20:00: the worker photographs the vat, and whoever must know is told.
func (p *play) report(ctx context.Context) error {
	p.scene("网格员拍照上报酸洗池", "a grid worker photographs a vat and reports it", 1)
	door, err := p.as(ctx, "grid_worker")
	if err != nil {
		return err
	}
	now := p.Clock.Now()
	photo, err := city.Photograph(20, vat, now)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(photo)
	p.out.Photo = hex.EncodeToString(sum[:])
	var filed city.Filed
	err = p.insist(ctx, 1, "the worker reports", func(ctx context.Context) error {
		filed, err = door.File(ctx, "story-"+now.UTC().Format(time.RFC3339), city.Sighting{
			Category: "C01", At: vat, AccuracyM: 9, Seen: now, Photo: photo,
			Description: "院内有酸洗池在加工金属件，气味刺鼻，夜间作业",
		})
		return err
	})
	if err != nil {
		return err
	}
	p.caseID, p.out.CaseID, p.out.Number = filed.Case.ID, filed.Case.ID, filed.Case.Number
	p.Say("case %s", p.out.Number)
	town, err := p.as(ctx, "town_leader")
	if err != nil {
		return err
	}
	return p.until(ctx, 1, "town and departments are told", func(ctx context.Context) (bool, error) {
		if p.out.TownTold.IsZero() {
			if p.out.TownTold, err = p.noticed(ctx, town, "town_leader"); err != nil {
				return false, err
			}
		}
		return !p.out.TownTold.IsZero() && len(p.out.Rang) == 2, nil
	})
}

// noticed is when somebody was told of the case for a reason.
func (p *play) noticed(ctx context.Context, door city.Door, why string) (time.Time, error) {
	var page struct {
		Items []struct {
			CaseID string `json:"case_id"`
			Why    string
			At     time.Time
		}
	}
	if err := door.Get(ctx, "/api/v1/me/notices", &page); city.Passing(err) && ctx.Err() == nil {
		return time.Time{}, nil
	} else if err != nil {
		return time.Time{}, err
	}
	for _, n := range page.Items {
		if n.CaseID == p.caseID && n.Why == why {
			return n.At, nil
		}
	}
	return time.Time{}, nil
}

// send is the minute after: both accept, and hear where they meet and when to leave.
func (p *play) send(ctx context.Context) error {
	p.scene("公安、环保已接单，系统选定集合点", "police and environment accept, and are told where to meet", 4)
	return p.until(ctx, 4, "both accept and know when to leave", func(context.Context) (bool, error) { return p.ready(), nil })
}

// ready says whether both have accepted and know what to do.
func (p *play) ready() bool {
	m := p.view.Mission
	if m == nil || m.Rendezvous == nil || len(m.Members) < 2 {
		return false
	}
	on := 0
	for _, a := range p.view.Assignments {
		if a.Kind == "department" && (a.State == "accepted" || a.State == "en_route") {
			on++
		}
	}
	return on >= 2
}

// drive is the quarter of an hour until all are in place.
func (p *play) drive(ctx context.Context) error {
	p.scene("驶往集合点", "they drive to the meeting point", 16)
	return p.until(ctx, 16, "all are in place", func(context.Context) (bool, error) {
		m := p.view.Mission
		return m != nil && (m.State == "in_place" || m.State == "going") || p.view.all("on_scene", 2), nil
	})
}

// enter is the order, and the last stretch together.
func (p *play) enter(ctx context.Context) error {
	p.scene("全部到位，等待行动命令", "all are in place; the commander looks around", 5)
	from := p.Clock.Now()
	err := p.until(ctx, 5, "the commander looks around", func(context.Context) (bool, error) {
		return p.Clock.Now().Sub(from) > 35*time.Second, nil
	})
	if err != nil {
		return err
	}
	if m := p.view.Mission; m != nil && m.State == "in_place" {
		commander := p.commander()
		if commander == nil {
			return errors.New("nobody commands the mission")
		}
		if err := p.post(ctx, 5, "the commander says go", commander.door, "/mission/go", nil); err != nil {
			return err
		}
	}
	p.scene("指挥下令：同时进场", "go: they enter together", 8)
	return p.until(ctx, 8, "both are on scene", func(context.Context) (bool, error) { return p.view.all("on_scene", 2), nil })
}

func (p *play) commander() *player {
	m := p.view.Mission
	if m == nil || m.Commander == nil {
		return nil
	}
	return p.byPatrol(*m.Commander)
}

func (p *play) byPatrol(id string) *player {
	i := slices.IndexFunc(p.players, func(w *player) bool { return w.patrolID == id })
	if i < 0 {
		return nil
	}
	return p.players[i]
}

// settle is the rest: what they did, a look by somebody else, the end, and the dossier.
func (p *play) settle(ctx context.Context) error {
	p.scene("联合处置，断电封存", "they shut it down", 25)
	from := p.Clock.Now()
	err := p.until(ctx, 25, "they shut it down", func(context.Context) (bool, error) { return p.Clock.Now().Sub(from) > 6*time.Minute, nil })
	if err != nil {
		return err
	}
	p.scene("反馈、核查、结案", "feedback, check, close", 15)
	const found = "酸洗池 1 个已断电、封存，槽液约 2 吨移交有资质单位，当事人已由公安带离询问"
	lead := p.commander()
	for _, who := range p.players {
		who.offer = nil // who is done need not look any more, and may not
	}
	// The lead last: what came of it all is theirs to say.
	for _, leads := range []bool{false, true} {
		for _, a := range p.view.Assignments {
			who := p.byPatrol(a.PatrolID)
			if who == nil || a.State != "on_scene" || (who == lead) != leads {
				continue
			}
			if err := p.post(ctx, 15, who.code+" is done", who.door, "/assignments/"+url.PathEscape(a.ID)+"/done", map[string]string{"reason": found}); err != nil {
				return err
			}
		}
	}
	if err := p.until(ctx, 15, "the case waits for its check", func(context.Context) (bool, error) { return p.view.Stage == "verifying", nil }); err != nil {
		return err
	}
	supervisor, err := p.as(ctx, "district_supervisor")
	if err != nil {
		return err
	}
	if err := p.post(ctx, 15, "somebody else checks", supervisor, "/moves",
		map[string]string{"move": "pass", "result": "现场照片与反馈一致，已断电封存，核查通过"}); err != nil {
		return err
	}
	reporter, err := p.as(ctx, "grid_worker")
	if err != nil {
		return err
	}
	if err := p.until(ctx, 5, "the reporter hears the result", func(ctx context.Context) (bool, error) {
		at, err := p.noticed(ctx, reporter, "closed")
		p.out.Result = !at.IsZero()
		return p.out.Result && p.view.Stage == "closed", err
	}); err != nil {
		return err
	}
	p.scene("已结案，全程可追溯", "closed; all of it can be proved", 1)
	err = p.insist(ctx, 1, "the supervisor is handed the dossier", func(ctx context.Context) error {
		p.out.Dossier, err = supervisor.Text(ctx, p.path()+"/dossier?lang=zh")
		return err
	})
	if err != nil {
		return err
	}
	// Whoever looks on sees the end before the service goes.
	from = p.Clock.Now()
	return p.until(ctx, 1, "the end is seen", func(context.Context) (bool, error) { return p.Clock.Now().Sub(from) > 5*time.Second, nil })
}

func (p *play) path() string { return "/api/v1/cases/" + url.PathEscape(p.caseID) }

// post says something about the case, in its turn.
func (p *play) post(ctx context.Context, pace float64, what string, door city.Door, to string, body any) error {
	return p.insist(ctx, pace, what, func(ctx context.Context) error { return door.Post(ctx, p.path()+to, body, nil) })
}
