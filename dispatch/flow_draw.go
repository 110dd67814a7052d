package dispatch

import (
	"bytes"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
)

// DrawFlow draws the state machine as a page in Markdown, with a diagram in Mermaid: made
// from the table that the program goes by, so it cannot say anything else.
func DrawFlow() []byte {
	var b bytes.Buffer
	b.WriteString(`# The course of a case

Made from the table in ` + "`dispatch/flow.go`" + ` by ` + "`make generate`" + `; do not edit.
Closing (直接结案) is possible from every open stage and walks through the stages between; it is left out of the drawing.

` + "```mermaid\nstateDiagram-v2\n  [*] --> reported\n")
	for s := range inOrder() {
		fmt.Fprintf(&b, "  %s : %s %s\n", s, stageWords[s], s)
	}
	type edge struct{ from, to Stage }
	var edges []edge
	labels := map[edge][]string{}
	for _, r := range rules {
		if r.To == "" || r.Move == MoveClose {
			continue
		}
		e := edge{r.From, r.To}
		if labels[e] == nil {
			edges = append(edges, e)
		}
		if name := moveWords[r.Move].ZH; !slices.Contains(labels[e], name) {
			labels[e] = append(labels[e], name)
		}
	}
	for _, e := range edges {
		fmt.Fprintf(&b, "  %s --> %s : %s\n", e.from, e.to, strings.Join(labels[e], "、"))
	}
	b.WriteString("  closed --> [*]\n  void --> [*]\n```\n\n## Moves\n\n| from | move | to | who | if | needs | then with | clock |\n|---|---|---|---|---|---|---|---|\n")
	for _, r := range rules {
		who := make([]string, len(r.By))
		for i, role := range r.By {
			who[i] = string(role)
			if role == RoleSystem {
				who[i] = "system"
			}
		}
		to := string(r.To)
		if to == "" {
			to = "(stays)"
		}
		fmt.Fprintf(&b, "| %s | %s %s | %s | %s | %s | %s | %s | %s |\n", r.From, r.Move, moveWords[r.Move].ZH, to, strings.Join(who, " "),
			joined(r.When), joined(r.Needs), r.Owner, r.Clock)
	}
	b.WriteString("\n## Clocks\n\nWarned at three quarters, overdue to the town's leader, and a quarter of the limit later to the district.\n\n| clock | 中文 | urgent | ordinary | hard |\n|---|---|---|---|---|\n")
	for _, n := range []ClockName{ClockAccept, ClockFile, ClockSend, ClockLeave, ClockAnswer, ClockSettle, ClockRedirect, ClockRuling, ClockCheck, ClockRework} {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", n, clockWords[n].ZH, limits[n][0], limits[n][1], limits[n][2])
	}
	fmt.Fprintf(&b, "\n`resume` runs until a suspension's own end, `supervision` until a supervision order's answer is due. No case is given more than %d working days from its first dispatch, returns and extensions included; what a suspension takes does not count.\n", MostDays)
	b.WriteString("\n## Conditions\n\n| condition | who is stopped by it hears |\n|---|---|\n")
	for _, g := range slices.Sorted(maps.Keys(guardWords)) {
		fmt.Fprintf(&b, "| %s | %s. %s |\n", g, guardWords[g].ZH, guardWords[g].EN)
	}
	return b.Bytes()
}

func (l Limit) String() string {
	switch l.Unit {
	case UnitDays:
		return fmt.Sprintf("%d working days", l.Days)
	case UnitHours:
		return fmt.Sprintf("%g working hours", l.Span.Hours())
	}
	if l.Span < time.Hour {
		return fmt.Sprintf("%g min", l.Span.Minutes())
	}
	return fmt.Sprintf("%g h", l.Span.Hours())
}

func joined[S ~string](all []S) string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = string(s)
	}
	return strings.Join(out, " ")
}

// inOrder is every stage, as the table comes to it.
func inOrder() iter.Seq[Stage] {
	return func(yield func(Stage) bool) {
		seen := map[Stage]bool{}
		for _, r := range rules {
			for _, s := range []Stage{r.From, r.To} {
				if s != "" && !seen[s] {
					seen[s] = true
					if !yield(s) {
						return
					}
				}
			}
		}
	}
}

var stageWords = map[Stage]string{StageReported: "上报", StageSelfHandled: "自行处置", StageAccepted: "受理", StageVoid: "注销", StageFiled: "立案",
	StageDispatched: "派遣", StageSigned: "签收", StageReturned: "退单", StageRuled: "裁定", StageHandling: "处置", StageExtended: "延期",
	StageSuspended: "挂账", StageFeedback: "反馈", StageVerifying: "核查", StageRework: "返工", StageClosed: "结案", StageReopened: "重新立案"}
