package profile_test

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo/road"
	"github.com/gridpatrol/gridpatrol/geo/road/profile"
)

func TestShippedProfilesAreSound(t *testing.T) {
	t.Parallel()
	want := []string{"car", "ebike", "foot", "osrm-bicycle", "osrm-car", "osrm-foot"}
	if got := profile.Names(); !reflect.DeepEqual(got, want) {
		t.Fatalf("shipped are %v, want %v", got, want)
	}
	for _, name := range profile.Names() {
		p, err := profile.Shipped(name)
		if err != nil {
			t.Fatal(err)
		}
		if p.Name != name {
			t.Errorf("%s.yaml calls itself %s", name, p.Name)
		}
	}
	for m, name := range profile.Dispatch {
		if p, err := profile.Shipped(name); err != nil || p.Slot() != road.Mode(m) {
			t.Errorf("%s does not serve %v: %v", name, road.Mode(m), err)
		}
	}
	if _, err := profile.Shipped("../car"); err == nil || !strings.Contains(err.Error(), "shipped are car, ebike") {
		t.Errorf("a name that is none: %v", err)
	}
}

// TestFaultsNameTheirKey spoils the profile for cars, one line a row.
func TestFaultsNameTheirKey(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("car.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, old, spoilt, key, detail string }{
		{"a name with spaces", "name: car", "name: my car", "name", "small letters"},
		{"no mode there is", "mode: car", "mode: boat", "mode", "foot, ebike or car"},
		{"a key there is not", "oneway:\n", "one_way:\n", "one_way", "docs/road-profiles.md"},
		{"a speed of nought", "residential: 25", "residential: 0", "speed[0].kmh.residential", "never"},
		{"a speed below nought", "motorway: 90", "motorway: -90", "speed[0].kmh.motorway", "-90"},
		{"a speed that is no number", "motorway: 90", "motorway: fast", "", "fast"},
		{"a speed of infinity", "mud: 10", "mud: .inf", "at_most.surface.mud", "km/h"},
		{"a speed that is not a number", "mud: 10", "mud: .nan", "at_most.surface.mud", "NaN"},
		{"no keys of access", "keys: [motorcar, motor_vehicle, vehicle, access]", "keys: []", "access.keys", "[foot, access]"},
		{"twice the limit", "share: 0.8", "share: 80", "limit.share", "0.8"},
		{"a mile of a metre", "mph: 1.609344", "mph: 0.001", "limit.mph", "1.609"},
		{"a limit of nought", `"cn:rural": 70`, `"cn:rural": 0`, "limit.zones.cn:rural", "0 is not"},
		{"a bar too small for both", "{keys: [\"maxheight:physical\", maxheight], below: 2.0}", "{keys: [maxheight], below: 2.0, up_to: 2}", "too_small[0]", "one of"},
		{"gates both ways", "  open: [cattle_grid", "  closed: [wall]\n  open: [cattle_grid", "gates", "one of open and closed"},
		{"a default on anything", ", on: [highway]", "", "default.on", "[highway]"},
		{"a gate for ever", "gate: 60,", "gate: 1e9,", "gates.delay_s.gate", "seconds"},
		{"a wait for ever", "stop: 2", "stop: -2", "wait_s.stop", "-2"},
		{"a shape there is not", "shape: sigmoid", "shape: cubic", "turns.shape", "sigmoid or square"},
		{"no bias", "bias: 1.075", "bias: 0", "turns.bias", "above 0"},
		{"two faults, the first", "speed:\n", "speed:\n  - {key: surface, kmh: {mud: 0}}\n  - {kmh: {mud: 9}}\n", "speed[0].kmh.mud", "never"},
		{"turning round for ever", "round_s: 20", "round_s: 1e9", "turns.round_s", "seconds"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(string(data), c.old) {
				t.Fatalf("car.yaml has no %q", c.old)
			}
			_, err := profile.Read("mine.yaml", strings.NewReader(strings.Replace(string(data), c.old, c.spoilt, 1)))
			var fault *profile.Fault
			if !errors.As(err, &fault) {
				t.Fatalf("got %v", err)
			}
			if fault.Key != c.key || !strings.Contains(fault.Error(), c.detail) || !strings.Contains(fault.Error(), "mine.yaml") {
				t.Errorf("key %q, %v; want key %q and %q", fault.Key, fault, c.key, c.detail)
			}
		})
	}
	if _, err := profile.Read("empty.yaml", strings.NewReader("")); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("an empty file: %v", err)
	}
	if _, err := profile.Read("huge.yaml", strings.NewReader(strings.Repeat("#", 2<<20))); err == nil || !strings.Contains(err.Error(), "mebibyte") {
		t.Errorf("a huge file: %v", err)
	}
}

// TestEveryKeyIsExplained looks for each key of the format in the page about it.
func TestEveryKeyIsExplained(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/road-profiles.md")
	if err != nil {
		t.Fatal(err)
	}
	var look func(path string, of reflect.Type)
	look = func(path string, of reflect.Type) {
		for of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct {
			return
		}
		for i := range of.NumField() {
			key := path + of.Field(i).Tag.Get("yaml")
			if !strings.Contains(string(page), "`"+key+"`") {
				t.Errorf("docs/road-profiles.md does not explain `%s`", key)
			}
			look(key+".", of.Field(i).Type)
		}
	}
	look("", reflect.TypeFor[profile.Profile]())
}
