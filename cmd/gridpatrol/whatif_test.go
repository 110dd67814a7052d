package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch/whatif"
	"github.com/gridpatrol/gridpatrol/migrations/pgdb"
	"github.com/gridpatrol/gridpatrol/migrations/pgtest"
)

// A morning of two reports, of which one patrol took both: what another policy and
// another roster would have done, through the command as it is typed.
func TestDispatchReplay(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)
	db, err := pgdb.Open(t.Context(), pgdb.Config{URL: address, MaxConns: 2, AllowUnsafeCommit: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	began := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := db.Exec(t.Context(), query, args...); err != nil {
			t.Fatalf("%v in %.80s", err, query)
		}
	}
	exec(`INSERT INTO departments (district_id, code, name_zh, name_en) VALUES ($1, 'police', '公安', 'Police')`, pgdb.District)
	exec(`INSERT INTO categories (id, district_id, code, name_zh, name_en, lead, joint, urgency, dispatch_mode, valid)
		VALUES (gen_random_uuid(), $1, 'A10', 'a', 'a', 'police', '{}', 'ordinary', 'auto', '[2020-01-01,)')`, pgdb.District)
	for i, lon := range []float64{121.38, 121.43} {
		patrol := uuid.Must(uuid.NewV7())
		exec(`INSERT INTO patrols (id, district_id, code, name, department, mode) VALUES ($1, $2, $3, $3, 'police', 'car')`, patrol, pgdb.District, "P"+string(rune('1'+i)))
		exec(`INSERT INTO duties (id, patrol_id, during, source) VALUES (gen_random_uuid(), $1, tstzrange($2, $3), 'shift')`, patrol, began.Add(-time.Hour), began.Add(8*time.Hour))
		for m := -10; m < 60; m += 5 {
			exec(`INSERT INTO tracks (district_id, device_id, stream, seq, t, received_at, patrol_id, cell, lon, lat, mock)
				VALUES ($1, $2, $2, $3, $4, $4, $2, 0, $5, 28.58, false)`, pgdb.District, patrol, m+11, began.Add(time.Duration(m)*time.Minute), lon)
		}
	}
	for i, lon := range []float64{121.40, 121.30} {
		exec(`INSERT INTO cases (id, district_id, number, stage, dispatch, category, urgency, lon, lat, cell, called, made_at)
			VALUES (gen_random_uuid(), $1, $2, 'handling', 'done', 'A10', 'ordinary', $3, 28.58, 0, '[{"code": "police", "part": "lead", "because": ""}]', $4)`,
			pgdb.District, "20261120-000"+string(rune('1'+i)), lon, began.Add(time.Duration(i)*time.Second))
	}
	play := func(c whatifCmd) (string, error) {
		t.Helper()
		var out bytes.Buffer
		readOnly, err := pgdb.Open(t.Context(), pgdb.Config{URL: withSetting(address, "default_transaction_read_only", "on"), MaxConns: 2, AllowUnsafeCommit: true})
		if err != nil {
			t.Fatal(err)
		}
		defer readOnly.Close()
		if _, err := readOnly.Exec(context.Background(), `UPDATE patrols SET version = version + 1`); err == nil {
			t.Error("the command's connections take writes")
		}
		c.TZ, c.From, c.To = "Asia/Shanghai", "2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z"
		ask, err := c.ask(time.Now())
		if err != nil {
			return "", err
		}
		err = c.play(t.Context(), &Env{Stdout: &out, Stderr: &out, Log: slog.New(slog.DiscardHandler), DB: readOnly}, ask)
		return out.String(), err
	}
	said, err := play(whatifCmd{Policy: []string{"nearest", "batch"}, Window: 2 * time.Second, JSON: true})
	if err != nil {
		t.Fatal(err)
	}
	var got whatif.Comparison
	if err := json.Unmarshal([]byte(said), &got); err != nil {
		t.Fatalf("%v in %s", err, said)
	}
	if got.Reports != 2 || len(got.Columns) != 3 || got.Columns[0].All.Unserved != 2 || got.Columns[1].All.Unserved != 0 {
		t.Fatalf("%s", said)
	}
	if near, together := got.Columns[1].All.TotalS, got.Columns[2].All.TotalS; together >= near-60 {
		t.Errorf("matched together %v s in sum, one after the other %v s", together, near)
	}
	again, _ := play(whatifCmd{Policy: []string{"nearest", "batch"}, Window: 2 * time.Second, JSON: true})
	if again != said {
		t.Errorf("the same question twice:\n%s\n%s", said, again)
	}
	roster := tableFile(t, "night.csv", "code,department,mode,lon,lat\nN1,police,car,121.40,28.58\nN2,police,car,121.30,28.58\n")
	if said, err = play(whatifCmd{Roster: roster}); err != nil || !strings.Contains(said, "nearest with night.csv") || !strings.Contains(said, "0:00") {
		t.Errorf("another roster: %v\n%s", err, said)
	}
	bad := tableFile(t, "bad.csv", "code,department,mode,lon,lat\nN1,navy,car,121.40,28.58\n")
	if said, err = play(whatifCmd{Roster: bad}); exitCode(err, io.Discard) != exitRefused || !strings.Contains(said, "there is no department") {
		t.Errorf("a roster with a fault: %v\n%s", err, said)
	}
	if _, err = play(whatifCmd{Policy: []string{"best"}}); err == nil || !strings.Contains(err.Error(), "nearest") {
		t.Errorf("an unknown policy: %v", err)
	}
}

func TestWhenever(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{"-24h": "2026-11-22T12:00:00Z", "-0s": "2026-11-23T12:00:00Z", "2026-11-23": "2026-11-22T16:00:00Z",
		"2026-11-23T08:00:00+08:00": "2026-11-23T00:00:00Z", "yesterday": "", "": "", "24h": ""} {
		got, err := whenever(text, now, zone)
		if (err == nil) != (want != "") || err == nil && got.Format(time.RFC3339) != want {
			t.Errorf("%q: %v %v, want %q", text, got, err, want)
		}
	}
}
