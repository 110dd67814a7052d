package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const modulePath = "github.com/gridpatrol/gridpatrol"

// arrows says what of ours a package may import; the longest name that covers
// the package decides. "x/..." is x and all below it. Packages of one row may
// import one another. Tests may import what they like.
var arrows = map[string][]string{
	// The ground: knows places and roads, and no duty.
	"geo":             {},
	"geo/cell":        {"geo"},
	"geo/grid":        {"geo", "geo/cell"},
	"geo/fence":       {"geo", "geo/cell"},
	"geo/feature":     {"geo"},
	"geo/track":       {"geo", "geo/feature"},
	"geo/geotest":     {"geo"},
	"geo/road":        {"geo", "geo/cell", "geo/feature"},
	"geo/pgtiles":     {"geo/...", "migrations/pgdb"},
	"geo/road/pgroad": {"geo/...", "migrations/pgdb", "proof/..."},
	// A file that lasts through a power cut.
	"durable":             {},
	"durable/durabletest": {"durable"},
	// How what happened is written down, so that it can be shown later.
	"proof":         {},
	"proof/keyfile": {"proof", "durable"},
	"proof/pgproof": {"proof", "migrations/pgdb"},
	// The duty: rules and the ports they need.
	"dispatch":         {"geo/...", "proof", "photo/like"},
	"dispatch/roster":  {"dispatch", "geo/..."},
	"dispatch/pgstore": {"dispatch/...", "geo/...", "migrations/pgdb", "proof/...", "photo/like"},
	"dispatch/pgscope": {"dispatch", "migrations/pgdb"},
	"dispatch/timers":  {"dispatch", "geo", "migrations/pgdb"},
	// How long what is kept is kept.
	"retention":          {"geo"},
	"retention/pgretain": {"retention", "geo", "migrations/pgdb", "proof/..."},
	"dispatch/s3vault":   {"dispatch"},
	"dispatch/hookpost":  {"dispatch"},
	// What moves: positions in, changes out.
	"realtime":              {"dispatch", "geo", "geo/cell", "realtime/beacon"},
	"realtime/beacon":       {"geo", "geo/cell"},
	"realtime/beaconclient": {"geo", "realtime/beacon"},
	"realtime/pgtrack":      {"realtime/...", "dispatch", "dispatch/pgscope", "geo/...", "migrations/pgdb", "proof/..."},
	"realtime/replay":       {"geo", "geo/feature", "geo/track", "realtime/beacon", "realtime/beaconclient"},
	"realtime/natsbus":      {"realtime", "dispatch", "geo", "geo/cell"},
	"realtime/realtimetest": {"realtime/...", "dispatch", "geo/...", "migrations/..."},
	// The door, and its shape.
	"api":        {"dispatch", "dispatch/pgscope", "dispatch/roster", "geo/...", "photo", "proof/...", "realtime/...", "web", "migrations/pgdb"},
	"web":        {},
	"migrations": {"durable"},
	// The bytes of a photo: judged and copied, by nobody's rules.
	"photo":      {"geo"},
	"photo/like": {},
	// Programs wire, so they may reach everything; the generated district may not.
	"cmd":                  {"..."},
	"cmd/gridsim/district": {"geo/..."},
}

// strangers are packages of others that stay where they are named, so that
// replacing one touches one place.
var strangers = []struct {
	path string
	in   []string
}{
	{"github.com/labstack/echo", []string{"api"}},
	{"github.com/uber/h3-go", []string{"geo/cell"}},
	{"github.com/gorilla/websocket", []string{"realtime/...", "api", "cmd/..."}},
	{"github.com/jackc/pgx", []string{"*/pg*", "dispatch/timers", "migrations", "realtime/realtimetest", "cmd/..."}},
	{"github.com/minio/minio-go", []string{"*/s3*"}},
	{"github.com/nats-io", []string{"realtime/natsbus"}},
	{"database/sql", []string{"migrations"}},
	{"github.com/oapi-codegen", []string{"api"}},
	{"github.com/alecthomas/kong", []string{"cmd/..."}},
	// An assertion library that leaks into the program is carried by every user.
	{"testing", []string{"*test"}},
}

// pure packages decide and compute; nothing they reach, at any depth, may speak
// to a database or to the network.
var pure = []string{"geo", "geo/cell", "geo/grid", "dispatch", "proof", "photo/like"}

