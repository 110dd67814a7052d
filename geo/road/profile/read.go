package profile

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gridpatrol/gridpatrol/geo/road"
)

//go:embed *.yaml
var shipped embed.FS

// Dispatch are the profiles dispatch uses, by slot.
var Dispatch = [road.Modes]string{road.Foot: "foot", road.EBike: "ebike", road.Car: "car"}

// Fault is what is wrong with a profile: the file, the key, and what to write.
type Fault struct {
	File   string
	Key    string // as a path, "access.closed[2]"; empty where the file is no YAML
	Detail string
}

func (f *Fault) Error() string {
	if f.Key == "" {
		return fmt.Sprintf("profile %s: %s", f.File, f.Detail)
	}
	return fmt.Sprintf("profile %s: %s: %s", f.File, f.Key, f.Detail)
}

// Names are the shipped profiles, sorted.
func Names() []string {
	entries, err := shipped.ReadDir(".")
	if err != nil {
		return nil // cannot happen: the folder is in the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// Shipped reads a profile of the program by name.
func Shipped(name string) (*Profile, error) {
	if !slices.Contains(Names(), name) {
		return nil, fmt.Errorf("there is no profile %q; shipped are %s", name, strings.Join(Names(), ", "))
	}
	data, err := shipped.ReadFile(name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("read profile %s: %w", name, err)
	}
	return Read(name, bytes.NewReader(data))
}

// Open reads a profile by the name of a shipped one or from a file (.yaml, .yml).
func Open(nameOrFile string) (*Profile, error) {
	switch filepath.Ext(nameOrFile) {
	case ".yaml", ".yml":
	default:
		return Shipped(nameOrFile)
	}
	f, err := os.Open(nameOrFile)
	if err != nil {
		return nil, fmt.Errorf("open profile: %w", err)
	}
	defer f.Close()
	return Read(filepath.Base(nameOrFile), f)
}

// maxFile bounds a profile; the shipped ones have 4 KB.
const maxFile = 1 << 20

// Read reads and checks one profile. Faults are a *Fault.
func Read(file string, r io.Reader) (*Profile, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read profile %s: %w", file, err)
	}
	if len(data) > maxFile {
		return nil, &Fault{File: file, Detail: "is larger than a mebibyte; a profile is a few kilobytes of YAML"}
	}
	p := &Profile{}
	decode := yaml.NewDecoder(bytes.NewReader(data))
	decode.KnownFields(true)
	if err := decode.Decode(p); err != nil {
		return nil, yamlFault(file, err)
	}
	if key, detail := p.check(); detail != "" {
		return nil, &Fault{File: file, Key: key, Detail: detail}
	}
	return p, nil
}

var unknownField = regexp.MustCompile(`^line (\d+): field (\S+) not found in type (\S+)$`)

// yamlFault names the key of what the decoder complains of.
func yamlFault(file string, err error) error {
	var typed *yaml.TypeError
	if !errors.As(err, &typed) || len(typed.Errors) == 0 {
		if errors.Is(err, io.EOF) {
			return &Fault{File: file, Detail: "is empty"}
		}
		return &Fault{File: file, Detail: err.Error()}
	}
	first := typed.Errors[0]
	if m := unknownField.FindStringSubmatch(first); m != nil {
		return &Fault{File: file, Key: m[2], Detail: fmt.Sprintf("line %s: there is no such key; docs/road-profiles.md lists those there are", m[1])}
	}
	return &Fault{File: file, Detail: first}
}

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

// check answers the first key that cannot be, and what to write; empty when all can.
func (p *Profile) check() (key, detail string) {
	if !nameForm.MatchString(p.Name) {
		return "name", "must be small letters, digits and dashes, at most 40, beginning with a letter"
	}
	if _, err := road.ParseMode(p.Mode); err != nil {
		return "mode", "must be foot, ebike or car: the restrictions, patrols and map colours it goes with"
	}
	if len(p.Access.Keys) == 0 {
		return "access.keys", "is empty; name the tags to obey, the most specific first, like [foot, access]"
	}
	if len(p.Speed) == 0 {
		return "speed", "is empty; give at least a table by highway"
	}
	if key, detail := checkTables("speed", p.Speed); detail != "" {
		return key, detail
	}
	if key, detail := checkTables("push.speed", p.Push.Speed); detail != "" {
		return key, detail
	}
	if key, detail := p.Ferry.check("ferry"); detail != "" {
		return key, detail
	}
	for _, tag := range sorted(p.AtMost) {
		if key, detail := p.AtMost[tag].check("at_most." + tag); detail != "" {
			return key, detail
		}
	}
	for i, s := range p.TooSmall {
		at := fmt.Sprintf("too_small[%d]", i)
		switch {
		case len(s.Keys) == 0:
			return at + ".keys", "is empty; name the tags, like [maxheight]"
		case (s.Below > 0) == (s.UpTo > 0):
			return at, "give one of below and up_to, in metres or tonnes"
		}
	}
	for _, s := range []struct {
		key string
		kmh float64
	}{{"default.kmh", p.Default.KMH}, {"cycleway.kmh", p.Cycleway.KMH}, {"push.kmh", p.Push.KMH}} {
		if !(s.kmh >= 0 && s.kmh <= maxKMH) {
			return s.key, fmt.Sprintf("%g is not within 0..%d km/h", s.kmh, maxKMH)
		}
	}
	if p.Default.KMH > 0 && len(p.Default.On) == 0 {
		return "default.on", "is empty; name the tags of which such a way must have one, like [highway]"
	}
	if key, detail := p.Limit.check(); detail != "" {
		return key, detail
	}
	if key, detail := p.Gates.check(); detail != "" {
		return key, detail
	}
	for _, word := range sorted(p.WaitS) {
		if s := p.WaitS[word]; !(s >= 0 && s <= maxWaitS) {
			return "wait_s." + word, fmt.Sprintf("%g is not within 0..%d seconds", s, maxWaitS)
		}
	}
	return p.Turns.check()
}

const (
	maxKMH   = 400
	maxWaitS = 3600
)

// checkTables answers the first fault of a list of tables at a path.
func checkTables(path string, tables []Table) (key, detail string) {
	for i, t := range tables {
		at := fmt.Sprintf("%s[%d]", path, i)
		if t.Key == "" {
			return at + ".key", "is empty; name the tag, like highway"
		}
		if key, detail := t.KMH.check(at + ".kmh"); detail != "" {
			return key, detail
		}
	}
	return "", ""
}

func (s Speeds) check(path string) (key, detail string) {
	for _, word := range sorted(s) {
		if kmh := s[word]; !(kmh > 0 && kmh <= maxKMH) {
			return path + "." + word, fmt.Sprintf("%g is not within 0..%d km/h; what may not be used belongs into never", kmh, maxKMH)
		}
	}
	return "", ""
}

func (l Limit) check() (key, detail string) {
	if len(l.Keys) == 0 {
		return "", ""
	}
	if !(l.Share > 0 && l.Share <= 2) {
		return "limit.share", "must be above 0 and at most 2: the share of a signed limit that is reached, like 0.8"
	}
	if l.MPH != 0 && !(l.MPH > 1.5 && l.MPH < 1.7) {
		return "limit.mph", "is the kilometres of a mile, like 1.609"
	}
	return l.Zones.check("limit.zones")
}

func (g Gates) check() (key, detail string) {
	if len(g.Open) > 0 && len(g.Closed) > 0 {
		return "gates", "give one of open and closed; what is not listed is the other"
	}
	for _, word := range sorted(g.DelayS) {
		if s := g.DelayS[word]; !(s >= 0 && s <= maxWaitS) {
			return "gates.delay_s." + word, fmt.Sprintf("%g is not within 0..%d seconds", s, maxWaitS)
		}
	}
	return "", ""
}

func (t Turns) check() (key, detail string) {
	switch t.Shape {
	case ShapeNone:
	case ShapeSigmoid, ShapeSquare:
		if !(t.Bias > 0 && t.Bias < 10) {
			return "turns.bias", "must be above 0: how much more one side costs than the other, 1 for the same"
		}
	default:
		return "turns.shape", "must be none, sigmoid or square"
	}
	for _, cost := range []struct {
		key string
		s   float64
	}{{"turns.most_s", t.MostS}, {"turns.round_s", t.RoundS}} {
		if !(cost.s >= 0 && cost.s <= maxWaitS) {
			return cost.key, fmt.Sprintf("%g is not within 0..%d seconds", cost.s, maxWaitS)
		}
	}
	return "", ""
}

func sorted[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
