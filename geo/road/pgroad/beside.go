package pgroad

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// keepFor is how long a network that nobody asks stays in memory.
const keepFor = 10 * time.Minute

// ErrNoProfile is what UnknownProfile wraps.
var ErrNoProfile = errors.New("there is no such profile")

// UnknownProfile says which profile is not there, and which are.
type UnknownProfile struct {
	Name string
	Have []string
}

func (e *UnknownProfile) Error() string {
	return fmt.Sprintf("there is no profile %q here; there are %s", e.Name, strings.Join(e.Have, ", "))
}

func (e *UnknownProfile) Unwrap() error { return ErrNoProfile }

// shelf holds the networks stored beside the one that serves: their names always,
// their roads while somebody asks.
type shelf struct {
	now func() time.Time

	mu    sync.Mutex // guards books and their asked
	books []*book
}

// book is a network on the shelf. Its mutex is held while it is loaded and while
// conditions are imposed, so that one asker does that for all.
type book struct {
	version  int64
	profiles []string // by mode; empty where it has none

	asked time.Time // guarded by the shelf

	mu      sync.Mutex
	router  *road.Router
	imposed uint64
}

const besideOf = `SELECT version, profiles FROM road_networks WHERE district_id = $1 AND beside = $2 ORDER BY version`

func listBeside(ctx context.Context, db *pgdb.DB, main int64) ([]*book, error) {
	rows, err := db.Query(ctx, besideOf, pgdb.District, main)
	if err != nil {
		return nil, fmt.Errorf("look for profiles: %w", err)
	}
	books, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*book, error) {
		b := &book{}
		return b, row.Scan(&b.version, &b.profiles)
	})
	if err != nil {
		return nil, fmt.Errorf("look for profiles: %w", err)
	}
	return books, nil
}

func (s *shelf) replace(books []*book) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.books = books
}

// find answers the network with a profile, and the mode whose place it takes.
func (s *shelf) find(name string) (*book, road.Mode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.books {
		if m := slices.Index(b.profiles, name); m >= 0 && m < road.Modes && name != "" {
			b.asked = s.now()
			return b, road.Mode(m)
		}
	}
	return nil, 0
}

func (s *shelf) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, b := range s.books {
		for _, name := range b.profiles {
			if name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}

// tidy forgets the roads nobody asked for lately. Whoever is being answered keeps
// them until then.
func (s *shelf) tidy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, b := range s.books {
		if !b.asked.IsZero() && s.now().Sub(b.asked) > keepFor {
			s.books[i] = &book{version: b.version, profiles: b.profiles}
		}
	}
}

// Profiles are the names of all there are, those of dispatch first.
func (w *Works) Profiles() []string {
	names := make([]string, 0, road.Modes)
	for m := range road.Mode(road.Modes) {
		names = append(names, m.String())
	}
	return append(names, w.beside.names()...)
}

// Profile answers what to ask for a profile by name, under the conditions in force,
// and as which mode. What is not in memory is loaded first. It answers an
// *UnknownProfile where there is none.
func (w *Works) Profile(ctx context.Context, name string) (road.Engine, road.Mode, error) {
	if m, err := road.ParseMode(name); err == nil {
		return w.roads, m, nil
	}
	b, m := w.beside.find(name)
	if b == nil {
		return nil, 0, &UnknownProfile{Name: name, Have: w.Profiles()}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.router == nil {
		network, _, err := load(ctx, w.db, func(ctx context.Context, q querier) (Info, error) {
			return readInfo(ctx, q, networkOf, pgdb.District, b.version)
		})
		if err != nil {
			return nil, 0, fmt.Errorf("profile %s: %w", name, err)
		}
		if b.router, err = road.Prepare(ctx, network); err != nil {
			return nil, 0, fmt.Errorf("profile %s: %w", name, err)
		}
	}
	impose, in := w.inForce()
	if b.imposed != impose {
		conditions, err := in.on(b.router.Network())
		if err != nil {
			return nil, 0, err
		}
		if err := b.router.Impose(ctx, conditions, impose); err != nil {
			return nil, 0, err
		}
		b.imposed = impose
	}
	return b.router, m, nil
}

const networkOf = `SELECT version, source, format, size, sha256, stats, made_at
FROM road_networks WHERE district_id = $1 AND version = $2`
