/**
 * How many patrols a cell of the map holds, as one mark: the number in a ring that is
 * divided by state, and beside it, for each state that somebody must know of, a chip with
 * the shape of that state and its number, so that nobody has to tell colours apart.
 */
import { type Bounds, type LonLat, toMercator, type XY } from "./mercator.ts";
import { colour, type Look } from "./palette.ts";

/** As the live channel counts: free, assigned, en_route, on_scene, break, stale, lost. */
export type CountMark = LonLat & {
  cell: string;
  counts: readonly number[];
  /** Amid those counted, as far as the page knows; the middle of a cell may lie in the sea. */
  amid?: LonLat;
};

export type Slice = { look: Extract<Look, "free" | "en_route" | "on_scene" | "off" | "lost">; n: number };

/** What is told apart on the map: those sent and those under way look alike there, and so do stale and lost. */
export function slicesOf(counts: readonly number[]): Slice[] {
  const [free = 0, assigned = 0, enRoute = 0, onScene = 0, rest = 0, stale = 0, lost = 0] = counts;
  const all: Slice[] = [
    { look: "free", n: free },
    { look: "en_route", n: assigned + enRoute },
    { look: "on_scene", n: onScene },
    { look: "off", n: rest },
    { look: "lost", n: stale + lost },
  ];
  return all.filter((s) => s.n > 0);
}

export const sumOf = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);

/** The side of a square as large as a cell of H3, by its resolution, in kilometres. */
const sideKm = [2087, 788, 298, 113, 42.1, 15.9, 6.01, 2.27];

/** The ground of a cell, near enough to say how much of it is on screen. */
export function groundOf(m: { cell: string } & LonLat): Bounds {
  const half = (sideKm[Number((BigInt(`0x${m.cell}`) >> 52n) & 15n)] ?? 1) / 2 / 111.2;
  const wide = half / Math.cos((m.lat * Math.PI) / 180);
  return [m.lon - wide, m.lat - half, m.lon + wide, m.lat + half];
}

/** How many of the counted are on screen, as though each cell were filled evenly. */
export function onScreen(marks: Iterable<CountMark>, [w, s, e, n]: Bounds): number {
  let all = 0;
  for (const m of marks) {
    const [cw, cs, ce, cn] = groundOf(m);
    const share = (Math.max(0, Math.min(e, ce) - Math.max(w, cw)) / (ce - cw)) * (Math.max(0, Math.min(n, cn) - Math.max(s, cs)) / (cn - cs));
    all += share * sumOf(m.counts);
  }
  return all;
}

/** The middle of those places that lie in a cell; undefined without any. */
export function amidOf(m: { cell: string } & LonLat, places: Iterable<LonLat>): LonLat | undefined {
  const [w, s, e, n] = groundOf(m);
  let [lon, lat, k] = [0, 0, 0];
  for (const p of places) {
    if (p.lon < w || p.lon > e || p.lat < s || p.lat > n) continue;
    lon += p.lon;
    lat += p.lat;
    k++;
  }
  return k > 0 ? { lon: lon / k, lat: lat / k } : undefined;
}

/** Half the width of what a case looks like, in pixels. */
const casePx = 11;
/** What a mark steps aside for: a case, or, with its radius, a larger mark. */
export type Obstacle = XY & { px?: number };
const aside = [[0, -1], [0, 1], [-1, 0], [1, 0], [-0.8, -0.8], [0.8, -0.8], [-0.8, 0.8], [0.8, 0.8]] as const;

/**
 * Where a mark is drawn: amid those counted, or, where others would hide its number, as
 * little beside it as will do, and never far out of its cell. pxPerUnit: pixels to the
 * unit of Mercator.
 */
export function placeOf(m: CountMark, others: readonly Obstacle[], pxPerUnit: number, scale: number): XY {
  const middle = toMercator(m.amid?.lon ?? m.lon, m.amid?.lat ?? m.lat);
  const [w, , e] = groundOf(m);
  const furthest = 0.24 * ((e - w) / 360);
  const own = radiusOf(sumOf(m.counts)) * scale * 0.8;
  let best = middle;
  let least = Number.POSITIVE_INFINITY;
  const ring = (step: number) => aside.map(([dx, dy]) => ({ x: middle.x + dx * step, y: middle.y + dy * step }));
  const step = (own + casePx + 2) / pxPerUnit;
  for (const at of [middle, ...ring(Math.min(furthest, step)), ...(step * 1.2 < furthest ? ring(Math.min(furthest, 2 * step)) : [])]) {
    let hidden = 0;
    for (const c of others) hidden += Math.max(0, (own + (c.px ?? casePx)) / pxPerUnit - Math.hypot(c.x - at.x, c.y - at.y));
    if (hidden < least) [best, least] = [at, hidden];
    if (hidden === 0) break;
  }
  return best;
}

