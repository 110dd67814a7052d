package story

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

var zone = time.FixedZone("", 8*3600)

// at is a time of the night, as 20:00:00.
func at(clock string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 "+clockFace, "2026-11-26 "+clock, zone)
	if err != nil {
		panic(err)
	}
	return t
}

const photo = "86529405eb6a1eb11bf3fbac8cd793c951ce84983787e006b321b6f3c15022a1"

// theNight is a night as it must be.
func theNight() (Played, Evidence) {
	var e Evidence
	add := func(clock, kind string, detail map[string]any) {
		e.Events = append(e.Events, Event{N: int64(len(e.Events) + 1), Kind: kind, At: at(clock), Detail: detail})
	}
	of := func(department string) map[string]any {
		return map[string]any{"department": department, "assignment": department}
	}
	stage := func(clock, to string) { add(clock, "stage", map[string]any{"to": to}) }
	add("20:00:00", "reported", map[string]any{"photo_sha256": []any{photo}})
	add("20:00:00", "told", map[string]any{"why": "town_leader"})
	add("20:00:00", "plan", nil)
	stage("20:00:00", "dispatched")
	add("20:00:00", "assignment.offered", of("environment"))
	add("20:00:00", "assignment.offered", of("police"))
	add("20:00:00", "mission.rendezvous", map[string]any{"road": "银座街", "straight_m": 793.0, "road_m": 864.0, "no_cover": false, "breaks": []any{}})
	times := func(clock, environment, police string) {
		add(clock, "mission.times", nil)
		e.Events[len(e.Events)-1].After = map[string]any{"mission": map[string]any{"depart_at": map[string]any{
			"environment": at(environment).Format(time.RFC3339Nano), "police": at(police).Format(time.RFC3339Nano)}}}
	}
	times("20:00:00", "20:00:00", "20:02:56")
	add("20:00:14", "assignment.accepted", of("environment"))
	add("20:00:14", "assignment.accepted", of("police"))
	stage("20:00:14", "signed")
	add("20:00:25", "assignment.en_route", of("environment"))
	add("20:03:04", "assignment.en_route", of("police"))
	add("20:07:57", "mission.arrived", of("police"))
	add("20:08:23", "mission.arrived", of("environment"))
	add("20:08:23", "mission.in_place", nil)
	add("20:09:08", "mission.go", map[string]any{"anyway": false})
	add("20:10:45", "assignment.on_scene", of("environment"))
	stage("20:10:45", "handling")
	add("20:11:08", "assignment.on_scene", of("police"))
	stage("20:17:20", "feedback")
	stage("20:17:20", "verifying")
	stage("20:17:40", "closed")
	e.SignedAll = true
	dossier := bytes.NewBufferString(photo)
	for _, ev := range e.Events {
		fmt.Fprintln(dossier, ev.At.In(zone).Format(clockFace))
	}
	dossier.WriteString("银座街")
	dossier.WriteString(strings.Repeat(`<path class="track" d=""/>`, 2))
	return Played{Photo: photo, TownTold: at("20:00:00"), Result: true, Dossier: dossier.Bytes(),
		Rang: map[string]time.Time{"environment": at("20:00:01"), "police": at("20:00:01")}}, e
}

func (e *Evidence) event(t *testing.T, kind, department string) *Event {
	t.Helper()
	for i := range e.Events {
		if ev := &e.Events[i]; ev.Kind == kind && (department == "" || ev.Detail["department"] == department) {
			return ev
		}
	}
	t.Fatalf("the night has no %s of %s", kind, department)
	return nil
}

