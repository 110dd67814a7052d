// Package pgroad keeps the road network in PostgreSQL, so that every node serves
// the same roads: the network file in pieces of a mebibyte, and its segments for
// the map.
//
// Storing and activating is one transaction that bumps the revision of the topic
// roads; a service that sees a new revision loads the active network and swaps it
// in. Who loads while another stores gets the old network or the new one, whole.
package pgroad

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/proof"
	"github.com/gridpatrol/gridpatrol/proof/pgproof"
)

// ErrNone says that no roads were imported yet.
var ErrNone = errors.New("no roads were imported yet")

// Info is what is known of the active network without loading it.
type Info struct {
	Version int64           `json:"version"`
	Source  string          `json:"source"`
	Format  int             `json:"format"`
	Size    int64           `json:"size"`
	SHA256  []byte          `json:"sha256"`
	Stats   json.RawMessage `json:"stats"`
	MadeAt  time.Time       `json:"made_at"`
}

const chunkSize = 1 << 20

const (
	// One import at a time: the second waits, then replaces the first.
	lockTopic  = `UPDATE revisions SET revision = revision + 1, changed_at = gp_now() WHERE topic = 'roads'`
	dropOld    = `DELETE FROM road_network_chunks c USING road_networks n WHERE c.version = n.version AND n.district_id = $1`
	retireOld  = `UPDATE road_networks SET active = false WHERE district_id = $1 AND active`
	dropDrawn  = `DELETE FROM road_segments WHERE district_id = $1`
	addNetwork = `INSERT INTO road_networks (district_id, source, format, size, sha256, stats, active)
VALUES ($1, $2, $3, $4, $5, $6, true) RETURNING version`
	addBeside = `INSERT INTO road_networks (district_id, source, format, size, sha256, stats, active, profiles, beside)
VALUES ($1, $2, $3, $4, $5, $6, false, $7, $8) RETURNING version`
)

// packed is a network as it is stored.
type packed struct {
	net   *road.Network
	file  bytes.Buffer
	sum   [sha256.Size]byte
	stats []byte
}

func pack(n *road.Network) (*packed, error) {
	p := &packed{net: n}
	if _, err := n.WriteTo(&p.file); err != nil {
		return nil, err
	}
	p.sum = sha256.Sum256(p.file.Bytes())
	var err error
	p.stats, err = json.Marshal(n.Stats())
	return p, err
}

func (p *packed) columns() []any {
	return []any{pgdb.District, p.net.Source(), road.FormatVersion, p.file.Len(), p.sum[:], p.stats}
}

// Store makes a network the active one and answers its version; others, for further
// profiles, are stored beside it. Those before leave their rows behind, not their
// bytes.
func Store(ctx context.Context, db *pgdb.DB, n *road.Network, beside ...*road.Network) (version int64, err error) {
	main, err := pack(n)
	if err != nil {
		return 0, fmt.Errorf("store roads: %w", err)
	}
	err = db.Tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockTopic); err != nil {
			return fmt.Errorf("bump the revision: %w", err)
		}
		for _, sql := range []string{dropOld, retireOld, dropDrawn} {
			if _, err := tx.Exec(ctx, sql, pgdb.District); err != nil {
				return fmt.Errorf("retire the roads before: %w", err)
			}
		}
		if err := tx.QueryRow(ctx, addNetwork, main.columns()...).Scan(&version); err != nil {
			return fmt.Errorf("add the network: %w", err)
		}
		if err := storeChunks(ctx, tx, version, main.file.Bytes()); err != nil {
			return fmt.Errorf("write the network: %w", err)
		}
		for _, other := range beside {
			if err := storeBeside(ctx, tx, version, other); err != nil {
				return fmt.Errorf("write the network beside: %w", err)
			}
		}
		if err := storeSegments(ctx, tx, n); err != nil {
			return fmt.Errorf("write the segments: %w", err)
		}
		return pgproof.Record(ctx, tx, proof.Entry{Kind: "roads.imported", Actor: proof.Command,
			Detail: map[string]any{"version": version, "source": n.Source(), "sha256": hex.EncodeToString(main.sum[:])}})
	})
	if err != nil {
		return 0, fmt.Errorf("store roads: %w", err)
	}
	return version, nil
}

