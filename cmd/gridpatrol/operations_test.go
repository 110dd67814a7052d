package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/retention/pgretain"
	"gopkg.in/yaml.v3"
)

const operations = "../../docs/operations/"

// alertRule is a rule of alerts.yaml.
type alertRule struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

func alertRules(t *testing.T) []alertRule {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string
			Rules []alertRule
		}
	}
	decoder := yaml.NewDecoder(strings.NewReader(read(t, operations+"alerts.yaml")))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	var rules []alertRule
	for _, g := range file.Groups {
		rules = append(rules, g.Rules...)
	}
	return rules
}

// dashboardExpressions are what the dashboard asks, with its variables filled in.
func dashboardExpressions(t *testing.T) []string {
	t.Helper()
	type panel struct {
		Type, Title string
		Targets     []struct{ Expr string }
	}
	var board struct{ Panels []panel }
	if err := json.Unmarshal([]byte(read(t, operations+"grafana/gridpatrol.json")), &board); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, p := range board.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q asks nothing", p.Title)
		}
		for _, target := range p.Targets {
			all = append(all, strings.NewReplacer("$instance", ".*", "$__rate_interval", "1m").Replace(target.Expr))
		}
	}
	if len(all) < 40 {
		t.Fatalf("only %d expressions were found", len(all))
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

var (
	metricName = regexp.MustCompile(`\bgridpatrol_[a-z0-9_]+`)
	labelled   = regexp.MustCompile(`(gridpatrol_[a-z0-9_]+)\{([^}]*)\}`)
	labelName  = regexp.MustCompile(`([a-z_]+)(?:=~|!~|!=|=)"`)
)

// Every figure that an alert or the dashboard asks for is one that a running
// service shows, with the labels it is asked by.
func TestAlertsAndDashboardAskForWhatIs(t *testing.T) {
	t.Parallel()
	r := runService(t)
	get(t, r.url+"/readyz") // so that a request has been counted
	// The clocks are compared in the background, and that figure comes when they were.
	figures := scrape(t, r.metrics)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(time.Minute); ; figures = scrape(t, r.metrics) {
		if _, there := figures["gridpatrol_clock_ahead_seconds"]; there {
			break
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("the clocks are never compared")
		}
	}
	labels := map[string]string{}
	for name := range figures {
		bare, with, _ := strings.Cut(name, "{")
		labels[bare] += "," + with
	}
	expressions := dashboardExpressions(t)
	for _, rule := range alertRules(t) {
		expressions = append(expressions, rule.Expr)
	}
	for _, expr := range expressions {
		for _, name := range metricName.FindAllString(expr, -1) {
			if _, there := labels[name]; !there {
				t.Errorf("%s is no figure of the service: %s", name, expr)
			}
		}
		for _, m := range labelled.FindAllStringSubmatch(expr, -1) {
			for _, l := range labelName.FindAllStringSubmatch(m[2], -1) {
				// Prometheus itself adds the instance.
				if l[1] != "instance" && !strings.Contains(labels[m[1]], ","+l[1]+"=") {
					t.Errorf("%s has no label %s: %s", m[1], l[1], expr)
				}
			}
		}
	}
}

// Who is woken finds a page, and what the page tells to do can be done.
func TestEachAlertHasItsPage(t *testing.T) {
	t.Parallel()
	rules := alertRules(t)
	if len(rules) < 20 {
		t.Fatalf("only %d rules were read", len(rules))
	}
	var names []string
	for _, r := range rules {
		names = append(names, r.Alert)
		if r.Annotations["runbook_url"] != "docs/operations/alerts/"+r.Alert+".md" {
			t.Errorf("%s: runbook_url is %q", r.Alert, r.Annotations["runbook_url"])
		}
		if r.Expr == "" || r.For == "" || r.Annotations["summary"] == "" || !slices.Contains([]string{"page", "ticket"}, r.Labels["severity"]) {
			t.Errorf("%s lacks an expression, a time, a summary or a severity", r.Alert)
		}
		page := read(t, operations+"alerts/"+r.Alert+".md")
		for _, part := range []string{"# " + r.Alert + "\n", "\n## What it means\n", "\n## What to look at\n", "\n## What to do\n", r.Expr} {
			if !strings.Contains(page, part) {
				t.Errorf("the page of %s lacks %q", r.Alert, part)
			}
		}
	}
	pages, err := filepath.Glob(operations + "alerts/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if name := strings.TrimSuffix(filepath.Base(page), ".md"); !slices.Contains(names, name) {
			t.Errorf("%s is the page of no alert", page)
		}
		for _, link := range regexp.MustCompile(`\]\((\w+\.md)\)`).FindAllStringSubmatch(read(t, page), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), link[1])); err != nil {
				t.Errorf("%s leads to %s, which is not there", page, link[1])
			}
		}
	}
}

