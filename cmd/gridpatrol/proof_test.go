package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/proof"
	"github.com/gridpatrol/gridpatrol/proof/pgproof"
)

// A service seals and signs what happens; its export is verified without a database,
// and one letter that is changed in it is found.
func TestEventsAreExportedAndVerified(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var out bytes.Buffer
	env := &Env{DB: pgtest.New(t), Stdout: &out, Stderr: io.Discard, Log: slog.New(slog.DiscardHandler), Common: Common{DataDir: dir}}
	if err := (rotateKeyCmd{}).rotate(t.Context(), env); err != nil || len(strings.TrimSpace(out.String())) != 16 {
		t.Fatal(err, out.String())
	}
	verify := func(stdin string, c verifyCmd) (string, error) {
		out.Reset()
		env.Stdin = strings.NewReader(stdin)
		err := c.verify(t.Context(), env)
		return out.String(), err
	}
	// Databases of other tests on this server hold the sealing back for a moment.
	file := ""
	var report proof.Report
	for tries := 0; report.Events < 2; tries++ {
		file = filepath.Join(dir, fmt.Sprintf("%d.jsonl", tries))
		if err := (eventsExportCmd{File: file, From: 1}).export(t.Context(), env); err != nil {
			t.Fatal(err)
		}
		said, err := verify("", verifyCmd{File: file, JSON: true})
		if err != nil || json.Unmarshal([]byte(said), &report) != nil || report.Fault != nil {
			t.Fatal(err, said)
		}
	}
	if report.SignedTo != report.Last || len(report.Keys) != 2 {
		t.Errorf("%+v", report)
	}
	if said, err := verify("", verifyCmd{DB: true}); err != nil || !strings.Contains(said, "vouch for all of them") {
		t.Errorf("%v %s", err, said)
	}
	// Heads that were kept elsewhere.
	kept := filepath.Join(dir, "heads.jsonl")
	if err := pgproof.CopyHeads(t.Context(), env.DB, pgdb.District, kept); err != nil {
		t.Fatal(err)
	}
	for _, c := range []verifyCmd{{DB: true, Heads: kept}, {File: file, Heads: kept}} {
		if said, err := verify("", c); err != nil || !strings.Contains(said, "vouch for all of them") {
			t.Errorf("%v %s", err, said)
		}
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if said, err := verify(beheaded(t, string(whole)), verifyCmd{File: "-"}); err != nil {
		t.Errorf("cut off, by itself: %v %s", err, said)
	}
	if said, err := verify(beheaded(t, string(whole)), verifyCmd{File: "-", Heads: kept}); exitCode(err, io.Discard) != exitFailed || !strings.Contains(said, "missing") {
		t.Errorf("cut off: %v %s", err, said)
	}
	for _, name := range []string{filepath.Join(dir, "none"), file + ".none"} {
		if _, err := verify("", verifyCmd{DB: true, Heads: name}); err == nil || !strings.Contains(err.Error(), "--heads") {
			t.Errorf("%s: %v", name, err)
		}
	}
	said, err := verify(strings.Replace(string(whole), "head_key", "head_kex", 1), verifyCmd{File: "-", Key: report.Keys[:1]})
	if exitCode(err, io.Discard) != exitFailed || !strings.Contains(said, "FOUND: event 1 (line 4): altered") {
		t.Errorf("%v %s", err, said)
	}
	if err := (eventsExportCmd{File: file, From: 1}).export(t.Context(), env); err == nil || !strings.Contains(err.Error(), "not there yet") {
		t.Errorf("an export was written over: %v", err)
	}
	for _, args := range [][]string{{"verify"}, {"verify", "--db", file}, {"events", "export", "--from=0"}} {
		var errs bytes.Buffer
		if code := run(t.Context(), args, strings.NewReader(""), io.Discard, &errs); code != exitUsage {
			t.Errorf("%v: %d %s", args, code, errs.String())
		}
	}
}

// beheaded is an export without its last event and any head, which says that it ends there.
func beheaded(t *testing.T, export string) string {
	t.Helper()
	type link struct {
		N int64
		H string
	}
	var lines []string
	var last, before link
	at := 0
	for l := range strings.Lines(export) {
		switch {
		case strings.HasPrefix(l, `{"head"`), strings.HasPrefix(l, `{"end"`):
			continue
		case strings.HasPrefix(l, `{"n"`):
			at, before, last = len(lines), last, link{}
			if err := json.Unmarshal([]byte(l), &last); err != nil {
				t.Fatal(err)
			}
		}
		lines = append(lines, l)
	}
	return strings.Join(slices.Delete(lines, at, at+1), "") + fmt.Sprintf(`{"end":{"h":%q,"n":%d}}`, before.H, before.N) + "\n"
}

// A running service seals within its round, signs, and copies the head out.
func TestServiceSealsAndSigns(t *testing.T) {
	t.Parallel()
	env := &Env{DB: pgtest.New(t), Stdout: io.Discard, Stderr: io.Discard, Log: slog.New(slog.DiscardHandler), Common: Common{DataDir: t.TempDir()}}
	s, err := newService(t.Context(), env, serveConfig{}, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.signHead(t.Context()); err != nil { // makes the key, which is an event
		t.Fatal(err)
	}
	for sealed := 0; sealed == 0; {
		if sealed, err = s.sealer.Seal(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.signHead(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(env.Common.DataDir, "heads.jsonl"))
	if err != nil || !strings.Contains(string(text), `"position":1`) {
		t.Errorf("%v %s", err, text)
	}
}
