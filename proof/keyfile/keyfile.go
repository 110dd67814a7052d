// Package keyfile keeps the key that signs heads in a file which its owner alone may
// read. No error of it ever holds what is in the file.
package keyfile

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gridpatrol/gridpatrol/durable"
	"github.com/gridpatrol/gridpatrol/proof"
)

// Load reads a key. A file that others may read is refused.
func Load(path string) (ed25519.PrivateKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the key of heads: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the key of heads %s may be read by others; run chmod 600 on it, and rotate it if they did", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the key of heads: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("%s holds no PEM block of the type PRIVATE KEY", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s holds a key that cannot be read", path)
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds a key of another kind than ed25519", path)
	}
	return private, nil
}

// LoadOrMake reads a key, and makes one where there is none yet.
func LoadOrMake(path string) (ed25519.PrivateKey, error) {
	private, err := Load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return private, err
	}
	if private, err = Make(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of the key of heads: %w", err)
	}
	// Two programs that start at once agree on the one that came first.
	if err := write(path, private, false); errors.Is(err, fs.ErrExist) {
		return Load(path)
	} else if err != nil {
		return nil, err
	}
	return private, nil
}

// Make makes a key.
func Make() (ed25519.PrivateKey, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	return private, err
}

// Replace puts another key in the place of the one in the file; the one before stays
// beside it, by its id.
func Replace(path string, before, after ed25519.PrivateKey) error {
	kept := path + "." + proof.KeyID(before.Public().(ed25519.PublicKey))
	if err := write(kept, before, true); err != nil {
		return err
	}
	return write(path, after, true)
}

// write makes the file whole or not at all.
func write(path string, private ed25519.PrivateKey, replace bool) error {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return errors.New("the key of heads cannot be written down")
	}
	var options []durable.Option
	if !replace {
		options = append(options, durable.Unique())
	}
	return durable.Write(durable.OS, path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), options...)
}

// ID names a key by its public half.
func ID(private ed25519.PrivateKey) string {
	return proof.KeyID(private.Public().(ed25519.PublicKey))
}
