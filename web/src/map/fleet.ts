/**
 * Everything that is drawn as one symbol: patrols, cases and the marks around
 * what is chosen. Between two fixes a patrol is moved by the graphics card: a unit
 * carries where it was, where it is going and when, so a change costs one small
 * upload and a frame costs no script at all.
 */
import { colour, type Look, playedShape, rgb, type Shape, shape } from "./palette.ts";
import { fromMercator, type LonLat, toMercator, type XY } from "./mercator.ts";

export type Unit = LonLat & {
  id: string;
  /** What a click on it means. Marks cannot be hit. */
  kind: "patrol" | "case" | "mark";
  look: Look;
  shape: Shape;
  sizePx: number;
  headingDeg: number;
  /** Drawn later, so above. */
  z: number;
  /** Seconds since the fix before, the time the next move is spread over. */
  spreadS?: number;
  /** A program plays it. */
  played?: boolean;
  /** The unit a mark goes along with. */
  follows?: string;
};

type Drawn = Unit & { from: XY; to: XY; startMs: number; lastsMs: number };

/** A move beyond this is a jump, and is shown as one instead of a flight. */
const jumpMercator = 600 / 40_075_000;
const minSpreadMs = 400;
const maxSpreadMs = 12_000;

/** Floats per unit: from 2, to 2, start and duration 2, shape, size, heading, colour 3. */
export const floatsPerUnit = 12;

export class Fleet {
  #units = new Map<string, Drawn>();
  #busyUntilMs = 0;
  #origin: XY | null = null;
  /** Moves at once: for people who asked for reduced motion. */
  still = false;
  /** Everything grey: what is shown is known to be old. */
  grey = false;
  revision = 0;

  /** The point all positions are counted from, so that 32-bit floats stay exact to centimetres. */
  get origin(): XY | null {
    return this.#origin;
  }

  get size(): number {
    return this.#units.size;
  }

  put(unit: Unit, nowMs: number): void {
    const to = toMercator(unit.lon, unit.lat);
    this.#origin ??= to;
    const old = this.#units.get(unit.id);
    let from = to;
    let startMs = nowMs;
    let lastsMs = 0;
    if (old) {
      const same = old.to.x === to.x && old.to.y === to.y;
      const at = positionAt(old, nowMs);
      const far = Math.hypot(to.x - at.x, to.y - at.y) > jumpMercator;
      if (same) {
        ({ from, startMs, lastsMs } = old);
      } else if (!far && !this.still) {
        from = at;
        lastsMs = Math.min(maxSpreadMs, Math.max(minSpreadMs, (unit.spreadS ?? 1) * 1000));
        this.#busyUntilMs = Math.max(this.#busyUntilMs, nowMs + lastsMs);
      }
    }
    this.#units.set(unit.id, { ...unit, from, to, startMs, lastsMs });
    this.revision++;
  }

  remove(id: string): void {
    if (this.#units.delete(id)) this.revision++;
  }

  removeKind(kind: Unit["kind"]): void {
    for (const [id, unit] of this.#units) if (unit.kind === kind) this.remove(id);
  }

  ids(kind: Unit["kind"]): string[] {
    return [...this.#units.values()].filter((u) => u.kind === kind).map((u) => u.id);
  }

  /** Where those of a kind are going, or stand. */
  places(kind: Unit["kind"]): XY[] {
    return [...this.#units.values()].filter((u) => u.kind === kind).map((u) => u.to);
  }

  get(id: string): Unit | undefined {
    return this.#units.get(id);
  }

  /** True while something is between two fixes. */
  moving(nowMs: number): boolean {
    return nowMs < this.#busyUntilMs;
  }

  whereNow(id: string, nowMs: number): LonLat | undefined {
    const unit = this.#units.get(id);
    return unit && fromMercator(positionAt(unit, nowMs));
  }

  /** The topmost unit within reachPx of a screen point; at(xy) projects to the screen. */
  hit(at: (p: XY) => XY, screen: XY, reachPx: number, nowMs: number): Unit | undefined {
    let best: Drawn | undefined;
    let bestD = Number.POSITIVE_INFINITY;
    for (const unit of this.#units.values()) {
      if (unit.kind === "mark") continue;
      const p = at(positionAt(unit, nowMs));
      const d = Math.hypot(p.x - screen.x, p.y - screen.y);
      if (d > Math.max(reachPx, unit.sizePx / 2)) continue;
      // A case beats a patrol standing on it: that is what people aim at.
      const score = d - unit.z * 0.5;
      if (score < bestD) [best, bestD] = [unit, score];
    }
    return best;
  }

  /** The buffer for the graphics card, in drawing order, times counted from nowMs. */
  pack(nowMs: number): Float32Array {
    const o = this.#origin ?? { x: 0, y: 0 };
    const order = [...this.#units.values()].sort((a, b) => a.z - b.z || (a.id < b.id ? -1 : 1));
    const out = new Float32Array(order.length * floatsPerUnit);
    let i = 0;
    for (const unit of order) {
      const lead = unit.follows ? (this.#units.get(unit.follows) ?? unit) : unit;
      const [r, g, b] = rgb(this.grey && unit.kind === "patrol" ? colour.lost : colour[unit.look]);
      out.set(
        [
          lead.from.x - o.x,
          lead.from.y - o.y,
          lead.to.x - o.x,
          lead.to.y - o.y,
          (lead.startMs - nowMs) / 1000,
          lead.lastsMs / 1000,
          unit.shape + (unit.played ? playedShape : 0),
          unit.sizePx,
          (unit.headingDeg * Math.PI) / 180,
          r,
          g,
          b,
        ],
        i,
      );
      i += floatsPerUnit;
    }
    return out;
  }
}

function positionAt(unit: Drawn, nowMs: number): XY {
  if (unit.lastsMs === 0) return unit.to;
  const f = Math.min(1, Math.max(0, (nowMs - unit.startMs) / unit.lastsMs));
  return { x: unit.from.x + (unit.to.x - unit.from.x) * f, y: unit.from.y + (unit.to.y - unit.from.y) * f };
}

/** How a patrol is drawn, from what is known of it. */
export function patrolSymbol(p: {
  status: string;
  presence: string;
  mode?: string;
  headingDeg?: number | null;
}): { look: Look; shape: Shape; sizePx: number; z: number } {
  const lost = p.presence === "lost" || p.presence === "stale";
  const car = p.mode === "car";
  if (lost) return { look: "lost", shape: shape.dashedRing, sizePx: 17, z: 1 };
  switch (p.status) {
    case "assigned":
    case "en_route":
      return car
        ? { look: "en_route", shape: shape.capsule, sizePx: 30, z: 5 }
        : { look: "en_route", shape: shape.arrow, sizePx: 20, z: 5 };
    case "on_scene":
      return car
        ? { look: "on_scene", shape: shape.capsule, sizePx: 30, z: 4 }
        : { look: "on_scene", shape: shape.square, sizePx: 15, z: 4 };
    case "off_duty":
      return { look: "off", shape: shape.circle, sizePx: 10, z: 0 };
    case "break": // on duty, and could be called
      return { look: "off", shape: shape.circle, sizePx: 13, z: 1 };
    default:
      return car
        ? { look: "free", shape: shape.capsule, sizePx: 28, z: 3 }
        : { look: "free", shape: shape.circle, sizePx: 14, z: 2 };
  }
}
