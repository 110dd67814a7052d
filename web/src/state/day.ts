/** A patrol's day: its way, when it was heard of, and where it was at a moment of it. Times are in milliseconds. */
import type { components } from "../api/schema.d.ts";
import type { Way } from "../map/track.ts";

export type TrackPoint = components["schemas"]["TrackPoint"];
export type Moment = components["schemas"]["PresenceMoment"];
export type Heard = "online" | "stale" | "lost" | "off_duty";
export type Stretch = { from: number; to: number; heard: Heard | null };
export type Fix = { at: number; lon: number; lat: number };

/** Nothing for longer than this is a gap in a way, not a straight line: a patrol is taken for lost then. */
export const gapMs = 10 * 60_000;

/** What says where somebody was: doubtful places are kept in a track, and are none of its way. */
export function fixesOf(points: TrackPoint[]): Fix[] {
  return points.filter((p) => !p.verdict || p.verdict === "late").map((p) => ({ at: Date.parse(p.t), lon: p.lon, lat: p.lat }));
}

/** The way in pieces, with what lies between them where nothing was heard. */
export function waysOf(fixes: Fix[]): Way[] {
  const out: Way[] = [];
  let way: number[][] = [];
  const end = () => {
    if (way.length > 1) out.push({ kind: "way", coordinates: way });
  };
  fixes.forEach((f, i) => {
    const before = fixes[i - 1];
    if (before && f.at - before.at > gapMs) {
      end();
      out.push({ kind: "gap", coordinates: [[before.lon, before.lat], [f.lon, f.lat]] });
      way = [];
    }
    way.push([f.lon, f.lat]);
  });
  end();
  return out;
}

/** The newest fix at a moment, null before the first. */
export function whereAt(fixes: Fix[], at: number): Fix | null {
  let low = 0;
  let high = fixes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((fixes[middle]?.at ?? Infinity) <= at) low = middle + 1;
    else high = middle;
  }
  return fixes[low - 1] ?? null;
}

const heard = (kind: Moment["kind"]): Heard | null => (kind === "entered" || kind === "left" ? null : kind);

/** When it was heard of, without holes, from one time to another; null before anything is known. */
export function stretchesOf(was: Heard | null, moments: Moment[], from: number, to: number): Stretch[] {
  const out: Stretch[] = [{ from, to, heard: was }];
  for (const m of moments) {
    const kind = heard(m.kind);
    const last = out[out.length - 1];
    if (!kind || !last) continue;
    const at = Math.min(to, Math.max(from, Date.parse(m.at)));
    last.to = at;
    out.push({ from: at, to, heard: kind });
  }
  return out.filter((s) => s.to > s.from);
}

export function heardAt(all: Stretch[], at: number): Heard | null {
  return all.find((s) => at >= s.from && at < s.to)?.heard ?? all[all.length - 1]?.heard ?? null;
}

/** The day of a date field, in the time of this machine: from its midnight to the next, or to now. */
export function dayOf(field: string, now: number): { from: number; to: number } | null {
  const [year, month, day] = field.split("-").map(Number);
  if (!year || !month || !day) return null;
  const from = new Date(year, month - 1, day).valueOf();
  const to = Math.min(now, new Date(year, month - 1, day + 1).valueOf(), from + 24 * 3_600_000);
  return from < to ? { from, to } : null;
}
