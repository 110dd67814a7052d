/**
 * A made-up district for developing and testing the pages without the service.
 * Nothing here is shipped. The shapes are those of api/openapi.yaml.
 */
import type { Feature, LineString, Polygon } from "geojson";
import type { Area, Candidate, Case, CaseDetail, CaseEvent, Category, Department, Grid, GridDetail, Patrol } from "../../src/api/types.ts";

export type XYPoint = [number, number];

/** Deterministic numbers: mulberry32. */
export function seeded(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export const random = seeded(7);
let ids = 0;
export const newID = (): string => {
  const n = (++ids).toString(16).padStart(12, "0");
  return `00000000-0000-7000-8000-${n}`;
};

const west = 121.28;
const south = 28.49;
const step = 0.0098;
const cols = 30;
const rows = 21;

export const towns = ["路南街道", "路桥街道", "路北街道", "螺洋街道", "桐屿街道", "峰江街道", "新桥镇", "横街镇", "金清镇", "蓬街镇"];
export const departments: Department[] = [
  ["grid", "网格", "Grid"],
  ["police", "公安", "Police"],
  ["market", "市场监管", "Market supervision"],
  ["environment", "生态环境", "Environment"],
  ["fire", "消防", "Fire"],
  ["emergency", "应急管理", "Emergency"],
  ["enforcement", "综合执法", "Enforcement"],
].map(([code, name_zh, name_en]) => ({ code, name_zh, name_en }) as Department);

const cat = (code: string, name_zh: string, name_en: string, lead: string, joint: string[], mode: Category["dispatch_mode"]): Category => ({
  code, name_zh, name_en, lead, joint, optional: [], urgency: mode === "auto" ? "urgent" : "ordinary", dispatch_mode: mode,
});
export const categories: Category[] = [
  cat("A02", "三合一场所", "People living in a workshop", "fire", ["police"], "confirm"),
  cat("A05", "盗窃", "Theft", "police", [], "confirm"),
  cat("A10", "群体性事件", "Mass incident", "police", [], "auto"),
  cat("B01", "食品黑作坊", "Illegal food workshop", "market", ["police"], "auto"),
  cat("B02", "无证经营", "Unlicensed trade", "market", [], "manual"),
  cat("C01", "酸洗电镀", "Metal treatment vat", "environment", ["police"], "auto"),
  cat("C05", "夜间施工噪声", "Night construction noise", "enforcement", [], "confirm"),
  cat("C10", "流动摊贩", "Street stalls", "enforcement", [], "manual"),
  cat("C12", "危化品储存", "Illegal chemicals store", "emergency", ["police", "environment", "fire"], "auto"),
  cat("C14", "堵塞消防通道", "Blocked fire exit", "fire", ["enforcement"], "confirm"),
  cat("D02", "井盖与道路", "Manhole or road", "enforcement", [], "auto"),
];

// Corners of a lattice, shaken; shared by neighbours, like real grids.
const corner = (i: number, j: number): XYPoint => {
  const r = seeded(i * 977 + j * 131 + 5);
  return [west + (i + (r() - 0.5) * 0.75) * step, south + (j + (r() - 0.5) * 0.75) * step * 0.9];
};
/** An edge between two corners, bent the same way for both grids that share it. */
function edge(a: [number, number], b: [number, number]): XYPoint[] {
  const flip = a[0] > b[0] || a[1] > b[1];
  const [p, q] = flip ? [b, a] : [a, b];
  const from = corner(...p);
  const to = corner(...q);
  const r = seeded(p[0] * 7919 + p[1] * 104729 + q[0] * 31 + q[1] * 17);
  const line = Array.from({ length: 8 }, (_, k): XYPoint => {
    const f = k / 7;
    const bend = Math.sin(f * Math.PI) * step * 0.06;
    return [from[0] + (to[0] - from[0]) * f + (r() - 0.5) * bend * 2, from[1] + (to[1] - from[1]) * f + (r() - 0.5) * bend * 2];
  });
  return flip ? line.reverse() : line;
}
const inside = (i: number, j: number): boolean => {
  const x = (i + 0.5) / cols - 0.5;
  const y = (j + 0.5) / rows - 0.5;
  const a = Math.atan2(y, x);
  return Math.hypot(x * 1.02, y * 1.08) < 0.46 + 0.05 * Math.sin(3 * a + 1) + 0.03 * Math.sin(7 * a);
};
const townAt = (i: number, j: number): number => Math.floor((i / cols) * 5) + (j < rows / 2 ? 0 : 5);

export const areas: Area[] = [
  { code: "331004", name: "示范区", level: "district", parent_code: null },
  ...towns.map((name, i): Area => ({ code: `3310040${String(i).padStart(2, "0")}`, name, level: "town", parent_code: "331004" })),
];

export const grids: GridDetail[] = [];
export const gridFeatures: Feature<Polygon>[] = [];
const names = ["林建国", "陈晓燕", "王海波", "周敏", "李志强", "金美兰", "应国庆", "罗琴", "蔡文军", "叶芳", "张伟", "阮红"];
for (let j = 0; j < rows; j++)
  for (let i = 0; i < cols; i++) {
    if (!inside(i, j)) continue;
    const ring = [
      ...edge([i, j], [i + 1, j]),
      ...edge([i + 1, j], [i + 1, j + 1]).slice(1),
      ...edge([i + 1, j + 1], [i, j + 1]).slice(1),
      ...edge([i, j + 1], [i, j]).slice(1),
    ];
    const town = townAt(i, j);
    const n = grids.length + 1;
    const id = newID();
    const code = `3310040${String(town).padStart(2, "0")}-${String(n).padStart(3, "0")}`;
    const name = `${(towns[town] ?? "").slice(0, 2)} ${String(n).padStart(3, "0")} 网格`;
    const xs = ring.map((p) => p[0]);
    const ys = ring.map((p) => p[1]);
    const kind = n % 151 === 0 ? "special" : "general";
    gridFeatures.push({ type: "Feature", properties: { id, code, name, kind }, geometry: { type: "Polygon", coordinates: [ring] } });
    grids.push({
      id, code, name, kind, area_code: areas[town + 1]?.code ?? null, categories: [], area_m2: 1.1e6,
      bbox: [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)],
      geometry: { type: "MultiPolygon", coordinates: [[ring]] }, valid_from: null, valid_to: null,
      in_force: true,
      people: (["worker", "chief", "instructor"] as const).map((part, k) => ({
        part, staff_id: newID(), code: `${part[0]?.toUpperCase()}${n}`, name: names[(n * (2 * k + 1)) % names.length] ?? "",
        phone: null, since: "2026-01-01T00:00:00Z", until: null, stands_in_for: null,
      })),
    });
  }

