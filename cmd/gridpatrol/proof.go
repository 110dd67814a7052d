package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/proof"
	"github.com/gridpatrol/gridpatrol/proof/keyfile"
	"github.com/gridpatrol/gridpatrol/proof/pgproof"
)

// headConfig says where the key that signs heads is and where heads are copied to.
type headConfig struct {
	HeadKey   string `name:"head-key" env:"GRIDPATROL_HEAD_KEY" placeholder:"FILE" help:"Private key that signs the chain's end every hour (ed25519, PEM, 0600); made when missing. Empty: keys/head.key below the data directory."`
	HeadsFile string `name:"heads-file" env:"GRIDPATROL_HEADS_FILE" placeholder:"FILE" help:"Signed heads are appended here, to be kept elsewhere. Empty: heads.jsonl below the data directory."`
}

func (c headConfig) key(env *Env) string {
	if c.HeadKey != "" {
		return c.HeadKey
	}
	return filepath.Join(env.Common.DataDir, "keys", "head.key")
}

func (c headConfig) heads(env *Env) string {
	if c.HeadsFile != "" {
		return c.HeadsFile
	}
	return filepath.Join(env.Common.DataDir, "heads.jsonl")
}

const (
	// signEvery is how old the newest head may be, and headsLook how often a node looks.
	signEvery = time.Hour
	headsLook = time.Minute
)

