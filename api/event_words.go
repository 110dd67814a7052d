package api

import "github.com/gridpatrol/gridpatrol/dispatch"

// eventWords is every kind of event that is ever written, whichever package writes it, in
// the words of those who read the record: the dossier, and the page, whose dictionaries
// `make generate` makes from it. A test collects the kinds from the code and fails where
// one is missing here, so that nobody is handed a raw code. A kind that is not written any
// more stays: sealed events have it.
var eventWords = map[string]dispatch.Words{
	"reported": {ZH: "上报", EN: "Reported"}, "located": {ZH: "确定责任网格", EN: "Grid found"}, "told": {ZH: "已通知", EN: "Told"},
	"plan": {ZH: "算路派单", EN: "Planned by road"}, "plan.proposed": {ZH: "生成派单建议", EN: "Plan proposed"}, "plan.stale": {ZH: "派单建议已失效，重新生成", EN: "The plan does not hold, made again"},
	"stage": {ZH: "流转", EN: "Stage"}, "changed": {ZH: "更新", EN: "Changed"}, "undone": {ZH: "派单撤回", EN: "Dispatch taken back"}, "moved": {ZH: "改派到更急处", EN: "Moved to where it is sooner"},
	"shortfall": {ZH: "力量缺口", EN: "Nobody to send"}, "shortfall.looked_again": {ZH: "有力量空出，重新派单", EN: "Somebody came free, planned again"},
	"answered": {ZH: "答复上报人", EN: "Reporters answered"}, "item_settled": {ZH: "值班事项已处理", EN: "Operator's item settled"}, "notice.seen": {ZH: "已阅知", EN: "Notice read"},

	"assignment.proposed": {ZH: "拟派", EN: "Proposed"}, "assignment.offered": {ZH: "发出派单", EN: "Offer made"}, "assignment.offer_left": {ZH: "派单已送出", EN: "Offer sent out"},
	"assignment.accepted": {ZH: "接单", EN: "Accepted"}, "assignment.en_route": {ZH: "出发", EN: "On the way"}, "assignment.on_scene": {ZH: "到场", EN: "On scene"},
	"assignment.done": {ZH: "处置完成", EN: "Done"}, "assignment.declined": {ZH: "拒单", EN: "Declined"}, "assignment.expired": {ZH: "超时未接", EN: "Not answered in time"},
	"assignment.recalled": {ZH: "撤回", EN: "Recalled"},

	"returned": {ZH: "退单", EN: "Returned"}, "ruled": {ZH: "裁定", EN: "Ruled"}, "handed_over": {ZH: "交办", EN: "Handed over"},
	"asked": {ZH: "申请", EN: "Asked for"}, "granted": {ZH: "批准", EN: "Approved"}, "refused": {ZH: "不批准", EN: "Refused"},
	"evidence": {ZH: "附照片", EN: "Photos shown"}, "evaluated": {ZH: "上报人评价", EN: "Evaluated by the reporter"}, "result": {ZH: "反馈处置结果", EN: "Result fed back"}, "checked": {ZH: "核查", EN: "Checked"}, "drawn": {ZH: "抽查", EN: "Drawn for checking"}, "settled": {ZH: "办结层级", EN: "Settled at"},
	"urged": {ZH: "催办", EN: "Urged"}, "supervised": {ZH: "督办", EN: "Supervised"}, "supervision.answered": {ZH: "答复督办", EN: "Order answered"},
	"clock.warned": {ZH: "时限预警", EN: "Nearly due"}, "clock.overdue": {ZH: "超时", EN: "Overdue"}, "clock.district": {ZH: "超时报区级", EN: "Overdue, to the district"},
	"clock.moved": {ZH: "时限按日历调整", EN: "Moved by the calendar"}, "clock.adopted": {ZH: "补计时限", EN: "Given a clock"},

	"mission.commander": {ZH: "现场指挥", EN: "Commands"}, "mission.rendezvous": {ZH: "确定集合点", EN: "Where to meet"}, "mission.times": {ZH: "下达出发时间", EN: "Times to leave"},
	"mission.arrived": {ZH: "到达集合点", EN: "At the rendezvous"}, "mission.in_place": {ZH: "全部到位", EN: "All in place"}, "mission.go": {ZH: "下令行动", EN: "Order to go"},
	"mission.cover": {ZH: "方案使镇街缺警力", EN: "A town is left without police"}, "mission.released": {ZH: "放行", EN: "Released"}, "mission.recalled": {ZH: "全部撤回", EN: "All recalled"},
	"mission.ended": {ZH: "联合执法结束", EN: "Mission ended"}, "lent": {ZH: "借调", EN: "Lent"},
	"hand_over.due": {ZH: "临近下班，须交班", EN: "To be handed over, the shift ends"}, "hand_over.lifted": {ZH: "不须交班", EN: "No hand-over is needed"},

	"joined": {ZH: "并案", EN: "Joined to another case"}, "joined_in": {ZH: "并入一件上报", EN: "A report was joined"}, "split": {ZH: "拆案", EN: "Split again"}, "split_off": {ZH: "拆出一件上报", EN: "A report was split off"},
	"combined": {ZH: "综合查一次", EN: "Visits combined"}, "linked": {ZH: "关联旧事件", EN: "Linked with an older case"}, "came_back": {ZH: "又有新上报", EN: "Reported again"},
	"revisits.planned": {ZH: "安排回访", EN: "Looks planned"}, "revisits.stopped": {ZH: "回访停止", EN: "Looks stopped"}, "revisit.open": {ZH: "回访提醒网格员", EN: "Worker reminded to look again"},
	"revisit.missed": {ZH: "回访未完成，告知网格长", EN: "Nobody looked; the chief was told"}, "revisit.climbed": {ZH: "回访逾期，上报镇街", EN: "Still nobody looked; the town was told"},
	"revisit.clear": {ZH: "回访：未见复发", EN: "Looked again: nothing found"}, "revisit.found": {ZH: "回访：又发现", EN: "Looked again: found"},

	"covert": {ZH: "设为隐蔽行动", EN: "Made covert"}, "covert.until": {ZH: "调整解密时间", EN: "Release time changed"}, "covert.released": {ZH: "解密", EN: "Released from cover"},
	"viewed.dossier": {ZH: "查看案卷", EN: "Dossier seen"}, "viewed.contact": {ZH: "查看联系人", EN: "Contact seen"}, "viewed.case": {ZH: "查看隐蔽案件", EN: "Covert case seen"},
	"viewed.photo": {ZH: "查看隐蔽案件照片", EN: "Photo of a covert case seen"}, "photo.original_seen": {ZH: "调阅原图", EN: "Original photo looked at"},
	"viewed.position": {ZH: "查看位置", EN: "Position seen"}, "viewed.track": {ZH: "查看轨迹", EN: "Track seen"}, "viewed.phones": {ZH: "查看电话", EN: "Telephone numbers seen"}, "viewed.responsible": {ZH: "查看当时责任人", EN: "Who was responsible seen"}, "viewed.duty_sheet": {ZH: "打印值班表", EN: "Duty sheet printed"},

	"patrol.status": {ZH: "力量状态变更", EN: "Patrol's state changed"}, "patrol.entered_grid": {ZH: "进入责任网格", EN: "Entered its grid"}, "patrol.left_grid": {ZH: "离开责任网格", EN: "Left its grid"},
	"patrol.entered_closure": {ZH: "进入封闭区域", EN: "Entered a closed area"}, "patrol.left_closure": {ZH: "离开封闭区域", EN: "Left a closed area"},
	"patrol.entered_place": {ZH: "到达重点场所", EN: "Came to a place"}, "patrol.left_place": {ZH: "离开重点场所", EN: "Left a place"},
	"member.begins": {ZH: "编入力量", EN: "Joined a patrol"}, "member.ends": {ZH: "调离力量", EN: "Left a patrol"}, "post.begins": {ZH: "任职开始", EN: "Part in a grid begins"}, "post.ends": {ZH: "任职结束", EN: "Part in a grid ends"},
	"shift.added": {ZH: "新增排班", EN: "Shift added"}, "shift.changed": {ZH: "调整排班", EN: "Shift changed"}, "shift.ended": {ZH: "结束排班", EN: "Shift ended"},
	"device.bound": {ZH: "设备绑定", EN: "Device bound"}, "device.unbound": {ZH: "设备解绑", EN: "Device unbound"}, "device.revoked": {ZH: "设备停用", EN: "Device revoked"},
	"device.enrolled": {ZH: "设备登记", EN: "Device enrolled"}, "device.enrolled_again": {ZH: "设备重新登记", EN: "Device enrolled again"},
	"enrolment.opened": {ZH: "发放登记码", EN: "Enrolment code made"}, "enrolment.withdrawn": {ZH: "收回登记码", EN: "Enrolment code withdrawn"},

	"calendar": {ZH: "日历变更", EN: "Calendar changed"}, "category_rules": {ZH: "类别规则变更", EN: "Rules of a category changed"}, "dispatch_rules": {ZH: "调度规则变更", EN: "Rules of dispatch changed"},
	"webhook.made": {ZH: "登记事件推送", EN: "Webhook registered"}, "webhook.changed": {ZH: "变更事件推送", EN: "Webhook changed"}, "webhook.disabled": {ZH: "停用事件推送", EN: "Webhook disabled"}, "webhook.deleted": {ZH: "删除事件推送", EN: "Webhook deleted"},
	"closure.made": {ZH: "封路", EN: "Road closed"}, "closure.lifted": {ZH: "解除封路", EN: "Closure lifted"}, "speeds.set": {ZH: "设定车速", EN: "Speeds set"}, "speed.ended": {ZH: "取消车速设定", EN: "Speed ended"},
	"speeds.learned": {ZH: "学习车速", EN: "Speeds learned"}, "roads.imported": {ZH: "导入路网", EN: "Roads imported"}, "map.activated": {ZH: "启用新网格图", EN: "Grid map activated"},
	"register.changed": {ZH: "名册导入", EN: "Register imported"}, "retention.changed": {ZH: "保存期变更", EN: "Retention changed"}, "head_key.adopted": {ZH: "启用签名密钥", EN: "Signing key adopted"},
	"session.opened": {ZH: "登录", EN: "Signed in"}, "session.ended": {ZH: "退出登录", EN: "Signed out"}, "token.made": {ZH: "发放令牌", EN: "Token made"}, "token.revoked": {ZH: "吊销令牌", EN: "Token revoked"},
	"account.made": {ZH: "开立账号", EN: "Account made"}, "account.password": {ZH: "重设密码", EN: "Password set"}, "account.enabled": {ZH: "启用账号", EN: "Account enabled"}, "account.disabled": {ZH: "停用账号", EN: "Account disabled"},
}