/** Roads follow the lattice; every fifth is a main road, and one river runs across. */
export const roadFeatures: Feature<LineString>[] = [];
const roadClass = (k: number): string => (k % 10 === 5 ? "trunk" : k % 5 === 0 ? "primary" : k % 2 === 0 ? "tertiary" : "residential");
for (let j = 1; j < rows; j++)
  for (let i = 0; i < cols; i++)
    if (inside(i, j) && inside(i, j - 1)) roadFeatures.push(road(edge([i, j], [i + 1, j]), roadClass(j), j % 5 === 0 ? "腾达路" : ""));
for (let i = 1; i < cols; i++)
  for (let j = 0; j < rows; j++)
    if (inside(i, j) && inside(i - 1, j)) roadFeatures.push(road(edge([i, j], [i, j + 1]), roadClass(i), i % 5 === 0 ? "商海街" : ""));
roadFeatures.push(road(Array.from({ length: 60 }, (_, k): XYPoint => [west + 0.03 + (k / 59) * 0.24, south + 0.09 + Math.sin(k / 6) * 0.012 + k * 0.0006]), "river", "金清港"));
function road(coordinates: XYPoint[], cls: string, name: string): Feature<LineString> {
  return { type: "Feature", properties: { class: cls, ...(name ? { name } : {}) }, geometry: { type: "LineString", coordinates } };
}

export const middleOf = (g: Grid): XYPoint => [((g.bbox[0] ?? 0) + (g.bbox[2] ?? 0)) / 2, ((g.bbox[1] ?? 0) + (g.bbox[3] ?? 0)) / 2];
export const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

export type Walker = Patrol & { lon: number; lat: number; heading: number; speedMS: number; target: XYPoint | null; caseID: string | null };
export const patrols: Walker[] = [];
function walker(code: string, name: string, department: string, mode: Patrol["mode"], at: XYPoint): Walker {
  return {
    id: newID(), code, name, department, mode, skills: [], status: "free", presence: "online", lon: at[0], lat: at[1],
    t: new Date().toISOString(), cell: null, accuracy_m: 8, heading_deg: 0, area_code: null, simulated: true, version: 1,
    heading: random() * 360, speedMS: mode === "foot" ? 1.4 : mode === "ebike" ? 6 : 11, target: null, caseID: null,
  };
}
grids.forEach((g, i) => {
  if (i % 2 === 0) patrols.push(walker(`G${g.code}`, `${pick(names)}`, "grid", "foot", middleOf(g)));
});
for (let i = 0; i < 140; i++) {
  const d = departments[1 + (i % 6)] as Department;
  const mode = i % 3 === 0 ? "car" : i % 3 === 1 ? "ebike" : "car";
  patrols.push(walker(`${d.code.slice(0, 3).toUpperCase()}-${i + 1}`, `${d.name_zh.slice(0, 2)}巡 ${String(i + 1).padStart(2, "0")}`, d.code, mode, middleOf(pick(grids))));
}
patrols.forEach((p, i) => {
  if (i % 23 === 3) p.presence = "lost";
  if (i % 31 === 7) p.status = "on_scene";
});

export type World = { cases: Map<string, CaseDetail>; undo: Map<string, Case> };
export type { Candidate, CaseEvent };
