import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { binarySubprotocol, countClasses, decode, type LiveMessage, Picture, type Section } from "./liveframe.ts";

/** The messages of docs/live.md, which the service's tests read too. */
const vectors = (() => {
  const manual = readFileSync("../docs/live.md", "utf8"); // tests run in web/
  const lines = (manual.split("```vectors\n")[1] ?? "").split("```")[0] ?? "";
  return lines.trim().split("\n").map((line) => {
    const space = line.indexOf(" ");
    return { bytes: line.slice(0, space), says: JSON.parse(line.slice(space + 1)) as unknown };
  });
})();

const bytesOf = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (b) => parseInt(b, 16)).buffer;
const time = (ms: number) => Date.parse(new Date(ms).toISOString());

/** A message in the words of the vectors. */
function spelt(m: LiveMessage) {
  const section = (s: Section) => ({
    kind: s.kind,
    cell: s.cell,
    ...(s.left.length > 0 ? { left: s.left } : {}),
    ...(s.full.length > 0 ? { full: s.full.map(({ tMs, ...p }) => ({ ...p, t: time(tMs) })) } : {}),
    ...(s.moved.length > 0 ? { moved: s.moved.map(({ tMs, ...p }) => ({ ...p, t: time(tMs) })) } : {}),
    ...(s.count ? { lon: s.count.lon, lat: s.count.lat, counts: Object.fromEntries(countClasses.map((c, i) => [c, s.count?.counts[i]])) } : {}),
  });
  return { seq: m.seq, at: time(m.atMs), afresh: m.afresh, sections: m.sections.map(section) };
}

describe("a binary message", () => {
  it("says what the manual says it does", () => {
    expect(vectors.length).toBeGreaterThan(3);
    for (const v of vectors) {
      const says = JSON.parse(JSON.stringify(v.says), (key, value) => (key === "t" || key === "at" ? Date.parse(value as string) : value)) as unknown;
      expect(spelt(decode(bytesOf(v.bytes)))).toEqual(says);
    }
  });

  it("is refused wherever it is cut short", () => {
    for (const v of vectors) {
      const whole = new Uint8Array(bytesOf(v.bytes));
      const ends = new Set([14]); // a message without sections
      for (let n = 0; n < whole.length; n++) {
        let ok = true;
        try {
          decode(whole.slice(0, n).buffer);
        } catch {
          ok = false;
        }
        if (ok) ends.add(n);
      }
      expect(ends.size).toBeLessThan(3);
    }
  });
});

const full = (number: number, more = {}) => ({ number, id: `p-${number}`, lon: 121, lat: 28, heading_deg: null, status: "free" as const, presence: "online" as const, tMs: 1_000, version: 1, department: "police", ...more });
const move = (number: number, lon: number) => ({ number, lon, lat: 28, heading_deg: 90, status: "en_route" as const, presence: "online" as const, tMs: 2_000 });
const section = (cell: string, s: Partial<Section>): Section => ({ kind: "changes", cell, left: [], full: [], moved: [], count: null, ...s });
const message = (...sections: Section[]): LiveMessage => ({ seq: 1, atMs: 0, afresh: false, sections });

describe("a picture", () => {
  it("knows who moved by a number, and keeps what was told in full", () => {
    const p = new Picture();
    p.apply({ ...message(section("a", { kind: "whole", full: [full(1), full(2, { simulated: true })] })), afresh: true });
    const { moved, gone } = p.apply(message(section("a", { moved: [move(2, 121.5)] })));
    expect(gone).toEqual([]);
    expect(moved).toEqual([{ id: "p-2", lon: 121.5, lat: 28, heading_deg: 90, status: "en_route", presence: "online", t: "1970-01-01T00:00:02.000Z", version: 1, department: "police", simulated: true }]);
  });

  it("does not lose who goes from one cell to another, whichever is told first", () => {
    for (const turned of [false, true]) {
      const p = new Picture();
      p.apply(message(section("a", { kind: "whole", full: [full(1)] })));
      const both = [section("a", { left: [1] }), section("b", { full: [full(1, { lon: 122 })] })];
      const { moved, gone } = p.apply(message(...(turned ? both.reverse() : both)));
      expect(gone).toEqual([]);
      expect(moved.map((m) => m.lon)).toEqual([122]);
      expect(p.apply(message(section("b", { left: [1] }))).gone).toEqual(["p-1"]);
      expect(p.size).toBe(0);
    }
  });

  it("forgets a cell that is looked at no more, and all when told afresh", () => {
    const p = new Picture();
    p.apply(message(section("a", { kind: "whole", full: [full(1), full(2)] }), section("b", { kind: "whole", full: [full(3)] })));
    expect(p.apply(message(section("a", { kind: "closed" }))).gone.sort()).toEqual(["p-1", "p-2"]);
    p.apply({ ...message(section("c", { kind: "whole", full: [full(4)] })), afresh: true });
    expect(p.size).toBe(1);
  });

  it("counts by cell until a cell is empty", () => {
    const p = new Picture();
    const count = (n: number) => section("c", { kind: "counts", count: { lon: 121, lat: 28, counts: [n, 0, 0, 0, 0, 0, 0] } });
    p.apply(message(count(5)));
    expect(p.counts.get("c")?.counts[0]).toBe(5);
    p.apply(message(count(0)));
    expect(p.counts.size).toBe(0);
  });

  it("does not guess where somebody moves that it was never told of", () => {
    expect(() => new Picture().apply(message(section("a", { moved: [move(9, 1)] })))).toThrow("never told of");
  });
});

it("has the name that the service knows", () => {
  expect(binarySubprotocol).toBe("gridpatrol.live.v1.bin");
});
