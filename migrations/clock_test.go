package migrations_test

import (
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// otherClocks are the ways SQL has to ask for a time that nobody can move. A name
// that only ends in one, as gp_now() does, is none.
var otherClocks = regexp.MustCompile(`(?i)(?:^|[^a-z0-9_.])(now\s*\(\s*\)|(?:clock|statement|transaction)_timestamp\s*\(|current_(?:timestamp|date|time)\b|localtime(?:stamp)?\b|timeofday\s*\(|'(?:now|today)'\s*::|(?:timestamp|timestamptz|date)\s+'(?:now|today)')`)

// mayAskOtherwise are the places that define the one clock, set it, or (this
// file) name the others.
var mayAskOtherwise = map[string]bool{
	"migrations/clock_test.go":             true,
	"migrations/pgtest/pgtest.go":          true,
	"dispatch/pgstore/node_ledger_test.go": true, // a clock that stands still, held against the machine's
}

// clockBodies are what gp_now() is made of.
var clockBodies = []string{`AS $$ SELECT now() + shift FROM clock_shift $$;`, `  RETURN now() + (SELECT shift FROM clock_shift);`}

// Two nodes agree on the time, and tests can move it, only if every statement
// asks the same clock.
func TestSQLKnowsOneClock(t *testing.T) {
	t.Parallel()
	files := 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); path != ".." && (name == "node_modules" || name == "var" || strings.HasPrefix(name, ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		name := filepath.ToSlash(strings.TrimPrefix(path, "../"))
		if mayAskOtherwise[name] || (filepath.Ext(name) != ".sql" && filepath.Ext(name) != ".go") {
			return nil
		}
		files++
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		found := inGo
		if filepath.Ext(name) == ".sql" {
			found = inSQL
		}
		for _, line := range found(content) {
			t.Errorf("%s:%d: SQL asks a clock of its own; use gp_now()", name, line)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Errorf("only %d files were read; the walk has lost its way", files)
	}
}

// inSQL answers the lines that ask another clock, outside of comments.
func inSQL(content []byte) []int {
	var lines []int
	for i, line := range strings.Split(string(content), "\n") {
		if slices.Contains(clockBodies, line) {
			continue
		}
		statement, _, _ := strings.Cut(line, "--")
		if otherClocks.MatchString(statement) {
			lines = append(lines, i+1)
		}
	}
	return lines
}

// inGo looks into string literals only: SQL lives nowhere else.
func inGo(content []byte) []int {
	set := token.NewFileSet()
	file := set.AddFile("", set.Base(), len(content))
	var s scanner.Scanner
	s.Init(file, content, nil, 0)
	var lines []int
	for {
		at, kind, text := s.Scan()
		if kind == token.EOF {
			return lines
		}
		if kind != token.STRING {
			continue
		}
		for _, hit := range otherClocks.FindAllStringSubmatchIndex(text, -1) {
			lines = append(lines, set.Position(at).Line+strings.Count(text[:hit[2]], "\n"))
		}
	}
}

func TestOtherClocksAreSeen(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"SELECT gp_now()":                      0,
		"SELECT now()":                         1,
		"SELECT a\nFROM b WHERE c < NOW ( )":   1,
		"DEFAULT current_timestamp":            1,
		"SELECT now_playing, current_role":     0,
		"SELECT 1 -- not now()":                0,
		clockBodies[0]:                         0,
		clockBodies[1]:                         0,
		"SELECT clock_timestamp()":             1,
		"SELECT 'now'::timestamptz":            1,
		"SELECT timestamptz 'now'":             1,
		"INSERT INTO t VALUES ('now', 'soon')": 0,
	} {
		if got := len(inSQL([]byte(text))); got != want {
			t.Errorf("%q: %d findings, want %d", text, got, want)
		}
	}
	source := "package p\n\nfunc f() { now() }\n\nconst q = `SELECT 1\nWHERE at < now()`\n"
	if got := inGo([]byte(source)); len(got) != 1 || got[0] != 6 {
		t.Errorf("in Go: lines %v, want the one in the literal", got)
	}
}
