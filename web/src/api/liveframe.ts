/**
 * The binary messages of the live channel: what moved, by cells of the map. The layout
 * and its test vectors are in docs/live.md; realtime/liveframe is the twin in Go.
 */
import type { LivePatrol, PatrolStatus, Presence } from "./types.ts";

export const binarySubprotocol = "gridpatrol.live.v1.bin";

export type Told = Omit<LivePatrol, "t"> & { number: number; tMs: number; version: number };
export type Move = { number: number; lon: number; lat: number; heading_deg: number | null; status: PatrolStatus; presence: Presence; tMs: number };
/** How many are in a cell: of those heard of lately by status, then stale, then lost. */
export type CellCount = { lon: number; lat: number; counts: number[] };
export type Section = { kind: "changes" | "whole" | "closed" | "counts"; cell: string; left: number[]; full: Told[]; moved: Move[]; count: CellCount | null };
export type LiveMessage = { seq: number; atMs: number; afresh: boolean; sections: Section[] };

export const countClasses = ["free", "assigned", "en_route", "on_scene", "break", "stale", "lost"] as const;

const statuses: PatrolStatus[] = ["off_duty", "free", "assigned", "en_route", "on_scene", "break"];
const presences: Presence[] = ["online", "still", "stale", "lost"];
const kinds = ["changes", "whole", "closed", "counts"] as const;
const headBytes = 14;
const fullBytes = 45;
const moveBytes = 12;
const unit = 1e7;
const text = new TextDecoder();
const hex = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));

/** Reads a message; throws a RangeError or an Error on what is none. */
export function decode(buffer: ArrayBuffer): LiveMessage {
  const d = new DataView(buffer);
  if (d.getUint8(0) !== 1 || d.getUint8(1) > 1) throw new Error("not a message of positions");
  const atMs = Number(d.getBigInt64(6));
  const sections: Section[] = [];
  let i = headBytes;
  while (i < d.byteLength) {
    const kind = kinds[d.getUint8(i)];
    const step = d.getUint8(i + 1);
    if (!kind || step > 6) throw new Error("a section of an unknown kind");
    const s: Section = { kind, cell: d.getBigUint64(i + 2).toString(16), left: [], full: [], moved: [], count: null };
    sections.push(s);
    i += 10;
    if (kind === "closed") continue;
    const lon = d.getInt32(i);
    const lat = d.getInt32(i + 4);
    i += 8;
    if (kind === "counts") {
      s.count = { lon: lon / unit, lat: lat / unit, counts: countClasses.map((_, k) => d.getUint32(i + 4 * k)) };
      i += 4 * countClasses.length;
      continue;
    }
    const lefts = d.getUint32(i);
    const fulls = d.getUint32(i + 4);
    const moves = d.getUint32(i + 8);
    i += 12;
    if (i + 4 * lefts + fullBytes * fulls + moveBytes * moves > d.byteLength) throw new RangeError("the message ends within a record");
    for (let k = 0; k < lefts; k++, i += 4) s.left.push(d.getUint32(i));
    for (let k = 0; k < fulls; k++) {
      const p = told(d, i);
      s.full.push(p);
      i += fullBytes + d.getUint8(i + 44);
    }
    const half = (2 ** step - 1) / 2;
    for (let k = 0; k < moves; k++, i += moveBytes) {
      const heading = d.getUint8(i + 8);
      const state = d.getUint8(i + 9);
      s.moved.push({
        number: d.getUint32(i),
        lon: (lon + d.getInt16(i + 4) * 2 ** step + half) / unit,
        lat: (lat + d.getInt16(i + 6) * 2 ** step + half) / unit,
        heading_deg: heading === 255 ? null : heading * 1.5,
        status: statusOf(state),
        presence: presenceOf(state),
        tMs: atMs - d.getUint16(i + 10),
      });
    }
  }
  return { seq: d.getUint32(2), atMs, afresh: d.getUint8(1) === 1, sections };
}

