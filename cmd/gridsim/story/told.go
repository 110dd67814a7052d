package story

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// told are the events of a timeline, in its words; the others are in the dossier.
var told = map[string]string{
	"reported": "上报 reported", "located": "定位网格 located in its grid", "plan": "派单方案 one plan for all",
	"assignment.offered": "派单 offered", "assignment.accepted": "接单 accepted", "assignment.en_route": "出发 left", "assignment.on_scene": "到场 on scene", "assignment.done": "完成 done",
	"mission.rendezvous": "集合点 where they meet", "mission.arrived": "到达集合点 at the meeting point", "mission.in_place": "全部到位 all in place", "mission.go": "下令行动 go",
	"mission.ended": "行动结束 mission over", "stage": "环节 stage",
}

// Print tells the night by its events and says of each point whether it was kept. It
// answers whether all were.
func Print(out io.Writer, p Played, e Evidence, points []Point, zone *time.Location) (kept bool) {
	w := &writer{out: out}
	w.line("  %s  %s", "时间线 timeline of", p.Number)
	for _, ev := range e.Events {
		words, tell := told[ev.Kind]
		if !tell {
			continue
		}
		about := ""
		switch {
		case ev.Kind == "stage":
			about = fmt.Sprint(ev.Detail["to"])
		case ev.Kind == "mission.rendezvous":
			about = fmt.Sprint(ev.Detail["road"])
		case ev.Detail["department"] != nil:
			about = fmt.Sprint(ev.Detail["department"])
		}
		if who := p.Names[ev.Patrol]; who != "" && ev.Kind != "reported" {
			about += "  " + who
		}
		w.line("  %s  #%-4d  %s  %s", ev.At.In(zone).Format(clockFace), ev.N, words, about)
	}
	w.line("")
	for _, point := range points {
		mark := "✓"
		if !point.Kept {
			mark = "✗ MISSED"
		}
		w.line("  %s %s: %s", mark, point.Says, point.Seen)
	}
	kept = len(points) > 0 && !slices.ContainsFunc(points, func(p Point) bool { return !p.Kept })
	w.line("")
	w.line("  卷宗 dossier: %s\n  事件链 chain of events: %s (gridpatrol verify %s)", e.DossierFile, e.EventsFile, e.EventsFile)
	return kept && w.err == nil
}

// writer keeps the first error of many lines.
type writer struct {
	out io.Writer
	err error
}

func (w *writer) line(format string, args ...any) {
	if w.err == nil {
		_, w.err = fmt.Fprintf(w.out, format+"\n", args...)
	}
}
