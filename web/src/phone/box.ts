/**
 * What this phone keeps for itself: reports until they have arrived, and the draft.
 * A report is stored before anything is sent, under the key that makes it count once.
 */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { NewReport } from "../api/types.ts";

export type BoxState = "waiting" | "sending" | "sent" | "refused";
export type Boxed = {
  /** The idempotency key: made with the report, the same on every try. */
  key: string;
  madeMs: number;
  report: NewReport;
  photos: Blob[];
  state: BoxState;
  tries: number;
  /** What became of it: the case's number, or why it was refused. */
  number?: string;
  goes?: string[];
  /** What a reporter without an account follows it by; told this once. */
  followUp?: { code: string; url: string };
  /** Not a report but the answer to a revisit: nothing was found. */
  clears?: string;
  refusal?: string;
};
export type Draft = { category: string; description: string; photos: Blob[]; lon: number | null; lat: number | null };

interface Shape extends DBSchema {
  outbox: { key: string; value: Boxed };
  draft: { key: string; value: Draft };
}

let opened: Promise<IDBPDatabase<Shape>> | undefined;
function db(): Promise<IDBPDatabase<Shape>> {
  opened ??= openDB<Shape>("gridpatrol", 1, {
    upgrade(d) {
      d.createObjectStore("outbox", { keyPath: "key" });
      d.createObjectStore("draft");
    },
  });
  return opened;
}

export async function put(report: NewReport, photos: Blob[], clears?: string): Promise<Boxed> {
  const boxed: Boxed = { key: crypto.randomUUID(), madeMs: Date.now(), report, photos, state: "waiting", tries: 0, ...(clears ? { clears } : {}) };
  await (await db()).put("outbox", boxed);
  return boxed;
}

export async function keepBoxed(b: Boxed): Promise<void> {
  await (await db()).put("outbox", b);
}

export async function all(): Promise<Boxed[]> {
  return (await (await db()).getAll("outbox")).sort((a, b) => b.madeMs - a.madeMs);
}

const keptMs = 7 * 24 * 3_600_000;
/** Reports that arrived long ago need not stay on a phone. */
export async function tidy(nowMs: number): Promise<void> {
  for (const b of await all()) if (b.state === "sent" && nowMs - b.madeMs > keptMs) await (await db()).delete("outbox", b.key);
}

export async function draft(): Promise<Draft | undefined> {
  return (await db()).get("draft", "one");
}
export async function keepDraft(d: Draft): Promise<void> {
  await (await db()).put("draft", d, "one");
}
export async function dropDraft(): Promise<void> {
  await (await db()).delete("draft", "one");
}
