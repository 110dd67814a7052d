package pgbackup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/durable"
	"github.com/gridpatrol/gridpatrol/migrations"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
)

// Config of a backup or a restore.
type Config struct {
	// URL reaches the database as its owner.
	URL string
	// Path of the file to write. In a folder, it is named by the time.
	Path string
	// Force overwrites a backup that is there.
	Force    bool
	Progress Progress
	// Disk is what the file is written with; the machine's own if nil.
	Disk durable.Disk
}

// Account is what a backup or a restore did.
type Account struct {
	File     string        `json:"file"`
	Bytes    int64         `json:"bytes"`
	SHA256   string        `json:"sha256"`
	Took     time.Duration `json:"-"`
	TookS    float64       `json:"took_s"`
	Manifest Manifest      `json:"manifest"`
}

// Backup writes the database into a file.
func Backup(ctx context.Context, c Config) (*Account, error) {
	began := time.Now()
	conn, err := connect(ctx, c.URL)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := pgdb.AllRows(ctx, conn); err != nil {
		return nil, err
	}
	s, err := begin(ctx, conn)
	if err != nil {
		return nil, err
	}
	path := c.Path
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "gridpatrol-"+s.manifest.MadeAt.UTC().Format("20060102T150405Z")+".backup")
	}
	if c.Disk == nil {
		c.Disk = durable.OS
	}
	out, err := create(c.Disk, path, c.Force)
	if err != nil {
		return nil, err
	}
	defer out.abandon()
	if err := s.copyAll(ctx, out, c.Progress); err != nil {
		return nil, err
	}
	sum, err := out.finish(s.manifest)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	a := &Account{File: path, Bytes: out.size, SHA256: hex.EncodeToString(sum), Took: time.Since(began), Manifest: s.manifest}
	a.TookS = a.Took.Seconds()
	if err := note(ctx, conn, a, sum); err != nil {
		return a, fmt.Errorf("the backup is written, but not noted: %w", err)
	}
	return a, nil
}

func connect(ctx context.Context, url string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read database url: %w", err)
	}
	// A server that ends long or idle statements must not end this one.
	for name, value := range map[string]string{
		"application_name": "gridpatrol backup", "timezone": "UTC", "statement_timeout": "0", "lock_timeout": "0",
		"idle_in_transaction_session_timeout": "0",
	} {
		config.RuntimeParams[name] = value
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return conn, nil
}

// source is a database in one snapshot.
type source struct {
	conn     *pgx.Conn
	tables   []tableInfo
	manifest Manifest
}

const aboutNow = `SELECT gp_now(), current_database(), current_setting('server_version')`

// begin takes the snapshot. The locks come first: a table that is dropped between
// the snapshot and its turn could not be read.
func begin(ctx context.Context, conn *pgx.Conn) (*source, error) {
	ours, _, err := tables(ctx, conn)
	if err != nil {
		return nil, err
	}
	if len(ours) == 0 {
		return nil, fmt.Errorf("database %s is empty: there is nothing to back up", conn.Config().Database)
	}
	names := make([]string, len(ours))
	for i, t := range ours {
		names[i] = t.name
	}
	for _, statement := range []string{
		"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
		"LOCK TABLE " + quoted(names...) + " IN ACCESS SHARE MODE",
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return nil, fmt.Errorf("begin the snapshot: %w", err)
		}
	}
	s := &source{conn: conn, manifest: Manifest{Format: Format, LeftOut: []string{}}}
	m := &s.manifest
	if err := conn.QueryRow(ctx, aboutNow).Scan(&m.MadeAt, &m.Database, &m.Server); err != nil {
		return nil, fmt.Errorf("begin the snapshot: %w", err)
	}
	if s.tables, m.LeftOut, err = tables(ctx, conn); err != nil {
		return nil, err
	}
	if m.LeftOut == nil {
		m.LeftOut = []string{}
	}
	if m.Versions, err = migrations.Applied(ctx, conn); err != nil {
		return nil, err
	}
	m.Partitions, err = partitions(ctx, conn)
	return s, err
}

