package pgbackup

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Compare counts every table and hashes every photo anew, and answers in words what
// differs from the manifest. What was wrong already when the backup was made is no
// difference.
func Compare(ctx context.Context, conn *pgx.Conn, m Manifest) ([]string, error) {
	var differences []string
	for _, t := range m.Tables {
		var rows int64
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM "+quoted(t.Name)).Scan(&rows); err != nil {
			return nil, fmt.Errorf("count %s: %w", t.Name, err)
		}
		if rows != t.Rows {
			differences = append(differences, fmt.Sprintf("%s has %d rows and should have %d", t.Name, rows, t.Rows))
		}
	}
	found, err := photos(ctx, conn)
	if err != nil {
		return nil, err
	}
	for _, sha := range found.Wrong {
		if !slices.Contains(m.Photos.Wrong, sha) {
			differences = append(differences, "the content of photo "+sha+" is another")
		}
	}
	return differences, nil
}
