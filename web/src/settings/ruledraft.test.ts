import { describe, expect, it } from "vitest";
import { bodyOf, changesOf, draftOf, faultsAt, type Rules } from "./ruledraft.ts";

const was = {
  code: "B01", dispatch_mode: "auto", urgency: "urgent", check_percent: 20, listed: true, article: "", same: { distance_m: 150, minutes: 100, photo_bits: 0, joins: true },
  revisit_days: [3, 30], covert_hours: 0, crews: [{ department: "police", people: 2, skills: ["food"] }],
} as Rules;
const called = ["market", "police"];
const w = { whole: (a: number, b: number) => `${a}-${b}`, needed: "needed", ascending: "ascending", skill: "skill" };
const body = (change: object = {}, reason = "纪要 3 号") => bodyOf({ ...draftOf(was), reason, ...change }, was, called, w);

describe("the rules of a category in their fields", () => {
  it("go back as they came when nobody touched them", () => {
    const { body: b, faults } = body();
    expect(faults).toEqual({});
    expect(changesOf(was, b, called)).toEqual([]);
    // 100 minutes stand as 1.67 hours in the field, and are 100 minutes still.
    expect(b.same?.minutes).toBe(100);
    expect(b.crews).toEqual(was.crews);
  });
  it("say what a change makes of them", () => {
    const { body: b, faults } = body({ mode: "confirm", urgency: "hard", people: { police: "4", market: "2" }, hours: "48", days: "3，7、30", listed: false, article: "第 12 条" });
    expect(faults).toEqual({});
    expect(changesOf(was, b, called)).toEqual([
      { field: "dispatch_mode", before: "auto", after: "confirm" },
      { field: "urgency", before: "urgent", after: "hard" },
      { field: "crews.market", before: { people: 0, skills: [] }, after: { people: 2, skills: [] } },
      { field: "crews.police", before: { people: 2, skills: ["food"] }, after: { people: 4, skills: ["food"] } },
      { field: "listed", before: true, after: false },
      { field: "article", before: "", after: "第 12 条" },
      { field: "same.minutes", before: 100, after: 2880 },
      { field: "revisit_days", before: [3, 30], after: [3, 7, 30] },
    ]);
  });
  it.each([
    [{ check: "101" }, "check_percent", "0-100"],
    [{ check: "" }, "check_percent", "0-100"],
    [{ check: "2.5" }, "check_percent", "0-100"],
    [{ distance: "-1" }, "same.distance_m", "0-2000"],
    [{ hours: "337" }, "same.minutes", "0-336"],
    [{ days: "7 3" }, "revisit_days", "ascending"],
    [{ days: "0" }, "revisit_days", "1-366"],
    [{ covert: "x" }, "covert_hours", "0-720"],
    [{ people: { police: "0" } }, "crews.police.people", "1-32"],
    [{ skills: { police: ["a", "b", "c", "d", "e"] } }, "crews.police.skills", "skill"],
    [{ listed: false }, "article", "needed"],
    [{ reason: "  " }, "reason", "needed"],
  ])("%j is said at %s", (change, field, text) => expect(body(change).faults).toEqual({ [field]: text }));
  it("sends its reason, and a mode that stays as it is", () => {
    const { body: b, faults } = body({ check: "30" });
    expect(faults).toEqual({});
    expect(b.reason).toBe("纪要 3 号");
    expect([b.dispatch_mode, b.urgency]).toEqual(["auto", "urgent"]);
    expect(changesOf(was, b, called).map((c) => c.field)).toEqual(["check_percent"]);
  });
  it("asks for no crew of a department that is not called any more", () => {
    expect(bodyOf({ ...draftOf(was), reason: "x" }, was, ["market"], w).body.crews).toEqual([]);
    expect(changesOf(was, bodyOf({ ...draftOf(was), reason: "x" }, was, ["market"], w).body, ["market"]).map((c) => c.field)).toEqual(["crews.police"]);
  });
  it("puts what the service refuses at its field", () => {
    const { body: b } = body({ people: { market: "2", police: "3" } });
    const e = (pointer: string) => ({ pointer, detail: pointer });
    const at = faultsAt({ type: "", title: "", status: 400, detail: "", errors: [e("/crews/1/people"), e("/crews/0/skills/2"), e("/same/minutes"), e("/revisit_days/1"), e("/reason")] } as never, b);
    expect(Object.keys(at)).toEqual(["crews.police.people", "crews.market.skills", "same.minutes", "revisit_days", "reason"]);
    expect(faultsAt(null, b)).toEqual({});
  });
});
