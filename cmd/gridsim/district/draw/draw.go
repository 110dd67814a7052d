// Package draw makes the demo district: a synthetic map with the names of a
// real one, and the people and shifts that go with it. It is a generator, run by
// hand; the program ships only what it wrote.
//
// # Model
//
// The land is a fine lattice of hexagonal cells (about 70 m across). Towns, then
// villages, then grids are grown over the cells, each inside its parent, so
// that every level is a partition of the one above. A border is a chain of
// lattice corners; each corner is moved exactly once, for everybody who shares
// it, which is why neighbours fit to the last digit. Three cells meet at a
// corner, never four, so a connected region has no pinches.
//
// Everything follows from the seed: no clock, no map iteration, one goroutine.
package draw

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
)

// File is one file of the district.
type File struct {
	Name string
	Data []byte
}

// Manifest lists what Draw wrote, so that a change is seen.
type Manifest struct {
	Seed   uint64           `json:"seed"`
	Files  []ManifestFile   `json:"files"`
	Counts map[string]int64 `json:"counts"`
}

// ManifestFile is one line of the manifest.
type ManifestFile struct {
	Name   string `json:"name"`
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// ManifestName is the name of the manifest among the files.
const ManifestName = "manifest.json"

// Draw makes the whole district. villagesCSV holds the names and codes:
// town_code,town,village_code,village.
func Draw(seed uint64, villagesCSV []byte) ([]File, error) {
	register, err := readRegister(villagesCSV)
	if err != nil {
		return nil, err
	}
	land := newLand(seed)
	rivers := layRivers(land)
	land.partition(register, rivers)
	mainRoads := layMainRoads(land)
	land.partitionTowns(register, rivers, mainRoads)
	shape, err := land.shape()
	if err != nil {
		return nil, err
	}
	special := laySpecialGrids(land, register)
	roads, err := layRoads(land, rivers, mainRoads)
	if err != nil {
		return nil, err
	}
	people := newPeople(rand.New(rand.NewPCG(seed, 7)), land, register, special, roads)

	files := []File{
		{"grids.geojson", gridsJSON(land, register, shape, special)},
		{"areas.geojson", areasJSON(land, register, shape)},
		{"roads.geojson", roads.geoJSON(land)},
		{"water.geojson", waterJSON(land, rivers)},
		{"departments.csv", departmentsCSV()},
		{"areas.csv", areasCSV(register)},
		{"categories.csv", categoriesCSV()},
		{"staff.csv", people.staffCSV()},
		{"shifts.csv", people.shiftsCSV()},
		{"places.csv", placesCSV(rand.New(rand.NewPCG(seed, 8)), land, register, special, roads)},
		{"accounts.json", accountsJSON(register)},
		{"villages.csv", villagesCSV},
	}
	manifest := Manifest{Seed: seed, Counts: map[string]int64{
		"towns":          int64(len(register.towns)),
		"villages":       int64(len(register.villages)),
		"general_grids":  int64(len(land.grids)),
		"special_grids":  int64(len(special)),
		"cells":          int64(len(land.cells)),
		"road_lines":     int64(len(roads.edges)),
		"road_junctions": int64(len(roads.nodes)),
		"staff":          int64(len(people.staff)),
		"shifts":         int64(len(people.shifts)),
	}}
	for _, f := range files {
		sum := sha256.Sum256(f.Data)
		manifest.Files = append(manifest.Files, ManifestFile{f.Name, len(f.Data), hex.EncodeToString(sum[:])})
	}
	data, err := json.MarshalIndent(manifest, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write manifest: %w", err)
	}
	return append(files, File{ManifestName, append(data, '\n')}), nil
}
