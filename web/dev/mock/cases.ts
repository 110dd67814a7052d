/** Made-up cases, planned by straight lines with a bend, and played to their end. */
import type { Assignment, Candidate, CaseDetail, CaseEvent, Responsible } from "../../src/api/types.ts";
import { distanceM } from "../../src/map/mercator.ts";
import { categories, departments, grids, middleOf, newID, patrols, pick, random, type Walker } from "./world.ts";

export const cases = new Map<string, CaseDetail>();
let number = 100;

const texts: Record<string, string[]> = {
  A02: ["厂房二楼住人，楼道堆满布料", "沿街作坊前店后宅，楼梯上锁"],
  A05: ["商铺凌晨被撬，监控拍到两人"],
  A10: ["门前聚集约 40 人，情绪激动"],
  B01: ["民房内卤制熟食，无证无照，气味明显"],
  B02: ["流动烧烤无证经营"],
  C01: ["夜间酸洗，院内有亚硝酸钠桶，有刺鼻气味"],
  C05: ["工地夜间打桩，居民投诉"],
  C10: ["流动摊贩占道，堵塞非机动车道"],
  C12: ["仓库存放不明化学品桶约 30 只"],
  C14: ["消防通道被货物堵死"],
  D02: ["井盖移位约 20 厘米，周边积水"],
};

const responsible = (i: number, share: number): Responsible => {
  const g = grids[i] as (typeof grids)[number];
  return { grid_id: g.id, code: g.code, name: g.name, kind: g.kind, share, basis: "inside", distance_m: 0 };
};

export function event(c: CaseDetail, kind: string, actor: string, detail: CaseEvent["detail"] = {}): void {
  c.events.push({ id: newID(), kind, at: new Date().toISOString(), actor, detail, simulated: actor !== "system" });
  c.version++;
}

function candidatesOf(department: string, at: { lon: number; lat: number }): Candidate[] {
  const all = patrols.filter((p) => p.department === department);
  const rated = all.map((p, i): Candidate => {
    const air = distanceM(p, at);
    const road = air * (1.15 + ((i * 37) % 100) / 90);
    const because = p.status === "off_duty" ? "off duty" : p.presence === "lost" ? "lost: last seen 734 s ago" : p.status !== "free" ? `busy: ${p.status.replace("_", " ")}` : null;
    return {
      patrol_id: p.id, code: p.code, name: p.name, rank: null, mode: p.mode, eta_s: road / p.speedMS, road_m: road, air_m: air,
      eta_kind: "road", fix_age_s: 2 + (i % 7), lon: p.lon, lat: p.lat, rejected_because: because,
    };
  });
  const free = rated.filter((c) => !c.rejected_because).sort((a, b) => (a.eta_s ?? 0) - (b.eta_s ?? 0));
  free.forEach((c, i) => {
    c.rank = i + 1;
    if (i > 0) c.rejected_because = `later by ${Math.ceil((c.eta_s ?? 0) - (free[0]?.eta_s ?? 0))} s`;
  });
  return [...free.slice(0, 8), ...rated.filter((c) => c.rank === null).sort((a, b) => (a.air_m ?? 0) - (b.air_m ?? 0)).slice(0, 3)];
}

function assignment(kind: Assignment["kind"], department: string, state: Assignment["state"], at: { lon: number; lat: number }): Assignment | null {
  const candidates = candidatesOf(department, at);
  const best = candidates[0];
  if (!best || best.rank !== 1) return null;
  const a: Assignment = {
    id: newID(), kind, department, patrol_id: null, patrol_code: null, patrol_name: null, state, eta_s: null, road_m: null, mode: null,
    eta_kind: null, fix_age_s: null, offered_at: new Date().toISOString(), expires_at: new Date(Date.now() + 120_000).toISOString(),
    arrived_at: null, candidates,
  };
  give(a, best);
  return a;
}

export function give(a: Assignment, c: Candidate): void {
  Object.assign(a, {
    patrol_id: c.patrol_id, patrol_code: c.code, patrol_name: c.name, eta_s: c.eta_s, road_m: c.road_m, mode: c.mode, eta_kind: c.eta_kind,
    fix_age_s: c.fix_age_s,
  });
}

