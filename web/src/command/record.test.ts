import { describe, expect, it } from "vitest";
import { en } from "../i18n/en.ts";
import { eventZh, saidFirst } from "../i18n/events.gen.ts";
import { zh } from "../i18n/zh.ts";
import { saysOf } from "./record.ts";

const said = (kind: string, detail: Record<string, unknown>, w = zh) => saysOf(kind, detail, w).map(([name, value]) => `${name}${w.colon}${value}`);

describe("what an event says", () => {
  it("is what was fed back, in the words of whoever did", () => {
    expect(said("result", { result: "查封 2 口槽，2026-11-20T01:02:03Z 起停产", unit: "town" })).toEqual(["结果：查封 2 口槽，2026-11-20T01:02:03Z 起停产", "承办单位：镇街"]);
  });
  it("is how a check went, passed or not", () => {
    expect(said("checked", { passed: false, reason: "槽还在" })).toEqual(["是否通过：否"]);
    expect(said("checked", { passed: true, result: "已拆除" }, en)).toEqual(["Result: 已拆除", "Passed: yes"]);
  });
  it("is level, days and until, each by its name", () => {
    expect(said("supervised", { level: "town", unit: "village" })).toEqual(["承办单位：村社", "督办级别：镇街督办"]);
    expect(said("asked", { for: "extension", days: 3 })).toEqual(["申请事项：延期", "天数：3"]);
    expect(said("asked", { for: "suspension", until: "2020-03-04T00:00:00Z" })[1]).toMatch(/^截止：3-0[345] /);
  });
  it("says no ids, and nothing of a stage that the sentence has not said", () => {
    expect(said("split", { from: "0198f2d0-0000-7000-8000-000000000001", number: "20261126-7" })).toEqual(["相关事件：20261126-7"]);
    expect(said("stage", { from: "handling", to: "feedback", owner: { kind: "unit" } })).toEqual([]);
  });
  it("has a name for every field, and every kind has one", () => {
    expect(saidFirst.filter((k) => !zh.said[k] || !en.said[k])).toEqual([]);
    expect(Object.keys(eventZh).filter((k) => !(en.event as Record<string, string>)[k])).toEqual([]);
  });
});
