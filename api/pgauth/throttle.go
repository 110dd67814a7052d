package pgauth

import (
	"net/netip"
	"sync"
	"time"
)

// throttle counts failed sign-ins in leaky buckets, one a username and one an
// address. An attempt takes its place before the password is looked at and gives
// it back when it was right, so parallel guesses count too.
type throttle struct {
	mu      sync.Mutex
	now     func() time.Time
	burst   float64
	leak    time.Duration // one failure is forgiven after this long
	limit   int           // buckets kept; the emptiest gives way
	buckets map[string]*bucket
}

type bucket struct {
	level float64
	at    time.Time
}

func newThrottle(now func() time.Time, burst int, leak time.Duration) *throttle {
	return &throttle{now: now, burst: float64(burst), leak: leak, limit: 10_000, buckets: map[string]*bucket{}}
}

// take answers how long to wait, 0 when the attempt may go on.
func (t *throttle) take(key string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.drained(key)
	if b.level+1 > t.burst {
		return time.Duration((b.level + 1 - t.burst) * float64(t.leak))
	}
	b.level++
	return 0
}

// giveBack returns what take took.
func (t *throttle) giveBack(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.drained(key)
	b.level = max(0, b.level-1)
}

func (t *throttle) drained(key string) *bucket {
	now := t.now()
	b := t.buckets[key]
	if b == nil {
		t.makeRoom(now)
		b = &bucket{at: now}
		t.buckets[key] = b
		return b
	}
	b.drain(now, t.leak)
	return b
}

func (b *bucket) drain(now time.Time, leak time.Duration) {
	b.level = max(0, b.level-float64(now.Sub(b.at))/float64(leak))
	b.at = now
}

func (t *throttle) makeRoom(now time.Time) {
	if len(t.buckets) < t.limit {
		return
	}
	emptiest, level := "", t.burst+1
	for key, b := range t.buckets {
		if b.drain(now, t.leak); b.level == 0 {
			delete(t.buckets, key)
		} else if b.level < level {
			emptiest, level = key, b.level
		}
	}
	if len(t.buckets) >= t.limit {
		delete(t.buckets, emptiest)
	}
}

// addressKey is the address, for IPv6 its /64: one subscriber has all of it.
func addressKey(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