var impure = []string{"net/http", "database/sql", "github.com/jackc/pgx/v5", "github.com/gorilla/websocket", "os/exec"}

type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func TestArrows(t *testing.T) {
	t.Parallel()
	faults := arrowFaults(listPackages(t))
	for _, fault := range faults {
		t.Error(fault)
	}
}

func listPackages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", modulePath+"/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var packages []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	if len(packages) < 20 {
		t.Fatalf("go list named %d packages only", len(packages))
	}
	return packages
}

func arrowFaults(packages []listed) []string {
	var faults []string
	for _, p := range packages {
		from := ours(p.ImportPath)
		row := rowOf(from)
		if row == "" {
			faults = append(faults, from+" has no row in the table of arrows; say what it may import")
			continue
		}
		for _, path := range p.Imports {
			if to := ours(path); to != "" {
				if rowOf(to) != row && !covered(to, arrows[row]) {
					faults = append(faults, fmt.Sprintf("%s imports %s; it may import %v", from, to, arrows[row]))
				}
				continue
			}
			for _, s := range strangers {
				if (path == s.path || strings.HasPrefix(path, s.path+"/")) && !covered(from, s.in) {
					faults = append(faults, fmt.Sprintf("%s imports %s, which stays in %v", from, path, s.in))
				}
			}
		}
		if !slices.Contains(pure, from) {
			continue
		}
		for _, dep := range p.Deps {
			if slices.Contains(impure, dep) {
				faults = append(faults, fmt.Sprintf("%s reaches %s, and is to be free of input and output", from, dep))
			}
		}
	}
	return faults
}

// ours is the package's name below the module, or "" for one of others.
func ours(path string) string {
	if rest, ok := strings.CutPrefix(path, modulePath+"/"); ok {
		return rest
	}
	return ""
}

func rowOf(name string) string {
	for {
		if _, ok := arrows[name]; ok {
			return name
		}
		cut := strings.LastIndexByte(name, '/')
		if cut < 0 {
			return ""
		}
		name = name[:cut]
	}
}

func covered(name string, patterns []string) bool {
	last := name[strings.LastIndexByte(name, '/')+1:]
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		switch {
		case pattern == "...":
			return true
		case strings.HasSuffix(pattern, "/..."):
			root := strings.TrimSuffix(pattern, "/...")
			return name == root || strings.HasPrefix(name, root+"/")
		case strings.HasPrefix(pattern, "*/"): // by the start of the last word
			return strings.HasPrefix(last, strings.Trim(pattern, "*/"))
		case strings.HasPrefix(pattern, "*"): // by its end
			return strings.HasSuffix(last, strings.Trim(pattern, "*"))
		default:
			return name == pattern
		}
	})
}

func TestArrowsNameWhoBrokeThem(t *testing.T) {
	t.Parallel()
	at := func(name string) string { return modulePath + "/" + name }
	for _, c := range []struct {
		name string
		pkg  listed
		want string
	}{
		{"rules look at the live channel", listed{at("dispatch"), []string{at("realtime")}, nil}, "dispatch imports realtime"},
		{"ground knows the duty", listed{at("geo/road"), []string{at("dispatch")}, nil}, "geo/road imports dispatch"},
		{"door reads the store", listed{at("api"), []string{at("dispatch/pgstore")}, nil}, "api imports dispatch/pgstore"},
		{"echo below the door", listed{at("api/pgauth"), []string{"github.com/labstack/echo/v4"}, nil}, "stays in [api]"},
		{"SQL in the rules", listed{at("dispatch"), []string{"github.com/jackc/pgx/v5/pgconn"}, nil}, "dispatch imports github.com/jackc"},
		{"rules reach the network from afar", listed{at("dispatch"), nil, []string{"net/http"}}, "dispatch reaches net/http"},
		{"a new place", listed{at("weather"), nil, nil}, "no row"},
		{"store does its work", listed{at("dispatch/pgstore"), []string{"github.com/jackc/pgx/v5", at("dispatch")}, nil}, ""},
		{"a road's part imports the road", listed{at("geo/road/osm"), []string{at("geo/road")}, nil}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(arrowFaults([]listed{c.pkg}), "\n")
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("faults %q, want %q", got, c.want)
			}
		})
	}
}
