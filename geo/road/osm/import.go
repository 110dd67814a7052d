package osm

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/profile"
)

// Stats is what an import saw and kept.
type Stats struct {
	Nodes     int64 `json:"nodes"` // elements in the file
	Ways      int64 `json:"ways"`
	Relations int64 `json:"relations"`

	Roads        int `json:"roads"` // ways kept
	Restrictions int `json:"restrictions"`
	// RestrictionsUnclear could not be placed: members missing or not adjacent.
	RestrictionsUnclear int `json:"restrictions_unclear"`
	// NodesMissing are references to nodes that the file does not hold, as at the
	// edge of an extract. The way is cut there.
	NodesMissing int `json:"nodes_missing"`
}

// Progress is told how many of total bytes were read. Both passes count.
type Progress func(read, total int64)

// ErrNoRoads says that a readable file holds nothing to travel on.
var ErrNoRoads = errors.New("no roads in the file")

// Profiles are whom roads are read for, one a slot; nil leaves a slot empty.
type Profiles [road.Modes]*profile.Profile

// Dispatch are the shipped profiles that dispatch uses.
func Dispatch() (Profiles, error) {
	var all Profiles
	for m, name := range profile.Dispatch {
		var err error
		if all[m], err = profile.Shipped(name); err != nil {
			return all, err
		}
	}
	return all, nil
}

// ImportFile is Import of the file at path.
func ImportFile(ctx context.Context, path string, progress Progress) (*road.Survey, Stats, error) {
	profiles, err := Dispatch()
	if err != nil {
		return nil, Stats{}, err
	}
	return ImportFileFor(ctx, path, profiles, progress)
}

// ImportFileFor is ImportFor of the file at path.
func ImportFileFor(ctx context.Context, path string, profiles Profiles, progress Progress) (*road.Survey, Stats, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, Stats{}, fmt.Errorf("open roads: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, Stats{}, fmt.Errorf("open roads: %w", err)
	}
	return ImportFor(ctx, f, info.Size(), profiles, progress)
}

// Import is ImportFor the profiles that dispatch uses.
func Import(ctx context.Context, r io.ReadSeeker, size int64, progress Progress) (*road.Survey, Stats, error) {
	profiles, err := Dispatch()
	if err != nil {
		return nil, Stats{}, err
	}
	return ImportFor(ctx, r, size, profiles, progress)
}

// ImportFor reads a survey for some profiles from r, which holds size bytes. Progress
// may be nil. Errors about the content are a *FileError or ErrNoRoads.
func ImportFor(ctx context.Context, r io.ReadSeeker, size int64, profiles Profiles, progress Progress) (*road.Survey, Stats, error) {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	im := &importer{survey: &road.Survey{Gates: map[uint32]road.Gate{}}, wayOf: map[int64][]uint32{}}
	for m, p := range profiles {
		im.rules[m] = rules{p}
		if p != nil {
			im.survey.Profiles[m], im.survey.Turns[m] = p.Name, p.TurnCosts()
		}
	}
	err := im.pass(ctx, r, Visitor{
		Node:     func(Node) error { return nil },
		Way:      im.way,
		Relation: im.relation,
	}, func(read int64) { progress(read, 2*size) })
	if err != nil {
		return nil, im.stats, err
	}
	if len(im.ways) == 0 {
		return nil, im.stats, ErrNoRoads
	}
	im.needed = make([]int64, 0, len(im.refs))
	im.needed = append(im.needed, im.refs...)
	slices.Sort(im.needed)
	im.needed = slices.Compact(im.needed)
	im.survey.Nodes = make([]road.Node, len(im.needed))
	im.found = make([]bool, len(im.needed))
	err = im.pass(ctx, r, Visitor{Node: im.node}, func(read int64) { progress(size+read, 2*size) })
	if err != nil {
		return nil, im.stats, err
	}
	im.connect()
	im.restrict()
	im.stats.Roads = len(im.survey.Ways)
	if im.stats.Roads == 0 {
		return nil, im.stats, ErrNoRoads
	}
	progress(2*size, 2*size)
	return im.survey, im.stats, nil
}

type importer struct {
	rules  [road.Modes]rules // without a profile where a slot stays empty
	survey *road.Survey
	stats  Stats

	ways      []rawWay
	refs      []int64 // of all ways, one after the other
	relations []rawRestriction

	needed []int64 // sorted ids; the index is the node's number
	found  []bool
	wayOf  map[int64][]uint32 // pieces of a way by its id
}

