/**
 * What this phone keeps for itself: reports and steps of cases until they have arrived,
 * and drafts. Each is stored before anything is sent, under the key that makes it count once.
 */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { CaseMove, NewReport } from "../api/types.ts";
import type { Kept } from "../ui/kept.ts";

export type BoxState = "waiting" | "sending" | "sent" | "refused";
/** A step of a case as it goes to the service: an answer of an assignment, or a move. */
export type Step = {
  case: string;
  number: string;
  /** Who took it, by account or device: it goes under nobody else's name. */
  who: string;
} & ({ assignment: string; action: "en_route" | "on_scene" | "done"; result: string } | { order: CaseMove });
export type Boxed = {
  /** The idempotency key: made with what is kept, the same on every try. */
  key: string;
  /** What was kept later is later here too, whatever the phone's clock does. */
  madeMs: number;
  /** Null where it is a step. */
  report: NewReport | null;
  step?: Step;
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
  draft: { key: string; value: Draft | Kept };
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

export async function put(what: Pick<Boxed, "report" | "photos" | "clears" | "step">): Promise<Boxed> {
  const tx = (await db()).transaction("outbox", "readwrite");
  const last = Math.max(0, ...(await tx.store.getAll()).map((b) => b.madeMs));
  const boxed: Boxed = { ...what, key: crypto.randomUUID(), madeMs: Math.max(Date.now(), last + 1), state: "waiting", tries: 0 };
  await tx.store.put(boxed);
  await tx.done;
  return boxed;
}

export async function drop(key: string): Promise<void> {
  await (await db()).delete("outbox", key);
}

export async function keepBoxed(b: Boxed): Promise<void> {
  await (await db()).put("outbox", b);
}

export async function all(): Promise<Boxed[]> {
  return (await (await db()).getAll("outbox")).sort((a, b) => b.madeMs - a.madeMs);
}

const keptMs = 7 * 24 * 3_600_000;
/** What arrived long ago need not stay on a phone. */
export async function tidy(nowMs: number): Promise<void> {
  for (const b of await all()) if (b.state === "sent" && nowMs - b.madeMs > keptMs) await (await db()).delete("outbox", b.key);
}

export async function draft(): Promise<Draft | undefined> {
  return (await (await db()).get("draft", "one")) as Draft | undefined;
}
export async function keepDraft(d: Draft): Promise<void> {
  await (await db()).put("draft", d, "one");
}
export async function dropDraft(): Promise<void> {
  await (await db()).delete("draft", "one");
}

const stepKey = (of: string) => `step ${of}`;
/** What was begun of steps, by what it is of. */
export const keptSteps = {
  async all(): Promise<Map<string, Kept>> {
    const d = await db();
    const out = new Map<string, Kept>();
    for (const key of await d.getAllKeys("draft")) if (key.startsWith("step ")) out.set(key.slice(5), (await d.get("draft", key)) as Kept);
    return out;
  },
  async put(of: string, kept: Kept): Promise<void> {
    await (await db()).put("draft", kept, stepKey(of));
  },
  async delete(of: string): Promise<void> {
    await (await db()).delete("draft", stepKey(of));
  },
};
