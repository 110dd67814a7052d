package figure

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

const (
	// bookFreshFor is how long an answer of the database stands.
	bookFreshFor = 10 * time.Second
	// bookWithin bounds asking it, well below a scraper's patience.
	bookWithin = 3 * time.Second
)

// book collects what only the database knows. On several nodes each says the same.
type book struct {
	db    *pgdb.DB
	fresh time.Duration

	mu   sync.Mutex // guards the two below, and is held while somebody asks
	at   time.Time
	last []prometheus.Metric
}

var databaseUp = desc("database_up", "1 when the database answered the last questions for figures.")

// chapter is one question. Each row answers values for figures in order, and behind
// them one label, if the figures have one.
type chapter struct {
	sql     string
	figures []*prometheus.Desc
	label   bool
	known   []string // labels that are there even at 0, so that a line on a chart does not end in the air
}

var openStages = words(dispatch.StageReported, dispatch.StageSelfHandled, dispatch.StageAccepted, dispatch.StageFiled,
	dispatch.StageDispatched, dispatch.StageSigned, dispatch.StageReturned, dispatch.StageRuled, dispatch.StageHandling,
	dispatch.StageExtended, dispatch.StageSuspended, dispatch.StageFeedback, dispatch.StageVerifying, dispatch.StageRework, dispatch.StageReopened)

var reasons = words(dispatch.NobodyOnDuty, dispatch.AllBusy, dispatch.AllStale, dispatch.OutOfReach, dispatch.NoSkill, dispatch.Contended)

func words[W ~string](list ...W) []string {
	out := make([]string, len(list))
	for i, w := range list {
		out[i] = string(w)
	}
	return out
}

// Counts of what may grow without end stop at a bound that is an alarm by itself.
var chapters = []chapter{
	{sql: `SELECT count(*)::float8, (count(*) FILTER (WHERE due_at < (SELECT gp_now())))::float8, stage FROM cases
	  WHERE district_id = $1 AND closed_at IS NULL GROUP BY stage`, label: true, known: openStages,
		figures: []*prometheus.Desc{
			desc("cases_open", "Open cases by stage.", "stage"),
			desc("cases_overdue", "Open cases past their deadline, by stage.", "stage")}},
	{sql: `SELECT count(*)::float8, s ->> 'reason' FROM cases, jsonb_array_elements(shortfalls) s
	  WHERE district_id = $1 AND closed_at IS NULL GROUP BY 2`, label: true, known: reasons,
		figures: []*prometheus.Desc{desc("shortfalls", "Departments that open cases lack, by reason.", "reason")}},
	{sql: `SELECT count(*)::float8, (count(*) FILTER (WHERE due_at <= n.t))::float8,
	  coalesce(extract(epoch FROM max(n.t - due_at) FILTER (WHERE due_at <= n.t)), 0)::float8
	  FROM deadlines, (SELECT gp_now() AS t) n WHERE district_id = $1`,
		figures: []*prometheus.Desc{
			desc("deadlines_armed", "Deadlines that are set."),
			desc("deadlines_due", "Deadlines whose time has come and that are not done."),
			desc("deadline_late_seconds", "How long the oldest of those has been due.")}},
	{sql: `SELECT count(*)::float8 FROM (SELECT FROM operator_items WHERE district_id = $1 AND settled_at IS NULL LIMIT 10000) x`,
		figures: []*prometheus.Desc{desc("operator_items_open", "What the system could not settle and an operator has to.")}},
	{sql: `SELECT count(*)::float8 FROM (SELECT FROM notices WHERE district_id = $1 AND seen_at IS NULL LIMIT 10000) x`,
		figures: []*prometheus.Desc{desc("notices_unseen", "Notices that nobody has seen yet, at most 10,000.")}},
	{sql: `SELECT count(*)::float8 FROM (SELECT FROM outbox WHERE district_id = $1 LIMIT 100000) x`,
		figures: []*prometheus.Desc{desc("outbox_rows", "Announcements kept for nodes that follow, at most 100,000.")}},
	{sql: `SELECT count(*)::float8, coalesce(extract(epoch FROM gp_now() - min(p.made_at)), 0)::float8
	  FROM (SELECT district_id, sha256 FROM photo_todo WHERE district_id = $1 LIMIT 100000) t JOIN photos p USING (district_id, sha256)`,
		figures: []*prometheus.Desc{
			desc("photos_waiting", "Photos whose copies are still to be made, at most 100,000."),
			desc("photo_wait_seconds", "How long the oldest of those has waited since it was taken in.")}},
	{sql: `SELECT count(*)::float8 FROM (SELECT FROM tracks_default WHERE district_id = $1 LIMIT 10000) x`,
		figures: []*prometheus.Desc{desc("track_default_partition_rows", "Fixes outside every day's partition, at most 10,000.")}},
	{sql: `SELECT coalesce(min(ahead) FILTER (WHERE NOT there), 30)::float8 FROM (
	  SELECT ahead, to_regclass('public.tracks_' || to_char((gp_now() AT TIME ZONE 'UTC')::date + ahead, 'YYYYMMDD')) IS NOT NULL AS there
	  FROM generate_series(0, 29) ahead WHERE $1::uuid IS NOT NULL) days`,
		figures: []*prometheus.Desc{desc("track_partitions_ahead_days", "Days from today on whose track partition is there, without a gap.")}},
	{sql: `SELECT version::float8, extract(epoch FROM gp_now() - made_at)::float8 FROM road_networks WHERE district_id = $1 AND active
	  UNION ALL SELECT 0, 0 WHERE NOT EXISTS (SELECT FROM road_networks WHERE district_id = $1 AND active)`,
		figures: []*prometheus.Desc{
			desc("road_network_version", "The road network in force; 0 is none."),
			desc("road_network_age_seconds", "Since the road network in force was imported.")}},
	{sql: `SELECT count(*)::float8 FROM grids g JOIN grid_versions v ON v.id = g.version_id
	  WHERE g.district_id = $1 AND v.state = 'active' AND v.valid @> gp_now() AND g.kind = 'general' AND NOT EXISTS (
	    SELECT FROM grid_staff s WHERE s.district_id = g.district_id AND s.grid_code = g.code AND s.part = 'worker' AND s.valid @> gp_now())`,
		figures: []*prometheus.Desc{desc("grids_unstaffed", "General grids in force without a grid worker.")}},
	{sql: `SELECT extract(epoch FROM gp_now() - coalesce((SELECT max(at) FROM backups_made WHERE district_id = $1), made_at))::float8
	  FROM districts WHERE id = $1`,
		figures: []*prometheus.Desc{desc("backup_age_seconds", "Since the newest backup, or since the district was made if there is none.")}},
	{sql: `SELECT count(*)::float8 FROM nodes WHERE district_id = $1 AND beat_at > gp_now() - interval '30 s'`,
		figures: []*prometheus.Desc{desc("nodes", "Nodes that said within 30 s that they are there.")}},
	{sql: `SELECT pg_database_size(current_database())::float8 WHERE $1::uuid IS NOT NULL`,
		figures: []*prometheus.Desc{desc("database_size_bytes", "Size of the database.")}},
}