// rawWay is a kept way before its nodes are known.
type rawWay struct {
	id          int64
	first, last int // in refs
	way         road.Way
}

type rawRestriction struct {
	from, to, vias []int64
	via            int64
	viaNode        bool
	only           bool
	modes          road.ModeSet
}

func (im *importer) pass(ctx context.Context, r io.ReadSeeker, v Visitor, progress func(int64)) error {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("rewind roads: %w", err)
	}
	counting := v.Way != nil
	count := v
	if counting {
		count.Node = func(Node) error { im.stats.Nodes++; return nil }
		count.Way = func(w Way) error { im.stats.Ways++; return v.Way(w) }
		count.Relation = func(rel Relation) error { im.stats.Relations++; return v.Relation(rel) }
	}
	reader := NewReader(bufio.NewReaderSize(r, 1<<20))
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		block, err := reader.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := block.Visit(count); err != nil {
			return err
		}
		progress(reader.Offset())
	}
}

func (im *importer) way(w Way) error {
	way, ok := im.readWay(w.Tags)
	if !ok || len(w.Refs) < 2 {
		return nil
	}
	way.Origin = w.ID
	first := len(im.refs)
	im.refs = append(im.refs, w.Refs...)
	im.ways = append(im.ways, rawWay{id: w.ID, first: first, last: len(im.refs), way: way})
	return nil
}

// readWay answers what the tags of a way make of it; false for what nobody
// travels on.
func (im *importer) readWay(tags Tags) (road.Way, bool) {
	class, ferry := classOf(tags)
	way := road.Way{Class: class, Ferry: ferry, Bridge: stands(tags.Get("bridge")), Tunnel: stands(tags.Get("tunnel"))}
	usable := false
	for m, r := range im.rules {
		if r.Profile == nil {
			continue
		}
		travel, ends := r.way(tags, ferry)
		way.Travel[m] = travel
		if travel.ForwardMS > 0 || travel.BackwardMS > 0 {
			usable = true
			if ends {
				way.EndsOnly |= road.SetOf(road.Mode(m))
			}
		}
	}
	if usable {
		way.Name = strings.Clone(first(tags, "name", "ref"))
	}
	return way, usable
}

// stands says that a tag which names a structure, in whatever word, names one.
func stands(word string) bool { return word != "" && word != "no" }

// classOf is the class of a way, whether or not anybody may use it.
func classOf(tags Tags) (c road.Class, ferry bool) {
	switch route, highway := tags.Get("route"), tags.Get("highway"); {
	case route == "ferry" || route == "shuttle_train" && highway == "":
		return road.Ferry, true
	case highway == "bridleway":
		return road.Path, false
	case highway == "" || highway == "platform" || highway == "corridor":
		return road.Footway, false
	default:
		if c, ok := road.ParseClass(highway); ok && c != road.Ferry {
			return c, false
		}
		return road.OtherRoad, false
	}
}

func (im *importer) number(id int64) (uint32, bool) {
	i, ok := slices.BinarySearch(im.needed, id)
	return uint32(i), ok
}

func (im *importer) node(n Node) error {
	i, ok := im.number(n.ID)
	if !ok {
		return nil
	}
	im.survey.Nodes[i] = road.Node{Lon7: n.Lon7, Lat7: n.Lat7}
	im.found[i] = true
	if gate, ok := im.gate(n.Tags); ok {
		im.survey.Gates[i] = gate
	}
	return nil
}

// connect turns references into node numbers and cuts ways where nodes are
// missing.
func (im *importer) connect() {
	for _, raw := range im.ways {
		var run []uint32
		flush := func() {
			if len(run) >= 2 {
				way := raw.way
				way.Nodes = run
				if whole := raw.last - raw.first; len(run) < whole {
					for m := range way.Travel {
						way.Travel[m].DurationS *= float32(len(run)-1) / float32(whole-1)
					}
				}
				im.wayOf[raw.id] = append(im.wayOf[raw.id], uint32(len(im.survey.Ways)))
				im.survey.Ways = append(im.survey.Ways, way)
			}
			run = nil
		}
		run = make([]uint32, 0, raw.last-raw.first)
		for _, ref := range im.refs[raw.first:raw.last] {
			i, _ := im.number(ref)
			if !im.found[i] {
				im.stats.NodesMissing++
				flush()
				continue
			}
			run = append(run, i)
		}
		flush()
	}
	im.ways, im.refs = nil, nil
}
