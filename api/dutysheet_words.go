package api

import "github.com/gridpatrol/gridpatrol/dispatch"

// sheetText is every word on the duty sheet in one language.
type sheetText struct {
	Lang                                           string
	Title, PrintedAt, By, Hint, Warning            string
	Rooms, Leader, NoPhone                         string
	Patrols, PatrolsLeft, NoPatrols                string
	CasesTitle, CasesLeft, NoCases                 string // the first two hold a number
	Number, Category, Place, What, Stage_, Who, At string
	Nobody, Overdue, Urgent, And                   string
	Grids, NoGrids, Key, NoTown                    string
	Part                                           map[string]string
	Stage                                          map[dispatch.Stage]string
	Status                                         map[dispatch.Status]string
	Mode                                           map[dispatch.Mode]string
}

func (w *sheetText) pick(zh, en string) string {
	if w.Lang == "en" {
		return en
	}
	return zh
}

var sheetWords = map[string]*sheetText{
	"zh": {
		Lang: "zh-CN", Title: "值班表", PrintedAt: "打印时间", By: "打印人", Hint: "按 Ctrl+P 打印（A4）。本页可另存为文件，断网时再打印。",
		Warning: "含个人电话，打印已留痕。仅供值班使用，用后销毁。",
		Rooms:   "镇街综合信息指挥室", Leader: "负责人", NoPhone: "未登记电话",
		Patrols: "在岗巡逻力量", PatrolsLeft: "支未列出", NoPatrols: "当前无在岗巡逻力量",
		CasesTitle: "未办结事件 %s 件", CasesLeft: "另有 %s 件未列出", NoCases: "无未办结事件",
		Number: "编号", Category: "类别", Place: "网格 / 位置", What: "现场情况", Stage_: "阶段", Who: "承办", At: "上报",
		Nobody: "无人承办", Overdue: "超时", Urgent: "急", And: "、",
		Grids: "网格值守", NoGrids: "暂无网格", Key: "粗体为在岗；「替」代班、「兼」兼职、「长」无人在岗时找网格长", NoTown: "未划入镇街",
		Part: map[string]string{"worker": "", "substitute": "替", "part_timer": "兼", "chief": "长", "instructor": "导"},
		Stage: map[dispatch.Stage]string{
			"reported": "已上报", "self_handled": "自行处置", "accepted": "已受理", "void": "已注销", "filed": "已立案", "dispatched": "已派遣",
			"signed": "已签收", "returned": "已退单", "ruled": "已裁定", "handling": "处置中", "extended": "已延期", "suspended": "挂账",
			"feedback": "已反馈", "verifying": "核查中", "rework": "返工", "closed": "已结案", "reopened": "重新打开",
		},
		Status: map[dispatch.Status]string{
			dispatch.OffDuty: "下班", dispatch.Free: "空闲", dispatch.Assigned: "已派", dispatch.EnRoute: "赶赴途中", dispatch.OnScene: "现场处置", "break": "休息",
		},
		Mode: map[dispatch.Mode]string{"foot": "步行", "ebike": "电动车", "car": "车辆"},
	},
	"en": {
		Lang: "en", Title: "Duty sheet", PrintedAt: "Printed", By: "by", Hint: "Print with Ctrl+P (A4). The page can be saved and printed again without a network.",
		Warning: "Holds personal telephone numbers; this print is recorded. For the duty only: destroy after use.",
		Rooms:   "Information rooms of the towns", Leader: "Leader", NoPhone: "no telephone",
		Patrols: "Patrols on duty", PatrolsLeft: "patrols are not listed", NoPatrols: "No patrol is on duty",
		CasesTitle: "Open cases: %s", CasesLeft: "%s more are not listed", NoCases: "No case is open",
		Number: "Number", Category: "Category", Place: "Grid / place", What: "What was seen", Stage_: "Stage", Who: "Who is on it", At: "Since",
		Nobody: "nobody", Overdue: "overdue", Urgent: "urgent", And: ", ",
		Grids: "Who keeps each grid", NoGrids: "No grids yet", Key: "Bold is on duty; S substitute, P part-timer, C the grid chief where nobody is on duty", NoTown: "Without a town",
		Part: map[string]string{"worker": "", "substitute": "S", "part_timer": "P", "chief": "C", "instructor": "I"},
		Stage: map[dispatch.Stage]string{
			"reported": "reported", "self_handled": "settled on the spot", "accepted": "accepted", "void": "void", "filed": "filed", "dispatched": "dispatched",
			"signed": "signed", "returned": "returned", "ruled": "ruled", "handling": "handling", "extended": "extended", "suspended": "suspended",
			"feedback": "answered", "verifying": "verifying", "rework": "rework", "closed": "closed", "reopened": "reopened",
		},
		Status: map[dispatch.Status]string{
			dispatch.OffDuty: "off duty", dispatch.Free: "free", dispatch.Assigned: "assigned", dispatch.EnRoute: "on the way", dispatch.OnScene: "on scene", "break": "on a break",
		},
		Mode: map[dispatch.Mode]string{"foot": "on foot", "ebike": "e-bike", "car": "car"},
	},
}
