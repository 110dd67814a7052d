package pgauth

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

var cheap = cost{MemoryKiB: 64, Passes: 1, Lanes: 1}

// Cheapen makes passwords cost next to nothing, known and unknown users' alike.
func (s *Store) Cheapen() {
	s.cost, s.nobody = cheap, func() string { return hashPassword("nobody", cheap) }
}

func TestPasswordHash(t *testing.T) {
	t.Parallel()
	phc := hashPassword("路桥 patrol", cheap)
	if !checkPassword(phc, "路桥 patrol") || checkPassword(phc, "路桥 patro1") || checkPassword(phc, "") {
		t.Errorf("%s does not tell right from wrong", phc)
	}
	if phc == hashPassword("路桥 patrol", cheap) {
		t.Error("two hashes of one password are the same; is there no salt?")
	}
	if c, _, _, err := parseHash(nobody()); err != nil || c != standardCost {
		t.Errorf("checking an unknown user costs %+v (%v), a known one %+v", c, err, standardCost)
	}
}

func TestHashOfUnboundedCostIsRefused(t *testing.T) {
	t.Parallel()
	for _, row := range []string{"m=4294967295,t=1,p=1", "m=64,t=4294967295,p=1", "m=64,t=0,p=1", "m=64,t=1,p=0", "m=64,t=1,p=255", "m=-1,t=1,p=1", "t=1,m=64,p=1"} {
		phc := strings.Replace(hashPassword("x", cheap), "m=64,t=1,p=1", row, 1)
		if _, _, _, err := parseHash(phc); err == nil {
			t.Errorf("%s is taken", row)
		}
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add(hashPassword("x", cheap))
	f.Add("$argon2id$v=19$m=64,t=1,p=1$$")
	f.Add("$2a$10$abc")
	f.Fuzz(func(t *testing.T, phc string) {
		c, salt, key, err := parseHash(phc)
		if err == nil && (c.MemoryKiB > maxMemoryKiB || c.Passes > maxPasses || len(salt) < 8 || len(key) < 16) {
			t.Errorf("%q is taken: %+v", phc, c)
		}
	})
}

// However attempts come, no key is let through more often than burst plus what
// leaked, and the map stays bounded.
func TestThrottleBound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(0, 0)
		const burst, leak = 5, 10 * time.Second
		th := newThrottle(func() time.Time { return now }, burst, leak)
		th.limit = 3 // strangers push the victim out again and again
		let := 0
		for range rapid.IntRange(1, 200).Draw(t, "attempts") {
			now = now.Add(time.Duration(rapid.IntRange(0, 900).Draw(t, "ms")) * time.Millisecond)
			if rapid.Bool().Draw(t, "other") {
				th.take(rapid.StringMatching(`[a-z]`).Draw(t, "stranger") + "-")
				continue
			}
			if th.take("victim") == 0 {
				let++
			}
		}
		if most := burst + int(now.Sub(time.Unix(0, 0))/leak); let > most {
			t.Fatalf("%d attempts let through, at most %d may be", let, most)
		}
		if len(th.buckets) > th.limit {
			t.Fatalf("%d buckets, limit %d", len(th.buckets), th.limit)
		}
	})
}

func TestAddressKey(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"fe80::1%eth0": "fe80::/64", "": "", "unix": "unix",
	} {
		if got := addressKey(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// A flood of sign-ins waits for its turn, and is told when it takes too long.
func TestHasherBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hasher{slots: make(chan struct{}, 1), wait: 3 * time.Second}
		inside, leave := make(chan struct{}), make(chan struct{})
		go func() {
			_ = h.run(t.Context(), func() { close(inside); <-leave })
		}()
		<-inside
		if err := h.run(t.Context(), func() { t.Error("ran beside the other") }); err != ErrBusy {
			t.Errorf("no slot for 3 s: %v, want ErrBusy", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := h.run(ctx, func() { t.Error("ran for a caller that is gone") }); err != context.Canceled {
			t.Errorf("caller gone: %v", err)
		}
		close(leave)
		synctest.Wait()
		if err := h.run(t.Context(), func() {}); err != nil {
			t.Errorf("slot free again: %v", err)
		}
	})
}
