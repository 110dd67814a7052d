package pgstore

import (
	"context"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// A case that a program of before there were tiers closed has none and is left out.
const countTiers = `
SELECT x.from_at, x.to_at, t.tier, coalesce(t.n, 0) AS n FROM (
  SELECT coalesce($8::timestamptz, coalesce($9::timestamptz, gp_now()) - interval '30 days') AS from_at, coalesce($9::timestamptz, gp_now()) AS to_at) x
LEFT JOIN LATERAL (SELECT c.flow->>'tier' AS tier, count(*)::int AS n FROM cases c
  WHERE ` + visibleCase + ` AND c.stage = 'closed' AND c.closed_at >= x.from_at AND c.closed_at <= x.to_at AND c.flow ? 'tier' GROUP BY 1) t ON true`

type tierRow struct {
	FromAt time.Time `db:"from_at"`
	ToAt   time.Time `db:"to_at"`
	Tier   *string   `db:"tier"`
	N      int       `db:"n"`
}

// Tiers implements dispatch.RuleStore.
func (s *Store) Tiers(ctx context.Context, v dispatch.Viewer, from, to time.Time) (dispatch.Tiers, map[string]int, error) {
	var since, until *time.Time
	if !from.IsZero() {
		since = &from
	}
	if !to.IsZero() {
		until = &to
	}
	found, err := readAs[tierRow](ctx, s, v, countTiers, append(s.scope(v), since, until)...)
	out, counted := dispatch.Tiers{}, map[string]int{}
	for _, r := range found {
		out.From, out.To = r.FromAt.UTC(), r.ToAt.UTC()
		if r.Tier != nil {
			counted[*r.Tier] += r.N
		}
	}
	return out, counted, err
}
