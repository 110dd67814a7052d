package api

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// valueWords are the words of codes that stand under one name, where the same code may be
// something else under another: a town level, a town's tier, the town as a unit.
var valueWords = map[string]map[string]dispatch.Words{
	"step":         {"self_handle": {ZH: "自行处置", EN: "settled on the spot"}, "done": {ZH: "现场办结", EN: "done on scene"}, "feedback": {ZH: "反馈", EN: "fed back"}, "pass": {ZH: "核查通过", EN: "passed"}, "fail": {ZH: "核查不通过", EN: "not passed"}},
	"satisfaction": {string(dispatch.Satisfied): {ZH: "满意", EN: "content"}, string(dispatch.Fair): {ZH: "基本满意", EN: "fairly content"}, string(dispatch.Dissatisfied): {ZH: "不满意", EN: "not content"}},
	"tier":         {dispatch.TierGrid: {ZH: "网格", EN: "grid"}, dispatch.TierVillage: {ZH: "村社", EN: "village"}, dispatch.TierTown: {ZH: "镇街", EN: "town"}, dispatch.TierDistrict: {ZH: "区级", EN: "district"}},
	"for":          {dispatch.AskedExtension: {ZH: "延期", EN: "an extension"}, dispatch.AskedSuspension: {ZH: "挂账", EN: "a suspension"}},
	"rung": {string(dispatch.RungRunning): {ZH: "计时中", EN: "running"}, string(dispatch.RungWarned): {ZH: "预警", EN: "warned"}, string(dispatch.RungOverdue): {ZH: "已超时", EN: "overdue"},
		string(dispatch.RungDistrict): {ZH: "已报区级", EN: "with the district"}},
	"state": {string(dispatch.Gathering): {ZH: "集结中", EN: "gathering"}, string(dispatch.InPlace): {ZH: "全部到位", EN: "all in place"}, string(dispatch.Going): {ZH: "已下令行动", EN: "ordered to go"},
		string(dispatch.Ended): {ZH: "已结束", EN: "ended"}},
	"breaks": {"near_straight": {ZH: "直线距现场不足 80 米", EN: "nearer than 80 m"}, "near_road": {ZH: "路程距现场不足 150 米", EN: "nearer than 150 m by road"},
		"target_street": {ZH: "与现场在同一条路段", EN: "in the street of the case"}, "last_street": {ZH: "在进入现场的最后一个路口前", EN: "in sight before the last turn"},
		"no_stopping": {ZH: "此处不能停车", EN: "no stopping there"}, "off_road": {ZH: "不在道路上", EN: "off the road"}, "out_of_reach": {ZH: "有力量到不了", EN: "out of reach of somebody"}},
	"reasons": {"near": {ZH: "相距近", EN: "place"}, "soon": {ZH: "时间近", EN: "time"}, "category": {ZH: "类别相同", EN: "category"}, "photos": {ZH: "照片相似", EN: "photos"}},
	"until":   {"the case ends": {ZH: "本事件办结", EN: "the case ends"}},
	"unit":    {"village": {ZH: "村社", EN: "the village"}, "town": {ZH: "镇街", EN: "the town"}},
}

// unitFields hold the code of a department, or village or town, where they hold a code.
var unitFields = []string{"unit", "owner", "from", "to", "proposed", "departments", "ruled", "code"}

// answersYes are what an event says of something that either is so or not.
func (w *dossierText) yes(is bool) string {
	if is {
		return w.Yes
	}
	return w.No
}

// says are the fields of an event's detail in words, each with its name, in the order of
// saidFirst. What stands in the event as before and after is not said again.
func (in *dossierContext) says(kind string, detail map[string]any) (out []string) {
	if kind == "stage" || kind == "reported" { // all of it is what changed, or at the head
		return nil
	}
	for _, key := range saidFirst {
		v, there := detail[key]
		if !there || v == nil || v == "" || v == false && key != "passed" && key != "checked" {
			continue
		}
		if text := in.value(key, v); text != "" {
			out = append(out, in.field(key)+in.words.Colon+text)
		}
	}
	return out
}

// field is the name of a field in the page's language.
func (in *dossierContext) field(key string) string {
	if f, there := fieldWords[key]; there {
		return in.text.pick(f.ZH, f.EN)
	}
	return key
}

// kind is what an event is called.
func (in *dossierContext) kind(kind string) string {
	if w, there := eventWords[kind]; there {
		return in.text.pick(w.ZH, w.EN)
	}
	return kind
}

// code is the word of a code under its name; false where it has none.
func (in *dossierContext) code(key, code string) (string, bool) {
	w, there := valueWords[key][code]
	switch {
	case key == "clock" || key == "clocks":
		w, there = dispatch.ClockWords(dispatch.ClockName(code))
	case key == "level":
		w, there = dispatch.LevelWords(code)
	case slices.Contains(unitFields, key):
		if name, known := in.names[code]; known {
			return name, true
		}
		w, there = valueWords["unit"][code]
	}
	return in.text.pick(w.ZH, w.EN), there
}

// figure is a number with its unit, as its name tells it.
func (in *dossierContext) figure(key string, v float64) string {
	switch {
	case key == "share":
		return fmt.Sprintf("%.0f %%", v*100)
	case key == "lon" || key == "lat":
		return fmt.Sprintf("%.6f", v)
	case strings.HasSuffix(key, "_m"):
		return fmt.Sprintf("%.0f m", v)
	case strings.HasSuffix(key, "_s"):
		return fmt.Sprintf("%.0f min", math.Ceil(v/60))
	}
	return fmt.Sprint(v)
}

// word is one text of an event: a time, a name of the register, a code's word, or itself.
func (in *dossierContext) word(key, v string) string {
	switch {
	case key == "stage":
		return in.stage(v)
	case freeText[key]: // somebody's own words are no code, whatever they look like
		return v
	}
	if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
		return in.time(&t)
	}
	for _, register := range []string{key, "patrol", "staff", "grid", "account"} {
		if name, there := in.record.Names[register+":"+v]; there {
			return name
		}
	}
	if name, there := in.record.Names[v]; there { // account:ID and the like
		return name
	}
	if text, there := in.code(key, v); there {
		return text
	}
	if part, code, ok := strings.Cut(v, ":"); ok && (key == "departments" || key == "shortfalls" || key == "item" || key == "crews") {
		switch part {
		case dispatch.PartLead:
			return named(in.names, code) + " (" + in.words.Lead + ")"
		case dispatch.PartAssist:
			return named(in.names, code) + " (" + in.words.Assist + ")"
		}
		if key == "crews" { // department:people:skills
			return named(in.names, part) + " " + strings.TrimSuffix(strings.Replace(code, ":", " × ", 1), " × ")
		}
		return named(in.names, part) + " (" + or(in.words.States, code) + ")"
	}
	if _, err := uuid.Parse(v); err == nil {
		for _, a := range in.c.Assignments {
			if a.ID.String() == v {
				return in.part(a) + " " + a.PatrolName
			}
		}
		return v[:8] + "…"
	}
	return or(in.words.States, v)
}

// freeText are what people wrote.
var freeText = map[string]bool{"result": true, "answer": true, "reason": true, "document": true, "road": true, "name": true, "article": true}