// saidFirst are the fields of an event's detail that a reader gains by, in the order in
// which they are said. Whom it concerns stands before them.
var saidFirst = []string{"result", "satisfaction", "passed", "for", "from", "to", "owner", "proposed", "unit", "count", "days", "level", "tier", "until", "due_at", "hours", "document", "late",
	"clock", "checked", "percent", "number", "reports", "reasons", "by_rule", "standard", "held", "grid", "basis", "share", "departments", "road", "lon", "lat", "by_hand", "no_cover", "breaks", "road_m", "eta_s", "meet_at", "depart_at",
	"step", "works_in", "towns", "within_s", "instead", "patrols", "anyway", "told", "considered", "at", "assignments", "photos", "must_save_s", "hand_over_s", "move_saves_s", "move_quiet_s", "name", "host", "kinds", "area", "state"}

// unsaid are the fields that are not said, each with the reason.
var unsaid = map[string]string{
	"because": "said as the reason", "reason": "said as the reason", "why": "said as the reason", "note": "said as the reason",
	"department": "said as whom it concerns", "patrol": "said as whom it concerns", "staff": "said as whom it concerns", "kind": "said as whom it concerns", "part": "said as whom it concerns",
	"assignment": "an id; the patrol is said", "plan": "an id", "report": "an id", "revisit": "an id", "case": "an id; the number is said", "into": "an id; the number is said",
	"arming": "an id", "map": "an id", "device": "an id", "enrolment": "an id", "webhook": "an id", "duty": "an id",
	"cell": "said at the head", "photo_sha256": "said among the photos", "photo": "said among the photos", "stage": "said as what changed", "category": "said at the head", "urgency": "said at the head",
	"direct": "the place itself is said", "straight_m": "the way by road is said", "fix_age_s": "of the plan, not of the record",
}

