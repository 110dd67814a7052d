package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/cmd/gridsim/district"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/durable"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// demoAccess is var/demo.json: where the demo is, and every way in.
type demoAccess struct {
	URL        string        `json:"url"`
	Accounts   []demoAccount `json:"accounts"`
	AdminToken string        `json:"admin_token"`
	Devices    []demoDevice  `json:"devices"`
}

type demoAccount struct {
	Role     string `json:"role"`
	Username string `json:"username"`
	Password string `json:"password"`
}

type demoDevice struct {
	DeviceID string `json:"device_id"`
	PatrolID string `json:"patrol_id"`
	Token    string `json:"token"`
}

const (
	demoTokenTTL = 90 * 24 * time.Hour
	// demoTokenSpare is how much of it must be left for a file to be used again.
	demoTokenSpare = 7 * 24 * time.Hour
)

// openAccess reads the access that an earlier start left, or makes it anew: a
// password for an account of each role, a token for the admin and for each device.
func openAccess(ctx context.Context, env *Env, path string, say func(string, ...any)) (*demoAccess, error) {
	auth := pgauth.New(env.DB, pgauth.Config{})
	if kept, ok := readAccess(path); ok {
		if who, err := auth.ByToken(ctx, kept.AdminToken); err == nil && who.ExpiresAt != nil && time.Until(*who.ExpiresAt) > demoTokenSpare {
			return kept, nil
		} else if err != nil && !errors.Is(err, pgauth.ErrUnknown) {
			return nil, err
		}
	}
	say("making sign-ins and device tokens")
	access := &demoAccess{Accounts: []demoAccount{}, Devices: []demoDevice{}}
	accounts, err := district.Accounts()
	if err != nil {
		return nil, err
	}
	for _, a := range accounts {
		if dispatch.Role(a.Role) == dispatch.RoleDevice {
			continue // devices have tokens, not passwords
		}
		made := demoAccount{Role: a.Role, Username: a.Username, Password: rand.Text()[:12]}
		_, err := auth.AddAccount(ctx, pgauth.NewAccount{
			Username: a.Username, Password: made.Password, Role: dispatch.Role(a.Role),
			AreaCode: a.Area, Department: a.Department, StaffCode: a.Staff,
		})
		if dispatch.KindOf(err) == dispatch.Conflict {
			err = auth.SetPassword(ctx, a.Username, made.Password)
		}
		if err != nil {
			return nil, fmt.Errorf("account %s: %w", a.Username, err)
		}
		access.Accounts = append(access.Accounts, made)
		if dispatch.Role(a.Role) == dispatch.RoleAdmin {
			if _, access.AdminToken, err = auth.CreateToken(ctx, pgauth.Owner{Username: a.Username}, demoTokenTTL); err != nil {
				return nil, fmt.Errorf("token of %s: %w", a.Username, err)
			}
		}
	}
	if access.Devices, err = boundDevices(ctx, env.DB); err != nil {
		return nil, err
	}
	for i := range access.Devices {
		d := &access.Devices[i]
		if _, d.Token, err = auth.CreateToken(ctx, pgauth.Owner{DeviceCode: d.DeviceID}, demoTokenTTL); err != nil {
			return nil, fmt.Errorf("token of device %s: %w", d.DeviceID, err)
		}
	}
	return access, nil
}

const bound = `SELECT d.code, b.patrol_id::text FROM devices d JOIN device_bindings b ON b.device_id = d.id AND b.valid @> gp_now()
WHERE d.district_id = $1 AND d.revoked_at IS NULL ORDER BY d.code`

// boundDevices lists the devices that speak for a patrol now.
func boundDevices(ctx context.Context, db *pgdb.DB) ([]demoDevice, error) {
	rows, err := db.Query(ctx, bound, pgdb.District)
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	devices, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d demoDevice, err error) {
		return d, row.Scan(&d.DeviceID, &d.PatrolID)
	})
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	return devices, nil
}

func readAccess(path string) (*demoAccess, bool) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || err != nil {
		return nil, false
	}
	var access demoAccess
	if json.Unmarshal(raw, &access) != nil || len(access.Accounts) == 0 || len(access.Devices) == 0 {
		return nil, false
	}
	return &access, true
}

// write leaves the file whole or not at all, for its owner's eyes only.
func (a *demoAccess) write(path string) error {
	raw, err := json.MarshalIndent(a, "", " ")
	if err != nil {
		return err
	}
	return durable.Write(durable.OS, path, append(raw, '\n'))
}
