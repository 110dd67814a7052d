package pgproof_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
	"github.com/gridpatrol/gridpatrol/proof"
	"github.com/gridpatrol/gridpatrol/proof/keyfile"
	"github.com/gridpatrol/gridpatrol/proof/pgproof"
)

func sealer(db *pgdb.DB) *pgproof.Sealer {
	return &pgproof.Sealer{DB: db, District: pgdb.District, Log: slog.New(slog.DiscardHandler)}
}

func entry(n int) proof.Entry {
	return proof.Entry{Kind: "test", Actor: proof.Actor{Name: "account:x", Role: "operator", Address: "10.1.2.3"}, Detail: map[string]any{"n": n}}
}

func write(t testing.TB, db *pgdb.DB, n int) {
	t.Helper()
	if err := db.Tx(context.Background(), func(tx pgx.Tx) error { return pgproof.Record(context.Background(), tx, entry(n)) }); err != nil {
		t.Fatal(err)
	}
}

func owner(t testing.TB, db *pgdb.DB, query string, args ...any) {
	t.Helper()
	err := db.Owner(context.Background(), func(conn *pgx.Conn) error {
		_, err := conn.Exec(context.Background(), query, args...)
		return err
	})
	if err != nil {
		t.Fatalf("%v in %s", err, query)
	}
}

// adopted is a new key that signs for the district from now on.
func adopted(t testing.TB, db *pgdb.DB) ed25519.PrivateKey {
	t.Helper()
	key, err := keyfile.Make()
	if err != nil {
		t.Fatal(err)
	}
	if err := pgproof.Adopt(context.Background(), db, pgdb.District, key, nil); err != nil {
		t.Fatal(err)
	}
	return key
}

// seal chains until n events are in the chain. The test cluster serves others too,
// whose transactions hold the oldest one back for a moment.
func seal(t testing.TB, db *pgdb.DB, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for s, sealed := sealer(db), 0; sealed < n; {
		if _, err := s.Seal(ctx); err != nil {
			t.Fatal(err)
		}
		if err := db.QueryRow(ctx, `SELECT count(*) FROM event_chain`).Scan(&sealed); err != nil {
			t.Fatal(err)
		}
	}
}

