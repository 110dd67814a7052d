package figure

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, pgtest.LeftRunning()) }

// collected are the names and first values of what a collector shows.
func collected(t *testing.T, c prometheus.Collector) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		out[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue()
	}
	return out
}

// A database that is away is said, and nothing else is: old figures would look
// alive.
func TestBookWithoutItsDatabase(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	b := &book{db: db, fresh: time.Hour}
	if got := collected(t, b); got["gridpatrol_database_up"] != 1 || len(got) < 15 {
		t.Errorf("%v", got)
	}
	db.Close()
	if got := collected(t, b); got["gridpatrol_database_up"] != 1 {
		t.Errorf("the database was asked again before its answer was old: %v", got)
	}
	b.fresh = 0
	if got := collected(t, b); len(got) != 1 || got["gridpatrol_database_up"] != 0 {
		t.Errorf("without a database: %v", got)
	}
}

func TestEachOpenStageIsCounted(t *testing.T) {
	t.Parallel()
	for _, stage := range openStages {
		if !dispatch.Stage(stage).Open() {
			t.Errorf("%s is no open stage", stage)
		}
	}
}
