package main

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// scrape reads every figure that a running service shows, by its whole name with
// labels.
func scrape(t *testing.T, url string) map[string]float64 {
	t.Helper()
	status, page := get(t, url)
	if status != http.StatusOK {
		t.Fatalf("/metrics: %d %s", status, page)
	}
	figures := map[string]float64{}
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(strings.TrimSpace(line[at+1:]), 64)
		if err != nil {
			t.Fatalf("figure %q: %v", line, err)
		}
		figures[line[:at]] = value
	}
	return figures
}

// The figures say what stands in the database.
func TestFiguresSayWhatIs(t *testing.T) {
	t.Parallel()
	r := runService(t)
	err := r.env.DB.Owner(t.Context(), func(conn *pgx.Conn) error {
		_, err := conn.Exec(context.Background(), `
INSERT INTO areas SELECT id, 'D', '示范区', 'district', NULL FROM districts;
INSERT INTO cases (id, district_id, number, stage, dispatch, category, urgency, lon, lat, cell, due_at, shortfalls)
  SELECT gen_random_uuid(), id, 'N' || n, 'handling', 'done', 'C01', 'urgent', 121, 28, 1, gp_now() + (n - 1.5) * interval '1 h',
    '[{"department": "police", "reason": "all_busy", "considered": 3}]' FROM districts, generate_series(1, 3) n;
INSERT INTO deadlines (id, district_id, case_id, stage, step, due_at, leased_until)
  SELECT gen_random_uuid(), district_id, id, 'handling', 'dispatch', gp_now() - interval '90 s', gp_now() + interval '1 h' FROM cases WHERE number = 'N1';
INSERT INTO tracks (district_id, device_id, stream, seq, t, received_at, patrol_id, cell, lon, lat, mock)
  SELECT id, gen_random_uuid(), gen_random_uuid(), 1, gp_now() + interval '40 days', gp_now(), gen_random_uuid(), 1, 121, 28, false FROM districts;
INSERT INTO photos (district_id, sha256, media_type, width, height, content, made_at)
  SELECT id, sha256(n::text::bytea), 'image/jpeg', 1, 1, '', gp_now() - n * interval '10 min' FROM districts, generate_series(1, 3) n;
INSERT INTO photo_todo (district_id, sha256, due_at, leased_until) SELECT district_id, sha256, gp_now() + interval '1 h', gp_now() + interval '1 h' FROM photos WHERE made_at > gp_now() - interval '25 min';
DO $$ BEGIN EXECUTE 'DROP TABLE tracks_' || to_char((gp_now() AT TIME ZONE 'UTC')::date + 3, 'YYYYMMDD'); END $$`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got := scrape(t, r.metrics)
	for name, want := range map[string]float64{
		`gridpatrol_database_up`:                       1,
		`gridpatrol_cases_open{stage="handling"}`:      3,
		`gridpatrol_cases_overdue{stage="handling"}`:   1,
		`gridpatrol_cases_open{stage="reported"}`:      0,
		`gridpatrol_shortfalls{reason="all_busy"}`:     3,
		`gridpatrol_shortfalls{reason="out_of_reach"}`: 0,
		`gridpatrol_deadlines_due`:                     1,
		`gridpatrol_photos_waiting`:                    2,
		`gridpatrol_track_default_partition_rows`:      1,
		`gridpatrol_track_partitions_ahead_days`:       3,
		`gridpatrol_road_network_version`:              0,
	} {
		if v, there := got[name]; !there || v != want {
			t.Errorf("%s is %v (there: %v), want %v", name, v, there, want)
		}
	}
	if late := got[`gridpatrol_deadline_late_seconds`]; late < 90 || late > 90+time.Minute.Seconds() {
		t.Errorf("the deadline is %v s late, want a little over 90", late)
	}
	if wait := got[`gridpatrol_photo_wait_seconds`]; wait < 1200 || wait > 1200+time.Minute.Seconds() {
		t.Errorf("the oldest photo has waited for %v s, want a little over 1200", wait)
	}
	for name := range got {
		if bad := unbounded.FindString(name); bad != "" {
			t.Errorf("%s: a label %s names somebody or something", name, bad)
		}
	}
}

// unbounded labels would grow with the district, and name who is in it.
var unbounded = regexp.MustCompile(`[{,](patrol|device|staff|account|username|case|number|id|grid|area|lon|lat|cell|url|path|ip)=`)
