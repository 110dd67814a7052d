package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/cmd/gridsim/city"
	"github.com/gridpatrol/gridpatrol/migrations/pgcluster"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// strengthPatrols is how many department patrols are out at full strength.
const strengthPatrols = 200

// fullStrength puts every grid worker of a demo on duty, and as many more patrols of its
// departments as make strengthPatrols; their devices join the others in s, a demo that this program started.
func fullStrength(ctx context.Context, s *service) (err error) {
	cluster, err := pgcluster.Start(ctx, pgcluster.Config{Dir: s.dir})
	if err != nil {
		return fmt.Errorf("reach the demo's cluster: %w", err)
	}
	defer func() { err = errors.Join(err, cluster.Stop(context.WithoutCancel(ctx))) }()
	db, err := pgdb.Open(ctx, pgdb.Config{URL: cluster.URL(), MaxConns: 2})
	if err != nil {
		return err
	}
	defer db.Close()
	type one struct{ department, mode string }
	var some []one
	more := 0
	var b pgx.Batch
	var codes []string
	err = db.Owner(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT department, min(mode), count(*) FROM patrols WHERE department <> 'grid' GROUP BY department ORDER BY department`)
		if err != nil {
			return err
		}
		var d one
		var n int
		have := 0
		if _, err = pgx.ForEachRow(rows, []any{&d.department, &d.mode, &n}, func() error { some, have = append(some, d), have+n; return nil }); err != nil {
			return err
		}
		if len(some) == 0 {
			return errors.New("no department has a patrol")
		}
		more = max(0, strengthPatrols-have)
		for i := range more {
			d := some[i%len(some)]
			patrol, device := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
			code := fmt.Sprintf("bench-%03d", i)
			codes = append(codes, code)
			b.Queue(`INSERT INTO patrols (id, district_id, code, name, department, mode, simulated) VALUES ($1, $2, $3, $3, $4, $5, true)`, patrol, pgdb.District, code, d.department, d.mode)
			b.Queue(`INSERT INTO devices (id, district_id, code, simulated) VALUES ($1, $2, $3, true)`, device, pgdb.District, code)
			b.Queue(`INSERT INTO device_bindings (device_id, patrol_id, valid) VALUES ($1, $2, tstzrange(gp_now() - interval '1 day', NULL))`, device, patrol)
			s.Devices = append(s.Devices, city.Device{DeviceID: code, PatrolID: patrol.String()})
		}
		b.Queue(`DELETE FROM duties WHERE upper(during) > gp_now()`)
		b.Queue(`INSERT INTO duties (id, patrol_id, during, source) SELECT gen_random_uuid(), id, tstzrange(gp_now(), gp_now() + interval '1 day'), 'shift' FROM patrols`)
		return conn.SendBatch(ctx, &b).Close()
	})
	if err != nil {
		return fmt.Errorf("call everybody out: %w", err)
	}
	auth := pgauth.New(db, pgauth.Config{})
	for i, code := range codes {
		at := len(s.Devices) - more + i
		if _, s.Devices[at].Token, err = auth.CreateToken(ctx, pgauth.Owner{DeviceCode: code}, 24*time.Hour); err != nil {
			return err
		}
	}
	return nil
}
