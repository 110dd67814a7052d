package story

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/gridpatrol/gridpatrol/cmd/gridsim/city"
)

const (
	// tick is how often everybody moves, and look how often they read the case, on the
	// machine's clock.
	tick = 100 * time.Millisecond
	look = 400 * time.Millisecond
	// longestStep is how much of the time since the last step is played at more than the
	// pace of life.
	longestStep = 300 * time.Millisecond
	// longestScene and patience are how long a scene may take on the story's and on the
	// machine's clock, before it is plain that what it waits for does not come.
	longestScene = 35 * time.Minute
	patience     = 10 * time.Minute
)

func (p *play) scene(zh, en string, pace float64) {
	p.Clock.show(Scene{zh, en}, p.paced(pace))
	p.Say("%s  %s · %s", p.Clock.Now().In(p.Zone).Format(clockFace), zh, en)
}

// paced is a pace as fast as the whole is played; what is at the pace of life stays so,
// since people speak as fast as they speak.
func (p *play) paced(pace float64) float64 {
	if pace <= 1 {
		return 1
	}
	return pace * p.Speed
}

// until goes on at a pace until something has come.
func (p *play) until(ctx context.Context, pace float64, what string, come func(context.Context) (bool, error)) error {
	pace = p.paced(pace)
	began, from := time.Now(), p.Clock.Now()
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	var looked time.Time
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticks.C:
		}
		if err := p.step(ctx, pace); err != nil {
			return err
		}
		if time.Since(looked) < look {
			continue
		}
		looked = time.Now()
		if err := p.look(ctx); err != nil {
			return err
		}
		done, err := come(ctx)
		if err != nil || done {
			return err
		}
		if p.Clock.Now().Sub(from) > longestScene || time.Since(began) > patience {
			return fmt.Errorf("at %s: it does not come about that %s", p.Clock.Now().In(p.Zone).Format(clockFace), what)
		}
	}
}

// wait goes on at the pace of life until a channel is closed.
func (p *play) wait(ctx context.Context, done <-chan struct{}) error {
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-done:
			return nil
		case <-ticks.C:
		}
		if err := p.step(ctx, 1); err != nil {
			return err
		}
	}
}

// step lets as much of the story's time pass as the pace says, and moves everybody.
func (p *play) step(ctx context.Context, pace float64) error {
	now := time.Now()
	if p.last.IsZero() {
		p.last = now
	}
	// Where the machine has more to do than this, the story takes longer, and nothing in it
	// is late because of that.
	life := now.Sub(p.last)
	p.last = now
	extra := time.Duration(float64(min(life, longestStep)) * (pace - 1))
	if err := p.Clock.Jump(ctx, extra); err != nil {
		return err
	}
	for _, who := range p.players {
		who.move(life+extra, p.Clock.Now())
		select {
		case o := <-who.heard:
			if who.offer == nil && o.CaseID == p.caseID {
				who.offer = &o
				if first, rang := p.out.Rang[who.department]; o.Kind != "first_look" && (!rang || o.at.Before(first)) {
					p.out.Rang[who.department] = o.at
				}
			}
		default:
		}
	}
	return nil
}

// look reads the case, and lets everybody whose phone rang do what is next.
func (p *play) look(ctx context.Context) error {
	if p.caseID == "" {
		return nil
	}
	path := "/api/v1/cases/" + url.PathEscape(p.caseID)
	var seen caseView
	if err := p.operator.Get(ctx, path, &seen); city.Passing(err) && ctx.Err() == nil {
		return nil // the next look
	} else if err != nil {
		return fmt.Errorf("the operator looks at the case: %w", err)
	}
	p.view = seen
	for _, who := range p.players {
		if who.offer == nil {
			continue
		}
		var mine caseView // as its own phone shows it
		err := who.door.Get(ctx, path, &mine)
		if err == nil {
			err = who.act(ctx, p.Clock.Now(), mine)
		}
		if err != nil && (!city.Passing(err) || ctx.Err() != nil) {
			return fmt.Errorf("%s at %s: %w", who.code, p.Clock.Now().In(p.Zone).Format(clockFace), err)
		}
	}
	return nil
}

// seen says whether everybody's place is known to the service.
func (p *play) seen(context.Context) (bool, error) {
	for _, who := range p.players {
		if s := who.phone.Stats(); s.Acked == 0 || s.Held > 0 {
			return false, nil
		}
	}
	return true, nil
}

// insist does something that must go well in the end, step by step: a service that is
// busy is asked again, and the time of the story goes on.
func (p *play) insist(ctx context.Context, pace float64, what string, do func(context.Context) error) error {
	err := p.until(ctx, pace, what, func(ctx context.Context) (bool, error) {
		err := do(ctx)
		if city.Passing(err) && ctx.Err() == nil {
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