/** Thousands do not fit into a ring. */
export function short(n: number): string {
  if (n < 1_000) return String(n);
  return n < 10_000 ? `${(Math.floor(n / 100) / 10).toFixed(1)}k` : `${Math.floor(n / 1000)}k`;
}

/** Of the ring's outer edge, in pixels; more people are a larger ring, but not by as much. */
export function radiusOf(n: number): number {
  return Math.min(24, 13 + 2.2 * Math.log2(Math.max(1, n)) * 0.75);
}

/** A mark with its chips fits into a square of this many pixels. */
export const markPx = 92;
const ringPx = 4.5;
const ink = "#e8eef8";
const night = "rgb(10 15 24 / 94%)";
const face = `"PingFang SC","HarmonyOS Sans SC","Microsoft YaHei UI","Noto Sans CJK SC",system-ui,sans-serif`;
type Pen = CanvasRenderingContext2D;

/** Draws the mark around the origin. */
export function drawCount(pen: Pen, counts: readonly number[]): void {
  const slices = slicesOf(counts);
  const n = sumOf(counts);
  const r = radiusOf(n);
  pen.beginPath();
  pen.arc(0, 0, r + 1.5, 0, 2 * Math.PI);
  pen.fillStyle = night;
  pen.fill();
  const gap = slices.length > 1 ? 2 / r : 0;
  let from = -Math.PI / 2;
  pen.lineWidth = ringPx;
  for (const s of slices) {
    const angle = (s.n / n) * 2 * Math.PI;
    pen.beginPath();
    pen.arc(0, 0, r - ringPx / 2, from + gap / 2, from + Math.max(angle - gap / 2, gap / 2 + 0.06));
    pen.strokeStyle = colour[s.look];
    pen.setLineDash(s.look === "lost" ? [3, 2.2] : []);
    pen.stroke();
    from += angle;
  }
  pen.setLineDash([]);
  pen.fillStyle = ink;
  pen.font = `700 ${n < 100 ? 13 : 12}px ${face}`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(short(n), 0, 0.5);
  // Where a chip hangs on the ring: under way and on the scene to the right, lost below on the left.
  for (const [look, dx, dy] of [["en_route", 1, -1], ["on_scene", 1, 1], ["lost", -1, 1]] as const) {
    const s = slices.find((x) => x.look === look);
    if (s) chip(pen, s, dx, dx * (r * 0.62 + 1), dy * (r * 0.72 + 1));
  }
}

/** A chip that grows away from the ring. */
function chip(pen: Pen, s: Slice, away: 1 | -1, x: number, y: number): void {
  const text = short(s.n);
  pen.font = `700 10px ${face}`;
  const width = 15 + Math.ceil(pen.measureText(text).width);
  const left = away > 0 ? x : x - width;
  pen.beginPath();
  pen.roundRect(left, y - 7, width, 14, 7);
  pen.fillStyle = night;
  pen.fill();
  pen.lineWidth = 1;
  pen.strokeStyle = colour[s.look];
  pen.stroke();
  glyph(pen, s.look, left + 7.5, y);
  pen.fillStyle = ink;
  pen.textAlign = "left";
  pen.fillText(text, left + 12.5, y + 0.5);
}

/** The shape of a state, as the unit layer draws it. */
function glyph(pen: Pen, look: Slice["look"], x: number, y: number): void {
  pen.fillStyle = colour[look];
  pen.strokeStyle = colour[look];
  pen.beginPath();
  if (look === "en_route") {
    pen.moveTo(x, y - 4);
    pen.lineTo(x + 3.4, y + 3.8);
    pen.lineTo(x, y + 2);
    pen.lineTo(x - 3.4, y + 3.8);
    pen.fill();
  } else if (look === "on_scene") {
    pen.rect(x - 3, y - 3, 6, 6);
    pen.fill();
  } else {
    pen.arc(x, y, 3, 0, 2 * Math.PI);
    pen.lineWidth = 1.4;
    pen.setLineDash([1.6, 1.5]);
    pen.stroke();
    pen.setLineDash([]);
  }
}
