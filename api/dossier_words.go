package api

// dossierText is every word of a dossier in one language, beside those of the duty
// sheet (stages, states, modes).
type dossierText struct {
	Title, Hint, MadeAt, By, Zone                                                                                  string
	SealedAll, SealedSome, SealedNone, SignedTo, NotSigned                                                         string
	Reported, Closed, StillOpen, Place, Cell, Grid, Departments, Said, Short                                       string
	Inside, Nearest, NoGrid                                                                                        string // the second holds a number of metres
	Map, Target, GridLine, Fixes, NoFixes, TracksHidden, TracksGone                                                string
	People, Part, Name, Since, Patrol, Duty, OnDuty, OffDuty, StandsInFor, PeopleNote, NoPeople                    string
	Sent, Department, State, Offered, Arrived, Ended, Planned, NobodySent, Lead, Assist, FirstLook                 string
	Before, After, Check                                                                                           string
	Photos, NoPhotos, NoCopy, Hash, CameraPlace, CameraTime, NoCamera, PhotosNote, Fine                            string
	Far, Old, Ahead                                                                                                string
	Evaluation, Timeline, Time, What, Who, Position, Why, For, Simulated, Colon, NotYet, System, Command, Resident string
	EventsCut, Heads, SignedAt, Key, HashAndSig, NoHeads, Verify, Register, And, None                              string
	Yes, No, Comma, Meet                                                                                           string
	Parts, Roles, States                                                                                           map[string]string
}

