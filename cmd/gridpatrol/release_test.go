package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/migrations/pgcluster"
	"github.com/gridpatrol/gridpatrol/realtime/beacon"
	"github.com/gridpatrol/gridpatrol/realtime/beaconclient"
)

// In an upgrade the schema goes first and the old program works on it until the new
// one takes over; and a new program that disappoints is taken back without its
// schema. So the release before must run on the schema of this one: sign in, send
// positions, file a report, see who goes.
func TestTheReleaseBeforeRunsOnThisSchema(t *testing.T) {
	t.Parallel()
	old := buildRelease(t, releaseBefore(t))
	w := newReleaseWorld(t)
	w.serve(old)

	client := w.signIn()
	w.sendPosition()
	var filed struct {
		Case struct {
			ID          string
			Stage       string
			Assignments []struct{ ID, Kind, State string }
		}
	}
	w.ask(client, http.MethodPost, "/api/v1/reports", map[string]any{
		"category": "C01", "description": "酸洗", "location": map[string]any{"lon": 121.305, "lat": 28.505, "accuracy_m": 8, "crs": "wgs84"},
	}, http.StatusCreated, &filed)
	if len(filed.Case.Assignments) == 0 || filed.Case.Assignments[0].State != "offered" {
		t.Fatalf("nobody is sent: %+v", filed)
	}
	var found struct{ Stage string }
	w.ask(client, http.MethodGet, "/api/v1/cases/"+filed.Case.ID, nil, http.StatusOK, &found)
	if found.Stage != filed.Case.Stage {
		t.Errorf("the case is %q and was %q", found.Stage, filed.Case.Stage)
	}
}

// releaseBefore is the newest tag of a release, or else what stood before the newest
// migration was added. An archive of the sources and a shallow clone have no history to
// build it from, and their tests must pass too: there, and only there, it is skipped.
func releaseBefore(t *testing.T) string {
	t.Helper()
	git := func(args ...string) string {
		out, err := exec.Command("git", args...).Output()
		if err != nil {
			t.Fatalf("git %v: %v", args, err)
		}
		first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		return first
	}
	if err := exec.Command("git", "rev-parse", "--git-dir").Run(); err != nil {
		t.Skip("an archive of the sources has no history to build the release before from")
	}
	if git("rev-parse", "--is-shallow-repository") == "true" {
		t.Skip("a shallow clone has no history to build the release before from; fetch all of it")
	}
	if tag := git("tag", "--list", "v*", "--merged", "HEAD", "--sort=-version:refname"); tag != "" {
		return git("rev-parse", "--verify", tag+"^{commit}")
	}
	added := git("log", "--first-parent", "--diff-filter=A", "-1", "--format=%H", "--", "../../migrations/sql")
	if added == "" {
		t.Fatal("the project's history does not say when the newest migration was added")
	}
	return git("rev-parse", "--verify", added+"^")
}

func buildRelease(t *testing.T, commit string) (program string) {
	t.Helper()
	dir := t.TempDir()
	top, err := exec.Command("git", "rev-parse", "--show-toplevel").Output()
	if err != nil {
		t.Fatal(err)
	}
	archive := exec.Command("git", "-C", strings.TrimSpace(string(top)), "archive", "--format=tar", commit)
	unpack := exec.Command("tar", "-x", "-C", dir)
	if unpack.Stdin, err = archive.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := archive.Start(); err != nil {
		t.Fatal(err)
	}
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("unpack %s: %v\n%s", commit, err, out)
	}
	if err := archive.Wait(); err != nil {
		t.Fatalf("read %s from the history: %v", commit, err)
	}
	program = filepath.Join(dir, "gridpatrol-before")
	build := exec.Command("go", "build", "-o", program, "./cmd/gridpatrol")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", commit, err, out)
	}
	t.Logf("the release before is %.12s", commit)
	return program
}

// releaseWorld is a small district, brought in by this program.
type releaseWorld struct {
	t       *testing.T
	dir     string
	address string
	token   string // of the one patrol's device
}

