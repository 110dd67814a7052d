/** The words of the duty: stages, states, roles, and why something was decided. */
import type { Dict } from "../zh.ts";

export const stage: Dict["stage"] = {
  reported: "reported",
  self_handled: "self-handled",
  accepted: "accepted",
  void: "void",
  filed: "filed",
  dispatched: "dispatched",
  signed: "signed",
  returned: "returned",
  ruled: "ruled",
  handling: "handling",
  extended: "extended",
  suspended: "suspended",
  feedback: "feedback",
  verifying: "verifying",
  rework: "rework",
  closed: "closed",
  reopened: "reopened",
};

export const assignment: Dict["assignment"] = {
  proposed: "proposed",
  offered: "offered",
  accepted: "accepted",
  en_route: "en route",
  on_scene: "on scene",
  done: "done",
  declined: "declined",
  expired: "not answered",
  recalled: "recalled",
};

export const status: Dict["status"] = { off_duty: "off duty", free: "free", assigned: "assigned", en_route: "en route", on_scene: "on scene", break: "break" };

export const presence: Dict["presence"] = { online: "on line", still: "still", stale: "stale", lost: "lost" };

export const mode: Dict["mode"] = { foot: "on foot", ebike: "e-bike", car: "car" };

export const urgency: Dict["urgency"] = { urgent: "urgent", ordinary: "ordinary", hard: "hard" };

export const part: Dict["part"] = { worker: "worker", substitute: "substitute", part_timer: "part-timer", chief: "chief", instructor: "instructor" };

export const shortfall: Dict["shortfall"] = {
  nobody_on_duty: "nobody on duty",
  all_busy: "all busy",
  all_stale: "all positions out of date",
  out_of_reach: "out of reach by road",
  no_skill: "nobody has the skill",
  contended: "taken by another case first",
  shift_ends: "the shift of who is there ends; find relief",
  dissatisfied: "the reporter is not content: call back",
};

export const why: Dict["why"] = {
  ownFirst: "the grid's own people come first",
  after: (who: string) => `comes after the ${who}`,
  posts: { "grid's own worker": "grid's own worker", substitute: "substitute", "part-timer": "part-timer", "nearest grid worker": "nearest grid worker" },
  stale: (t: string) => `position is old (${t})`,
  lost: (t: string) => `lost (${t})`,
  later: (t: string) => `${t} later`,
  laterClosed: (t: string, open: string) => `${t} later, since a road is closed (${open} otherwise)`,
  longer: (m: string) => `as soon, ${m} longer`,
  equal: "as soon and as near",
  declined: "declined",
  unanswered: "did not answer",
  lostBefore: "lost before arriving",
  recalled: "recalled",
  contended: "taken by another case",
  skill: (s: string) => `lacks the skill ${s}`,
  offDuty: "off duty",
  onBreak: "on a break",
  busy: (what: string) => `busy: ${what}`,
  here: "already on this case",
  otherChosen: "an operator chose another",
  neverSeen: "never seen",
  noWay: "no way from there",
  choiceClosed: (who: string, t: string) => `a road is closed: ${who} would have been first, in ${t}`,
  noWayClosed: (open: string) => `no way from there, since a road is closed (${open} otherwise)`,
  leads: (c: string) => `leads category ${c}`,
  along: (c: string) => `goes along in category ${c}`,
  settledBy: (c: string, who: string) => `category ${c} is settled by the ${who}`,
  positionLost: "its position was lost",
  replaced: "an operator sent another",
  takenBack: "the dispatch was taken back",
  caseClosed: "the case was closed",
  byReport: "a report came in",
  operatorSent: "an operator sent it",
  firstAccepted: "the first patrol accepted",
  firstThere: "the first patrol is on scene",
  allDone: "all patrols are done",
  byRule: (c, mode) => `category ${c} is dispatched ${mode}`,
  asked: "an operator asked for it",
};

/** Departments that a category may name though the district has no row of them. */
export const elsewhere: Dict["elsewhere"] = {
  village: "village",
  town: "town",
  transport: "transport",
  agriculture: "agriculture",
  housing: "housing",
  water: "water",
  natural_resources: "natural resources",
  traffic_police: "traffic police",
  civil_affairs: "civil affairs",
  human_resources: "human resources",
  judicial: "judicial office",
  judicial_office: "judicial office",
  market_brigade: "market brigade",
};

export const toldWhom: Dict["toldWhom"] = { grid_chief: "the grid chief", town_leader: "the town leader" };

export const role: Dict["role"] = {
  admin: "administrator",
  operator: "operator",
  duty_leader: "duty leader",
  town_leader: "town leader",
  district_supervisor: "district supervisor",
  officer: "officer",
  grid_worker: "grid worker",
  part_timer: "part-timer",
  grid_chief: "grid chief",
  instructor: "instructor",
  auditor: "auditor",
  device: "device",
};
