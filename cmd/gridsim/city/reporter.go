package city

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
)

// reporters file what they see. At most maxFiling reports are under way; when
// the service is slower than that, sights go unreported and are counted failed.
type reporters struct {
	rng      *rand.Rand
	service  *service
	places   *Places
	counters *Counters
	rate     float64 // a minute
	kinds    []kind
	people   func() []witness // who is out now
	hotline  *hotline
	worker   *hotline // a grid worker with an account, who hears on the phone page; nil where there is none
	log      func(format string, args ...any)
	failed   sync.Once // the first failure is told in full
	// run is of this start alone: the same seed draws the same keys again, and a service
	// that still has the reports of the start before would take these for those, changed.
	run string
}

// kind is a category as the service publishes it.
type kind struct {
	Code         string `json:"code"`
	NameZH       string `json:"name_zh"`
	DispatchMode string `json:"dispatch_mode"`
}

// witness is a patrol that can report.
type witness struct {
	who   caller
	where geo.Point
}

const maxFiling = 4

// hotline is the operator who files what residents report by telephone, or another
// person with a password. A session ends some day; then they sign in again.
type hotline struct {
	signIn func(ctx context.Context) caller
	mu     sync.Mutex // guards now
	now    caller
}

func (h *hotline) caller(ctx context.Context) caller {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.now == (caller{}) {
		h.now = h.signIn(ctx)
	}
	return h.now
}

// expired forgets the session, unless somebody has signed in again already.
func (h *hotline) expired(old caller) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.now == old {
		h.now = caller{}
	}
}

var residents = []string{"王女士", "李先生", "陈阿姨", "林师傅", "章先生", "郑女士"}

var sights = []string{"巡查发现：%s，现场有人员活动", "群众反映%s，请核实", "%s，现场已拍照", "路过看到%s，情况较急", "%s，影响周边居民"}

// Run files reports, on average so many a minute, until ctx ends.
func (r *reporters) Run(ctx context.Context) error {
	if r.rate <= 0 {
		return nil
	}
	var filing sync.WaitGroup
	defer filing.Wait()
	slots := make(chan struct{}, maxFiling)
	timer := time.NewTimer(r.pause())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
			timer.Reset(r.pause())
		}
		who, w, err := r.see(ctx, time.Now())
		if err != nil {
			return err
		}
		key := fmt.Sprintf("sim-%s-%016x%016x", r.run, r.rng.Uint64(), r.rng.Uint64())
		jitter := rand.New(rand.NewPCG(r.rng.Uint64(), 1))
		select {
		case slots <- struct{}{}:
			filing.Go(func() {
				defer func() { <-slots }()
				r.file(ctx, who, key, w, jitter)
			})
		default:
			r.counters.ReportsFailed.Add(1)
		}
	}
}

func (r *reporters) pause() time.Duration {
	return time.Duration(r.rng.ExpFloat64() * float64(time.Minute) / r.rate)
}

// see makes up what somebody sees: half of the time a patrol near where it walks,
// else a resident anywhere, who calls the hotline.
func (r *reporters) see(ctx context.Context, now time.Time) (caller, sighting, error) {
	calls := "" // who telephones
	who, at := r.hotline.caller(ctx), r.places.all[r.rng.IntN(len(r.places.all))]
	if people := r.people(); len(people) > 0 && r.rng.IntN(2) == 0 {
		w := people[r.rng.IntN(len(people))]
		who, at = w.who, w.where
		if r.worker != nil && r.rng.IntN(5) == 0 {
			who = r.worker.caller(ctx)
		}
	} else {
		calls = residents[r.rng.IntN(len(residents))]
	}
	const mPerDeg = geo.EarthRadiusM * math.Pi / 180
	at.Lon = round(at.Lon+(r.rng.Float64()-0.5)*160/(mPerDeg*math.Cos(at.Lat*math.Pi/180)), 7)
	at.Lat = round(at.Lat+(r.rng.Float64()-0.5)*160/mPerDeg, 7)
	k := r.kinds[r.rng.IntN(len(r.kinds))]
	for range 2 { // what is urgent is seen more often here than in life
		if k.DispatchMode != "auto" {
			k = r.kinds[r.rng.IntN(len(r.kinds))]
		}
	}
	w := sighting{
		Resident: calls, Category: k.Code, At: at, AccuracyM: round(5+25*r.rng.Float64(), 1), Seen: now,
		Description: fmt.Sprintf(sights[r.rng.IntN(len(sights))], k.NameZH),
	}
	for range 1 + r.rng.IntN(2) {
		p, err := drawPhoto(r.rng)
		if err != nil {
			return caller{}, sighting{}, err
		}
		w.Photos = append(w.Photos, withCamera(r.rng, p, at, now))
	}
	return who, w, nil
}

// file sends until the service has it: the same key makes that safe.
func (r *reporters) file(ctx context.Context, who caller, key string, w sighting, rng *rand.Rand) {
	const tries = 5
	for try := 1; ; try++ {
		err := r.service.file(ctx, who, key, w)
		switch outcomeOf(err) {
		case agreed:
			r.counters.Reports.Add(1)
			return
		case refused:
			if isUnauthorized(err) && who.cookie != "" && try < tries {
				desk := r.hotline
				if w.Resident == "" && r.worker != nil {
					desk = r.worker
				}
				desk.expired(who)
				who = desk.caller(ctx)
				continue
			}
		case again:
			if try < tries && wait(ctx, backoff(rng, try)) {
				continue
			}
		}
		if ctx.Err() == nil {
			r.counters.ReportsFailed.Add(1)
			r.failed.Do(func() { r.log("a report was not taken: %v", err) })
		}
		return
	}
}

func isUnauthorized(err error) bool {
	var s *statusError
	return errors.As(err, &s) && s.status == http.StatusUnauthorized
}

// wait says whether the time passed before ctx ended.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
