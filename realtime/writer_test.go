package realtime

import (
	"testing"
	"time"
)

// A commit of next to nothing is followed by a longer pause than one of many; a slow disk
// makes either longer, and nothing makes it longer than the bound.
func TestPauseBetweenCommits(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	w := &writer{linger: 10 * ms}
	for _, tt := range []struct {
		weight      int64
		usual, want time.Duration
	}{
		{weight: 0, want: fewLinger},
		{weight: manyFixes / 2, want: fewLinger / 2},
		{weight: manyFixes, want: 10 * ms},
		{weight: 100 * manyFixes, want: 10 * ms},
		{weight: 100 * manyFixes, usual: 30 * ms, want: 30 * ms},
		{weight: 0, usual: 30 * ms, want: fewLinger},
		{weight: 0, usual: time.Second, want: maxLinger},
		{weight: 100 * manyFixes, usual: time.Second, want: maxLinger},
	} {
		if got := w.pause(tt.usual, tt.weight); got != tt.want {
			t.Errorf("after a commit of %d, usually %v: a pause of %v, want %v", tt.weight, tt.usual, got, tt.want)
		}
	}
}
