/** The words of the duty: stages, states, roles, and why something was decided. */

export const stage = {
  reported: "已上报",
  self_handled: "自行处置",
  accepted: "已受理",
  void: "已注销",
  filed: "已立案",
  dispatched: "已派遣",
  signed: "已签收",
  returned: "已退单",
  ruled: "已裁定",
  handling: "处置中",
  extended: "已延期",
  suspended: "挂账",
  feedback: "已反馈",
  verifying: "核查中",
  rework: "返工",
  closed: "已结案",
  reopened: "重新打开",
};

export const assignment = {
  proposed: "建议",
  offered: "待接单",
  accepted: "已接单",
  en_route: "赶赴途中",
  on_scene: "已到场",
  done: "已完成",
  declined: "拒单",
  expired: "超时未接",
  recalled: "已撤回",
};

export const status = {
  off_duty: "下班",
  free: "空闲",
  assigned: "已派",
  en_route: "赶赴途中",
  on_scene: "现场处置",
  break: "休息",
};

export const presence = { online: "在线", still: "静止", stale: "信号滞后", lost: "失联" };

export const mode = { foot: "步行", ebike: "电动车", car: "车辆" };

export const urgency = { urgent: "紧急", ordinary: "一般", hard: "疑难" };

export const part = { worker: "网格员", substitute: "替班", part_timer: "兼职", chief: "网格长", instructor: "指导员" };

export const shortfall = {
  nobody_on_duty: "无人当班",
  all_busy: "全部在忙",
  all_stale: "定位全部过期",
  out_of_reach: "道路到不了",
  no_skill: "无人具备所需技能",
  contended: "被其他事件抢先占用",
  shift_ends: "在场力量临近下班，须安排接班",
  dissatisfied: "上报人不满意，请回访",
};

export const why = {
  ownFirst: "本网格人员优先",
  after: (who: string) => `排在${who}之后`,
  posts: { "grid's own worker": "本网格网格员", substitute: "替班", "part-timer": "兼职网格员", "nearest grid worker": "最近网格员" },
  stale: (t: string) => `定位已旧（${t}前）`,
  lost: (t: string) => `失联（${t}前）`,
  later: (t: string) => `晚到 ${t}`,
  laterClosed: (t: string, open: string) => `道路封闭，晚到 ${t}（通行时只需 ${open}）`,
  longer: (m: string) => `同时到达，路程多 ${m}`,
  equal: "到达时间与路程相同",
  declined: "已拒单",
  unanswered: "超时未接",
  lostBefore: "到达前失联",
  recalled: "已撤回",
  contended: "已被其他事件占用",
  skill: (s: string) => `缺少技能 ${s}`,
  offDuty: "未当班",
  onBreak: "休息中",
  busy: (what: string) => `忙：${what}`,
  here: "已在处置本事件",
  otherChosen: "值班员另选他人",
  neverSeen: "从未上线",
  noWay: "无路可达",
  choiceClosed: (who: string, t: string) => `道路封闭改派：否则 ${who} 最先到，${t}`,
  noWayClosed: (open: string) => `道路封闭，无路可达（通行时只需 ${open}）`,
  leads: (c: string) => `类别 ${c} 的主办部门`,
  along: (c: string) => `类别 ${c} 的联合部门`,
  settledBy: (c: string, who: string) => `类别 ${c} 由${who === "village" ? "村社" : "镇街"}处理`,
  positionLost: "定位丢失",
  replaced: "值班员改派",
  takenBack: "派单已撤回",
  caseClosed: "事件已结案",
  byReport: "收到上报",
  operatorSent: "值班员派单",
  firstAccepted: "首支力量已接单",
  firstThere: "首支力量已到场",
  allDone: "全部力量处置完毕",
  byRule: (c: string, mode: string) => `类别 ${c} ${mode === "auto" ? "自动派单" : "人工派单"}`,
  asked: "值班员要求",
};

/** Departments that a category may name though the district has no row of them. */
export const elsewhere = {
  village: "村社",
  town: "镇街",
  transport: "交通运输",
  agriculture: "农业农村",
  housing: "住建",
  water: "水利",
  natural_resources: "自然资源",
  traffic_police: "交警",
  civil_affairs: "民政",
  human_resources: "人力社保",
  judicial: "司法所",
  judicial_office: "司法所",
  market_brigade: "市场专属网格",
};

export const toldWhom = { grid_chief: "网格长", town_leader: "镇街领导" };

export const role = {
  admin: "管理员",
  operator: "值班员",
  duty_leader: "值班长",
  town_leader: "镇街领导",
  district_supervisor: "区级督办",
  officer: "执法人员",
  grid_worker: "专职网格员",
  part_timer: "兼职网格员",
  grid_chief: "网格长",
  instructor: "指导员",
  auditor: "审计",
  device: "设备",
};
