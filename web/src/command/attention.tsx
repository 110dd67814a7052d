/** What waits for a leader: late, nearly late, for a ruling, an approval, a check, an answer. A chip shows its list in the queue. */
import { signal } from "@preact/signals";
import { ask, client, Refused } from "../api/client.ts";
import { casesChanged, keepCase } from "../state/duty.ts";
import { session } from "../state/session.ts";
import { gate } from "../state/tick.ts";
import { words } from "../i18n/index.ts";

export const lists = ["overdue", "warned", "ruling", "approval", "verification", "supervised"] as const;
export type List = (typeof lists)[number];

const found = signal<Partial<Record<List, string[]>>>({});
/** The list that the queue is narrowed to, if any. */
export const attention = signal<List | null>(null);
const most = 200;
const everyMs = 30_000;
const whose = new Set(["admin", "operator", "duty_leader", "town_leader", "district_supervisor"]);

async function load(): Promise<void> {
  try {
    const all = await Promise.all(
      lists.map(async (waiting) => {
        const { items } = await ask(client.GET("/api/v1/cases", { params: { query: { waiting, open: true, limit: most } } }));
        for (const c of items) keepCase(c);
        return [waiting, items.map((c) => c.id)] as const;
      }),
    );
    found.value = Object.fromEntries(all);
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
  }
}

export function startAttention(): void {
  if (!whose.has(session.value?.role ?? "")) return;
  const again = gate(() => void load(), 5_000);
  again();
  casesChanged.subscribe(again);
  setInterval(again, everyMs);
}

/** The ids of the chosen list, null when none is chosen. */
export function attended(): Set<string> | null {
  return attention.value ? new Set(found.value[attention.value] ?? []) : null;
}

export function Attention() {
  const w = words.value.course;
  const shown = lists.filter((l) => (found.value[l] ?? []).length > 0 || attention.value === l);
  if (shown.length === 0) return null;
  return (
    <div class="attention" role="group" aria-label={w.attention}>
      {shown.map((l) => (
        <button key={l} type="button" class={`chip ${l}`} aria-pressed={attention.value === l} onClick={() => (attention.value = attention.value === l ? null : l)}>
          {w.lists[l]} <b>{(found.value[l] ?? []).length}</b>
        </button>
      ))}
    </div>
  );
}
