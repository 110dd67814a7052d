import { describe, expect, it } from "vitest";
import { readDays } from "./dayfile.ts";
import { clockOf, type Day, daysOfMonth, isDay, isWeekend, minutesOf, runsOf } from "./year.ts";

const notice = "国办发明电〔2025〕7 号";
const day = (d: string, kind: Day["kind"] = "holiday", name = "国庆节", source = notice): Day => ({ day: d, kind, name, source });

describe("a year on the wall", () => {
  it("begins its weeks on Monday", () => {
    const november = daysOfMonth(2026, 10); // the 1st is a Sunday
    expect(november.slice(0, 7)).toEqual([null, null, null, null, null, null, "2026-11-01"]);
    expect(november.at(-1)).toBe("2026-11-30");
    expect(daysOfMonth(2028, 1).filter(Boolean)).toHaveLength(29);
    expect([isWeekend("2026-11-01"), isWeekend("2026-11-02"), isWeekend("2026-11-07")]).toEqual([true, false, true]);
  });
  it("puts days that belong together into one line, and keeps apart what differs", () => {
    const runs = runsOf([day("2026-10-02"), day("2026-10-01"), day("2026-10-03", "holiday", "中秋节"), day("2026-10-10", "workday"), day("2026-09-30", "holiday", "国庆节", "")]);
    expect(runs.map((r) => [r.from, r.until, r.days, r.name, r.kind, r.source])).toEqual([
      ["2026-09-30", "2026-09-30", 1, "国庆节", "holiday", ""],
      ["2026-10-01", "2026-10-02", 2, "国庆节", "holiday", notice],
      ["2026-10-03", "2026-10-03", 1, "中秋节", "holiday", notice],
      ["2026-10-10", "2026-10-10", 1, "国庆节", "workday", notice],
    ]);
    expect(runsOf([day("2026-12-31"), day("2027-01-01")])).toHaveLength(1);
  });
  it("knows a date and a clock from what is none", () => {
    expect(["2026-02-28", "2026-02-30", "2026-2-3", "", "2026-13-01"].map(isDay)).toEqual([true, false, false, false, false]);
    expect(["08:30", "8:05", "24:00", "24:01", "8.30", "12:60", ""].map(minutesOf)).toEqual([510, 485, 1440, null, null, null, null]);
    expect([510, 0, 1440].map(clockOf)).toEqual(["08:30", "00:00", "24:00"]);
  });
});

describe("a table of days", () => {
  const have = [day("2026-10-01"), day("2026-10-10", "workday", "国庆节")];
  it("is read as people write it, with what each line changes", () => {
    const f = readDays('\uFEFF日期,类型,名称,来源\r\n2026/10/1,放假,国庆节\r\n2026-10-10,休,国庆节,\r\n"2026年10月11日",调休上班,"国庆节,补班",区府办\r\n\r\n', have);
    expect(f.bad).toEqual([]);
    expect(f.same).toBe(1);
    expect(f.lines).toEqual([
      { line: 3, day: "2026-10-10", kind: "holiday", name: "国庆节", source: notice, was: have[1] },
      { line: 4, day: "2026-10-11", kind: "workday", name: "国庆节,补班", source: "区府办", was: null },
    ]);
  });
  it("says of each bad line what is wrong with it, and reads the others", () => {
    const f = readDays("day,kind,name\n2026-02-30,holiday,x\n2026-10-05,feast,x\n2026-10-06,holiday,x\n2026-10-06,workday,x\n1999-01-01,holiday,x\n2026-10-07,holiday," + "长".repeat(101), have);
    expect(f.bad.map((b) => [b.line, b.column])).toEqual([[2, "day"], [3, "kind"], [5, "day"], [6, "day"], [7, "name"]]);
    expect(f.lines.map((l) => l.day)).toEqual(["2026-10-06"]);
  });
  it("asks for the columns, and takes no endless file", () => {
    expect(readDays("date,what\n2026-10-01,holiday", have).bad).toEqual([{ line: 1, column: "head", text: "date,what" }]);
    const long = readDays("day,kind\n" + Array.from({ length: 500 }, (_, i) => `${new Date(Date.UTC(2027, 0, 1 + i)).toISOString().slice(0, 10)},holiday`).join("\n"), []);
    expect([long.lines.length, long.bad.at(-1)?.column]).toEqual([400, "many"]);
  });
});
