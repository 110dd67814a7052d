import { expect, test } from "vitest";
import { dayOf, fixesOf, heardAt, stretchesOf, waysOf, whereAt, type Moment, type TrackPoint } from "./day.ts";

const t0 = Date.parse("2026-11-27T00:00:00Z");
const minute = 60_000;
const point = (m: number, verdict: string | null = null): TrackPoint => ({ t: new Date(t0 + m * minute).toISOString(), lon: 121 + m / 1000, lat: 28, accuracy_m: null, speed_ms: null, heading_deg: null, verdict, simulated: false });
const moment = (m: number, kind: Moment["kind"]): Moment => ({ at: new Date(t0 + m * minute).toISOString(), kind, area: null, name: null, because: null, simulated: false });

test("a way is broken where nothing was heard, and doubtful places are none of it", () => {
  const fixes = fixesOf([point(0), point(1), point(2, "jump"), point(3, "late"), point(30), point(31, "gcj02"), point(32)]);
  expect(fixes.map((f) => (f.at - t0) / minute)).toEqual([0, 1, 3, 30, 32]);
  expect(waysOf(fixes).map((w) => [w.kind, w.coordinates.length])).toEqual([["way", 3], ["gap", 2], ["way", 2]]);
  expect(waysOf([])).toEqual([]);
  expect(waysOf(fixes.slice(0, 1))).toEqual([]); // one place is no line
});

test("where somebody was is the newest place before a moment", () => {
  const fixes = fixesOf([point(1), point(2), point(5)]);
  const at = (m: number) => whereAt(fixes, t0 + m * minute);
  expect(at(0)).toBeNull();
  expect([at(1), at(1.9), at(4), at(5), at(99)].map((f) => ((f?.at ?? 0) - t0) / minute)).toEqual([1, 1, 2, 5, 5]);
  for (let m = 0; m < 7; m += 0.25) // against the slow way
    expect(at(m)).toEqual(fixes.filter((f) => f.at <= t0 + m * minute).at(-1) ?? null);
});

test("presence has no holes, and fences are none", () => {
  const all = stretchesOf("off_duty", [moment(480, "online"), moment(485, "entered"), moment(600, "stale"), moment(605, "lost"), moment(605, "online"), moment(700, "off_duty")], t0, t0 + 800 * minute);
  expect(all.map((s) => [(s.from - t0) / minute, (s.to - t0) / minute, s.heard])).toEqual([[0, 480, "off_duty"], [480, 600, "online"], [600, 605, "stale"], [605, 700, "online"], [700, 800, "off_duty"]]);
  expect([0, 479, 480, 604, 800, 900].map((m) => heardAt(all, t0 + m * minute))).toEqual(["off_duty", "off_duty", "online", "stale", "off_duty", "off_duty"]);
  expect(stretchesOf(null, [], t0, t0 + minute)).toEqual([{ from: t0, to: t0 + minute, heard: null }]);
});

test("a day ends with its midnight, or now", () => {
  const midnight = new Date(2026, 10, 27).valueOf();
  expect(dayOf("2026-11-27", midnight + minute)).toEqual({ from: midnight, to: midnight + minute });
  expect(dayOf("2026-11-26", midnight + minute)).toEqual({ from: new Date(2026, 10, 26).valueOf(), to: midnight });
  expect(dayOf("2026-11-28", midnight + minute)).toBeNull();
  expect(dayOf("", midnight)).toBeNull();
});
