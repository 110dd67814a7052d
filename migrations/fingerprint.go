package migrations

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
)

// Fingerprint names the schema these migrations make: it changes with any byte
// of any of them.
func Fingerprint() (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(files, "sql", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		sum.Write([]byte(path + "\x00"))
		sum.Write(content)
		sum.Write([]byte{0})
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil)), err
}