func (s *source) copyAll(ctx context.Context, out *fileWriter, progress Progress) error {
	var total, before int64
	for _, t := range s.tables {
		total += t.bytes
	}
	for _, t := range s.tables {
		if err := s.copyTable(ctx, out, t, func(n int64) { progress.tell("backing up "+t.name, before+min(n, t.bytes), total) }); err != nil {
			return fmt.Errorf("back up table %s: %w", t.name, err)
		}
		before += t.bytes
		progress.tell("backing up "+t.name, before, total)
	}
	if query := allXids(s.tables); query != "" {
		err := s.conn.QueryRow(ctx, `SELECT count(*), coalesce(max(x::text::numeric), 0)::bigint FROM (`+query+`) u`).Scan(&s.manifest.Xids.Distinct, &s.manifest.Xids.Highest)
		if err != nil {
			return fmt.Errorf("look for the newest transaction: %w", err)
		}
	}
	var err error
	if s.manifest.Photos, err = photos(ctx, s.conn); err != nil {
		return err
	}
	if s.manifest.Sequences, err = sequences(ctx, s.conn); err != nil {
		return err
	}
	_, err = s.conn.Exec(ctx, "COMMIT")
	return err
}

func (s *source) copyTable(ctx context.Context, out *fileWriter, t tableInfo, tell func(int64)) error {
	entry, err := out.entry(entryName(t.name), !t.stored)
	if err != nil {
		return err
	}
	sum := sha256.New()
	w := &counting{to: both{entry, sum}, tell: tell}
	// By a query, since COPY of a partitioned table's name is not allowed.
	tag, err := s.conn.PgConn().CopyTo(ctx, w, fmt.Sprintf("COPY (SELECT %s FROM %s) TO STDOUT (FORMAT binary)", quoted(t.columns...), quoted(t.name)))
	if err != nil {
		return err
	}
	s.manifest.Tables = append(s.manifest.Tables, Table{
		Name: t.name, Columns: t.columns, Rows: tag.RowsAffected(), Bytes: w.n, SHA256: hex.EncodeToString(sum.Sum(nil)),
	})
	return nil
}

// both writes to an archive and to a sum.
type both struct {
	to  interface{ Write([]byte) (int, error) }
	sum hash.Hash
}

func (b both) Write(p []byte) (int, error) {
	b.sum.Write(p)
	return b.to.Write(p)
}

const noteBackup = `INSERT INTO backups_made (id, district_id, at, file_name, bytes, sha256, schema_version, took_s)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

// note writes down that there is a backup. A schema older than that has no place
// for it.
func note(ctx context.Context, conn *pgx.Conn, a *Account, sum []byte) error {
	var there bool
	if err := conn.QueryRow(ctx, `SELECT to_regclass('public.backups_made') IS NOT NULL`).Scan(&there); err != nil || !there {
		return err
	}
	_, err := conn.Exec(ctx, noteBackup, uuid.Must(uuid.NewV7()), pgdb.District, a.Manifest.MadeAt, filepath.Base(a.File), a.Bytes, sum,
		a.Manifest.SchemaVersion(), a.TookS)
	return err
}

const photoColumns = `SELECT count(*) = 2 FROM pg_attribute WHERE attrelid = to_regclass('public.photos') AND attname IN ('sha256', 'content') AND NOT attisdropped`

const (
	countPhotos = `SELECT count(*), count(*) FILTER (WHERE content IS NULL) FROM photos`
	// Photos are their content: the name is the hash.
	wrongPhotos = `SELECT encode(sha256, 'hex') FROM photos WHERE content IS NOT NULL AND sha256 <> sha256(content) ORDER BY 1`
)

// photos hashes every photo's content anew.
func photos(ctx context.Context, conn *pgx.Conn) (Photos, error) {
	p := Photos{Wrong: []string{}}
	var kept bool
	if err := conn.QueryRow(ctx, photoColumns).Scan(&kept); err != nil || !kept {
		return p, err
	}
	if err := conn.QueryRow(ctx, countPhotos).Scan(&p.Count, &p.Elsewhere); err != nil {
		return p, fmt.Errorf("count the photos: %w", err)
	}
	rows, err := conn.Query(ctx, wrongPhotos)
	if err != nil {
		return p, fmt.Errorf("hash the photos: %w", err)
	}
	wrong, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return p, fmt.Errorf("hash the photos: %w", err)
	}
	p.Wrong = append(p.Wrong, wrong...)
	return p, nil
}
