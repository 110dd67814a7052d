import { expect, test } from "vitest";
import type { CaseDetail } from "../api/types.ts";
import { words } from "../i18n/index.ts";
import { insteadOf } from "./cover.tsx";
import { groupsOf } from "./more.tsx";

test("departments that the category has on demand come first, once, and none that the district has not", () => {
  const w = words.value.mission;
  const c = { category: "A01", departments: [{ code: "police", part: "lead", because: "" }, { code: "village", part: "assist", because: "" }] } as unknown as CaseDetail;
  expect(groupsOf(c, ["grid", "market", "police", "fire"], ["fire", "police", "navy"], w)).toEqual([
    { name: w.suggested, codes: ["fire"] },
    { name: w.onCase, codes: ["police"] },
    { name: w.others, codes: ["market"] },
  ]);
  expect(groupsOf(c, ["grid", "market"], [], w)).toEqual([{ name: w.others, codes: ["market"] }]);
});

const sent = (department: string, patrol_id: string, state = "offered") => ({ id: patrol_id, kind: "department", department, patrol_id, state });
const marked = (assignments: unknown[], ...next: [string, string][]) =>
  ({ assignments, cover: { towns: [], latest_s: 1, next_latest_s: 2, next: next.map(([department, patrol_id]) => ({ department, patrol_id })) } }) as unknown as CaseDetail;

test("the next best sends only the others, and only where it can be done whole", () => {
  const first = { ...sent("grid", "g"), kind: "first_look" };
  expect(insteadOf(marked([first, sent("police", "a"), sent("fire", "f")], ["police", "b"], ["fire", "f"]))).toEqual([{ department: "police", patrol_id: "b" }]);
  expect(insteadOf(marked([sent("police", "a", "recalled"), sent("police", "b")], ["police", "b"]))).toBeNull(); // it goes already
  expect(insteadOf(marked([sent("police", "a", "on_scene")], ["police", "b"]))).toBeNull();
  expect(insteadOf(marked([sent("police", "a"), sent("police", "c")], ["police", "a"], ["police", "b"]))).toBeNull();
  expect(insteadOf(marked([sent("police", "a"), sent("police", "c")], ["police", "d"], ["police", "b"]))).toHaveLength(2);
  expect(insteadOf(marked([sent("police", "a")]))).toBeNull();
});
