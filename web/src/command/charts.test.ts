import { expect, it } from "vitest";
import { hours } from "./charts.tsx";

it("counts cases by the hour, the present one included", () => {
  const now = Date.parse("2026-11-23T12:20:00Z");
  const h = 3_600_000;
  const { y } = hours([now, now - 30 * 60_000, now - 23 * h, now - 25 * h], now);
  expect(y).toHaveLength(24);
  expect(y[23]).toBe(1); // 12:20
  expect(y[22]).toBe(1); // 11:50
  expect(y[0]).toBe(1); // 13:20 of yesterday
  expect(y.reduce((a, b) => a + b)).toBe(3);
});
