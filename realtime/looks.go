package realtime

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// LookRecorder writes down that a viewer saw where patrols are. It is called again
// with the same patrols for as long as they are shown, so it must take a repeat.
type LookRecorder func(ctx context.Context, who dispatch.Viewer, patrols []dispatch.PatrolID) error

const (
	// looksEvery is how often looks are handed over to be written down.
	looksEvery = 10 * time.Second
	// looksRetry is the pause after a failure.
	looksRetry = 2 * time.Second
	// looksLast bounds the last write when the service goes down.
	looksLast = 5 * time.Second
)

// looks is who saw which patrols since it was handed over last. It grows to viewers
// times patrols at most, however long the database is away.
type looks map[dispatch.Viewer]map[dispatch.PatrolID]struct{}

// of answers whom a viewer saw, to be added to.
func (l looks) of(who dispatch.Viewer) map[dispatch.PatrolID]struct{} {
	seen := l[who]
	if seen == nil {
		seen = map[dispatch.PatrolID]struct{}{}
		l[who] = seen
	}
	return seen
}

func (l looks) add(who dispatch.Viewer, patrols map[dispatch.PatrolID]struct{}) {
	seen := l.of(who)
	for id := range patrols {
		seen[id] = struct{}{}
	}
}

// recordLooks writes what is handed over until handed is closed. What fails is
// tried again while ctx lives, then once more, and then logged as lost.
func recordLooks(ctx context.Context, handed <-chan looks, record LookRecorder, log *slog.Logger) {
	last, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(looksLast, cancel) })()
	for batch := range handed {
		for who, patrols := range batch {
			if len(patrols) == 0 {
				continue
			}
			ids := make([]dispatch.PatrolID, 0, len(patrols))
			for id := range patrols {
				ids = append(ids, id)
			}
			slices.SortFunc(ids, func(a, b dispatch.PatrolID) int { return slices.Compare(a.UUID[:], b.UUID[:]) })
			err := record(last, who, ids)
			for err != nil && ctx.Err() == nil {
				log.Error("looks at patrols cannot be written down; trying again", "error", err)
				select {
				case <-ctx.Done():
				case <-time.After(looksRetry):
				}
				err = record(last, who, ids)
			}
			if err != nil { // the service goes down
				err = record(last, who, ids)
			}
			if err != nil {
				log.Error("looks at patrols are lost", "patrols", len(ids), "error", err)
			}
		}
	}
}
