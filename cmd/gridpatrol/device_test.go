package main

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// A device that is lost is ended from the command line by its code, with its tokens.
func TestDeviceRevoke(t *testing.T) {
	t.Parallel()
	env, _ := importEnv(t)
	ctx := t.Context()
	if _, err := env.DB.Exec(ctx, `INSERT INTO devices (id, district_id, code) VALUES ($1, $2, 'van-07')`, uuid.New(), pgdb.District); err != nil {
		t.Fatal(err)
	}
	auth := pgauth.New(env.DB, pgauth.Config{})
	_, token, err := auth.CreateToken(ctx, pgauth.Owner{DeviceCode: "van-07"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := (deviceRevokeCmd{Device: "van-07", Reason: "stolen"}).revoke(ctx, env); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.ByToken(ctx, token); err != pgauth.ErrUnknown {
		t.Errorf("its token: %v", err)
	}
	var reason string
	if err := env.DB.QueryRow(ctx, `SELECT body->'detail'->>'reason' FROM case_events WHERE kind = 'device.revoked' AND body->>'actor' = 'command'`).Scan(&reason); err != nil || reason != "stolen" {
		t.Errorf("the event: %q, %v", reason, err)
	}
	if err := (deviceRevokeCmd{Device: "van-08"}).revoke(ctx, env); err == nil || !strings.Contains(err.Error(), `no device "van-08"`) {
		t.Errorf("a device that is not there: %v", err)
	}
}
