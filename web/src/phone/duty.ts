/**
 * Whether this phone's patrol is on duty: as the service says, and as the phone
 * remembers it while there is no line. Off duty nobody is located.
 */
import { computed, signal } from "@preact/signals";
import { ask, client, Refused } from "../api/client.ts";
import type { Patrol } from "../api/types.ts";
import { session } from "../state/session.ts";
import { nowMs } from "../state/tick.ts";
import { words } from "../i18n/index.ts";

export const patrol = signal<Patrol | null>(null);
export const trouble = signal("");

/** endsMs is when the shift ends; wantOff was said without a line and is told when there is one. */
type Known = { patrol: string; on: boolean; endsMs: number | null; wantOff: boolean };
const keptAs = "gp.duty";
const known = signal<Known | null>(remembered());
/** When the service said it last; then its word counts more than the end of the shift. */
const heardMs = signal(0);
const wordCountsMs = 40_000;
const everyMs = 15_000;

export const onDuty = computed(() => {
  const k = known.value;
  if (!k || !k.on || k.wantOff) return false;
  if (session.value && session.value.patrol_id !== k.patrol) return false;
  return k.endsMs === null || nowMs.value < k.endsMs || nowMs.value - heardMs.value < wordCountsMs;
});
export const offWaits = computed(() => known.value?.wantOff ?? false);

function remembered(): Known | null {
  try {
    const k = JSON.parse(localStorage.getItem(keptAs) ?? "null") as Partial<Known> | null;
    return k && typeof k.patrol === "string" ? { patrol: k.patrol, on: k.on === true, endsMs: k.endsMs ?? null, wantOff: k.wantOff === true } : null;
  } catch {
    return null;
  }
}

function remember(k: Known): void {
  known.value = k;
  try {
    localStorage.setItem(keptAs, JSON.stringify(k));
  } catch {
    // Then it is known as long as the page is open.
  }
}

export function forgetDuty(): void {
  known.value = null;
  try {
    localStorage.removeItem(keptAs);
  } catch {
    // Nothing was kept either.
  }
}

async function take(p: Patrol): Promise<void> {
  patrol.value = p;
  const before = known.value?.patrol === p.id ? known.value : null;
  const on = p.status !== "off_duty";
  const wantOff = on && (before?.wantOff ?? false);
  let endsMs = before?.on ? before.endsMs : null;
  heardMs.value = Date.now();
  remember({ patrol: p.id, on, endsMs, wantOff });
  if (!on || (endsMs !== null && endsMs > Date.now())) return;
  const { items } = await ask(client.GET("/api/v1/patrols/{id}/shifts", { params: { path: { id: p.id } } }));
  const now = Date.now();
  const ends = items.filter((s) => Date.parse(s.from) <= now && now < Date.parse(s.until)).map((s) => Date.parse(s.until));
  endsMs = ends.length > 0 ? Math.max(...ends) : null;
  if (known.value?.patrol === p.id) remember({ ...known.value, endsMs });
}

export async function loadPatrol(): Promise<void> {
  const id = session.value?.patrol_id;
  if (!id) return;
  try {
    if (known.value?.wantOff && known.value.patrol === id) {
      await take(await ask(client.PUT("/api/v1/me/duty", { body: { on: false } })));
      return;
    }
    await take(await ask(client.GET("/api/v1/patrols/{id}", { params: { path: { id } } })));
  } catch (why) {
    if (!(why instanceof Refused)) throw why; // what is remembered stands
  }
}

export function pollDuty(): void {
  const again = () => setTimeout(() => void loadPatrol().finally(again), everyMs);
  void loadPatrol().finally(again);
}

export async function setDuty(on: boolean): Promise<void> {
  trouble.value = "";
  try {
    await take(await ask(client.PUT("/api/v1/me/duty", { body: { on } })));
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
    const k = known.value;
    // Whoever goes home is not located any more, line or no line.
    if (why.type === "offline" && !on && k) remember({ ...k, wantOff: true });
    else trouble.value = why.type === "offline" ? words.value.offlineNow : words.value.failed(why.message);
  }
}
