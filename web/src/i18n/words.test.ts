import { describe, expect, it } from "vitest";
import { en } from "./en.ts";
import { distance, duration, minutes, percent } from "./format.ts";
import { inWords } from "./reasons.ts";
import { zh } from "./zh.ts";

const han = /[一-鿿]/;
function strings(x: unknown, path = ""): [string, string][] {
  if (typeof x === "string") return [[path, x]];
  if (typeof x === "function") return [[path, String((x as (...a: unknown[]) => unknown)("1", "2", "3", "4", "5"))]];
  if (typeof x === "object" && x !== null) return Object.entries(x).flatMap(([k, v]) => strings(v, `${path}.${k}`));
  return [];
}

describe("the dictionaries", () => {
  it("leave no Chinese in English, the product's own name apart", () => {
    const left = strings(en).filter(([path, text]) => han.test(text) && path !== ".appSub");
    expect(left).toEqual([]);
  });
  it("are Chinese where Chinese is read", () => {
    const bare = strings(zh).filter(([, text]) => /[a-z]{4,}/.test(text) && !han.test(text));
    expect(bare).toEqual([]);
  });
});

describe("figures", () => {
  it.each([
    [42, "42 秒"], [90, "2 分"], [3540, "59 分"], [5400, "1.5 小时"], [86400 * 3, "3 天"],
  ])("%d s", (s, text) => expect(duration(s, zh)).toBe(text));
  it.each([[8, "8 m"], [326, "330 m"], [1140, "1.1 km"], [12_300, "12 km"]])("%d m", (m, text) => expect(distance(m)).toBe(text));
  it("rounds minutes as the wall shows them", () => expect([minutes(190), minutes(720)]).toEqual(["3.2", "12"]));
  it("never says 100 % of what is not all", () => expect([percent(0.996), percent(1), percent(0.004), percent(0.8)]).toEqual(["> 99 %", "100 %", "< 1 %", "80 %"]));
});

describe("the planner's reasons", () => {
  it.each([
    "comes after the grid's own people", "comes after the part-timer", "stale: last seen 301 s ago", "lost: last seen 900 s ago", "later by 34 s",
    "later by 34 s, since a road is closed; 90 s otherwise", "no way from there, since a road is closed; 90 s otherwise", "a road is closed: P-3 would have been first, in 51 s",
    "as soon, but 12 m longer", "as soon and as near; the other comes first by id", "declined", "did not answer in time", "was lost before it arrived",
    "was recalled", "was claimed by another case meanwhile", "lacks the skill 化学防护", "off duty", "on a break", "busy: en route",
    "goes to this case already", "an operator chose another", "never seen", "no way from there", "leads category C01", "goes along in category C01",
    "category C11 is settled by the town", "an operator asked for it", "all_busy",
  ])("%s is said in Chinese", (reason) => expect(inWords(reason, zh)).toMatch(han));
  it("shows what it does not know as it came", () => expect(inWords("something new", zh)).toBe("something new"));
});
