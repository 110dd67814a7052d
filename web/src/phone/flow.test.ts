import { expect, it } from "vitest";
import { due, fixOf } from "./flow.ts";

it("takes one place an interval, never the same twice, and is not silenced by a clock set right", () => {
  expect(due(null, 0, 5)).toBe(true);
  expect([0, 1_000, 4_400, 4_500, 60_000].map((ms) => due(1_000_000, 1_000_000 + ms, 5))).toEqual([false, false, false, true, true]);
  expect(due(1_000_000, 999_000, 5)).toBe(false);
  expect(due(1_000_000_000, 1_000_000_000 - 3_600_000, 5)).toBe(true);
});

it("says of a place what the phone measured, and leaves out what it did not", () => {
  const p = { lon: 121.123456789, lat: 28.5, accuracyM: 8.04, speedMS: null, headingDeg: null, atMs: Date.UTC(2026, 10, 23, 8, 0, 0, 123), heardMs: 0 };
  expect(fixOf(p, null)).toEqual({ t: "2026-11-23T08:00:00.123Z", lon: 121.1234568, lat: 28.5, accuracy_m: 8 });
  expect(fixOf({ ...p, speedMS: 1.234, headingDeg: 90 }, 0.875)).toMatchObject({ speed_ms: 1.23, heading_deg: 90, battery: 0.88 });
});
