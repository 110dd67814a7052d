import { expect, test } from "vitest";
import { bandOf } from "./coverage.ts";
import { shares, slowest } from "../command/coverage.tsx";

const cell = (eta_s: number | null) => ({ cell: String(eta_s), eta_s, boundary: [] });

test("minutes fall into bands, their upper ends included", () => {
  expect([0, 300, 300.5, 600, 1200, 1201, null].map(bandOf)).toEqual(["m5", "m5", "m10", "m10", "m20", "more", "hole"]);
});

test("a hole waits longest", () => {
  expect(slowest([cell(10), cell(900), cell(20)])?.cell).toBe("900");
  expect(slowest([cell(10), cell(null), cell(2000)])?.cell).toBe("null");
  expect(slowest([])).toBeNull();
});

test("shares are of all cells", () => {
  expect([...shares([cell(1), cell(2), cell(700), cell(null)])]).toEqual([["m5", 50], ["m15", 25], ["hole", 25]]);
});
