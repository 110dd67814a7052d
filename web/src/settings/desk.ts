/** How the desk of the district sends, whatever the category: as it is, and as it is typed. In minutes, as people say it. */
import { computed, signal } from "@preact/signals";
import { ask, client, Refused } from "../api/client.ts";
import type { components } from "../api/schema.d.ts";
import { words } from "../i18n/index.ts";
import { inShort } from "./book.ts";

type Rules = components["schemas"]["DispatchRules"];
type NewRules = components["schemas"]["NewDispatchRules"];
export const fields = ["hand_over_s", "move_saves_s", "move_quiet_s"] as const;
export type Field = (typeof fields)[number];
/** What may be typed, in minutes; nought is off where that is possible. */
export const bounds: Record<Field, { low: number; high: number; off: boolean }> = {
  hand_over_s: { low: 1, high: 240, off: true },
  move_saves_s: { low: 1, high: 60, off: true },
  move_quiet_s: { low: 1, high: 240, off: false },
};

export type DeskDraft = Record<Field, string> & { reason: string };
export const deskRules = signal<Rules | null>(null);
export const deskDraft = signal<DeskDraft | null>(null);
export const busy = signal(false);
export const trouble = signal("");
export const saved = signal(false);

const inMinutes = (seconds: number) => String(Math.round((seconds / 60) * 10) / 10);
export const draftOf = (r: Rules): DeskDraft => ({ hand_over_s: inMinutes(r.hand_over_s), move_saves_s: inMinutes(r.move_saves_s), move_quiet_s: inMinutes(r.move_quiet_s), reason: "" });

/** Seconds of what is typed, null for what cannot be. */
export function secondsOf(field: Field, text: string): number | null {
  const t = text.trim().replace("．", ".");
  const { low, high, off } = bounds[field];
  if (!/^\d+(\.\d)?$/.test(t)) return null;
  const n = Number(t);
  return (n === 0 && off) || (n >= low && n <= high) ? Math.round(n * 60) : null;
}

export type DeskChange = { field: Field; before: number; after: number };
export const wrong = computed<Field[]>(() => {
  const d = deskDraft.value;
  return d ? fields.filter((f) => secondsOf(f, d[f]) === null) : [];
});
export const deskChanges = computed<DeskChange[]>(() => {
  const d = deskDraft.value, r = deskRules.value;
  if (!d || !r) return [];
  const was = draftOf(r); // what was not touched stays as it is, to the second
  return fields.flatMap((field) => {
    const after = secondsOf(field, d[field]);
    return d[field] === was[field] || after === r[field] ? [] : [{ field, before: r[field], after: after ?? r[field] }];
  });
});

export async function loadDesk(): Promise<void> {
  try {
    deskRules.value = await ask<Rules>(client.GET("/api/v1/dispatch-rules"));
    reset();
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
    trouble.value = inShort(why);
  }
}

export function reset(): void {
  deskDraft.value = deskRules.value ? draftOf(deskRules.value) : null;
  trouble.value = "";
  saved.value = false;
}

export function setDesk(change: Partial<DeskDraft>): void {
  if (deskDraft.value) deskDraft.value = { ...deskDraft.value, ...change };
  trouble.value = "";
  saved.value = false;
}

export async function saveDesk(): Promise<void> {
  const r = deskRules.value, d = deskDraft.value;
  if (!r || !d || busy.value || wrong.value.length > 0) return;
  busy.value = true;
  trouble.value = "";
  const body: NewRules = { version: r.version, hand_over_s: r.hand_over_s, move_saves_s: r.move_saves_s, move_quiet_s: r.move_quiet_s };
  for (const c of deskChanges.value) body[c.field] = c.after;
  if (d.reason.trim()) body.reason = d.reason.trim();
  try {
    deskRules.value = await ask<Rules>(client.PUT("/api/v1/dispatch-rules", { body }));
    reset();
    saved.value = true;
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
    if (why.status === 409) { // somebody else changed them; what is typed stays, against what is now
      const typed = deskDraft.value;
      await loadDesk();
      deskDraft.value = typed;
      trouble.value = words.value.settings.desk.changedMeanwhile;
    } else trouble.value = inShort(why);
  } finally {
    busy.value = false;
  }
}
