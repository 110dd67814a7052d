package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gridpatrol/gridpatrol/api/pgauth"
	"github.com/gridpatrol/gridpatrol/dispatch"
)

type userCmd struct {
	Add      userAddCmd      `cmd:"" help:"Add an account that a person signs in with."`
	Password userPasswordCmd `cmd:"" help:"Give an account another password and end its sessions."`
	Disable  userDisableCmd  `cmd:"" help:"Shut an account out: its sessions, tokens and sockets end within a second."`
	Enable   userEnableCmd   `cmd:"" help:"Let an account in again."`
}

type userAddCmd struct {
	Username      string `required:"" help:"Letters, digits, dot, dash, underscore, @."`
	Role          string `required:"" enum:"admin,operator,duty_leader,town_leader,district_supervisor,officer,grid_worker,part_timer,grid_chief,instructor,auditor" help:"One of ${enum}."`
	Area          string `placeholder:"CODE" help:"Area that bounds what the person sees. Empty: the whole district."`
	Department    string `placeholder:"CODE" help:"Department that bounds what the person sees. Empty: every department."`
	Staff         string `placeholder:"CODE" help:"Staff member this is, and so the patrol they belong to."`
	PasswordStdin bool   `name:"password-stdin" required:"" help:"Read the password from standard input, one line."`
}

// Run adds the account and prints its id.
func (c userAddCmd) Run(ctx context.Context, env *Env) error {
	password, err := readPassword(env.Stdin)
	if err != nil {
		return err
	}
	done, err := env.openDatabase(ctx, 2)
	if err != nil {
		return err
	}
	defer done()
	id, err := pgauth.New(env.DB, pgauth.Config{}).AddAccount(ctx, pgauth.NewAccount{
		Username: c.Username, Password: password, Role: dispatch.Role(c.Role),
		AreaCode: c.Area, Department: c.Department, StaffCode: c.Staff,
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(env.Stdout, id)
	return nil
}

type userPasswordCmd struct {
	Username      string `required:"" help:"Whose password."`
	PasswordStdin bool   `name:"password-stdin" required:"" help:"Read the password from standard input, one line."`
}

// Run sets the password.
func (c userPasswordCmd) Run(ctx context.Context, env *Env) error {
	password, err := readPassword(env.Stdin)
	if err != nil {
		return err
	}
	done, err := env.openDatabase(ctx, 2)
	if err != nil {
		return err
	}
	defer done()
	err = pgauth.New(env.DB, pgauth.Config{}).SetPassword(ctx, c.Username, password)
	if errors.Is(err, pgauth.ErrUnknown) {
		return fmt.Errorf("there is no account %q", c.Username)
	}
	return err
}

// readPassword takes the first line; a password may hold spaces but no line end.
func readPassword(r io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, 4096))
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}