// Four times a second, on every node, for as long as the district keeps its events: the
// look for something to chain reads what is behind the end of the chain and nothing else,
// also by the plan that a connection keeps.
func TestTheLookForEventsGoesByTheirIndex(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	write(t, db, 0)
	owner(t, db, `INSERT INTO case_events (district_id, kind, at, canonical, body)
		SELECT e.district_id, e.kind, e.at, e.canonical, e.body FROM case_events e, generate_series(1, 20000)`)
	owner(t, db, `ANALYZE case_events`)
	var plan []string
	err := db.Tx(t.Context(), func(tx pgx.Tx) error {
		for _, setting := range []string{`SET LOCAL plan_cache_mode = force_generic_plan`, `PREPARE look (uuid, text, bigint) AS ` + pgproof.Waiting} {
			if _, err := tx.Exec(t.Context(), setting); err != nil {
				return err
			}
		}
		rows, err := tx.Query(t.Context(), fmt.Sprintf(`EXPLAIN (ANALYZE) EXECUTE look ('%s', '9223372036854775807', 0)`, pgdb.District))
		if err != nil {
			return err
		}
		plan, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(plan, "\n"); !strings.Contains(text, "case_events_pkey") || strings.Contains(text, "Seq Scan on case_events") {
		t.Errorf("the look reads more than it needs:\n%s", text)
	}
}

func verified(t testing.TB, db *pgdb.DB) proof.Report {
	t.Helper()
	r, err := pgproof.Verify(context.Background(), db, pgdb.District)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Writers whose transactions overlap in every way, sealers on three nodes, and a
// sealer's connection that is killed again and again: each committed event is in the
// chain once, in the order of its transaction, and nothing else is.
func TestEachEventIsSealedOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var sealers, writers sync.WaitGroup
	for range 3 {
		sealers.Go(func() {
			s := sealer(db)
			for ctx.Err() == nil {
				_, _ = s.Seal(ctx) // killed in between: the next round goes on
			}
		})
	}
	sealers.Go(func() {
		for ctx.Err() == nil {
			_, _ = db.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()
			  AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND random() < 0.2`)
		}
	})
	var mu sync.Mutex
	committed := map[string]bool{}
	for w := range 6 {
		writers.Go(func() {
			for i := range 40 {
				name := fmt.Sprintf("%d-%d", w, i)
				err := db.Tx(context.Background(), func(tx pgx.Tx) error {
					e := entry(i)
					e.Kind = name
					if err := pgproof.Record(context.Background(), tx, e); err != nil {
						return err
					}
					for range rand.IntN(4) { // others come and go meanwhile
						if _, err := tx.Exec(context.Background(), `SELECT pg_sleep($1)`, rand.Float64()/100); err != nil {
							return err
						}
					}
					if rand.IntN(5) == 0 {
						return errors.New("thought better of it")
					}
					return nil
				})
				if err == nil {
					mu.Lock()
					committed[name] = true
					mu.Unlock()
				}
			}
		})
	}
	writers.Wait()
	stop()
	sealers.Wait()
	seal(t, db, len(committed))
	rows, err := db.Query(context.Background(), `SELECT e.kind FROM event_chain c JOIN case_events e ON (e.xid, e.id) = (c.xid, c.event_id) ORDER BY c.position`)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, name := range sealed {
		if seen[name] || !committed[name] {
			t.Errorf("event %s: sealed before: %v, committed: %v", name, seen[name], committed[name])
		}
		seen[name] = true
	}
	if len(sealed) != len(committed) || len(sealed) < 100 {
		t.Errorf("%d events were sealed, %d committed", len(sealed), len(committed))
	}
	var ordered bool
	if err := db.QueryRow(context.Background(), `SELECT bool_and(o) AND max(p) = count(*) FROM (
	  SELECT position AS p, coalesce((xid, event_id) > lag((xid, event_id)) OVER (ORDER BY position), true) AS o FROM event_chain) x`).Scan(&ordered); err != nil || !ordered {
		t.Errorf("the chain has holes or is out of order: %v", err)
	}
	if r := verified(t, db); r.Fault != nil || r.Events != int64(len(sealed)) {
		t.Errorf("%+v", r)
	}
}

// An event whose transaction began first and commits last comes before those that
// overtook it; until it is over nothing after it is chained.
func TestLateCommitIsNotSkipped(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx := t.Context()
	write(t, db, 1)
	slow, err := db.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := pgproof.Record(ctx, slow, entry(2)); err != nil {
		t.Fatal(err)
	}
	write(t, db, 3)
	seal(t, db, 1)
	var early int
	if err := db.QueryRow(ctx, `SELECT count(*) FROM event_chain`).Scan(&early); err != nil || early != 1 {
		t.Errorf("%d events were sealed while an older transaction runs, want the one before it (%v)", early, err)
	}
	if err := slow.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	seal(t, db, 3)
	rows, err := db.Query(ctx, `SELECT (e.body->'detail'->>'n')::int FROM event_chain c JOIN case_events e ON (e.xid, e.id) = (c.xid, c.event_id) ORDER BY c.position`)
	if err != nil {
		t.Fatal(err)
	}
	if order, err := pgx.CollectRows(rows, pgx.RowTo[int]); err != nil || !slices.Equal(order, []int{1, 2, 3}) {
		t.Errorf("the order is %v (%v)", order, err)
	}
}

// Transactions are numbers, and 99 comes before 100.
func TestOrderIsThatOfNumbers(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for _, xid := range []string{"1000", "9", "99", "100", "101", "999"} {
		owner(t, db, `INSERT INTO case_events (xid, district_id, kind, at, canonical, body) VALUES ($1::text::xid8, $2, $1, gp_now(), '{}', '{}')`, xid, pgdb.District)
	}
	seal(t, db, 6)
	rows, err := db.Query(t.Context(), `SELECT e.kind FROM event_chain c JOIN case_events e ON (e.xid, e.id) = (c.xid, c.event_id) ORDER BY position`)
	if err != nil {
		t.Fatal(err)
	}
	if order, err := pgx.CollectRows(rows, pgx.RowTo[string]); err != nil || strings.Join(order, " ") != "9 99 100 101 999 1000" {
		t.Errorf("the order is %v (%v)", order, err)
	}
}

// What is done to the tables behind the program's back is found where it was done.
func TestVerifyFindsWhatWasDoneToTheTables(t *testing.T) {
	t.Parallel()
	at := func(position int) string {
		return fmt.Sprintf(`(xid, id) = (SELECT c.xid, c.event_id FROM event_chain c WHERE position = %d)`, position)
	}
	for _, c := range []struct {
		name, query string
		kind        string
		position    int64
	}{
		{"nothing", `SELECT 1`, "", 0},
		{"bytes", `UPDATE case_events SET canonical = convert_to(replace(convert_from(canonical, 'UTF8'), 'operator', 'auditor'), 'UTF8') WHERE ` + at(4), proof.Altered, 4},
		{"bytes and body", `UPDATE case_events SET canonical = convert_to(replace(convert_from(canonical, 'UTF8'), 'operator', 'auditor'), 'UTF8'),
		  body = replace(body::text, 'operator', 'auditor')::jsonb WHERE ` + at(4), proof.Altered, 4},
		{"the derived body", `UPDATE case_events SET body = body || '{"role": "auditor"}' WHERE ` + at(5), proof.Altered, 5},
		{"the derived time", `UPDATE case_events SET at = at - interval '1 h' WHERE ` + at(5), proof.Altered, 5},
		{"gone", `DELETE FROM case_events WHERE ` + at(3), proof.Missing, 3},
		{"gone with its link", `WITH gone AS (DELETE FROM event_chain WHERE position = 3 RETURNING xid, event_id) DELETE FROM case_events e USING gone g WHERE (e.xid, e.id) = (g.xid, g.event_id)`, proof.Moved, 3},
		{"swapped", `UPDATE event_chain c SET event_id = d.event_id, xid = d.xid FROM event_chain d WHERE d.position = 11 - c.position AND c.position IN (5, 6)`, proof.Altered, 5},
		{"the hash", `UPDATE event_chain SET hash = sha256(hash) WHERE position = 7`, proof.Altered, 7},
		{"a stowaway", `INSERT INTO case_events (xid, district_id, kind, at, canonical, body) SELECT xid, district_id, kind, at, canonical, body FROM case_events WHERE ` + at(2), proof.Inserted, 3},
		{"the end cut off", `WITH gone AS (DELETE FROM event_chain WHERE position > 7 RETURNING xid, event_id) DELETE FROM case_events e USING gone g WHERE (e.xid, e.id) = (g.xid, g.event_id)`, proof.Missing, 8},
		{"a head", `UPDATE event_heads SET body = convert_to(replace(convert_from(body, 'UTF8'), '"at":"2', '"at":"1'), 'UTF8')`, proof.BadHead, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			key := adopted(t, db)
			for i := range 9 {
				write(t, db, i)
			}
			seal(t, db, 10)
			if signed, err := pgproof.SignHead(t.Context(), db, pgdb.District, key, 0); err != nil || !signed {
				t.Fatal(signed, err)
			}
			// The events' owner may; two of the rows that are swapped collide meanwhile.
			owner(t, db, `ALTER TABLE event_chain DROP CONSTRAINT event_chain_xid_event_id_key`)
			owner(t, db, c.query)
			r := verified(t, db)
			var out bytes.Buffer
			if _, err := pgproof.Export(t.Context(), db, pgdb.District, 1, &out); err != nil {
				t.Fatal(err)
			}
			exported, err := proof.Verify(&out)
			if err != nil {
				t.Fatal(err)
			}
			if c.kind == "" {
				if r.Fault != nil || r.Events != 10 || r.SignedTo != 10 || exported.Fault != nil || exported.Events != 10 {
					t.Errorf("%+v %+v", r, exported)
				}
				return
			}
			if r.Fault == nil || r.Fault.Kind != c.kind || r.Fault.Position != c.position {
				t.Errorf("found %v, want %s at %d", r.Fault, c.kind, c.position)
			}
			derived := strings.HasPrefix(c.name, "the derived") || c.name == "a stowaway"
			if (exported.Fault == nil) != derived || exported.Fault != nil && exported.Fault.Position != c.position {
				t.Errorf("in the export: %v, want it at %d", exported.Fault, c.position)
			}
		})
	}
}

func public(k ed25519.PrivateKey) string { return proof.KeyID(k.Public().(ed25519.PublicKey)) }

func TestHeadsAndRotation(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "keys", "head.key")
	first, err := keyfile.LoadOrMake(path)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := keyfile.LoadOrMake(path); err != nil || !again.Equal(first) {
		t.Fatalf("the key was made anew: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info.Mode(), err)
	}
	written := 0
	sign := func(key ed25519.PrivateKey, every time.Duration) bool {
		t.Helper()
		if err := db.QueryRow(ctx, `SELECT count(*) FROM case_events`).Scan(&written); err != nil {
			t.Fatal(err)
		}
		seal(t, db, written)
		signed, err := pgproof.SignHead(ctx, db, pgdb.District, key, every)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	if err := pgproof.Adopt(ctx, db, pgdb.District, first, nil); err != nil {
		t.Fatal(err)
	}
	write(t, db, 1)
	if !sign(first, time.Hour) {
		t.Error("the first head was not signed")
	}
	write(t, db, 2)
	if sign(first, time.Hour) {
		t.Error("a head was signed within the hour")
	}
	owner(t, db, `UPDATE clock_shift SET shift = interval '61 minutes'`)
	if !sign(first, time.Hour) {
		t.Error("no head after the hour")
	}
	stranger, _ := keyfile.Make()
	if err := pgproof.Adopt(ctx, db, pgdb.District, stranger, nil); !errors.Is(err, pgproof.ErrStranger) {
		t.Errorf("a stranger's key was taken: %v", err)
	}
	if _, err := pgproof.SignHead(ctx, db, pgdb.District, stranger, 0); !errors.Is(err, pgproof.ErrStranger) {
		t.Errorf("a stranger's key signed: %v", err)
	}
	second, _ := keyfile.Make()
	if err := pgproof.Adopt(ctx, db, pgdb.District, second, first); err != nil {
		t.Fatal(err)
	}
	if err := keyfile.Replace(path, first, second); err != nil {
		t.Fatal(err)
	}
	if kept, err := keyfile.Load(path + "." + public(first)); err != nil || !kept.Equal(first) {
		t.Errorf("the key before is not kept: %v", err)
	}
	if _, err := pgproof.SignHead(ctx, db, pgdb.District, first, 0); !errors.Is(err, pgproof.ErrStranger) {
		t.Errorf("a key that was replaced signed: %v", err)
	}
	if !sign(second, 0) {
		t.Error("the new key did not sign")
	}
	for _, trusted := range [][]string{nil, {public(first)}, {public(second), public(first)}} {
		if r, err := pgproof.Verify(ctx, db, pgdb.District, trusted...); err != nil || r.Fault != nil || r.Heads != 3 || r.SignedTo != r.Last {
			t.Errorf("trusting %v: %+v %v", trusted, r, err)
		}
	}
	file := filepath.Join(t.TempDir(), "heads.jsonl")
	for range 2 {
		if err := pgproof.CopyHeads(ctx, db, pgdb.District, file); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil || strings.Count(string(text), `{"head"`) != 3 || strings.Count(string(text), `{"key"`) != 2 {
		t.Errorf("%v\n%s", err, text)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := keyfile.Load(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others may read was taken: %v", err)
	}
}

// An address is not in the event; its commitment is, and opens.
func TestAddressStandsBesideTheEvent(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	write(t, db, 1)
	var canonical string
	var o proof.Opening
	var commitment, salt []byte
	err := db.QueryRow(t.Context(), `SELECT convert_from(e.canonical, 'UTF8'), o.commitment, o.salt, o.value FROM case_events e
	  JOIN event_openings o ON e.body->>'from' = 'sha256:' || encode(o.commitment, 'hex')`).Scan(&canonical, &commitment, &salt, &o.Value)
	if err != nil {
		t.Fatal(err)
	}
	copy(o.Commitment[:], commitment)
	copy(o.Salt[:], salt)
	if strings.Contains(canonical, "10.1.2.3") || o.Value != "10.1.2.3" || !o.Opens() {
		t.Errorf("%s %+v", canonical, o)
	}
	for _, query := range []string{`UPDATE event_openings SET value = ''`, `DELETE FROM event_chain`, `UPDATE case_events SET kind = 'x'`, `DELETE FROM event_heads`} {
		if _, err := db.Exec(t.Context(), query); err == nil {
			t.Errorf("the service may %s", query)
		}
	}
}