// Whatever of the article is broken, its point is missed.
func TestJudgeMissesWhatIsBroken(t *testing.T) {
	t.Parallel()
	move := func(kind, department, clock string) func(*testing.T, *Played, *Evidence) {
		return func(t *testing.T, _ *Played, e *Evidence) { e.event(t, kind, department).At = at(clock) }
	}
	lose := func(kind, department string) func(*testing.T, *Played, *Evidence) {
		return func(t *testing.T, _ *Played, e *Evidence) { e.event(t, kind, department).Kind = "lost" }
	}
	detail := func(kind, name string, value any) func(*testing.T, *Played, *Evidence) {
		return func(t *testing.T, _ *Played, e *Evidence) { e.event(t, kind, "").Detail[name] = value }
	}
	for _, c := range []struct {
		name, missed string // missed is the beginning of a point
		spoil        func(*testing.T, *Played, *Evidence)
	}{
		{"as it was", "", func(*testing.T, *Played, *Evidence) {}},
		{"reported late", "20:00 ", move("reported", "", "20:01:00")},
		{"another photo", "20:00 ", detail("reported", "photo_sha256", []any{"00"})},
		{"the town hears late", "20:01 the town", func(_ *testing.T, p *Played, _ *Evidence) { p.TownTold = at("20:01:01") }},
		{"the town hears nothing", "20:01 the town", lose("told", "")},
		{"the police get a plan of their own", "20:01 police", move("assignment.offered", "police", "20:00:30")},
		{"no phone of the police rings", "20:01 police", func(_ *testing.T, p *Played, _ *Evidence) { delete(p.Rang, "police") }},
		{"they meet nowhere", "they meet", lose("mission.rendezvous", "")},
		{"they meet under the window", "they meet", detail("mission.rendezvous", "straight_m", 60.0)},
		{"they meet next door by road", "they meet", detail("mission.rendezvous", "road_m", 149.0)},
		{"they meet in the street of the vat", "they meet", detail("mission.rendezvous", "breaks", []any{"target_street"})},
		{"they meet in the open", "they meet", detail("mission.rendezvous", "no_cover", true)},
		{"the police leave too soon", "each leaves", move("assignment.en_route", "police", "20:02:00")},
		{"the police leave too late", "each leaves", move("assignment.en_route", "police", "20:04:10")},
		{"nobody is told when to leave", "each leaves", lose("mission.times", "")},
		{"the police are not in place", "all are in place", lose("mission.arrived", "police")},
		{"one waits long for the other", "all are in place", move("mission.arrived", "police", "20:06:00")},
		{"nobody says go", "the commander", lose("mission.go", "")},
		{"go before all are there", "the commander", detail("mission.go", "anyway", true)},
		{"one after the other", "they enter", move("assignment.on_scene", "police", "20:12:46")},
		{"half past eight", "they enter", func(t *testing.T, _ *Played, e *Evidence) {
			e.event(t, "assignment.on_scene", "environment").At = at("20:29:30")
			e.event(t, "assignment.on_scene", "police").At = at("20:30:00")
		}},
		{"nobody closes it", "feedback", func(_ *testing.T, _ *Played, e *Evidence) { e.Events[len(e.Events)-1].Kind = "lost" }},
		{"the reporter hears nothing", "feedback", func(_ *testing.T, p *Played, _ *Evidence) { p.Result = false }},
		{"an event was changed", "the chain", func(_ *testing.T, _ *Played, e *Evidence) { e.ChainFault = "event 7 is altered" }},
		{"the end is not signed", "the chain", func(_ *testing.T, _ *Played, e *Evidence) { e.SignedAll = false }},
		{"a dossier without the hash", "the dossier", func(_ *testing.T, p *Played, _ *Evidence) {
			p.Dossier = bytes.ReplaceAll(p.Dossier, []byte(photo), nil)
		}},
		{"a dossier without a step", "the dossier", func(_ *testing.T, p *Played, _ *Evidence) {
			p.Dossier = bytes.ReplaceAll(p.Dossier, []byte("20:17:40"), nil)
		}},
		{"a dossier without where they met", "the dossier", func(_ *testing.T, p *Played, _ *Evidence) {
			p.Dossier = bytes.ReplaceAll(p.Dossier, []byte("银座街"), nil)
		}},
		{"a dossier without the police at the door", "the dossier", func(_ *testing.T, p *Played, _ *Evidence) {
			p.Dossier = bytes.ReplaceAll(p.Dossier, []byte("20:11:08"), nil)
		}},
		{"a dossier without the order", "the dossier", func(_ *testing.T, p *Played, _ *Evidence) {
			p.Dossier = bytes.ReplaceAll(p.Dossier, []byte("20:09:08"), nil)
		}},
		{"a dossier with one track", "the dossier", func(_ *testing.T, p *Played, _ *Evidence) {
			p.Dossier = bytes.Replace(p.Dossier, []byte(`<path class="track"`), nil, 1)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, e := theNight()
			c.spoil(t, &p, &e)
			missed := false
			for _, point := range Judge(p, e, zone) {
				if c.missed == "" && !point.Kept {
					t.Errorf("%s is missed: %s", point.Says, point.Seen)
				}
				missed = missed || !point.Kept && strings.HasPrefix(point.Says, c.missed)
			}
			if c.missed != "" && !missed {
				t.Errorf("no point %q was missed", c.missed)
			}
			if kept := Print(&bytes.Buffer{}, p, e, Judge(p, e, zone), zone); kept != (c.missed == "") {
				t.Errorf("printed as kept: %v", kept)
			}
		})
	}
}
