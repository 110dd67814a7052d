package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/jackc/pgx/v5"
)

// KnownDevice is a device as the register has it.
type KnownDevice struct {
	ID        dispatch.DeviceID
	Simulated bool
	Revoked   bool
	Bound     bool // it speaks for a patrol at present
}

const selectDevices = `SELECT code, id, simulated, revoked_at IS NOT NULL,
  EXISTS (SELECT FROM device_bindings b WHERE b.device_id = d.id AND b.valid @> gp_now())
FROM devices d WHERE district_id = $1 AND code = ANY ($2)`

// Devices looks devices up by their codes; what is unknown is not in the answer.
func (g *Register) Devices(ctx context.Context, codes []string) (map[string]KnownDevice, error) {
	rows, err := g.db.Query(ctx, selectDevices, pgdb.District, codes)
	if err != nil {
		return nil, fmt.Errorf("look devices up: %w", err)
	}
	found := map[string]KnownDevice{}
	var code string
	var d KnownDevice
	_, err = pgx.ForEachRow(rows, []any{&code, &d.ID.UUID, &d.Simulated, &d.Revoked, &d.Bound}, func() error {
		found[code] = d
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look devices up: %w", err)
	}
	return found, nil
}

// Players are simulated patrols that replays make for themselves: each with one
// device of the same code, by car, which is the widest rule of jumps. They are on
// duty while a replay plays, and on a break, so that they are seen and nobody is
// waiting for them: a case never goes to one.

// PlayerCode names the player of a number from 1.
func PlayerCode(n int) string { return fmt.Sprintf("replay-%02d", n) }

const (
	playerDepartment = `SELECT code FROM departments WHERE district_id = $1 ORDER BY code <> 'grid', code LIMIT 1`

	beginPlayer = `INSERT INTO patrols (id, district_id, code, name, department, mode, simulated, status)
VALUES (gen_random_uuid(), $1, $2, $3, $4, 'car', true, 'break')
ON CONFLICT (district_id, code) DO UPDATE SET status = 'break', version = patrols.version + 1, status_at = gp_now()
WHERE patrols.simulated AND patrols.claimed_by IS NULL
RETURNING id`

	playerDevice = `INSERT INTO devices (id, district_id, code, simulated) VALUES (gen_random_uuid(), $1, $2, true)
ON CONFLICT (district_id, code) DO NOTHING`

	bindPlayer = `INSERT INTO device_bindings (device_id, patrol_id, valid)
SELECT d.id, $3, tstzrange(` + ever + `, NULL) FROM devices d
WHERE d.district_id = $1 AND d.code = $2 AND d.simulated AND d.revoked_at IS NULL
  AND NOT EXISTS (SELECT FROM device_bindings b WHERE b.device_id = d.id)`

	playerBound = `SELECT EXISTS (SELECT FROM device_bindings b JOIN devices d ON d.id = b.device_id
WHERE d.district_id = $1 AND d.code = $2 AND d.simulated AND d.revoked_at IS NULL AND b.patrol_id = $3 AND b.valid @> gp_now())`

	// The duties of a patrol may not overlap: what the new one touches becomes part of it.
	playerDuty = `WITH touched AS (
  DELETE FROM duties WHERE patrol_id = $1 AND (during && tstzrange($2, $3) OR during -|- tstzrange($2, $3)) RETURNING during)
SELECT least(min(lower(during)), $2), greatest(max(coalesce(upper(during), $3)), $3) FROM touched`
	insertPlayerDuty = `INSERT INTO duties (id, patrol_id, during, source) VALUES (gen_random_uuid(), $1, tstzrange($2, $3), 'manual')`

	endPlayers = `WITH ended AS (
  UPDATE patrols SET status = 'off_duty', version = version + 1, status_at = gp_now()
  WHERE district_id = $1 AND code = ANY ($2) AND simulated AND status = 'break' RETURNING id)
UPDATE duties SET during = tstzrange(lower(during), gp_now())
WHERE patrol_id IN (SELECT id FROM patrols WHERE district_id = $1 AND code = ANY ($2) AND simulated)
  AND during @> gp_now() AND lower(during) < gp_now() AND (SELECT count(*) FROM ended) >= 0`
)

// ErrNoDepartment says that there is nothing a patrol could belong to.
var ErrNoDepartment = errors.New("the register has no department yet")

// BeginPlayers makes players ready for a stretch of time, those that are missing
// too, and answers their codes.
func (g *Register) BeginPlayers(ctx context.Context, n int, from, to time.Time) ([]string, error) {
	codes := make([]string, n)
	err := g.tx(ctx, RegisterOptions{}, func(tx pgx.Tx) error {
		var department string
		err := tx.QueryRow(ctx, playerDepartment, pgdb.District).Scan(&department)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNoDepartment
		}
		if err != nil {
			return fmt.Errorf("choose a department: %w", err)
		}
		for i := range codes {
			codes[i] = PlayerCode(i + 1)
			if err := beginOne(ctx, tx, codes[i], fmt.Sprintf("回放 %02d", i+1), department, from, to); err != nil {
				return err
			}
		}
		return nil
	})
	return codes, err
}

func beginOne(ctx context.Context, tx pgx.Tx, code, name, department string, from, to time.Time) error {
	var patrol dispatch.PatrolID
	err := tx.QueryRow(ctx, beginPlayer, pgdb.District, code, name, department).Scan(&patrol.UUID)
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("patrol %q is there and is not a replay's own, or has an assignment; name devices with --device", code)
	}
	if err != nil {
		return fmt.Errorf("make patrol %s: %w", code, err)
	}
	if _, err := tx.Exec(ctx, playerDevice, pgdb.District, code); err != nil {
		return fmt.Errorf("make device %s: %w", code, err)
	}
	if _, err := tx.Exec(ctx, bindPlayer, pgdb.District, code, patrol.UUID); err != nil {
		return fmt.Errorf("bind device %s: %w", code, err)
	}
	var bound bool
	if err := tx.QueryRow(ctx, playerBound, pgdb.District, code, patrol.UUID).Scan(&bound); err != nil {
		return fmt.Errorf("bind device %s: %w", code, err)
	}
	if !bound {
		return fmt.Errorf("device %q is there and is not a replay's own; name devices with --device", code)
	}
	var begin, end *time.Time
	if err := tx.QueryRow(ctx, playerDuty, patrol.UUID, from, to).Scan(&begin, &end); err != nil {
		return fmt.Errorf("lay the duty of %s: %w", code, err)
	}
	if _, err := tx.Exec(ctx, insertPlayerDuty, patrol.UUID, begin, end); err != nil {
		return fmt.Errorf("lay the duty of %s: %w", code, err)
	}
	return nil
}

// EndPlayers takes players off duty, so that they leave the map.
func (g *Register) EndPlayers(ctx context.Context, codes []string) error {
	return g.tx(ctx, RegisterOptions{}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, endPlayers, pgdb.District, codes); err != nil {
			return fmt.Errorf("end the players' duty: %w", err)
		}
		return nil
	})
}
