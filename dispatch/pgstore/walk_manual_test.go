package pgstore_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// What follows states the course of a case a second time, in the words of the duty
// manual, so that the walk does not ask the table whether the table is right.
// move: from > to, who; conditions are in lawful.
const manual = `
accept: reported > accepted, room town_leader
void: reported > void, room
self_handle: reported > verifying, worker
file: accepted > filed, room district_supervisor
dispatch: filed returned ruled reopened > dispatched, room
undo: dispatched > reported, room
sign: dispatched > signed, unit
return: dispatched > returned, unit
rule: returned > ruled, leader
start: signed > handling, unit
ask_extension: handling > handling, unit
ask_suspension: handling > handling, unit
grant: handling > *, leader
refuse: handling > handling, leader
resume: extended suspended > handling, unit
feedback: handling rework > verifying, unit
pass: verifying > closed, checker
fail: verifying > rework, checker
reopen: closed > reopened, overseer operator
urge: dispatched signed handling extended rework > =, urger
supervise: dispatched signed handling extended rework > =, overseer
answer: dispatched signed handling extended rework > =, unit
close: reported self_handled accepted filed dispatched signed returned ruled handling extended suspended feedback verifying rework reopened > closed, room district_supervisor
draw: > , nobody
check: > , nobody
join: reported accepted filed dispatched signed handling > void, room
split: void > reported, room
combine: reported accepted filed dispatched signed handling > =, room`

var groups = map[string]string{
	"room":     "operator duty_leader admin",
	"leader":   "duty_leader admin",
	"unit":     "officer device grid_worker part_timer grid_chief town_leader operator duty_leader",
	"checker":  "operator duty_leader admin district_supervisor town_leader grid_chief instructor",
	"worker":   "grid_worker part_timer device grid_chief instructor town_leader operator duty_leader",
	"urger":    "operator duty_leader admin town_leader district_supervisor",
	"overseer": "duty_leader admin town_leader district_supervisor",
}

type law struct {
	from []string
	to   string
	who  []string
}

func lawBook() map[string]law {
	book := map[string]law{}
	for _, line := range strings.Split(strings.TrimSpace(manual), "\n") {
		move, rest, _ := strings.Cut(line, ": ")
		arrow, who, _ := strings.Cut(rest, ", ")
		from, to, _ := strings.Cut(arrow, "> ")
		l := law{from: strings.Fields(from), to: strings.TrimSpace(to)}
		for _, w := range strings.Fields(who) {
			if members, ok := groups[w]; ok {
				w = members
			}
			l.who = append(l.who, strings.Fields(w)...)
		}
		book[move] = l
	}
	return book
}

// arrowsOfTheDuty are the steps that stages may follow one another in.
const arrowsOfTheDuty = `reported>self_handled self_handled>verifying reported>accepted accepted>filed filed>dispatched dispatched>signed
signed>handling handling>feedback feedback>verifying verifying>closed reported>void dispatched>returned returned>dispatched returned>ruled
ruled>dispatched handling>extended handling>suspended extended>handling suspended>handling verifying>rework rework>feedback closed>reopened
reopened>dispatched dispatched>reported accepted>void filed>void dispatched>void signed>void handling>void void>reported`

// clocksOfTheDuty are those that run in each stage; one in brackets while somebody sent to
// a joint case has not set out. Beside them runs that of an order that waits for its answer.
const clocksOfTheDuty = `
reported: accept
accepted: file
filed: send
dispatched: settle answer (leave)
signed: settle (leave)
returned once: redirect
returned twice: ruling
ruled: redirect
handling: settle (leave)
extended: settle (leave)
suspended: resume settle
verifying: check
rework: rework
reopened: send
closed:
void:`

func clockBook() map[string][]string {
	book := map[string][]string{}
	for _, line := range strings.Split(strings.TrimSpace(clocksOfTheDuty), "\n") {
		stage, clocks, _ := strings.Cut(line, ":")
		book[stage] = strings.Fields(clocks)
	}
	return book
}

// clocksRight says what is wrong with the clocks of a case, by the manual.
func clocksRight(c dispatch.CaseDetail, returns int) string {
	stage := string(c.Stage)
	if c.Stage == dispatch.StageReturned {
		stage += map[bool]string{true: " twice", false: " once"}[returns > 1]
	}
	must, known := clockBook()[stage]
	if !known {
		return "the manual has no stage " + stage
	}
	if s := c.Course.Supervision; s != nil && s.AnsweredAt == nil && c.ClosedAt == nil {
		must = append(must, "supervision")
	}
	home := slices.ContainsFunc(c.Assignments, func(a dispatch.Assignment) bool {
		return a.Kind == dispatch.KindDepartment && (a.State == dispatch.Offered || a.State == dispatch.Taken)
	})
	if i := slices.Index(must, "(leave)"); i >= 0 && len(c.Departments) > 1 && home {
		must[i] = "leave"
	} else if i >= 0 {
		must = slices.Delete(must, i, i+1)
	}
	var runs []string
	for _, k := range c.Clocks {
		runs = append(runs, string(k.Name))
		if k.Paused != (c.Stage == dispatch.StageSuspended && k.Name == dispatch.ClockSettle) {
			return fmt.Sprintf("in %s clock %s is paused: %v", stage, k.Name, k.Paused)
		}
		if !slices.Contains(must, string(k.Name)) {
			return fmt.Sprintf("in %s clock %s runs, which is not one of %v", stage, k.Name, must)
		}
	}
	for _, n := range must {
		if !slices.Contains(runs, n) {
			return fmt.Sprintf("in %s clock %s does not run, only %v", stage, n, runs)
		}
	}
	return ""
}
