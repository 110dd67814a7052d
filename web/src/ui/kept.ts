/**
 * What was written and taken for a step and has not arrived stays: when the list is
 * redrawn, when the page is left, and on a phone also when its camera drove the page out
 * of memory.
 */
export type Kept = { fields: Record<string, string>; photos: Blob[]; atMs: number };
type Store = { all(): Promise<Map<string, Kept>>; put(of: string, kept: Kept): Promise<void>; delete(of: string): Promise<void> };

const kept = new Map<string, Kept>();
let store: Store | null = null;
/** Nobody comes back to a step begun longer ago. */
const keptMs = 48 * 3_600_000;

/** A page that has somewhere to keep things reads there first what it kept before. */
export async function keepIn(where: Store, nowMs: number): Promise<void> {
  store = where;
  for (const [of, k] of await where.all())
    if (nowMs - k.atMs > keptMs) await where.delete(of);
    else kept.set(of, k);
}

export const keptOf = (of: string): Kept => kept.get(of) ?? { fields: {}, photos: [], atMs: 0 };

export function keep(of: string, what: Partial<Pick<Kept, "fields" | "photos">>): void {
  const k = { ...keptOf(of), ...what, atMs: Date.now() };
  kept.set(of, k);
  store?.put(of, k).catch(() => {}); // a full phone: then it stays as long as the page does
}

export function letGo(of: string): void {
  kept.delete(of);
  store?.delete(of).catch(() => {});
}

/** Whoever finds a phone that is let in no longer need not read what was begun. */
export function letGoAll(): void {
  for (const of of [...kept.keys()]) letGo(of);
}