function told(d: DataView, i: number): Told {
  const heading = d.getUint16(i + 40);
  const state = d.getUint8(i + 42);
  const p: Told = {
    number: d.getUint32(i),
    id: uuid(d, i + 4),
    lon: d.getInt32(i + 20) / unit,
    lat: d.getInt32(i + 24) / unit,
    heading_deg: heading === 65535 ? null : heading / 100,
    status: statusOf(state),
    presence: presenceOf(state),
    tMs: Number(d.getBigInt64(i + 28)),
    version: d.getUint32(i + 36),
    department: text.decode(new Uint8Array(d.buffer, d.byteOffset + i + fullBytes, d.getUint8(i + 44))),
  };
  if (d.getUint8(i + 43) & 1) p.simulated = true;
  return p;
}

function uuid(d: DataView, i: number): string {
  let out = "";
  for (let k = 0; k < 16; k++) out += (k === 4 || k === 6 || k === 8 || k === 10 ? "-" : "") + hex[d.getUint8(i + k)];
  return out;
}

function statusOf(state: number): PatrolStatus {
  const status = state >> 5 === 0 ? statuses[state & 7] : undefined;
  if (!status) throw new Error(`state ${state} is not known`);
  return status;
}

function presenceOf(state: number): Presence {
  return presences[(state >> 3) & 3] as Presence;
}

type Known = Told & { cell: string };

/** What the messages of one connection have told so far. */
export class Picture {
  #known = new Map<number, Known>();
  #numbers = new Map<string, Set<number>>();
  readonly counts = new Map<string, CellCount>();

  /**
   * Takes a message over and answers what it comes to: all that is shown now, when it is
   * afresh; else who moved and who is gone. Whoever goes from one cell to another is not
   * gone, whichever of the two is told first. counted says that the counts are others.
   */
  apply(m: LiveMessage): { moved: LivePatrol[]; gone: string[]; counted: boolean } {
    let counted = m.afresh;
    if (m.afresh) {
      this.#known.clear();
      this.#numbers.clear();
      this.counts.clear();
    }
    const moved = new Set<Known>();
    const gone = new Set<string>();
    const drop = (number: number, cell: string) => {
      const known = this.#known.get(number);
      if (known?.cell !== cell) return;
      this.#known.delete(number);
      this.#numbers.get(cell)?.delete(number);
      moved.delete(known);
      gone.add(known.id);
    };
    for (const s of m.sections) {
      if (s.count) {
        counted = true;
        if (s.count.counts.some((n) => n > 0)) this.counts.set(s.cell, s.count);
        else this.counts.delete(s.cell);
        continue;
      }
      if (s.kind !== "changes") {
        if (this.counts.delete(s.cell)) counted = true;
        for (const number of [...(this.#numbers.get(s.cell) ?? [])]) drop(number, s.cell);
      }
      for (const number of s.left) drop(number, s.cell);
      for (const p of s.full) {
        const old = this.#known.get(p.number);
        if (old) {
          this.#numbers.get(old.cell)?.delete(p.number);
          moved.delete(old);
        }
        const known = { ...p, cell: s.cell };
        this.#known.set(p.number, known);
        const here = this.#numbers.get(s.cell) ?? new Set();
        this.#numbers.set(s.cell, here.add(p.number));
        moved.add(known);
        gone.delete(p.id);
      }
      for (const move of s.moved) {
        const known = this.#known.get(move.number);
        if (known?.cell !== s.cell) throw new Error(`patrol ${move.number} moves in ${s.cell} and was never told of there`);
        Object.assign(known, move);
        moved.add(known);
      }
    }
    return { moved: [...moved].map(live), gone: [...gone], counted };
  }

  get size(): number {
    return this.#known.size;
  }
}

function live({ number: _n, tMs, cell: _c, ...p }: Known): LivePatrol {
  return { ...p, t: new Date(tMs).toISOString() };
}
