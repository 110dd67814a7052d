package district

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/cmd/gridsim/district/draw"
)

// The committed files are what the generator writes, to the byte.
func TestDataIsWhatTheGeneratorWrites(t *testing.T) {
	t.Parallel()
	if runtime.GOARCH != "amd64" {
		t.Skipf("the borders follow from floating point, which %s may fuse and so round otherwise", runtime.GOARCH)
	}
	villages, err := fs.ReadFile(Files(), "villages.csv")
	if err != nil {
		t.Fatal(err)
	}
	files, err := draw.Draw(1, villages)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		got, err := fs.ReadFile(Files(), f.Name)
		if err != nil {
			t.Error(err)
		} else if sha256.Sum256(got) != sha256.Sum256(f.Data) {
			t.Errorf("%s is not what the generator writes; run go generate ./cmd/gridsim/district", f.Name)
		}
	}
}

func TestManifestFitsTheFiles(t *testing.T) {
	t.Parallel()
	raw, err := fs.ReadFile(Files(), draw.ManifestName)
	if err != nil {
		t.Fatal(err)
	}
	var manifest draw.Manifest
	if err := json.Unmarshal(raw, &manifest); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, f := range manifest.Files {
		data, err := fs.ReadFile(Files(), f.Name)
		if err != nil {
			t.Error(err)
			continue
		}
		total += len(data)
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != f.SHA256 {
			t.Errorf("%s has another hash than the manifest says", f.Name)
		}
	}
	if total > 12<<20 {
		t.Errorf("the district weighs %d bytes, more than 12 MiB", total)
	}
	entries, err := fs.ReadDir(Files(), ".")
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(manifest.Files)+1 {
		t.Errorf("%d files on disk, %d in the manifest", len(entries)-1, len(manifest.Files))
	}
}

func TestPeople(t *testing.T) {
	t.Parallel()
	staff, err := Staff()
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]bool{}
	patrols := map[string]int{}
	mode := map[string]int{}
	devices := map[string]bool{}
	parts := map[string]int{}
	for _, p := range staff {
		if codes[p["code"]] {
			t.Errorf("staff code %s stands twice", p["code"])
		}
		codes[p["code"]] = true
		if d := p["device_id"]; d != "" {
			if devices[d] {
				t.Errorf("device %s stands twice", d)
			}
			devices[d] = true
		}
		parts[p["grid_part"]]++
		if p["patrol_code"] == "" {
			continue
		}
		if p["department"] != "grid" {
			if patrols[p["patrol_code"]]++; patrols[p["patrol_code"]] == 1 {
				mode[p["patrol_mode"]]++
			}
		}
	}
	if parts["worker"] != 622 || parts["chief"] != 622 || parts["instructor"] != 622 || parts["part_timer"] < 622 {
		t.Errorf("grids are not fully staffed: %v", parts)
	}
	if len(patrols) != 60 || mode["foot"] == 0 || mode["ebike"] == 0 || mode["car"] == 0 {
		t.Errorf("%d department patrols by mode %v, want 60 of all three", len(patrols), mode)
	}
	for code, officers := range patrols {
		if officers != 2 {
			t.Errorf("patrol %s has %d officers, want 2", code, officers)
		}
	}
	if len(devices) != 622+60 {
		t.Errorf("%d devices, want one a patrol: 682", len(devices))
	}
	accounts, err := Accounts()
	if err != nil {
		t.Fatal(err)
	}
	roles := map[string]bool{}
	for _, a := range accounts {
		roles[a.Role] = true
		if (a.Staff != "" && !codes[a.Staff]) || (a.Device != "" && !devices[a.Device]) {
			t.Errorf("account %s belongs to nobody in the staff", a.Username)
		}
	}
	for _, role := range []string{"admin", "operator", "duty_leader", "town_leader", "district_supervisor", "officer",
		"grid_worker", "part_timer", "grid_chief", "instructor", "auditor", "device"} {
		if !roles[role] {
			t.Errorf("no demo account for role %s", role)
		}
	}
}

// At any hour of the fortnight enough people are out, of every department.
func TestEnoughOnDutyAtAnyHour(t *testing.T) {
	t.Parallel()
	shifts, err := Shifts()
	if err != nil {
		t.Fatal(err)
	}
	staff, err := Staff()
	if err != nil {
		t.Fatal(err)
	}
	department := map[string]string{}
	for _, p := range staff {
		if p["patrol_code"] != "" {
			department[p["patrol_code"]] = p["department"]
		}
	}
	ends := map[string][]Shift{}
	for _, s := range shifts {
		if department[s.PatrolCode] == "" || s.Until <= s.From {
			t.Fatalf("shift %+v is nobody's", s)
		}
		ends[s.PatrolCode] = append(ends[s.PatrolCode], s)
	}
	for code, list := range ends {
		slices.SortFunc(list, func(a, b Shift) int { return int(a.From - b.From) })
		for i := 1; i < len(list); i++ {
			if list[i].From < list[i-1].Until {
				t.Errorf("shifts of %s overlap", code)
			}
		}
	}
	leastWorkers, leastPatrols := 1000, 1000
	for at := time.Duration(0); at <= 14*24*time.Hour; at += 30 * time.Minute {
		count := map[string]int{}
		for _, s := range shifts {
			if s.From <= at && at < s.Until {
				count[department[s.PatrolCode]]++
			}
		}
		patrols := 0
		for d, n := range count {
			if d != "grid" {
				patrols += n
			}
		}
		leastWorkers, leastPatrols = min(leastWorkers, count["grid"]), min(leastPatrols, patrols)
		if len(count) != 8 {
			t.Errorf("after %v only %d departments are out", at, len(count))
		}
	}
	t.Logf("on duty at the quietest moment: %d workers, %d patrols", leastWorkers, leastPatrols)
	if leastWorkers < 250 || leastPatrols < 40 {
		t.Errorf("on duty at the quietest moment: %d workers, %d patrols; want 250 and 40", leastWorkers, leastPatrols)
	}
}
