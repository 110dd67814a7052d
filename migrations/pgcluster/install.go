package pgcluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const oldestMajor = 15

// installRoot and extensionRoot are where Debian and Ubuntu put one PostgreSQL
// beside another, by major version.
const (
	installRoot   = "/usr/lib/postgresql"
	extensionRoot = "/usr/share/postgresql"
)

// install is one PostgreSQL with PostGIS on this machine.
type install struct {
	major int
	bin   string
}

func (i install) program(name string) string { return filepath.Join(i.bin, name) }

// installFor finds the PostgreSQL that made the data, or for a new cluster the
// newest one that has PostGIS.
func installFor(data string, found []install) (install, error) {
	made, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	switch {
	case err == nil:
		major, err := strconv.Atoi(strings.TrimSpace(string(made)))
		if err != nil {
			return install{}, fmt.Errorf("read the version of the cluster: %w", err)
		}
		for _, i := range found {
			if i.major == major {
				return i, nil
			}
		}
		return install{}, fmt.Errorf("the cluster in %s was made by PostgreSQL %d, which is not installed with PostGIS; install postgresql-%d and postgresql-%d-postgis-3", data, major, major, major)
	case !errors.Is(err, fs.ErrNotExist):
		return install{}, fmt.Errorf("read the version of the cluster: %w", err)
	}
	newest := install{}
	for _, i := range found {
		if i.major > newest.major {
			newest = i
		}
	}
	if newest.major == 0 {
		return install{}, fmt.Errorf("no PostgreSQL %d or newer with PostGIS below %s; on Debian and Ubuntu run scripts/setup, elsewhere set DATABASE_URL (compose.yaml starts a database)", oldestMajor, installRoot)
	}
	return newest, nil
}

// installed lists every PostgreSQL that is new enough and has PostGIS.
func installed(programs, extensions string) []install {
	var found []install
	entries, err := os.ReadDir(programs)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		major, err := strconv.Atoi(e.Name())
		if err != nil || major < oldestMajor {
			continue
		}
		bin := filepath.Join(programs, e.Name(), "bin")
		if exists(filepath.Join(bin, "postgres")) && exists(filepath.Join(bin, "initdb")) &&
			exists(filepath.Join(extensions, e.Name(), "extension", "postgis.control")) {
			found = append(found, install{major: major, bin: bin})
		}
	}
	return found
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
