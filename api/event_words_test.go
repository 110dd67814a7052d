package api

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// writers are the functions that write an event, and which argument is its kind.
var writers = map[string]int{"event": 0, "newEvent": 0, "newChange": 0, "peopleTurn": 2, "endHold": 2, "changeAccount": 1, "RecordLook": 2}

// beginnings are kinds that are put together from a beginning and something else, and all
// that may follow.
var beginnings = map[string][]string{
	"assignment.": {string(dispatch.Offered), string(dispatch.Taken), string(dispatch.OnTheWay), string(dispatch.There), string(dispatch.Done), string(dispatch.Declined),
		string(dispatch.Expired), string(dispatch.Recalled)},
	"revisit.": {string(dispatch.RevisitOpen), string(dispatch.RevisitMissed), string(dispatch.RevisitClimbed)},
	"viewed.":  {"position", "track"},
	"patrol.":  {"entered_grid", "left_grid", "entered_closure", "left_closure", "entered_place", "left_place"},
}

var kindShape = regexp.MustCompile(`^[a-z_]+(\.[a-z_]+)+$`)

// written collects every kind of event that the code writes, with the place of it, and
// every field that dispatch puts into a detail.
func written(t *testing.T) (kinds, fields map[string]string) {
	t.Helper()
	kinds, fields = map[string]string{}, map[string]string{}
	places := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".gen.go") || strings.HasPrefix(path, "../cmd/") {
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}
		var texts []string // of the file that look like a kind: what a variable may hold
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := literal(n); ok && kindShape.MatchString(s) {
				texts = append(texts, s)
			}
			return true
		})
		take := func(e ast.Expr, prefix string) {
			places++
			at := set.Position(e.Pos()).String()
			if s, ok := literal(e); ok {
				kinds[prefix+s] = at
				return
			}
			if sum, ok := e.(*ast.BinaryExpr); ok {
				for {
					left, more := sum.X.(*ast.BinaryExpr)
					if !more {
						break
					}
					sum = left
				}
				beginning, _ := literal(sum.X)
				if len(beginnings[beginning]) == 0 {
					t.Errorf("%s: nobody says what may follow %q; give it a row in beginnings", at, beginning)
				}
				for _, end := range beginnings[beginning] {
					kinds[beginning+end] = at
				}
				return
			}
			for _, s := range texts {
				kinds[s] = at
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if _, passes := writers[n.Name.Name]; passes {
					return n.Name.Name == "peopleTurn" // hands on what it is given
				}
			case *ast.CallExpr:
				name := ""
				switch f := n.Fun.(type) {
				case *ast.Ident:
					name = f.Name
				case *ast.SelectorExpr:
					name = f.Sel.Name
				}
				if i, there := writers[name]; there && len(n.Args) > i {
					prefix := ""
					if name == "RecordLook" {
						prefix = "viewed."
					}
					if id, isName := n.Args[i].(*ast.Ident); !isName || id.Name != "kind" || name != "newChange" || strings.HasSuffix(path, "enrol.go") {
						take(n.Args[i], prefix)
					}
				}
			case *ast.CompositeLit:
				switch f := n.Type.(type) {
				case *ast.SelectorExpr:
					if f.Sel.Name == "Entry" {
						for _, e := range n.Elts {
							if kv, ok := e.(*ast.KeyValueExpr); ok && kv.Key.(*ast.Ident).Name == "Kind" {
								take(kv.Value, "")
							}
						}
					}
				case *ast.Ident:
					if f.Name == "facts" {
						for _, e := range n.Elts {
							if kv, ok := e.(*ast.KeyValueExpr); ok {
								if s, ok := literal(kv.Key); ok {
									fields[s] = set.Position(kv.Pos()).String()
								}
							}
						}
					}
				}
			case *ast.AssignStmt: // said["until"] = ...
				for _, l := range n.Lhs {
					if x, ok := l.(*ast.IndexExpr); ok {
						if of, ok := x.X.(*ast.Ident); ok && of.Name == "said" {
							if s, ok := literal(x.Index); ok {
								fields[s] = set.Position(x.Pos()).String()
							}
						}
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if places < 80 || len(kinds) < 90 || len(fields) < 60 {
		t.Fatalf("%d kinds at %d places, with %d fields: the search finds less than there is", len(kinds), places, len(fields))
	}
	return kinds, fields
}

func literal(n ast.Node) (string, bool) {
	l, ok := n.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(l.Value)
	return s, err == nil
}

// Whoever reads the record is not handed a raw code: every kind that any code writes has
// a word in both languages, and every field of its detail is said, or left out with a
// reason.
func TestEveryKindOfEventHasWords(t *testing.T) {
	t.Parallel()
	kinds, fields := written(t)
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		if w := eventWords[k]; w.ZH == "" || w.EN == "" {
			t.Errorf("%s: %q has no words in eventWords", kinds[k], k)
		}
	}
	for _, f := range slices.Sorted(maps.Keys(fields)) {
		if settings[f] {
			continue
		}
		w := fieldWords[f]
		if unsaid[f] == "" && (w.ZH == "" || w.EN == "") {
			t.Errorf("%s: %q has no words in fieldWords, and no reason in unsaid", fields[f], f)
		}
	}
	for _, f := range saidFirst {
		if fieldWords[f].ZH == "" {
			t.Errorf("%q is said without a name", f)
		}
	}
	for name, all := range map[string]map[string]dispatch.Words{"eventWords": eventWords, "fieldWords": fieldWords, "reasonWords": reasonWords} {
		for code, w := range all {
			if w.ZH == "" || w.EN == "" || !regexp.MustCompile(`\p{Han}`).MatchString(w.ZH) || regexp.MustCompile(`\p{Han}`).MatchString(w.EN) {
				t.Errorf("%s[%q] is not one text in Chinese and one in English: %v", name, code, w)
			}
		}
	}
}

// settings are fields of events of the register and of rules, which belong to no case and
// stand in no dossier.
var settings = map[string]bool{"article": true, "check_percent": true, "code": true, "covert_hours": true, "day": true, "displaced": true, "imported": true, "listed": true,
	"name": true, "on_duty": true, "revisit_days": true, "same": true, "status": true, "was": true}

// The page has the same words.
func TestPageHasTheWordsOfEvents(t *testing.T) {
	t.Parallel()
	const file = "../web/src/i18n/events.gen.ts"
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, EventDictionary()) {
		t.Errorf("%s is not made from the words of today; run make generate", file)
	}
}
