package road

import (
	"context"
	"errors"
	"fmt"

	"github.com/twpayne/go-geom"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Bounds of what one question may avoid.
const (
	// maxAvoidSegments bounds how much is shut for one question.
	maxAvoidSegments = 200_000
	// maxAvoidWork is how many states one search may settle: some 5 s of a slow core.
	maxAvoidWork = 10_000_000
	// fewGoals is up to how many targets are searched for one by one; for more, a
	// metric of their own is quicker.
	fewGoals = 3
)

// ErrAvoid says that too much is to be avoided.
var ErrAvoid = errors.New("too much to avoid")

// ErrAvoidFar says that a way round was looked for so far that it was given up.
var ErrAvoidFar = errors.New("the way round is too long to look for; avoid less, or ask for nearer places")

// ErrNoAvoid says that the engine in use cannot avoid anything.
var ErrNoAvoid = errors.New("these roads cannot avoid an area: none are imported, only straight lines")

// Avoiding answers as an engine would, had these shapes closed roads as closures do:
// beside the closures in force, and for whoever asks it only. It never changes and
// answers by the durations in force when it was made.
func Avoiding(ctx context.Context, e Engine, m Mode, shapes []geom.T) (Engine, error) {
	if len(shapes) == 0 {
		return e, nil
	}
	if m >= Modes {
		return nil, fmt.Errorf("%w: %v", ErrMode, m)
	}
	r, ok := Serving(e).(*Router)
	if !ok {
		return nil, ErrNoAvoid
	}
	var shutting []uint32
	for i, shape := range shapes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		segments, err := r.net.Covered(shape)
		if err != nil {
			return nil, fmt.Errorf("area %d: %w", i, err)
		}
		if shutting = append(shutting, segments...); len(shutting) > maxAvoidSegments {
			return nil, fmt.Errorf("%w: %d stretches of road and more; draw smaller areas", ErrAvoid, maxAvoidSegments)
		}
	}
	now := r.now[m].Load()
	return &detours{router: r, mode: m, version: now.version, learned: now.learned, durationMS: closing(now.durationMS, shutting)}, nil
}

// detours is the network of one mode with some more of it shut. It searches without
// any preparation, by Dijkstra's algorithm backward from the target over the turns of
// the network, leaving out what is shut.
type detours struct {
	router     *Router
	mode       Mode
	version    uint64
	learned    bool
	durationMS []uint32
}

var _ Engine = (*detours)(nil)

func (d *detours) view() view {
	return view{g: &d.router.net.modes[d.mode], durationMS: d.durationMS, most: maxAvoidWork,
		version: Version{Network: d.router.number.Load(), Conditions: uint32(d.version), Learned: d.learned}}
}

// other refuses a mode it was not made for.
func (d *detours) other(m Mode) error {
	return fmt.Errorf("%w: %v, for %v was asked what to avoid", ErrMode, m, d.mode)
}

// ManyToOne implements Engine.
func (d *detours) ManyToOne(ctx context.Context, m Mode, from []geo.Point, to geo.Point) ([]Time, error) {
	if m != d.mode {
		return nil, d.other(m)
	}
	if err := checkAsk(m, from, to); err != nil {
		return nil, err
	}
	return d.router.net.fixesToOne(ctx, m, d.view(), fixesOf(from), to)
}

// FixesToOne is ManyToOne from places of which more is known.
func (d *detours) FixesToOne(ctx context.Context, m Mode, from []Fix, to geo.Point) ([]Time, error) {
	if m != d.mode {
		return nil, d.other(m)
	}
	if err := checkFixes(m, from, to); err != nil {
		return nil, err
	}
	return d.router.net.fixesToOne(ctx, m, d.view(), from, to)
}

// Route implements Engine.
func (d *detours) Route(ctx context.Context, m Mode, from, to geo.Point) (Route, error) {
	if m != d.mode {
		return Route{}, d.other(m)
	}
	return d.router.net.route(ctx, m, d.view(), from, to)
}

// Matrix answers the time from each of from to each of to, row by row, like the
// function of that name.
func (d *detours) Matrix(ctx context.Context, m Mode, from, to []geo.Point, row func(i int, times []Time) error) error {
	if m != d.mode {
		return d.other(m)
	}
	if len(to) <= fewGoals {
		return columns(ctx, d, m, from, to, row)
	}
	now, err := d.router.net.customize(ctx, m, d.router.modes[m], d.durationMS, d.version)
	if err != nil {
		return err
	}
	now.learned = d.learned
	return d.router.frozen(m, now).Matrix(ctx, m, from, to, row)
}

// view is a mode of a network by other durations than it was built with: what it
// shuts is left out, and who finds all that goes on shut may turn round.
type view struct {
	g          *graph
	durationMS []uint32 // of g where nothing differs
	version    Version
	most       int // states to settle, 0 without a bound
}

func (n *Network) built(m Mode) view {
	return view{g: &n.modes[m], durationMS: n.modes[m].durationMS, version: asBuilt}
}

func (v *view) same() bool {
	return len(v.durationMS) == 0 || &v.durationMS[0] == &v.g.durationMS[0]
}

// before visits every turn that leads onto a state and can be made, with what the
// turn and the arc cost together.
func (v *view) before(state uint32, visit func(prev, costMS uint32, passes bool)) {
	g := v.g
	if v.same() {
		for t := g.backFirst[state]; t < g.backFirst[state+1]; t++ {
			prev := g.backFrom[t]
			visit(prev&^passBit, g.backCostMS[t], prev&passBit != 0)
		}
		return
	}
	arc := g.arcOf(state)
	if v.durationMS[arc] == shut {
		return
	}
	for t := g.backFirst[state]; t < g.backFirst[state+1]; t++ {
		prev := g.backFrom[t]
		if v.durationMS[g.arcOf(prev&^passBit)] != shut {
			visit(prev&^passBit, g.backCostMS[t]-g.durationMS[arc]+v.durationMS[arc], prev&passBit != 0)
		}
	}
	// Turning round where a road went on: only since all of that is shut.
	back := arc ^ 1
	if v.durationMS[back] == shut {
		return
	}
	v.turnRound(back, state, visit)
	for _, copied := range g.copies[back] {
		v.turnRound(copied, state, visit)
	}
}

func (v *view) turnRound(from, to uint32, visit func(prev, costMS uint32, passes bool)) {
	g := v.g
	for t := g.turnFirst[from]; t < g.turnFirst[from+1]; t++ {
		if g.turnTo[t] != to || g.turnCostMS[t]&stuckBit == 0 || g.stuck(g.durationMS, from) || !g.stuck(v.durationMS, from) {
			continue
		}
		arc := g.arcOf(to)
		passes := g.flags[arc]&arcEndsOnly != 0 && g.flags[g.arcOf(from)]&arcEndsOnly == 0
		visit(from, g.turnCostMS[t]&^stuckBit+v.durationMS[arc], passes)
	}
}
