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
	"syscall"
)

const (
	databaseName = "gridpatrol"
	ownerRole    = "gridpatrol"
	socketFile   = ".s.PGSQL.5432"
	// longestSocket is what sun_path of a Unix socket holds, without its final zero.
	longestSocket = 107
)

// shortRoot is where the socket goes when the data directory's path is too long
// for one.
var shortRoot = os.TempDir()

// socketDir makes the folder of the socket: in the data directory, or where that
// is too deep, in one of a short name that follows from the data directory.
func socketDir(dir string, a account) (string, error) {
	socket := filepath.Join(dir, "postgres.socket")
	if len(filepath.Join(socket, socketFile)) > longestSocket {
		sum := sha256.Sum256([]byte(dir))
		socket = filepath.Join(shortRoot, "gridpatrol-"+hex.EncodeToString(sum[:6]))
		if len(filepath.Join(socket, socketFile)) > longestSocket {
			return "", fmt.Errorf("both %s and %s are too long for a Unix socket; name a data directory with a shorter path", dir, shortRoot)
		}
	}
	// A folder in a place open to all may have been put there by somebody else, who
	// could then answer in the server's name.
	info, err := os.Lstat(socket)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := a.give(socket); err != nil {
			return "", fmt.Errorf("make the folder of the socket: %w", err)
		}
		return socket, nil
	case err != nil:
		return "", fmt.Errorf("look at the folder of the socket: %w", err)
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if !info.IsDir() || owner != a.uid || info.Mode().Perm() != 0o700 {
		return "", fmt.Errorf("%s should be a folder of user %s with mode 0700 and is not; remove it", socket, a.name)
	}
	return socket, nil
}

func (p place) url(database string) string {
	query := url.Values{"host": {p.socket}, "port": {"5432"}}
	return "postgres://" + ownerRole + "@/" + database + "?" + query.Encode()
}
