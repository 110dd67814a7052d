import { expect, it } from "vitest";
import { PhoneStore } from "./store.ts";

const fix = (s: number) => ({ t: `2026-11-23T08:00:0${s}.000Z`, lon: 121.4, lat: 28.58 });

it("keeps fixes, the stream and the count over a reload", async () => {
  const before = new PhoneStore("reload");
  const { stream } = await before.open("P-1-1");
  for (const s of [0, 1, 2, 3]) await before.add(fix(s));
  await before.settle(1, [[3, 3]]);
  const after = await new PhoneStore("reload").open("P-1-1");
  expect(after).toEqual({ stream, next: 5, held: [{ seq: 2, ...fix(1) }, { seq: 4, ...fix(3) }], lastMs: Date.parse(fix(3).t) });
});

it("counts two windows' fixes apart", async () => {
  const [a, b] = [new PhoneStore("two"), new PhoneStore("two")];
  await a.open("P-1-1");
  await b.open("P-1-1");
  const seqs = (await Promise.all([a.add(fix(0)), b.add(fix(1)), a.add(fix(2))])).map((h) => h.seq);
  expect(seqs.sort()).toEqual([1, 2, 3]);
});

it("goes past what the service knows, and never back", async () => {
  const store = new PhoneStore("skip");
  await store.open("P-1-1");
  await store.skipTo(9);
  await store.skipTo(3);
  expect((await store.add(fix(0))).seq).toBe(9);
});

it("begins anew as another device, whose fixes nobody else may send", async () => {
  const store = new PhoneStore("other");
  const first = await store.open("P-1-1");
  await store.add(fix(0));
  const second = await store.open("P-1-2");
  expect(second).toMatchObject({ next: 1, held: [] });
  expect(second.stream).not.toBe(first.stream);
});