var dossierWords = map[string]*dossierText{
	"zh": {
		Title: "案卷", Hint: "按 Ctrl+P 打印或存为 PDF（A4）。本页自带全部内容，不向任何地方请求数据；查看已留痕。", MadeAt: "生成时间", By: "查看人", Zone: "时区",
		SealedAll: "全部 %d 条记录均已封存入链。", SealedSome: "%d 条记录中有 %d 条已封存入链，其余（黄底）等待封存。", SealedNone: "记录尚未封存。",
		SignedTo: "签名链头已覆盖至第 %d 号。", NotSigned: "尚有 %d 条等待下一次整点签名。",
		Reported: "上报", Closed: "结案", StillOpen: "未结案", Place: "位置", Cell: "蜂窝格", Grid: "责任网格", Departments: "责任部门", Said: "上报内容", Short: "无人可派",
		Inside: "位于网格内，占 %d%%", Nearest: "在网格之外，最近，相距 %d 米", NoGrid: "附近没有网格",
		Map: "现场图与出警轨迹", Target: "案发位置（淡圈为定位误差）", GridLine: "网格界（上报当时的版本）", Fixes: "%d 个定位点", NoFixes: "无定位点",
		TracksHidden: "您的角色不能查看轨迹，图上未画出。", TracksGone: "超过保存期的轨迹按规定已删除或抽稀；圆圈数字为出发位置。",
		People: "当时谁负责（上报那一刻）", Part: "职责", Name: "姓名", Since: "任职起止", Patrol: "所在力量", Duty: "在岗", OnDuty: "在岗", OffDuty: "不在岗", StandsInFor: "替 %s",
		PeopleNote: "粗体为依规定当时应到场的人：专职网格员在岗者，否则替班、兼职，都不在岗时为网格长。以当时有效的网格、任职与班次为准，与现在无关。", NoPeople: "当时没有登记的网格人员，或不在您的查看范围内。",
		Sent: "派出的力量", Department: "部门", State: "状态", Offered: "派单", Arrived: "到场", Ended: "结束", Planned: "预计", NobodySent: "没有派出力量。", Lead: "主办", Assist: "协办", FirstLook: "先期处置",
		Before: "处置前", After: "处置后", Check: "核查",
		Photos: "照片", NoPhotos: "没有照片。", NoCopy: "无缩略图", Hash: "原件 SHA-256", CameraPlace: "相机记录位置：距上报位置 %d 米", CameraTime: "相机记录时间：%s", NoCamera: "相机没有记录位置和时间",
		PhotosNote: "所列散列值为原件的；原件封存，所示为去除元数据的小图。相机的位置和时间可能不准，差异只提示核对，不作结论。", Fine: "与上报的位置、时间相符",
		Far: "拍摄地点与上报位置不符", Old: "拍摄时间早于上报较久", Ahead: "拍摄时间晚于上报",
		Evaluation: "上报人评价", Timeline: "全过程", Time: "时间", What: "发生了什么", Who: "谁", Position: "链位", Why: "理由", For: "代表", Simulated: "模拟", Colon: "：", NotYet: "待封存", System: "系统", Command: "管理员命令", Resident: "居民（查询码）",
		EventsCut: "只列出前 5000 条。", Heads: "签名链头", SignedAt: "签名时间", Key: "密钥", HashAndSig: "链头散列值与签名", NoHeads: "这些记录之后还没有签名链头；链头每小时签一次。",
		Verify:   "核验：把全部记录导出，用任一台装有本程序的机器核对，不需要数据库。链位与散列值应与上表一致，链头应与另处保存的 heads.jsonl 一致。",
		Register: "姓名取自当前名册；记录本身只含编号，改名或离任不改变记录。", And: "、", None: "无", Yes: "是", No: "否", Comma: "，", Meet: "集合点",
		Parts: map[string]string{"worker": "专职网格员", "substitute": "替班", "part_timer": "兼职网格员", "chief": "网格长", "instructor": "网格指导员"},
		Roles: map[string]string{"admin": "管理员", "operator": "值班员", "duty_leader": "值班领导", "town_leader": "镇街领导", "district_supervisor": "区级督查", "officer": "执法人员", "grid_worker": "专职网格员", "part_timer": "兼职网格员", "grid_chief": "网格长", "instructor": "网格指导员", "auditor": "审计员", "device": "设备"},
		States: map[string]string{"proposed": "拟派", "offered": "待接单", "accepted": "已接单", "en_route": "赶赴途中", "on_scene": "已到场", "done": "已完成", "declined": "拒单", "expired": "超时未接", "recalled": "已撤回", "pending": "待派", "none": "未派", "urgent": "紧急", "ordinary": "一般", "hard": "疑难", "inside": "在网格内", "nearest": "最近",
			"nobody_on_duty": "无人在岗", "all_busy": "全部忙碌", "all_stale": "全部失联", "out_of_reach": "无法到达", "no_skill": "无所需技能", "contended": "被他案占用",
			"grid_chief": "网格长", "town_leader": "镇街领导", "desk": "信息指挥室", "supervision": "监督中心", "command": "指挥中心", "unit": "责任单位", "leader": "值班领导", "checker": "核查人"},
	},
	"en": {
		Title: "Case dossier", Hint: "Print or save as PDF with Ctrl+P (A4). The page holds all it shows and asks nobody for anything; that you saw it is recorded.", MadeAt: "Made", By: "For", Zone: "Time zone",
		SealedAll: "All %d records are sealed in the chain.", SealedSome: "Of %d records %d are sealed in the chain; those on yellow still wait.", SealedNone: "The records are not sealed yet.",
		SignedTo: "Signed heads vouch for it up to %d.", NotSigned: "%d wait for the next hourly signature.",
		Reported: "Reported", Closed: "Closed", StillOpen: "still open", Place: "Place", Cell: "Cell", Grid: "Grid", Departments: "Departments", Said: "What was said", Short: "Nobody to send",
		Inside: "inside it, %d%% sure", Nearest: "outside of all grids, the nearest, %d m away", NoGrid: "no grid is near",
		Map: "The place, and the ways of those who came", Target: "where it is (the circle is how exact)", GridLine: "grids as drawn when it was reported", Fixes: "%d fixes", NoFixes: "no fixes",
		TracksHidden: "Your role may not see tracks; none is drawn.", TracksGone: "Tracks beyond their time were thinned or removed by rule. A number stands where somebody set out.",
		People: "Who was responsible, at the moment of the report", Part: "Part", Name: "Name", Since: "In the part", Patrol: "Patrol", Duty: "Duty", OnDuty: "on duty", OffDuty: "off duty", StandsInFor: "for %s",
		PeopleNote: "In bold: who had to come by the rules, the worker if on duty, else a substitute, else a part-timer, and the chief where none was. Grids, parts and shifts are those in force then, whatever they are now.", NoPeople: "Nobody was registered for the grid then, or nobody within your scope.",
		Sent: "Who was sent", Department: "Department", State: "State", Offered: "Offered", Arrived: "Arrived", Ended: "Ended", Planned: "Expected", NobodySent: "Nobody was sent.", Lead: "lead", Assist: "assists", FirstLook: "first look",
		Before: "Before", After: "After", Check: "Check",
		Photos: "Photos", NoPhotos: "There are no photos.", NoCopy: "no small copy", Hash: "SHA-256 of the original", CameraPlace: "The camera says %d m from the reported place", CameraTime: "The camera says %s", NoCamera: "The camera wrote neither place nor time",
		PhotosNote: "Hashes are of the originals, which are sealed; shown are small copies without metadata. A camera's place and clock may be wrong: a difference asks for a look, and proves nothing.", Fine: "agrees with the reported place and time",
		Far: "taken elsewhere than reported", Old: "taken long before the report", Ahead: "taken after the report",
		Evaluation: "The reporter said", Timeline: "What happened", Time: "Time", What: "What", Who: "Who", Position: "Chain", Why: "Reason", For: "for", Simulated: "simulated", Colon: ": ", NotYet: "not sealed yet", System: "system", Command: "administrator's command", Resident: "resident (follow-up code)",
		EventsCut: "Only the first 5,000 are listed.", Heads: "Signed heads", SignedAt: "Signed", Key: "Key", HashAndSig: "Hash of the head, and signature", NoHeads: "No head was signed after these records yet; one is every hour.",
		Verify:   "To verify: export all records and check them on any machine that has this program, without a database. Positions and hashes must be those above, heads those of the heads.jsonl that is kept elsewhere.",
		Register: "Names are those of the register today; the records hold ids alone, so they do not change with a name.", And: ", ", None: "none", Yes: "yes", No: "no", Comma: ", ", Meet: "where they met",
		Parts: map[string]string{"worker": "grid worker", "substitute": "substitute", "part_timer": "part-timer", "chief": "chief", "instructor": "instructor"},
		Roles: map[string]string{"duty_leader": "duty leader", "town_leader": "town leader", "district_supervisor": "district supervisor", "grid_worker": "grid worker", "part_timer": "part-timer", "grid_chief": "grid chief"},
		States: map[string]string{"en_route": "on the way", "on_scene": "on scene", "nobody_on_duty": "nobody on duty", "all_busy": "all busy", "all_stale": "none heard of lately", "out_of_reach": "out of reach",
			"no_skill": "without the skill", "grid_chief": "grid chief", "town_leader": "town leader"},
	},
}
