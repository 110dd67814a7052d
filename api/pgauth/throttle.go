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
	leak    time.Duration // one failure is forgiven after this long
	most    time.Duration // a full bucket is forgiven after this long
	limit   int           // buckets kept; the emptiest gives way to a newcomer
	buckets map[string]*bucket
}

type bucket struct {
	level time.Duration // until all is forgiven
	at    time.Time
}

func newThrottle(now func() time.Time, burst int, leak time.Duration) *throttle {
	return &throttle{now: now, leak: leak, most: time.Duration(burst) * leak, limit: 10_000, buckets: map[string]*bucket{}}
}

// take answers how long to wait, 0 when the attempt may go on.
func (t *throttle) take(key string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.drained(key)
	if over := b.level + t.leak - t.most; over > 0 {
		return over
	}
	b.level += t.leak
	return 0
}

// giveBack returns what take took.
func (t *throttle) giveBack(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.drained(key)
	b.level = max(0, b.level-t.leak)
}

func (t *throttle) drained(key string) *bucket {
	now := t.now()
	b := t.buckets[key]
	if b == nil {
		b = &bucket{level: t.makeRoom(now), at: now}
		t.buckets[key] = b
		return b
	}
	b.drain(now)
	return b
}

func (b *bucket) drain(now time.Time) {
	b.level = max(0, b.level-now.Sub(b.at))
	b.at = now
}

// makeRoom answers the level at which a newcomer begins: that of the bucket which
// gave way to it. So nobody who was pushed out comes back with less than they had,
// and a flood of invented names buys no guesses at a real one: the space-saving
// counters of Metwally, Agrawal and El Abbadi (2005), of levels that leak.
func (t *throttle) makeRoom(now time.Time) time.Duration {
	if len(t.buckets) < t.limit {
		return 0
	}
	emptiest, level := "", t.most+1
	for key, b := range t.buckets {
		if b.drain(now); b.level == 0 {
			delete(t.buckets, key)
		} else if b.level < level {
			emptiest, level = key, b.level
		}
	}
	if len(t.buckets) < t.limit {
		return 0
	}
	delete(t.buckets, emptiest)
	return level
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