export function send(c: CaseDetail): void {
  for (const a of c.assignments) {
    if (a.state === "proposed") a.state = "offered";
    const p = patrols.find((x) => x.id === a.patrol_id);
    if (p) claim(p, c);
  }
  c.dispatch = "done";
  c.stage = "dispatched";
}

export function claim(p: Walker, c: CaseDetail): void {
  p.status = "en_route";
  p.target = [c.lon, c.lat];
  p.caseID = c.id;
}

export function release(id: string | null): void {
  const p = patrols.find((x) => x.id === id);
  if (p) Object.assign(p, { status: "free", target: null, caseID: null });
}

export function report(options: { category?: string; lon?: number; lat?: number; description?: string; madeMinutesAgo?: number } = {}): CaseDetail {
  const category = categories.find((k) => k.code === options.category) ?? pick(categories);
  const index = Math.floor(random() * (grids.length - 1));
  const middle = middleOf(grids[index] as (typeof grids)[number]);
  const lon = options.lon ?? middle[0] + (random() - 0.5) * 0.006;
  const lat = options.lat ?? middle[1] + (random() - 0.5) * 0.005;
  const made = new Date(Date.now() - (options.madeMinutesAgo ?? 0) * 60_000);
  const share = 0.55 + random() * 0.45;
  const c: CaseDetail = {
    id: newID(), number: `20261123-${String(++number).padStart(4, "0")}`, stage: "reported", dispatch: "none", cell: "8930a1", category: category.code,
    urgency: category.urgency, lon, lat, accuracy_m: 8 + Math.floor(random() * 30), description: options.description ?? pick(texts[category.code] ?? ["现场情况待核"]),
    made_at: made.toISOString(), due_at: new Date(made.getTime() + (category.urgency === "urgent" ? 2 : 24) * 3_600_000).toISOString(), overdue: false, closed_at: null, version: 1,
    owner: { kind: "unit", code: category.lead }, clocks: [], covert: null, moves: [], course: {}, precedents: [], past: [], holds: [], been: [], revisits: [], evidence: [], now: made.toISOString(),
    responsible: responsible(index, share), runner_up: share < 0.98 ? responsible((index + 1) % grids.length, 1 - share) : null,
    departments: [{ code: category.lead, part: "lead", because: `leads category ${category.code}` }, ...category.joint.map((code) => ({ code, part: "assist" as const, because: `goes along in category ${category.code}` }))],
    assignments: [], shortfalls: [], undo_until: null, reports: [], events: [], nearby: nearby(lon, lat),
  };
  c.events.push({ id: newID(), kind: "reported", at: c.made_at, actor: "林建国", detail: {}, simulated: true });
  if (category.dispatch_mode !== "manual") {
    const first = assignment("first_look", "grid", "offered", c);
    if (first) c.assignments.push(first);
    for (const d of c.departments) {
      const a = departments.some((x) => x.code === d.code) ? assignment("department", d.code, "proposed", c) : null;
      if (a) c.assignments.push(a);
      else c.shortfalls.push({ department: d.code, reason: "nobody_on_duty", considered: 3 });
    }
    c.dispatch = "proposed";
    event(c, "proposed", "system", { rule: category.code });
    if (category.dispatch_mode === "auto") {
      send(c);
      event(c, "dispatched", "system", { rule: category.code });
    }
  }
  cases.set(c.id, c);
  return c;
}

function nearby(lon: number, lat: number): CaseDetail["nearby"] {
  const place = (code: string, name: string, kind: CaseDetail["nearby"]["places"][number]["kind"], m: number, url: string | null) => ({
    id: newID(), code, name, kind, lon: lon + m / 98_000, lat, url, visits_per_week: kind === "rental_house" ? 2 : 0, distance_m: m,
  });
  return {
    cameras: [place("K1", "腾达路监控1", "camera", 60, "https://video.example/K1"), place("K2", "商海街监控2", "camera", 210, "rtsp://video.example/K2"), place("K3", "路口监控3", "camera", 1400, null)],
    places: [place("R1", "出租房1号", "rental_house", 90, null), place("F1", "加工厂1", "factory", 320, null)],
  };
}
