package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/gridpatrol/gridpatrol/migrations/pgbackup"
)

// backupCmd writes the district into one file. It does not migrate: the backup
// before an upgrade is made by the new program too.
type backupCmd struct {
	File  string `arg:"" help:"Where to write it. In a folder, it is named by the time."`
	Force bool   `help:"Overwrite a backup that is there."`
	JSON  bool   `name:"json" help:"Print the account as JSON."`
}

// Run works beside a running service or without one.
func (c backupCmd) Run(ctx context.Context, env *Env) error {
	stop, err := env.openServer(ctx)
	if err != nil {
		return err
	}
	defer stop()
	progress, shown := showBytes(env)
	account, err := pgbackup.Backup(ctx, pgbackup.Config{URL: env.DatabaseURL, Path: c.File, Force: c.Force, Progress: progress})
	shown()
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	for _, table := range account.Manifest.LeftOut {
		env.Log.Warn("a table that is not of this program's schema is not in the backup", "table", table)
	}
	if wrong := account.Manifest.Photos.Wrong; len(wrong) > 0 {
		env.Log.Warn("photos in the database are not what their names say; an older backup may have them", "photos", len(wrong), "first", wrong[0])
	}
	return printAccount(env, c.JSON, "written", account)
}

// restoreCmd reads a backup into an empty database.
type restoreCmd struct {
	File  string `arg:"" type:"existingfile" help:"The backup."`
	Check bool   `help:"Only check that the file is whole, and say what is in it; touch no database."`
	JSON  bool   `name:"json" help:"Print the account as JSON."`
}

// Run checks the file before it looks for a database.
func (c restoreCmd) Run(ctx context.Context, env *Env) error {
	progress, shown := showBytes(env)
	file, err := pgbackup.Open(c.File, progress)
	if err != nil {
		shown()
		return fmt.Errorf("restore: %w", err)
	}
	defer file.Close()
	if c.Check {
		shown()
		return printAccount(env, c.JSON, "whole", &pgbackup.Account{
			File: c.File, Bytes: file.Size, SHA256: fmt.Sprintf("%x", file.SHA256), Manifest: file.Manifest,
		})
	}
	stop, err := env.openServer(ctx)
	if err != nil {
		shown()
		return err
	}
	defer stop()
	account, err := file.Restore(ctx, pgbackup.Config{URL: env.DatabaseURL, Progress: progress}, env.migrationProgress())
	shown()
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if wrong := account.Manifest.Photos.Wrong; len(wrong) > 0 {
		env.Log.Warn("photos came back as they were backed up: not what their names say", "photos", len(wrong), "first", wrong[0])
	}
	return printAccount(env, c.JSON, "restored, counted and compared", account)
}

// printAccount says what was done, table by table.
func printAccount(env *Env, asJSON bool, what string, a *pgbackup.Account) error {
	if asJSON {
		return printed(json.NewEncoder(env.Stdout).Encode(a))
	}
	m := a.Manifest
	table := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	var faults []error
	say := func(format string, args ...any) {
		_, err := fmt.Fprintf(table, format+"\n", args...)
		faults = append(faults, err)
	}
	for _, t := range m.Tables {
		if t.Rows > 0 {
			say("%d\t %s\t", t.Rows, t.Name)
		}
	}
	faults = append(faults, table.Flush())
	_, err := fmt.Fprintf(env.Stdout, "%s: %s, %d rows of %d tables, %d photos, %d bytes, as of %s, schema %d\nsha256 %s\n",
		a.File, what, m.Rows(), len(m.Tables), m.Photos.Count-m.Photos.Elsewhere, a.Bytes, m.MadeAt.UTC().Format(time.RFC3339), m.SchemaVersion(), a.SHA256)
	faults = append(faults, err)
	if m.Photos.Elsewhere > 0 {
		_, err := fmt.Fprintf(env.Stdout, "%d photos lie in object storage, not in this file; copy the bucket too\n", m.Photos.Elsewhere)
		faults = append(faults, err)
	}
	return printed(errors.Join(faults...))
}

// showBytes draws a bar on a terminal and writes a log line every few seconds
// elsewhere.
func showBytes(env *Env) (progress pgbackup.Progress, stop func()) {
	const every = 5 * time.Second
	if f, ok := env.Stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		bar := progressbar.NewOptions64(1, progressbar.OptionSetWriter(f), progressbar.OptionShowBytes(true),
			progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
		return func(what string, done, total int64) {
			bar.Describe(what)
			bar.ChangeMax64(max(total, 1))
			_ = bar.Set64(min(done, max(total, 1))) // a bar that cannot be drawn stops nothing
		}, func() { _ = bar.Clear() }
	}
	last := time.Now()
	return func(what string, done, total int64) {
		if time.Since(last) >= every {
			last = time.Now()
			env.Log.Info(what, "bytes", done, "of", total)
		}
	}, func() {}
}
