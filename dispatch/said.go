package dispatch

import (
	"fmt"
	"math"
	"strings"
)

// Words are one thing in both languages of the district.
type Words struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Names are what the district calls a case's category and the departments.
type Names struct {
	Category    Words
	Departments map[string]Words
}

// The reasons for which a reporter is told something. The first look of a grid
// worker counts like any other department's coming.
const (
	WhyReceived = "received"
	WhySent     = "sent"     // who goes, and when they will be there
	WhyReplaced = "replaced" // somebody else comes than was said before
	WhyWaiting  = "waiting"  // there is nobody to send yet
	WhyAccepted = "accepted"
	WhyEnRoute  = "en_route"
	WhyOnScene  = "on_scene"
	WhyDone     = "done"
	WhyStage    = "stage" // the case took a turn that none of the others tells
	WhyClosed   = "closed"
	WhyVoid     = "void"
)

// elsewhere names departments that a category may call though the district has no
// row of them.
var elsewhere = map[string]Words{
	"village": {"村社", "the village"}, "town": {"镇街", "the town"},
	"transport": {"交通运输", "Transport"}, "agriculture": {"农业农村", "Agriculture"}, "housing": {"住建", "Housing"},
	"water": {"水利", "Water"}, "natural_resources": {"自然资源", "Natural resources"}, "traffic_police": {"交警", "Traffic police"},
	"civil_affairs": {"民政", "Civil affairs"}, "human_resources": {"人力社保", "Human resources"},
	"judicial": {"司法所", "Judicial office"}, "judicial_office": {"司法所", "Judicial office"}, "market_brigade": {"市场专属网格", "Market brigade"},
}

// Department is what people call a department; a code that nobody named stays as
// it is, which is better than nothing.
func (n Names) Department(code string) Words {
	if code == GridDepartment {
		return Words{"网格员", "grid worker"}
	}
	if w, ok := n.Departments[code]; ok {
		return w
	}
	if w, ok := elsewhere[code]; ok {
		return w
	}
	return Words{code, code}
}

// crew is the people of a department.
func (n Names) crew(code string) Words {
	w := n.Department(code)
	if code == GridDepartment {
		return Words{"网格员", "Grid worker"}
	}
	return Words{w.ZH + "人员", w.EN}
}

func (n Names) category(code string) Words {
	if n.Category == (Words{}) {
		return Words{code, code}
	}
	return n.Category
}

func saidReceived(n Names, c Case) Words {
	w := n.category(c.Category)
	return Words{fmt.Sprintf("已收到您反映的“%s”，编号 %s。", w.ZH, c.Number),
		fmt.Sprintf("We have received your report (%s), number %s.", w.EN, c.Number)}
}

// goer is a department on its way, and how long it will take, nil where nobody
// knows.
type goer struct {
	department string
	etaS       *float64
}

func saidSent(n Names, goers []goer, replaced bool) Words {
	var zh, en []string
	for _, g := range goers {
		crew, eta := n.crew(g.department), saidETA(g.etaS)
		zh, en = append(zh, crew.ZH+eta.ZH), append(en, crew.EN+eta.EN)
	}
	if replaced {
		return Words{"人员有调整，改派" + strings.Join(zh, "、") + "前往。", "A change, now sent: " + strings.Join(en, ", ") + "."}
	}
	return Words{"已派" + strings.Join(zh, "、") + "前往现场。", "Sent to the place: " + strings.Join(en, ", ") + "."}
}

func saidETA(etaS *float64) Words {
	if etaS == nil {
		return Words{}
	}
	m := int(math.Max(1, math.Ceil(*etaS/60)))
	return Words{fmt.Sprintf("（预计约 %d 分钟）", m), fmt.Sprintf(" (about %d min)", m)}
}

func saidWaiting(n Names, departments []string) Words {
	var zh, en []string
	for _, d := range departments {
		zh, en = append(zh, n.crew(d).ZH), append(en, n.crew(d).EN)
	}
	return Words{"暂时派不出" + strings.Join(zh, "、") + "，值班员正在安排。",
		"Nobody can be sent at the moment (" + strings.Join(en, ", ") + "); the duty desk is seeing to it."}
}

// saidStep is how far one department has come.
func saidStep(n Names, department string, to AssignmentState) (why string, w Words) {
	crew := n.crew(department)
	switch to {
	case Taken:
		return WhyAccepted, Words{crew.ZH + "已接单。", crew.EN + ": accepted."}
	case OnTheWay:
		return WhyEnRoute, Words{crew.ZH + "已出发。", crew.EN + ": on the way."}
	case There:
		return WhyOnScene, Words{crew.ZH + "已到现场。", crew.EN + ": has arrived."}
	case Done:
		return WhyDone, Words{crew.ZH + "已处理完毕。", crew.EN + ": has finished."}
	}
	return "", Words{}
}

