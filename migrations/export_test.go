package migrations

import (
	"context"
	"io/fs"
	"time"
)

// UpFrom migrates by other files than the embedded ones.
func UpFrom(ctx context.Context, url string, from fs.FS, patience time.Duration, progress Progress) error {
	m, err := newMigrator(url, ".", from, progress)
	if err != nil {
		return err
	}
	defer m.close()
	m.patience = patience
	pending, err := m.pending(ctx)
	if err != nil {
		return err
	}
	return m.apply(ctx, pending)
}
