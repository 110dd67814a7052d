package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Make a token for a program or a device; it is printed once and stored nowhere."`
	Revoke tokenRevokeCmd `cmd:"" help:"End a token."`
}

type tokenCreateCmd struct {
	User   string        `xor:"owner" required:"" placeholder:"USERNAME" help:"Account the token speaks for."`
	Device string        `xor:"owner" required:"" placeholder:"CODE" help:"Device the token speaks for."`
	TTL    time.Duration `name:"ttl" default:"24h" help:"How long it is valid; 0 has no end."`
}

// Run prints the token alone on stdout and its id, for revoking, on stderr.
func (c tokenCreateCmd) Run(ctx context.Context, env *Env) error {
	if c.TTL < 0 {
		return usageFault{errors.New("--ttl must not be negative; give 24h, or 0 for no end")}
	}
	done, err := env.openDatabase(ctx, 2)
	if err != nil {
		return err
	}
	defer done()
	id, token, err := pgauth.New(env.DB, pgauth.Config{}).
		CreateToken(ctx, pgauth.Owner{Username: c.User, DeviceCode: c.Device}, c.TTL)
	if err != nil {
		return err
	}
	fmt.Fprintln(env.Stdout, token)
	fmt.Fprintln(env.Stderr, "token id:", id)
	return nil
}

type tokenRevokeCmd struct {
	ID string `arg:"" help:"The token's id, or the token itself."`
}

// Run ends the token at once: every request asks the database.
func (c tokenRevokeCmd) Run(ctx context.Context, env *Env) error {
	done, err := env.openDatabase(ctx, 2)
	if err != nil {
		return err
	}
	defer done()
	return pgauth.New(env.DB, pgauth.Config{}).RevokeToken(ctx, c.ID)
}
