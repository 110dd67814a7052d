package api

import (
	"strings"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// reasonWords are the reasons that rules and clocks give, which stand in events as short
// English sentences. What a person wrote is none of them and is shown as it was written.
var reasonWords = map[string]dispatch.Words{
	"reported": {ZH: "接到上报", EN: "reported"}, "declined": {ZH: "有力量拒单", EN: "declined"}, "no answer in time": {ZH: "超时未接", EN: "no answer in time"},
	"an operator sent it": {ZH: "值班员派遣", EN: "an operator sent it"}, "an operator sent another": {ZH: "值班员改派", EN: "an operator sent another"},
	"an operator closed the case": {ZH: "值班员结案", EN: "an operator closed the case"}, "an operator handed it over": {ZH: "值班员交办", EN: "an operator handed it over"},
	"the case was closed": {ZH: "事件已结案", EN: "the case was closed"}, "the dispatch was taken back": {ZH: "派遣已撤销", EN: "the dispatch was taken back"},
	"its position was lost": {ZH: "定位丢失", EN: "its position was lost"}, "went off duty": {ZH: "下班", EN: "went off duty"}, "the fence is no more": {ZH: "围栏已撤销", EN: "the fence is no more"}, "the patrol was lost": {ZH: "力量失联", EN: "the patrol was lost"},
	"is needed sooner elsewhere": {ZH: "别处更急", EN: "is needed sooner elsewhere"}, "is not needed": {ZH: "不再需要", EN: "is not needed"}, "it is not needed": {ZH: "不再需要", EN: "it is not needed"},
	"was relieved": {ZH: "已换班", EN: "was relieved"}, "relieved the commander": {ZH: "接替指挥", EN: "relieved the commander"}, "a hand-over": {ZH: "换班", EN: "a hand-over"},
	"nobody else is free: it is proposed for another report too": {ZH: "没有其他空闲力量，同时拟派给另一件上报", EN: "nobody else is free: it is proposed for another report too"},
	"whom it named went elsewhere":                               {ZH: "拟派力量已另有任务", EN: "whom it named went elsewhere"},
	"its shift ends":                                             {ZH: "班次即将结束", EN: "its shift ends"}, "its shift goes on": {ZH: "班次已延长", EN: "its shift goes on"},
	"was released from the mission": {ZH: "已放行", EN: "was released from the mission"}, "the mission was recalled": {ZH: "联合执法撤回", EN: "the mission was recalled"},
	"the lead's patrol commands": {ZH: "主办力量担任指挥", EN: "the lead's patrol commands"}, "more was asked for": {ZH: "请求增援", EN: "more was asked for"},
	"more is to be seen to": {ZH: "还需其他力量", EN: "more is to be seen to"}, "somebody came free": {ZH: "有力量空出", EN: "somebody came free"},
	"the first patrol accepted": {ZH: "首支力量接单", EN: "the first patrol accepted"}, "the first patrol is on scene": {ZH: "首支力量到场", EN: "the first patrol is on scene"},
	"all patrols are done": {ZH: "全部力量处置完毕", EN: "all patrols are done"}, "the unit has answered for the case": {ZH: "承办单位已答复", EN: "the unit has answered for the case"},
	"a ruling named it": {ZH: "裁定承办", EN: "a ruling named it"}, "another unit returned it": {ZH: "他单位退单改派", EN: "another unit returned it"}, "handed to the unit": {ZH: "派遣到承办单位", EN: "handed to the unit"},
	"fed back; somebody else checks": {ZH: "已反馈，由他人核查", EN: "fed back; somebody else checks"}, "the check passed": {ZH: "核查通过", EN: "the check passed"},
	"settled on the spot": {ZH: "当场处置", EN: "settled on the spot"}, "the lot spared it": {ZH: "未抽中核查", EN: "the lot spared it"}, "the suspension has ended": {ZH: "挂账到期", EN: "the suspension has ended"},
	"the calendar changed": {ZH: "日历调整", EN: "the calendar changed"}, "its position": {ZH: "依定位判断", EN: "its position"}, "its time came": {ZH: "到期", EN: "its time came"}, "by hand": {ZH: "人工操作", EN: "by hand"},
	"moved by hand": {ZH: "人工移动", EN: "moved by hand"}, "sent straight to the case by hand": {ZH: "人工指定直达现场", EN: "sent straight to the case by hand"}, "its window closed": {ZH: "合并派遣时间到", EN: "its window closed"},
	"the case was joined to another": {ZH: "并入其他事件", EN: "the case was joined to another"}, "the case it was joined to was released": {ZH: "所并入的事件已解密", EN: "the case it was joined to was released"},
	"one visit for both matters": {ZH: "综合查一次", EN: "one visit for both matters"}, "split off again": {ZH: "已拆案", EN: "split off again"}, "the department is left to an operator": {ZH: "该部门由值班员派遣", EN: "the department is left to an operator"},
}

// overdue ends the reason of an order that a clock gave.
const overdue = " overdue"

// reason is why something happened, in the page's language where we said it.
func (in *dossierContext) reason(why string) string {
	if w, there := reasonWords[why]; there {
		return in.text.pick(w.ZH, w.EN)
	}
	if name, ok := strings.CutSuffix(why, overdue); ok {
		if w, there := dispatch.ClockWords(dispatch.ClockName(name)); there {
			return in.text.pick(w.ZH+"超时", w.EN+overdue)
		}
	}
	if rest, ok := strings.CutPrefix(why, "category "); ok { // category C01 is dispatched auto
		if code, mode, ok := strings.Cut(rest, " is dispatched "); ok {
			return in.text.pick("类别 "+code+" 的派遣方式："+map[string]string{"auto": "自动", "confirm": "确认", "manual": "人工"}[mode], why)
		}
	}
	if rest, ok := strings.CutPrefix(why, "the mission was recalled: "); ok {
		return in.text.pick("联合执法撤回："+rest, why)
	}
	return or(in.words.States, why)
}
