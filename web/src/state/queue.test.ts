import { describe, expect, it } from "vitest";
import type { Assignment, Case } from "../api/types.ts";
import { held, inTab, medianArrivalS, order, phase, usedUp } from "./queue.ts";

const t0 = Date.parse("2026-11-23T08:00:00Z");
const at = (min: number) => new Date(t0 + min * 60_000).toISOString();
const some = (more: Partial<Case>): Case =>
  ({ id: "a", number: "1", stage: "reported", dispatch: "none", category: "D02", urgency: "urgent", made_at: at(0), due_at: null, overdue: false, closed_at: null, version: 1, departments: [{ code: "police", part: "lead", because: "" }], assignments: [], shortfalls: [], ...more }) as Case;
const sent = (state: Assignment["state"], more: Partial<Assignment> = {}): Assignment => ({ kind: "department", department: "police", state, arrived_at: null, candidates: [], ...more }) as Assignment;

describe("tabs", () => {
  it.each([
    ["a proposal waits", some({ dispatch: "proposed" }), "waiting", "new"],
    ["a plan in the making waits", some({ dispatch: "pending" }), "waiting", "new"],
    ["a first look alone still waits for the departments", some({ dispatch: "done", assignments: [sent("en_route", { kind: "first_look" })] }), "waiting", "new"],
    ["a first look is all there is where the department has nobody", some({ dispatch: "done", assignments: [sent("en_route", { kind: "first_look" })], shortfalls: [{ department: "police", reason: "nobody_on_duty", considered: 0 }] }), "handling", "moving"],
    ["all busy waits for a word", some({ dispatch: "done", assignments: [sent("en_route", { kind: "first_look" })], shortfalls: [{ department: "police", reason: "all_busy", considered: 4 }] }), "waiting", "new"],
    ["a refused offer waits again", some({ dispatch: "done", assignments: [sent("declined")] }), "waiting", "new"],
    ["somebody under way is being handled", some({ dispatch: "done", stage: "dispatched", assignments: [sent("en_route")] }), "handling", "moving"],
    ["somebody there is being handled", some({ dispatch: "done", stage: "handling", assignments: [sent("on_scene")] }), "handling", "scene"],
    ["closed is done", some({ stage: "closed", closed_at: at(30) }), "done", "done"],
  ] as const)("%s", (_name, c, tab, look) => {
    const now = t0 + 60_000;
    const places = (["waiting", "handling", "done"] as const).filter((t) => inTab(c, t, now));
    expect(places).toEqual([tab]);
    expect(phase(c, now)).toBe(look);
  });

  it("turns overdue by time alone, and shows so wherever it stands", () => {
    const c = some({ dispatch: "done", due_at: at(10), assignments: [sent("en_route")] });
    expect(inTab(c, "overdue", t0)).toBe(false);
    expect(inTab(c, "overdue", t0 + 11 * 60_000)).toBe(true);
    expect(inTab(c, "handling", t0 + 11 * 60_000)).toBe(true);
    expect(phase(c, t0 + 11 * 60_000)).toBe("overdue");
  });
});

it("puts overdue first, then urgent, then the newest", () => {
  const list = [
    some({ id: "ordinary", urgency: "ordinary", made_at: at(9) }),
    some({ id: "urgent", made_at: at(1) }),
    some({ id: "late", urgency: "ordinary", made_at: at(2), due_at: at(3) }),
    some({ id: "newer", made_at: at(5) }),
  ];
  expect(list.sort(order("waiting", t0 + 600_000)).map((c) => c.id)).toEqual(["late", "newer", "urgent", "ordinary"]);
});

it("moves nothing under the pointer: gone rows leave, new ones wait to be asked for", () => {
  expect(held(["a", "b", "c"], ["n", "c", "a"])).toEqual({ rows: ["a", "c"], fresh: 1 });
});

it("knows how much of the time is used", () => {
  expect(usedUp(some({ due_at: at(60) }), t0 + 15 * 60_000)).toBeCloseTo(0.25);
  expect(usedUp(some({ due_at: at(60) }), t0 + 90 * 60_000)).toBe(1);
  expect(usedUp(some({}), t0)).toBeNull();
});

it("takes the median of first arrivals, and says when there are none", () => {
  const arrived = (min: number) => some({ id: String(min), assignments: [sent("done", { arrived_at: at(min) }), sent("done", { arrived_at: at(min + 50) })] });
  expect(medianArrivalS([arrived(4), arrived(10), arrived(6)], t0)).toBe(360);
  expect(medianArrivalS([some({})], t0)).toBeNull();
});