func newReleaseWorld(t *testing.T) *releaseWorld {
	t.Helper()
	// The server's user must reach the folder, which that of t.TempDir does not allow.
	dir, err := os.MkdirTemp("", "gridpatrol-release")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w := &releaseWorld{t: t, dir: filepath.Join(dir, "var"), address: freeAddress(t)}
	cluster, err := pgcluster.Start(t.Context(), pgcluster.Config{Dir: w.dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Stop(context.Background()) })
	for _, table := range []struct{ name, rows string }{
		{"departments", "code,name_zh,name_en\npolice,公安,Police\ngrid,网格,Grid\n"},
		{"areas", "code,name,level,parent_code\nD,示范区,district,\nT,一镇,town,D\n"},
		{"categories", "code,name_zh,name_en,lead,joint,optional,urgency,dispatch_mode\nC01,酸洗,Pickling,police,,,urgent,auto\n"},
		{"staff", "code,name,role,department,area_code,grid_code,patrol_code,patrol_mode,skills,device_id\nS1,王,officer,police,D,,P1,car,,V1\n"},
		{"shifts", "patrol_code,from,until\nP1,-2h,+12h\n"},
	} {
		w.command("", "import", table.name, tableFile(t, table.name+".csv", table.rows))
	}
	grids := tableFile(t, "grids.geojson", `{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"c":"A","n":"一格"},
"geometry":{"type":"Polygon","coordinates":[[[121.3,28.5],[121.31,28.5],[121.31,28.51],[121.3,28.51],[121.3,28.5]]]}}]}`)
	w.command("", "import", "grids", grids, "--code-property", "c", "--name-property", "n", "--activate")
	w.command("a long password\n", "user", "add", "--username", "wang", "--role", "operator", "--password-stdin")
	w.token = strings.TrimSpace(w.command("", "token", "create", "--device", "V1"))
	return w
}

func (w *releaseWorld) command(stdin string, args ...string) string {
	w.t.Helper()
	var out, log strings.Builder
	args = append([]string{"--data-dir", w.dir, "--database-url", ""}, args...)
	if code := run(w.t.Context(), args, strings.NewReader(stdin), &out, &log); code != exitOK {
		w.t.Fatalf("gridpatrol %v: exit %d\n%s%s", args, code, out.String(), log.String())
	}
	return out.String()
}

func (w *releaseWorld) serve(program string) {
	w.t.Helper()
	cmd := exec.Command(program, "serve", "--listen", w.address, "--data-dir", w.dir)
	cmd.Env = append(os.Environ(), "DATABASE_URL=", "GRIDPATROL_METRICS_LISTEN=")
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if w.t.Failed() {
			w.t.Logf("the release before said:\n%s", log.String()[max(0, log.Len()-4000):])
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.Contains(line, `"ready"`) {
		w.t.Fatalf("the release before said %q (%v)", line, err)
	}
}

// signIn answers a client that sends the cookie and its counterpart.
func (w *releaseWorld) signIn() *http.Client {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	withToken := &csrf{}
	client := &http.Client{Jar: jar, Transport: withToken, Timeout: 30 * time.Second}
	var session struct{ CSRF string }
	w.ask(client, http.MethodPost, "/api/v1/session", map[string]string{"username": "wang", "password": "a long password"}, http.StatusOK, &session)
	withToken.token = session.CSRF
	w.t.Cleanup(client.CloseIdleConnections)
	return client
}

type csrf struct{ token string }

func (c *csrf) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.token != "" {
		r.Header.Set("X-CSRF-Token", c.token)
	}
	return http.DefaultTransport.RoundTrip(r)
}

func (w *releaseWorld) ask(client *http.Client, method, path string, body any, want int, into any) {
	w.t.Helper()
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(w.t.Context(), method, "http://"+w.address+path, content)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if answer.StatusCode != want {
		w.t.Fatalf("%s %s: %d, want %d\n%s", method, path, answer.StatusCode, want, text)
	}
	if err := json.Unmarshal(text, into); err != nil {
		w.t.Fatalf("%s %s: %v\n%s", method, path, err, text)
	}
}

// sendPosition waits until the patrol's fix is acknowledged.
func (w *releaseWorld) sendPosition() {
	w.t.Helper()
	acked := make(chan struct{})
	refused := make(chan string, 1)
	client, err := beaconclient.New(beaconclient.Config{
		URL: "ws://" + w.address + "/ws/beacon", Token: w.token, Stream: uuid.New(),
		OnAck: func(a beacon.Ack) {
			select {
			case <-acked:
			default:
				if a.Seq >= 1 {
					close(acked)
				}
			}
		},
		OnReject: func(r beacon.Reject) { refused <- fmt.Sprint(r.Code, " ", r.Detail) },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	ended := make(chan error, 1)
	go func() { ended <- client.Run(ctx) }()
	defer func() {
		cancel()
		<-ended
	}()
	client.Add(beacon.Fix{T: time.Now().UTC(), Lon: 121.302, Lat: 28.502, AccuracyM: 8, SpeedMS: 1, HeadingDeg: 90, Battery: 0.8})
	select {
	case <-acked:
	case why := <-refused:
		w.t.Fatalf("the fix was refused: %s", why)
	case <-ctx.Done():
		w.t.Fatal("the fix was never acknowledged")
	}
}
