package main

import (
	"context"
	"fmt"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/dispatch/pgstore"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

type deviceCmd struct {
	Revoke deviceRevokeCmd `cmd:"" help:"Report a device lost: its tokens end, its sockets close within a second on every node."`
}

type deviceRevokeCmd struct {
	Device string `arg:"" help:"The device's code or id."`
	Reason string `help:"Why; it is recorded."`
}

// Run ends the device. A running service sees it in the database.
func (c deviceRevokeCmd) Run(ctx context.Context, env *Env) error {
	done, err := env.openDatabase(ctx, 2)
	if err != nil {
		return err
	}
	defer done()
	return c.revoke(ctx, env)
}

func (c deviceRevokeCmd) revoke(ctx context.Context, env *Env) error {
	store := pgstore.New(env.DB)
	id, err := store.DeviceByCode(ctx, c.Device)
	if dispatch.KindOf(err) == dispatch.NotFound {
		return fmt.Errorf("there is no device %q; give its code, such as P-07-1, or its id", c.Device)
	}
	if err != nil {
		return err
	}
	return dispatch.Revoke(ctx, store, dispatch.DistrictID{UUID: pgdb.District}, id, c.Reason)
}

type userDisableCmd struct {
	Username string `required:"" help:"Whose account."`
}

// Run shuts the account out.
func (c userDisableCmd) Run(ctx context.Context, env *Env) error {
	return setDisabled(ctx, env, c.Username, true)
}

type userEnableCmd struct {
	Username string `required:"" help:"Whose account."`
}

// Run lets the account in again.
func (c userEnableCmd) Run(ctx context.Context, env *Env) error {
	return setDisabled(ctx, env, c.Username, false)
}

func setDisabled(ctx context.Context, env *Env, username string, disabled bool) error {
	done, err := env.openDatabase(ctx, 2)
	if err != nil {
		return err
	}
	defer done()
	err = pgauth.New(env.DB, pgauth.Config{}).SetDisabled(ctx, username, disabled)
	if err == pgauth.ErrUnknown {
		return fmt.Errorf("there is no account %q", username)
	}
	return err
}