func storeBeside(ctx context.Context, tx pgx.Tx, main int64, n *road.Network) error {
	p, err := pack(n)
	if err != nil {
		return err
	}
	profiles := n.Profiles()
	var version int64
	if err := tx.QueryRow(ctx, addBeside, append(p.columns(), profiles[:], main)...).Scan(&version); err != nil {
		return err
	}
	return storeChunks(ctx, tx, version, p.file.Bytes())
}

func storeChunks(ctx context.Context, tx pgx.Tx, version int64, file []byte) error {
	count := (len(file) + chunkSize - 1) / chunkSize
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"road_network_chunks"}, []string{"version", "seq", "data"},
		pgx.CopyFromSlice(count, func(i int) ([]any, error) {
			return []any{version, i, file[i*chunkSize : min((i+1)*chunkSize, len(file))]}, nil
		}))
	return err
}

const active = `SELECT version, source, format, size, sha256, stats, made_at
FROM road_networks WHERE district_id = $1 AND active`

// Active describes the active network, or answers ErrNone.
func Active(ctx context.Context, db *pgdb.DB) (Info, error) {
	return readActive(ctx, db)
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func readActive(ctx context.Context, q querier) (Info, error) {
	return readInfo(ctx, q, active, pgdb.District)
}

func readInfo(ctx context.Context, q querier, sql string, args ...any) (Info, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return Info{}, fmt.Errorf("look for roads: %w", err)
	}
	info, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Info])
	if errors.Is(err, pgx.ErrNoRows) {
		return Info{}, ErrNone
	}
	if err != nil {
		return Info{}, fmt.Errorf("look for roads: %w", err)
	}
	return info, nil
}

const chunks = `SELECT data FROM road_network_chunks WHERE version = $1 ORDER BY seq`

// Load reads the active network and answers its version, for road.Switch.Set.
// It answers ErrNone before the first import, and an error that wraps
// road.ErrCorrupt or road.ErrVersion for roads that must be imported again.
func Load(ctx context.Context, db *pgdb.DB) (*road.Network, int64, error) {
	return load(ctx, db, readActive)
}

// load reads the network that find finds.
func load(ctx context.Context, db *pgdb.DB, find func(context.Context, querier) (Info, error)) (*road.Network, int64, error) {
	var network *road.Network
	var version int64
	var source string
	// Both statements must see the same roads while somebody imports others.
	err := pgx.BeginTxFunc(ctx, db.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		info, err := find(ctx, tx)
		if err != nil {
			return err
		}
		version = info.Version
		source = info.Source
		if err := road.CheckFormat(info.Format); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, chunks, version)
		if err != nil {
			return err
		}
		defer rows.Close()
		file := &chunkReader{rows: rows}
		sum := sha256.New()
		if network, err = road.Read(io.TeeReader(file, sum)); err != nil {
			return err
		}
		if _, err := io.Copy(sum, file); err != nil {
			return err
		}
		if !bytes.Equal(sum.Sum(nil), info.SHA256) {
			return fmt.Errorf("%w: the checksum is not the one that was stored", road.ErrCorrupt)
		}
		return nil
	})
	if errors.Is(err, ErrNone) {
		return nil, 0, ErrNone
	}
	if err != nil {
		return nil, 0, fmt.Errorf("load roads, version %d from %s: %w", version, source, err)
	}
	return network, version, nil
}

// chunkReader reads the pieces as one stream.
type chunkReader struct {
	rows pgx.Rows
	rest []byte
}

func (r *chunkReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if !r.rows.Next() {
			if err := r.rows.Err(); err != nil {
				return 0, err
			}
			return 0, io.EOF
		}
		if err := r.rows.Scan(&r.rest); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