// Describe implements prometheus.Collector.
func (b *book) Describe(out chan<- *prometheus.Desc) {
	out <- databaseUp
	for _, c := range chapters {
		for _, d := range c.figures {
			out <- d
		}
	}
}

// Collect implements prometheus.Collector.
func (b *book) Collect(out chan<- prometheus.Metric) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.at.IsZero() || time.Since(b.at) >= b.fresh {
		ctx, cancel := context.WithTimeout(context.Background(), bookWithin)
		defer cancel()
		metrics, err := b.read(ctx)
		// Without the database there is nothing to say; old figures would look alive.
		b.last = append(metrics, prometheus.MustNewConstMetric(databaseUp, prometheus.GaugeValue, oneIf(err == nil)))
		b.at = time.Now()
	}
	for _, m := range b.last {
		out <- m
	}
}

// read asks every question in one round trip.
func (b *book) read(ctx context.Context) ([]prometheus.Metric, error) {
	var all []prometheus.Metric
	var batch pgx.Batch
	for _, c := range chapters {
		batch.Queue(c.sql, pgdb.District).Query(func(rows pgx.Rows) error {
			values := make([]float64, len(c.figures))
			var label string
			into := make([]any, 0, len(values)+1)
			for i := range values {
				into = append(into, &values[i])
			}
			if c.label {
				into = append(into, &label)
			}
			seen := map[string]bool{}
			say := func(label string, values []float64) {
				seen[label] = true
				for i, d := range c.figures {
					if c.label {
						all = append(all, prometheus.MustNewConstMetric(d, prometheus.GaugeValue, values[i], label))
					} else {
						all = append(all, prometheus.MustNewConstMetric(d, prometheus.GaugeValue, values[i]))
					}
				}
			}
			_, err := pgx.ForEachRow(rows, into, func() error {
				say(label, values)
				return nil
			})
			for _, word := range c.known {
				if !seen[word] {
					say(word, make([]float64, len(values)))
				}
			}
			return err
		})
	}
	if err := b.db.SendBatch(ctx, &batch).Close(); err != nil {
		return nil, err
	}
	return all, nil
}
