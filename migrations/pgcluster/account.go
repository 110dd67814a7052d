package pgcluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// account is the user of the operating system that the server runs as, and the
// one that this program runs as and connects by.
type account struct {
	uid, gid uint32
	name     string
	self     string // this program's user
	switches bool   // the server's user is another than this program's
}

// accountFor chooses the server's user. PostgreSQL refuses to run as root, so
// root runs it as whoever owns the data already, and as postgres at first.
func accountFor(data string) (account, error) {
	self, err := user.Current()
	if err != nil {
		return account{}, fmt.Errorf("this user (id %d) has no name on this machine; peer authentication needs one, so add it to /etc/passwd or set DATABASE_URL: %w", os.Getuid(), err)
	}
	owner := -1
	if info, err := os.Stat(data); err == nil {
		owner = int(info.Sys().(*syscall.Stat_t).Uid)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return account{}, fmt.Errorf("look at the cluster: %w", err)
	}
	if os.Getuid() != 0 {
		if owner >= 0 && owner != os.Getuid() {
			return account{}, fmt.Errorf("the cluster in %s belongs to user id %d, not to %s; run as that user or as root, or name another data directory", data, owner, self.Username)
		}
		return account{uid: uint32(os.Getuid()), gid: uint32(os.Getgid()), name: self.Username, self: self.Username}, nil
	}
	var runAs *user.User
	if owner > 0 {
		runAs, err = user.LookupId(strconv.Itoa(owner))
	} else {
		runAs, err = user.Lookup("postgres")
	}
	if err != nil {
		return account{}, fmt.Errorf("root cannot run PostgreSQL itself and finds no user to run it as (scripts/setup installs PostgreSQL and its user): %w", err)
	}
	uid, err := strconv.ParseUint(runAs.Uid, 10, 32)
	if err != nil {
		return account{}, err
	}
	gid, err := strconv.ParseUint(runAs.Gid, 10, 32)
	if err != nil {
		return account{}, err
	}
	return account{uid: uint32(uid), gid: uint32(gid), name: runAs.Username, self: self.Username, switches: true}, nil
}

// command prepares a program of PostgreSQL to run as the server's user, with an
// environment of its own: a PGDATA or a language of the caller must not reach it.
func (a account) command(dir, path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", "HOME=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if a.switches {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return cmd
}

// give makes a folder of the server's user that nobody else may enter.
func (a account) give(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if !a.switches {
		return nil
	}
	return os.Lchown(dir, int(a.uid), int(a.gid))
}

// mustReach refuses a directory that the server's user cannot get to, and names
// the folder at fault. It tries, rather than reads the mode, since an access
// list can open what a mode closes.
func (a account) mustReach(dir string) error {
	if !a.switches || a.canEnter(dir) {
		return nil
	}
	at := string(filepath.Separator)
	for _, part := range strings.Split(strings.Trim(dir, at), at) {
		at = filepath.Join(at, part)
		if !a.canEnter(at) {
			break
		}
	}
	return fmt.Errorf("PostgreSQL runs as user %s here, who cannot enter %s, on the way to %s; either allow it (chmod o+x %s), or name a data directory elsewhere (GRIDPATROL_DATA_DIR=/var/lib/gridpatrol), or run as an ordinary user",
		a.name, at, dir, at)
}

func (a account) canEnter(dir string) bool {
	return a.command(dir, "/bin/true").Run() == nil
}
