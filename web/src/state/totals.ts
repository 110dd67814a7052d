/** How many there are of each department, of the whole district, whatever is on screen. */
import { signal } from "@preact/signals";
import { countClasses } from "../api/liveframe.ts";
import type { LivePatrol, TotalRow } from "../api/types.ts";

export type CountClass = (typeof countClasses)[number];
export type Tally = Record<CountClass, number>;

/** As the live channel told last; null while it has not. */
export const totals = signal<TotalRow[] | null>(null);

/** What a patrol is counted as: who was heard of lately by status, everybody else by presence. Off duty is nobody. */
export function classOf(p: Pick<LivePatrol, "status" | "presence">): CountClass | null {
  if (p.status === "off_duty") return null;
  return p.presence === "stale" || p.presence === "lost" ? p.presence : p.status;
}

const none = (): Tally => ({ free: 0, assigned: 0, en_route: 0, on_scene: 0, break: 0, stale: 0, lost: 0 });
export const sum = (t: Tally): number => countClasses.reduce((n, c) => n + t[c], 0);
/** Those heard of lately. */
export const there = (t: Tally): number => sum(t) - t.stale - t.lost;

/** By department, from the totals, or from the patrols themselves where the page knows all of them. */
export function strengthOf(rows: TotalRow[] | null, patrols: Iterable<LivePatrol>, counts: (simulated: boolean) => boolean): Map<string, Tally> {
  const out = new Map<string, Tally>();
  const of = (department: string) => {
    const t = out.get(department) ?? none();
    out.set(department, t);
    return t;
  };
  for (const row of rows ?? []) if (counts(row.simulated)) for (const c of countClasses) of(row.department)[c] += row[c];
  if (rows) return out;
  for (const p of patrols) {
    const c = classOf(p);
    if (c && counts(p.simulated ?? false)) of(p.department)[c]++;
  }
  return out;
}
