package pgcluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func wantRefusal(t *testing.T, dir string, words ...string) {
	t.Helper()
	c, err := Start(testContext(t), Config{Dir: dir})
	if err == nil {
		stop(t, c)
		t.Fatal("started; want a refusal")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the refusal %q does not name %q", err, word)
		}
	}
}

func TestRefusesAFolderItsUserCannotReach(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 { // for anybody else there is no other user who could be shut out
		t.Skip("only root runs the server as another user")
	}
	closed := filepath.Join(openDir(t), "closed")
	dir := filepath.Join(closed, "below", "var")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, dir, "postgres", "chmod o+x "+closed+")", "GRIDPATROL_DATA_DIR")
}

func TestRefusesAClusterOfAnotherVersion(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	data := filepath.Join(dir, "postgres")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte("11\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, dir, "PostgreSQL 11", "postgresql-11-postgis-3")
}

func TestRefusesAFolderThatIsNoCluster(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	if err := os.Mkdir(filepath.Join(dir, "postgres"), 0o755); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, dir, "is no cluster", "move it away")
}

func TestRefusesASocketFolderOpenToOthers(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	socket := filepath.Join(dir, "postgres.socket")
	if err := os.Mkdir(socket, 0o755); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, dir, socket, "0700")
}

func TestDeepOrOddFolderGetsAShortSocket(t *testing.T) {
	t.Parallel()
	for _, name := range []string{strings.Repeat("very-long-name-", 7), `a "b", [c] 台州's`} {
		dir := filepath.Join(openDir(t), name)
		c := start(t, dir)
		t.Cleanup(func() { os.RemoveAll(c.place.socket) })
		if strings.HasPrefix(c.place.socket, dir) {
			t.Errorf("socket in %s, whose path no socket can have", c.place.socket)
		}
		if got := ask(t, c, "SHOW data_directory"); got != filepath.Join(dir, "postgres") {
			t.Errorf("data in %s, want it below %s", got, dir)
		}
	}
}

func TestChoosesTheNewestWithPostGIS(t *testing.T) {
	t.Parallel()
	programs, extensions := t.TempDir(), t.TempDir()
	touch := func(parts ...string) {
		path := filepath.Join(parts...)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, major := range []string{"9.6", "14", "15", "16", "17"} {
		touch(programs, major, "bin", "postgres")
		touch(programs, major, "bin", "initdb")
		if major != "17" {
			touch(extensions, major, "extension", "postgis.control")
		}
	}
	found := installed(programs, extensions)
	fresh := t.TempDir()
	if got, err := installFor(fresh, found); err != nil || got.major != 16 {
		t.Errorf("for a new cluster: %d, %v; want 16, the newest that has PostGIS", got.major, err)
	}
	if err := os.WriteFile(filepath.Join(fresh, "PG_VERSION"), []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := installFor(fresh, found); err != nil || got.major != 15 {
		t.Errorf("for a cluster of 15: %d, %v", got.major, err)
	}
	if _, err := installFor(t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "scripts/setup") {
		t.Errorf("with nothing installed: %v; want a word about scripts/setup", err)
	}
}