// plainStage is each stage in words that need no knowledge of the duty.
var plainStage = map[Stage]Words{
	StageReported:    {"已收到，正在安排", "Received, being arranged"},
	StageSelfHandled: {"已当场处理，等待核查", "Dealt with on the spot, to be checked"},
	StageAccepted:    {"已受理", "Accepted"},
	StageVoid:        {"已注销，不再处理", "Cancelled"},
	StageFiled:       {"已立案", "Filed"},
	StageDispatched:  {"已派人前往", "People have been sent"},
	StageSigned:      {"处理人员已接单", "Somebody has taken it on"},
	StageReturned:    {"正在确定由哪个部门负责", "Being given to the right department"},
	StageRuled:       {"正在确定由哪个部门负责", "Being given to the right department"},
	StageHandling:    {"正在现场处理", "Being dealt with on the spot"},
	StageExtended:    {"处理时间已延长", "More time was granted"},
	StageSuspended:   {"暂缓处理", "On hold"},
	StageFeedback:    {"已处理，正在核查", "Dealt with, being checked"},
	StageVerifying:   {"已处理，正在核查", "Dealt with, being checked"},
	StageRework:      {"核查未通过，正在重新处理", "The check failed; being done again"},
	StageClosed:      {"已办结", "Closed"},
	StageReopened:    {"重新处理", "Opened again"},
}

// PlainStage says a stage so that a resident understands it.
func PlainStage(s Stage) Words {
	if w, ok := plainStage[s]; ok {
		return w
	}
	return Words{string(s), string(s)}
}

// turns are the stages that a reporter is told of by name; the others show in who
// goes and how far they are.
var turns = map[Stage]bool{StageSelfHandled: true, StageReturned: true, StageExtended: true, StageSuspended: true,
	StageRework: true, StageReopened: true}

func saidStage(to Stage) Words {
	w := PlainStage(to)
	return Words{w.ZH + "。", w.EN + "."}
}

// saidClosed is the result: what whoever closed the case says of it, else what the
// record does.
func saidClosed(n Names, c Case, result string) Words {
	if result != "" {
		return Words{"已办结：" + result, "Closed: " + result}
	}
	w := n.category(c.Category)
	var zh, en []string
	seen := map[string]bool{}
	for _, a := range c.Assignments {
		if a.ArrivedAt != nil && !seen[a.Department] {
			seen[a.Department] = true
			zh, en = append(zh, n.crew(a.Department).ZH), append(en, n.crew(a.Department).EN)
		}
	}
	if len(zh) == 0 {
		return Words{fmt.Sprintf("已办结：您反映的“%s”已处理完毕。", w.ZH), fmt.Sprintf("Closed: what you reported (%s) has been dealt with.", w.EN)}
	}
	return Words{fmt.Sprintf("已办结：您反映的“%s”，%s已到现场处理完毕。", w.ZH, strings.Join(zh, "、")),
		fmt.Sprintf("Closed: what you reported (%s) has been dealt with on the spot (%s).", w.EN, strings.Join(en, ", "))}
}

func saidVoid() Words {
	return Words{"您反映的问题已注销，不再处理。", "What you reported was cancelled."}
}

// yourPlace is where a case lies to a grid's chief or a town's leader.
func yourPlace(c Case, why string) Words {
	where := Words{"您的网格", "in your grid"}
	if why == "town_leader" {
		where = Words{"您的镇街", "in your town"}
	}
	if c.Responsible.Name != nil {
		where.ZH, where.EN = where.ZH+"（"+*c.Responsible.Name+"）", where.EN+" ("+*c.Responsible.Name+")"
	}
	return where
}

// saidReleased is what they are told of a case that was covert.
func saidReleased(n Names, c Case, why string) Words {
	w, where, stands := n.category(c.Category), yourPlace(c, why), Words{"正在办理", "It is being dealt with."}
	if !c.Stage.Open() {
		stands = Words{"已办结", "It is closed."}
	}
	return Words{fmt.Sprintf("%s有一起事件解除保密：%s，编号 %s，%s。", where.ZH, w.ZH, c.Number, stands.ZH),
		fmt.Sprintf("A case %s is covert no more: %s, number %s. %s", where.EN, w.EN, c.Number, stands.EN)}
}

// saidToStaff is what they are told of a new case.
func saidToStaff(n Names, c Case, why string) Words {
	w, where := n.category(c.Category), yourPlace(c, why)
	return Words{fmt.Sprintf("%s有新事件：%s，编号 %s。", where.ZH, w.ZH, c.Number), fmt.Sprintf("A new case %s: %s, number %s.", where.EN, w.EN, c.Number)}
}