// fieldWords are the names of what an event says and of what it changed.
var fieldWords = map[string]dispatch.Words{
	"result": {ZH: "结果", EN: "Result"}, "satisfaction": {ZH: "满意度", EN: "Satisfaction"}, "passed": {ZH: "是否通过", EN: "Passed"}, "for": {ZH: "申请事项", EN: "For"}, "from": {ZH: "由", EN: "From"}, "to": {ZH: "至", EN: "To"},
	"owner": {ZH: "责任方", EN: "In the hands of"}, "proposed": {ZH: "建议承办", EN: "Proposes"}, "unit": {ZH: "承办单位", EN: "Unit"}, "count": {ZH: "第几次", EN: "Time"}, "days": {ZH: "天数", EN: "Days"},
	"level": {ZH: "督办级别", EN: "Level"}, "tier": {ZH: "办结层级", EN: "Tier"}, "until": {ZH: "截止", EN: "Until"}, "due_at": {ZH: "时限", EN: "Due"}, "hours": {ZH: "小时", EN: "Hours"}, "document": {ZH: "批准文号", EN: "Document"},
	"late": {ZH: "是否逾期", EN: "Late"}, "clock": {ZH: "时钟", EN: "Clock"}, "checked": {ZH: "是否抽中", EN: "Drawn"}, "percent": {ZH: "抽查比例（%）", EN: "Share checked (%)"}, "number": {ZH: "相关事件", EN: "Case"},
	"reports": {ZH: "上报件数", EN: "Reports"}, "reasons": {ZH: "相同之处", EN: "Alike in"}, "by_rule": {ZH: "按规则自动", EN: "By rule"}, "standard": {ZH: "统一答复", EN: "Standard answer"}, "held": {ZH: "解密后答复", EN: "Held until released"},
	"grid": {ZH: "责任网格", EN: "Grid"}, "basis": {ZH: "依据", EN: "Basis"}, "share": {ZH: "占比", EN: "Share"}, "departments": {ZH: "部门", EN: "Departments"}, "road": {ZH: "道路", EN: "Road"},
	"lon": {ZH: "经度", EN: "Longitude"}, "lat": {ZH: "纬度", EN: "Latitude"}, "by_hand": {ZH: "人工指定", EN: "By hand"}, "no_cover": {ZH: "无遮蔽", EN: "Without cover"}, "breaks": {ZH: "未满足条件", EN: "Against the rules"},
	"road_m": {ZH: "路程", EN: "By road"}, "eta_s": {ZH: "预计用时", EN: "Expected"}, "meet_at": {ZH: "集合时间", EN: "Meet at"}, "depart_at": {ZH: "出发时间", EN: "Leave at"}, "towns": {ZH: "镇街", EN: "Towns"},
	"within_s": {ZH: "时间范围", EN: "Within"}, "instead": {ZH: "次优方案", EN: "Instead"}, "patrols": {ZH: "力量数", EN: "Patrols"}, "anyway": {ZH: "未到齐仍行动", EN: "Before all were there"}, "told": {ZH: "告知人数", EN: "Told"},
	"step":     {ZH: "环节", EN: "Step"},
	"works_in": {ZH: "所属辖区", EN: "Works in"}, "considered": {ZH: "比较过的力量", EN: "Considered"}, "at": {ZH: "时间", EN: "At"}, "assignments": {ZH: "派单", EN: "Assignments"}, "photos": {ZH: "照片", EN: "Photos"},
	"name": {ZH: "名称", EN: "Name"}, "host": {ZH: "接收主机", EN: "Host"}, "kinds": {ZH: "推送内容", EN: "News"}, "area": {ZH: "辖区", EN: "Area"},
	"shift_ends": {ZH: "临近下班", EN: "Shift ends"}, "must_save_s": {ZH: "至少节省", EN: "Must save"}, "hand_over_s": {ZH: "下班前提醒交班", EN: "Told to hand over before the end"}, "move_saves_s": {ZH: "改派至少节省", EN: "A move must save"}, "move_quiet_s": {ZH: "改派间隔", EN: "Between moves"},

	"stage": {ZH: "阶段", EN: "Stage"}, "dispatch": {ZH: "派遣", EN: "Dispatch"}, "dispatch_mode": {ZH: "派遣方式", EN: "How it is sent"}, "source": {ZH: "来源", EN: "Source"}, "category": {ZH: "类别", EN: "Category"}, "urgency": {ZH: "紧急程度", EN: "Urgency"}, "shortfalls": {ZH: "缺口", EN: "Nobody to send"},
	"covert": {ZH: "隐蔽", EN: "Covert"}, "commanders": {ZH: "知情指挥", EN: "Commanders"}, "mission": {ZH: "联合执法", EN: "Mission"}, "state": {ZH: "状态", EN: "State"}, "commander": {ZH: "指挥", EN: "Commander"},
	"rendezvous": {ZH: "集合点", EN: "Rendezvous"}, "crews": {ZH: "编成", EN: "Crews"}, "in_place": {ZH: "到位", EN: "In place"}, "clocks": {ZH: "时钟", EN: "Clocks"},
	"supervision": {ZH: "督办", EN: "Supervision"}, "ask": {ZH: "申请", EN: "Request"}, "extensions": {ZH: "已延期次数", EN: "Extensions"}, "urged": {ZH: "已催办次数", EN: "Urged"}, "urged_at": {ZH: "最近催办", EN: "Last urged"},
	"returns": {ZH: "已退单次数", EN: "Returns"}, "return": {ZH: "退单", EN: "Return"}, "ruled": {ZH: "裁定承办", EN: "Ruled to"}, "suspended_until": {ZH: "挂账至", EN: "Suspended until"}, "reopened": {ZH: "已重开次数", EN: "Reopened"},
	"drawn": {ZH: "是否抽中", EN: "Drawn"}, "joined": {ZH: "并入", EN: "Joined to"}, "answered_at": {ZH: "答复时间", EN: "Answered at"}, "answer": {ZH: "答复", EN: "Answer"}, "reason": {ZH: "理由", EN: "Reason"}, "by": {ZH: "由谁", EN: "By"},
	"rung": {ZH: "进度", EN: "Rung"}, "item": {ZH: "值班事项", EN: "Operator's item"}, "direct": {ZH: "直达现场", EN: "Straight to the case"}, "settled_at": {ZH: "处理时间", EN: "Settled at"}, "seen": {ZH: "已阅", EN: "Read"}, "expires_at": {ZH: "失效时间", EN: "Expires"}, "paused": {ZH: "暂停", EN: "Stands still"}, "since": {ZH: "自", EN: "Since"}, "revisits": {ZH: "回访", EN: "Looks"}, "reporter_told": {ZH: "已告知上报人", EN: "Reporters told"},
}
