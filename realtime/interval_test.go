package realtime

import (
	"math"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

func TestHowOftenADeviceIsAskedToSend(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status   dispatch.Status
		presence dispatch.Presence
		battery  float64
		want     time.Duration
	}{
		{dispatch.Free, dispatch.Online, math.NaN(), 5 * time.Second},
		{dispatch.Free, dispatch.Online, 0.2, 5 * time.Second},
		{dispatch.Free, dispatch.Online, 0.19, 30 * time.Second},
		{dispatch.Free, dispatch.Online, 0, 30 * time.Second},
		{dispatch.Free, dispatch.Still, math.NaN(), 15 * time.Second},
		{dispatch.Free, dispatch.Still, 0.9, 15 * time.Second},
		{dispatch.Free, dispatch.Still, 0.1, 30 * time.Second},
		{dispatch.Break, dispatch.Still, 0.9, 15 * time.Second},
		{dispatch.Free, dispatch.Stale, 0.9, 5 * time.Second},
		{dispatch.Free, dispatch.Lost, 0.9, 5 * time.Second},
		{dispatch.OffDuty, dispatch.Lost, math.NaN(), 5 * time.Second},
		{dispatch.Assigned, dispatch.Still, 0.1, 2 * time.Second},
		{dispatch.EnRoute, dispatch.Online, 0.1, 2 * time.Second},
		{dispatch.OnScene, dispatch.Still, math.NaN(), 2 * time.Second},
	} {
		got := intervalFor(c.status, c.presence, c.battery)
		if got != c.want {
			t.Errorf("%s, %s, battery %v: %s, want %s", c.status, c.presence, c.battery, got, c.want)
		}
		// None makes a fix that comes when it was asked for count as old, or blinds what
		// is told from a step of who stands.
		if 2*got > FreshAtLeast || got > datumStillWithin {
			t.Errorf("%s, %s, battery %v: %s is too seldom", c.status, c.presence, c.battery, got)
		}
	}
}
