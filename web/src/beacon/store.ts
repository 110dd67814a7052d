/**
 * Fixes that are not known to be safe, kept by the phone itself. A fix has its
 * sequence from here and is on the phone's disk before it is sent: were it sent first,
 * a reload could give its sequence to another fix, which the service would then take
 * for the same one.
 */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { Fix, Held, Range } from "./message.ts";

/** lastMs is the time of the newest fix ever taken: a browser may give the same one again after a reload. */
export type Kept = { stream: string; next: number; held: Held[]; lastMs: number | null };
export interface Store {
  /** What is kept for a device; another device's is of no use to anybody and goes. */
  open(device: string): Promise<Kept>;
  /** Answers the fix with its sequence. */
  add(fix: Fix): Promise<Held>;
  /** Lets go of what is safe, or never will be. */
  settle(upTo: number, also?: Range[]): Promise<void>;
  /** The next sequence is at least this. */
  skipTo(next: number): Promise<void>;
  clear(): Promise<void>;
}

type Meta = { device: string; stream: string; next: number; lastMs: number | null };
interface Shape extends DBSchema {
  fixes: { key: number; value: Held };
  meta: { key: string; value: Meta };
}
const one = "one";
const onDisk = { durability: "strict" } as const;

export class PhoneStore implements Store {
  readonly #name: string;
  #opened: Promise<IDBPDatabase<Shape>> | undefined;

  constructor(name = "gridpatrol-beacon") {
    this.#name = name;
  }

  #db(): Promise<IDBPDatabase<Shape>> {
    this.#opened ??= openDB<Shape>(this.#name, 1, {
      upgrade(d) {
        d.createObjectStore("fixes", { keyPath: "seq" });
        d.createObjectStore("meta");
      },
    });
    return this.#opened;
  }

  async open(device: string): Promise<Kept> {
    const tx = (await this.#db()).transaction(["fixes", "meta"], "readwrite", onDisk);
    const fixes = tx.objectStore("fixes");
    let meta = await tx.objectStore("meta").get(one);
    if (meta?.device !== device) {
      meta = { device, stream: crypto.randomUUID(), next: 1, lastMs: null };
      await fixes.clear();
      await tx.objectStore("meta").put(meta, one);
    }
    const held = await fixes.getAll();
    await tx.done;
    return { stream: meta.stream, next: meta.next, held, lastMs: meta.lastMs };
  }

  async add(fix: Fix): Promise<Held> {
    const tx = (await this.#db()).transaction(["fixes", "meta"], "readwrite", onDisk);
    const metas = tx.objectStore("meta");
    const meta = await metas.get(one);
    if (!meta) throw new Error("the store of fixes is not open");
    const held = { seq: meta.next, ...fix };
    await Promise.all([tx.objectStore("fixes").put(held), metas.put({ ...meta, next: meta.next + 1, lastMs: Date.parse(fix.t) }, one)]);
    await tx.done;
    return held;
  }

  async settle(upTo: number, also: Range[] = []): Promise<void> {
    const tx = (await this.#db()).transaction("fixes", "readwrite");
    await tx.store.delete(IDBKeyRange.upperBound(upTo));
    for (const [first, last] of also) await tx.store.delete(IDBKeyRange.bound(first, last));
    await tx.done;
  }

  async skipTo(next: number): Promise<void> {
    const tx = (await this.#db()).transaction("meta", "readwrite", onDisk);
    const meta = await tx.store.get(one);
    if (meta && meta.next < next) await tx.store.put({ ...meta, next }, one);
    await tx.done;
  }

  async clear(): Promise<void> {
    const tx = (await this.#db()).transaction(["fixes", "meta"], "readwrite", onDisk);
    await Promise.all([tx.objectStore("fixes").clear(), tx.objectStore("meta").clear()]);
    await tx.done;
  }
}
