import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { LivePatrol, TotalRow } from "../api/types.ts";
import { classOf, strengthOf, sum, there } from "./totals.ts";

const row = (department: string, simulated: boolean, more: Partial<TotalRow> = {}): TotalRow => ({ department, simulated, free: 0, assigned: 0, en_route: 0, on_scene: 0, break: 0, stale: 0, lost: 0, ...more });
const patrol = (department: string, more: Partial<LivePatrol> = {}): LivePatrol => ({ id: "p", lon: 0, lat: 0, status: "free", presence: "online", t: "", department, ...more });

describe("how strong a department is", () => {
  it("comes from the totals, whoever is on screen, without what is only played", () => {
    const rows = [row("grid", false, { free: 3, stale: 1, lost: 1 }), row("grid", true, { free: 9 }), row("police", true, { on_scene: 2 })];
    const real = strengthOf(rows, [patrol("fire")], (simulated) => !simulated);
    expect([...real.keys()]).toEqual(["grid"]);
    expect(real.get("grid")).toMatchObject({ free: 3, stale: 1, lost: 1 });
    const all = strengthOf(rows, [], () => true).get("grid");
    expect(all && [sum(all), there(all)]).toEqual([14, 12]);
  });

  it("comes from the patrols where no totals are told", () => {
    const t = strengthOf(null, [patrol("grid"), patrol("grid", { status: "en_route", presence: "stale" }), patrol("grid", { status: "off_duty" }), patrol("grid", { simulated: true })], (simulated) => !simulated);
    expect(t.get("grid")).toMatchObject({ free: 1, en_route: 0, stale: 1, lost: 0 });
  });

  it("counts as the service does", () => {
    expect(classOf(patrol("x", { status: "break", presence: "still" }))).toBe("break");
    expect(classOf(patrol("x", { status: "on_scene", presence: "lost" }))).toBe("lost");
    expect(classOf(patrol("x", { status: "off_duty" }))).toBeNull();
    const twin = readFileSync("../realtime/roll.go", "utf8"); // tests run in web/
    expect(twin).toContain('{"free", "assigned", "en_route", "on_scene", "break", "stale", "lost"}');
  });
});
