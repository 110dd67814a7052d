import { expect, test } from "vitest";
import { within } from "./heat.tsx";

test("a place is in a cell or beside it", () => {
  const ring = [[121.38, 28.58], [121.39, 28.585], [121.39, 28.595], [121.38, 28.6], [121.37, 28.595], [121.37, 28.585], [121.38, 28.58]];
  expect(within(ring, 121.38, 28.59)).toBe(true);
  expect(within(ring, 121.3705, 28.5951)).toBe(true);
  for (const [lon, lat] of [[121.395, 28.59], [121.365, 28.59], [121.38, 28.61], [121.3705, 28.581]] as const) expect(within(ring, lon, lat)).toBe(false);
});
