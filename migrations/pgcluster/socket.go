package pgcluster

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
)

const (
	databaseName = "gridpatrol"
	ownerRole    = "gridpatrol"
	socketFile   = ".s.PGSQL.5432"
	// longestSocket is what sun_path of a Unix socket holds, without its final zero.
	longestSocket = 107
)

// plainPath is a path that needs no quoting in a URL, in a list of hosts (a comma
// parts them) or in the server's settings.
var plainPath = regexp.MustCompile(`^[A-Za-z0-9/._-]+$`)

// socketDir names the folder of the socket: in the data directory, or where that
// is too deep or oddly named, one of a short name that follows from it.
func socketDir(dir string) (string, error) {
	socket := filepath.Join(dir, "postgres.socket")
	if fits(socket) {
		return socket, nil
	}
	sum := sha256.Sum256([]byte(dir))
	socket = filepath.Join(os.TempDir(), "gridpatrol-"+hex.EncodeToString(sum[:6]))
	if fits(socket) {
		return socket, nil
	}
	return "", fmt.Errorf("both %s and %s are too long or too oddly named for a Unix socket; name another data directory, or set TMPDIR to a short path", dir, os.TempDir())
}

func fits(socket string) bool {
	return len(filepath.Join(socket, socketFile)) <= longestSocket && plainPath.MatchString(socket)
}

// claimSocketDir makes the folder of the socket, or makes sure that the one there
// is ours: in a place open to all, somebody else may have put it there to answer
// in the server's name.
func (p place) claimSocketDir() error {
	info, err := os.Lstat(p.socket)
	if errors.Is(err, fs.ErrNotExist) {
		err = p.account.give(p.socket)
		if err == nil {
			info, err = os.Lstat(p.socket)
		}
	}
	if err != nil {
		return fmt.Errorf("make the folder of the socket: %w", err)
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if !info.IsDir() || owner != p.account.uid || info.Mode().Perm() != 0o700 {
		return fmt.Errorf("%s should be a folder of user %s with mode 0700 and is not; remove it", p.socket, p.account.name)
	}
	return nil
}

func (p place) url(database string) string {
	query := url.Values{"host": {p.socket}, "port": {"5432"}}
	return "postgres://" + ownerRole + "@/" + database + "?" + query.Encode()
}
