// Package district is the demo district: a synthetic map labelled 示范区 with the
// real names and codes of 12 towns and 228 villages, its roads and rivers, and the
// people who work there. The files are committed data; generate made them from a
// seed, and a test makes them again and compares.
//
// The outline, the borders, the roads and every person are invented.
package district

import (
	"embed"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

//go:generate go run ./generate -seed 1 -dir data

//go:embed data
var data embed.FS

// Calendar is China's public holidays of 2026 and the days worked for them, as a table
// that can be imported. It is the demo's; a district imports its own.
//
//go:embed calendar/2026.csv
var Calendar string

// The files, in the order in which they can be imported.
const (
	DepartmentsFile = "departments.csv"
	AreasFile       = "areas.csv"
	CategoriesFile  = "categories.csv"
	GridsFile       = "grids.geojson"
	RoadsFile       = "roads.geojson"
	StaffFile       = "staff.csv"
	ShiftsFile      = "shifts.csv"
	PlacesFile      = "places.csv"
	AccountsFile    = "accounts.json"
	AreaShapesFile  = "areas.geojson"
	WaterFile       = "water.geojson"
)

// Files is the district as it lies on disk.
func Files() fs.FS {
	sub, err := fs.Sub(data, "data")
	if err != nil {
		panic(err) // the folder is embedded in this very binary
	}
	return sub
}

// Account is a sign-in of the demo. It has no password: whoever loads the
// district makes one up. An empty Area is the whole district, an empty Department
// every department. Staff is the code of the person it belongs to; a device has
// Device, its code, instead.
type Account struct {
	Role       string `json:"role"`
	Username   string `json:"username"`
	Area       string `json:"area,omitempty"`
	Department string `json:"department,omitempty"`
	Staff      string `json:"staff,omitempty"`
	Device     string `json:"device,omitempty"`
}

// Accounts lists one sign-in for each role.
func Accounts() ([]Account, error) {
	raw, err := fs.ReadFile(Files(), AccountsFile)
	if err != nil {
		return nil, fmt.Errorf("read demo accounts: %w", err)
	}
	var list []Account
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("read demo accounts: %w", err)
	}
	return list, nil
}

// Shift is one stretch of duty, counted from the start of the demo. From may lie
// before it.
type Shift struct {
	PatrolCode  string
	From, Until time.Duration
}

// Shifts lists the duty of every patrol for the fortnight from the start of the
// demo, and for the day before it.
func Shifts() ([]Shift, error) {
	rows, err := readCSV(ShiftsFile)
	if err != nil {
		return nil, err
	}
	list := make([]Shift, 0, len(rows))
	for _, row := range rows {
		s := Shift{PatrolCode: row["patrol_code"]}
		if s.From, err = time.ParseDuration(row["from"]); err != nil {
			return nil, fmt.Errorf("read shifts: %w", err)
		}
		if s.Until, err = time.ParseDuration(row["until"]); err != nil {
			return nil, fmt.Errorf("read shifts: %w", err)
		}
		list = append(list, s)
	}
	return list, nil
}

// Staff lists the rows of the staff file by column name.
func Staff() ([]map[string]string, error) { return readCSV(StaffFile) }

// Categories lists the rows of the category file by column name.
func Categories() ([]map[string]string, error) { return readCSV(CategoriesFile) }

func readCSV(name string) ([]map[string]string, error) {
	raw, err := fs.ReadFile(Files(), name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	lines, err := csv.NewReader(strings.NewReader(string(raw))).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	rows := make([]map[string]string, 0, len(lines))
	for _, line := range lines[1:] {
		row := make(map[string]string, len(line))
		for i, value := range line {
			row[lines[0][i]] = value
		}
		rows = append(rows, row)
	}
	return rows, nil
}
