// Package pgbackup writes a whole district into one file and reads it back into an
// empty database.
//
// The file holds rows, not a schema: the schema is the migrations', which this
// program carries, so that a backup needs no program of PostgreSQL beside it, works
// with any database that can be reached, and comes back on a newer server or schema.
// Roles, grants, row security, extensions, indexes and functions are made by the
// migrations of the very versions that the file names; then come the rows, the
// partitions and the sequences; then the migrations that are newer than the file.
//
// # The file
//
// A zip archive: one entry for each table, in PostgreSQL's binary COPY, and last the
// manifest. After the archive come the SHA-256 of all of it and a mark. A file that
// was cut short or changed in any byte is refused before a database is touched.
//
// # One moment
//
// Everything is read in one snapshot. Tables are locked against being dropped, as
// pg_dump does it, and against nothing else.
package pgbackup

import (
	"errors"
	"time"
)

// Format is the version of the file's layout.
const Format = 1

// Manifest says what is in a backup. Tables stand in the order in which they are
// loaded: what is pointed at comes before what points.
type Manifest struct {
	Format     int         `json:"format"`
	MadeAt     time.Time   `json:"made_at"` // gp_now() of the snapshot
	Database   string      `json:"database"`
	Server     string      `json:"server"`
	Versions   []int64     `json:"schema_versions"`
	Tables     []Table     `json:"tables"`
	Partitions []Partition `json:"partitions"`
	Sequences  []Sequence  `json:"sequences"`
	Xids       Xids        `json:"xids"`
	Photos     Photos      `json:"photos"`
	// LeftOut are tables that no migration of this program makes.
	LeftOut []string `json:"left_out"`
}

// SchemaVersion is the newest version that is in.
func (m Manifest) SchemaVersion() int64 {
	var newest int64
	for _, v := range m.Versions {
		newest = max(newest, v)
	}
	return newest
}

// Rows of all tables.
func (m Manifest) Rows() (rows int64) {
	for _, t := range m.Tables {
		rows += t.Rows
	}
	return rows
}

// Table is one table's rows. Bytes and SHA256 are of the rows as they were copied.
type Table struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
	Rows    int64    `json:"rows"`
	Bytes   int64    `json:"bytes"`
	SHA256  string   `json:"sha256"`
}

// Partition of a partitioned table. Its rows are in the table's.
type Partition struct {
	Name   string `json:"name"`
	Parent string `json:"parent"`
	Bound  string `json:"bound"`
}

// Sequence as it stood when the rows were read.
type Sequence struct {
	Name   string `json:"name"`
	Last   int64  `json:"last"`
	Called bool   `json:"called"`
}

// Xids are the transaction ids that rows carry for their order.
type Xids struct {
	Highest  uint64 `json:"highest"`
	Distinct int64  `json:"distinct"`
}

// Photos as they were found: Wrong are the SHA-256 of those whose content is
// another, Elsewhere those whose content is not in the database.
type Photos struct {
	Count     int64    `json:"count"`
	Elsewhere int64    `json:"elsewhere"`
	Wrong     []string `json:"wrong"`
}

// Progress hears what is being done and how far it is, in bytes as the database
// estimates them. It may be nil.
type Progress func(what string, done, total int64)

func (p Progress) tell(what string, done, total int64) {
	if p != nil {
		p(what, done, total)
	}
}

// Faults that callers tell apart.
var (
	// ErrDamaged is a file that is cut short, changed, or no backup.
	ErrDamaged = errors.New("this is no whole backup")
	// ErrNewer is a file of a schema or a layout that this program does not know.
	ErrNewer = errors.New("this backup was made by a newer program")
	// ErrFilled is a database that has something in it.
	ErrFilled = errors.New("a backup is restored into an empty database only")
	// ErrThere is a file that would be overwritten.
	ErrThere = errors.New("the file is there already")
	// ErrDiffers is a database that does not hold what the manifest says.
	ErrDiffers = errors.New("the database does not hold what the backup says")
)