// keepHeads signs the chain's end every hour, whichever node comes first, and copies
// every head into this node's file. A node whose key the others do not know seals and
// serves all the same, and says so.
func (s *service) keepHeads(ctx context.Context) error {
	tick := time.NewTicker(headsLook)
	defer tick.Stop()
	said := ""
	for {
		if err := s.signHead(ctx); err == nil {
			said = ""
		} else if ctx.Err() == nil && err.Error() != said {
			said = err.Error()
			s.env.Log.Error("sign the end of the chain of events", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (s *service) signHead(ctx context.Context) error {
	// The file is read each time, so that a rotation needs no restart.
	key, err := keyfile.LoadOrMake(s.heads.key(s.env))
	if err == nil {
		err = pgproof.Adopt(ctx, s.env.DB, pgdb.District, key, nil)
	}
	if err == nil {
		_, err = pgproof.SignHead(ctx, s.env.DB, pgdb.District, key, signEvery)
	}
	return errors.Join(err, pgproof.CopyHeads(ctx, s.env.DB, pgdb.District, s.heads.heads(s.env)))
}

type eventsCmd struct {
	Export    eventsExportCmd `cmd:"" help:"Write the chain of events, its keys and its signed heads as JSON lines, to be verified anywhere."`
	RotateKey rotateKeyCmd    `cmd:"" name:"rotate-key" help:"Replace the key that signs heads; the one in force vouches for the new one."`
}

type eventsExportCmd struct {
	File string `arg:"" default:"-" help:"Where to; - is standard output."`
	From int64  `default:"1" help:"Position of the first event."`
	headConfig
}

// Run seals what is there, signs the end when this machine has the key in force, and
// writes.
func (c eventsExportCmd) Run(ctx context.Context, env *Env) error {
	if c.From < 1 {
		return usageFault{fmt.Errorf("--from: %d is no position; the first event is 1", c.From)}
	}
	done, err := env.openDatabase(ctx, 4)
	if err != nil {
		return err
	}
	defer done()
	return c.export(ctx, env)
}

func (c eventsExportCmd) export(ctx context.Context, env *Env) (err error) {
	if _, err := (&pgproof.Sealer{DB: env.DB, District: pgdb.District, Log: env.Log}).Seal(ctx); err != nil {
		return err
	}
	if key, err := keyfile.Load(c.key(env)); err == nil {
		if _, err := pgproof.SignHead(ctx, env.DB, pgdb.District, key, 0); err != nil {
			env.Log.Warn("the end of the export is not signed", "error", err)
		}
	} else {
		env.Log.Warn("the end of the export is not signed: no key here", "error", err)
	}
	out := env.Stdout
	if c.File != "-" {
		file, err := os.OpenFile(c.File, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("make the export: %w; name a file that is not there yet", err)
		}
		defer func() {
			err = errors.Join(err, file.Sync(), file.Close())
			if err != nil {
				os.Remove(c.File)
			}
		}()
		out = file
	}
	events, err := pgproof.Export(ctx, env.DB, pgdb.District, c.From, out)
	if err == nil {
		env.Log.Info("events exported", "events", events)
	}
	return err
}

type rotateKeyCmd struct{ headConfig }

// Run makes a new key, has the old one vouch for it, and puts it in its place. The old
// key stays beside it, by its id; what it signed stays good.
func (c rotateKeyCmd) Run(ctx context.Context, env *Env) error {
	done, err := env.openDatabase(ctx, 2)
	if err != nil {
		return err
	}
	defer done()
	return c.rotate(ctx, env)
}

func (c rotateKeyCmd) rotate(ctx context.Context, env *Env) error {
	before, err := keyfile.LoadOrMake(c.key(env))
	if err != nil {
		return err
	}
	if err := pgproof.Adopt(ctx, env.DB, pgdb.District, before, nil); err != nil {
		return err
	}
	after, err := keyfile.Make()
	if err != nil {
		return err
	}
	// The file first: a key that is known and in no file could sign nothing any more.
	if err := keyfile.Replace(c.key(env), before, after); err != nil {
		return err
	}
	if err := pgproof.Adopt(ctx, env.DB, pgdb.District, after, before); err != nil {
		return errors.Join(err, keyfile.Replace(c.key(env), after, before))
	}
	_, err = fmt.Fprintln(env.Stdout, keyfile.ID(after))
	return err
}

type verifyCmd struct {
	File  string   `arg:"" optional:"" help:"An export; - is standard input."`
	DB    bool     `name:"db" help:"Verify where the events are kept instead."`
	Heads string   `placeholder:"FILE" help:"A copy of heads.jsonl that was kept elsewhere: the chain must be the one that they were signed for, as far as they go. Tells when its end was cut off."`
	Key   []string `placeholder:"ID" help:"Id of a key that is trusted (see heads.jsonl kept elsewhere). None: the first key that is met is believed."`
	JSON  bool     `name:"json" help:"Print the report as JSON."`
}

// errNotAsSealed is a chain in which something was found: exit code 1.
var errNotAsSealed = errors.New("the events are not as they were sealed")

// Run verifies. Without a fault it says how far signatures vouch for the chain.
func (c verifyCmd) Run(ctx context.Context, env *Env) error {
	if (c.File == "") != c.DB {
		return usageFault{errors.New("verify: name an export, or say --db; one of the two")}
	}
	if c.DB {
		done, err := env.openDatabase(ctx, 2)
		if err != nil {
			return err
		}
		defer done()
	}
	return c.verify(ctx, env)
}

func (c verifyCmd) verify(ctx context.Context, env *Env) (err error) {
	var report proof.Report
	var kept proof.Kept
	if c.Heads != "" {
		if kept, err = readKept(c.Heads); err != nil {
			return err
		}
		if kept.Unread > 0 {
			env.Log.Warn("lines of the heads that were kept cannot be read", "file", c.Heads, "lines", kept.Unread)
		}
	}
	began := time.Now()
	switch {
	case c.DB:
		if report, err = pgproof.VerifyKept(ctx, env.DB, pgdb.District, kept, c.Key...); err != nil {
			return err
		}
	default:
		in := env.Stdin
		if c.File != "-" {
			file, err := os.Open(c.File)
			if err != nil {
				return err
			}
			defer file.Close()
			in = file
		}
		if report, err = proof.VerifyKept(in, kept, c.Key...); err != nil {
			return err
		}
	}
	if err := c.print(env.Stdout, report, time.Since(began)); err != nil {
		return err
	}
	if report.Fault != nil {
		return errNotAsSealed
	}
	return nil
}

func readKept(name string) (proof.Kept, error) {
	file, err := os.Open(name)
	if err != nil {
		return proof.Kept{}, fmt.Errorf("--heads: %w", err)
	}
	defer file.Close()
	kept, err := proof.ReadKept(file)
	if err != nil {
		return proof.Kept{}, fmt.Errorf("--heads %s: %w", name, err)
	}
	return kept, nil
}

func (c verifyCmd) print(w io.Writer, r proof.Report, took time.Duration) error {
	if c.JSON {
		return printed(json.NewEncoder(w).Encode(r))
	}
	var b strings.Builder
	if r.Events > 0 {
		fmt.Fprintf(&b, "events %d to %d are as they were sealed; the last has the hash %v\n", r.From, r.Last, proof.Hash(r.Hash))
	} else {
		fmt.Fprintln(&b, "no event was verified")
	}
	switch {
	case r.Heads == 0:
		fmt.Fprintln(&b, "no signed head vouches for them: whoever has the database could have chained them anew")
	case r.SignedTo < r.Last:
		fmt.Fprintf(&b, "%d signed heads vouch for them up to %d; the %d after it wait for the next head\n", r.Heads, r.SignedTo, r.Last-r.SignedTo)
	default:
		fmt.Fprintf(&b, "%d signed heads vouch for all of them\n", r.Heads)
	}
	if len(r.Keys) > 0 && !r.Trusted {
		fmt.Fprintf(&b, "key %s was believed since none was named; compare it with a copy kept elsewhere and name it with --key\n", r.Keys[0])
	}
	if r.At != nil {
		fmt.Fprintf(&b, "the export says that it was made at %s\n", r.At.UTC().Format(time.RFC3339))
	}
	if r.From > 1 {
		fmt.Fprintf(&b, "what came before %d is not in it\n", r.From)
	}
	if r.Fault != nil {
		fmt.Fprintf(&b, "FOUND: %v\n", r.Fault)
	}
	fmt.Fprintf(&b, "took %s\n", took.Round(time.Millisecond))
	_, err := io.WriteString(w, b.String())
	return printed(err)
}
