import { expect, test } from "vitest";
import { withoutRepeats } from "./sketch.ts";

test("a double click adds its point once", () => {
  expect(withoutRepeats([[1, 2], [3, 4], [3, 4]])).toEqual([[1, 2], [3, 4]]);
  expect(withoutRepeats([[1, 2], [1, 2]])).toHaveLength(1);
  expect(withoutRepeats([[1, 2], [3, 4], [1, 2]])).toHaveLength(3);
});