// Commands that a page tells to type are commands that there are.
func TestPagesNameCommandsThatExist(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob(operations + "alerts/*.md")
	if err != nil {
		t.Fatal(err)
	}
	others, err := filepath.Glob(operations + "*.md")
	if err != nil || len(others) < 4 {
		t.Fatalf("%v, %v", others, err)
	}
	pages = append(append(pages, "../../README.md"), others...)
	found := 0
	for _, page := range pages {
		for _, command := range commandsIn(read(t, page)) {
			found++
			if err := knownCommand(command); err != "" {
				t.Errorf("%s: gridpatrol %s: %s", page, command, err)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d commands were found", found)
	}
}

var (
	codeIn    = regexp.MustCompile("(?s)```.*?```|`[^`]+`")
	commandIn = regexp.MustCompile(`(?:^|[\s;|(]|bin/)gridpatrol ([a-z][^\n#|]*)`)
)

// The page of retention names every kind there is with the days it is kept.
func TestThePageOfRetentionIsThePolicy(t *testing.T) {
	t.Parallel()
	policies, err := pgretain.New(pgtest.New(t)).Policies(t.Context())
	if err != nil || len(policies) == 0 {
		t.Fatal(policies, err)
	}
	lines := strings.Split(read(t, operations+"retention.md"), "\n")
	for _, p := range policies {
		days := strconv.Itoa(*p.KeepDays)
		if len(days) > 3 {
			days = days[:len(days)-3] + "," + days[len(days)-3:]
		}
		if !slices.ContainsFunc(lines, func(line string) bool {
			return strings.HasPrefix(line, "|") && strings.Contains(line, "`"+p.Kind+"`") && strings.Contains(line, days)
		}) {
			t.Errorf("the table of retention.md does not say that %s are kept for %s days", p.Kind, days)
		}
	}
}

// commandsIn finds what a page's code calls gridpatrol with.
func commandsIn(page string) []string {
	var all []string
	for _, code := range codeIn.FindAllString(page, -1) {
		code = strings.ReplaceAll(code, "-u gridpatrol ", "-u ") // there it is a user, or a unit
		for _, m := range commandIn.FindAllStringSubmatch(strings.Trim(code, "`"), -1) {
			all = append(all, m[1])
		}
	}
	return all
}

// knownCommand answers what is wrong with a command's words, or nothing.
func knownCommand(command string) string {
	var c commands
	parser, err := kong.New(&c, kong.Name("gridpatrol"))
	if err != nil {
		return err.Error()
	}
	node := parser.Model.Node
	for _, word := range strings.Fields(command) {
		if len(node.Children) == 0 || strings.HasPrefix(word, "-") {
			break
		}
		at := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == word })
		if at < 0 {
			return "there is no " + word
		}
		node = node.Children[at]
	}
	if len(node.Children) > 0 {
		return "a word is missing"
	}
	return ""
}

// Where Prometheus' own tool is at hand, it reads every expression too.
func TestPrometheusReadsTheRules(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Log("promtool is not installed; the expressions are held against the figures only")
		return
	}
	type recording struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	var recordings []recording
	for _, expr := range dashboardExpressions(t) {
		recordings = append(recordings, recording{"dashboard", expr})
	}
	board, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": recordings}}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "dashboard.yaml")
	if err := os.WriteFile(path, board, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", "--lint=none", operations+"alerts.yaml", path).CombinedOutput()
	if err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}
