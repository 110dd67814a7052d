/** The rules of one category as they stand in the fields, what would be sent of them, and what that changes. */
import type { Problem } from "../api/types.ts";
import type { components } from "../api/schema.d.ts";

type S = components["schemas"];
export type Mode = S["DispatchMode"];
export type Urgency = S["Urgency"];
export type Rules = S["CategoryRules"];
export type NewRules = S["NewCategoryRules"];

/** What stands in the fields, as typed. */
export type Draft = {
  code: string;
  mode: Mode | undefined;
  urgency: Urgency;
  people: Record<string, string>;
  skills: Record<string, string[]>;
  check: string;
  listed: boolean;
  article: string;
  distance: string;
  hours: string;
  photos: boolean;
  bits: string;
  joins: boolean;
  days: string;
  covert: string;
  reason: string;
};
/** The name of a field, as errors and changes have it; crews.police.people is one. */
export type Faults = Record<string, string>;
export type Wrong = { whole: (low: number, high: number) => string; needed: string; ascending: string; skill: string };

export function draftOf(r: Rules): Draft {
  return {
    code: r.code,
    mode: r.dispatch_mode,
    urgency: r.urgency,
    people: Object.fromEntries(r.crews.map((c) => [c.department, String(c.people)])),
    skills: Object.fromEntries(r.crews.map((c) => [c.department, c.skills])),
    check: String(r.check_percent),
    listed: r.listed,
    article: r.article,
    distance: String(r.same.distance_m),
    hours: String(Math.round((r.same.minutes / 60) * 100) / 100),
    photos: r.same.photo_bits > 0,
    bits: String(r.same.photo_bits || usualBits),
    joins: r.same.joins,
    days: r.revisit_days.join("、"),
    covert: String(r.covert_hours),
    reason: "",
  };
}

const usualBits = 10;
const list = (text: string) => text.split(/[\s,;，；、]+/).filter(Boolean);

/** What would be sent, of the departments that the category calls; faults where a field cannot be read. */
export function bodyOf(d: Draft, was: Rules, called: readonly string[], w: Wrong): { body: NewRules; faults: Faults } {
  const faults: Faults = {};
  const number = (field: string, text: string, low: number, high: number, scale = 1) => {
    const n = Math.round(Number(text) * scale);
    const exact = scale === 1 ? Number(text) === n : Number.isFinite(n);
    if (text.trim() === "" || !exact || n < low * scale || n > high * scale) faults[field] = w.whole(low, high);
    return n;
  };
  const days = list(d.days).map((x) => number("revisit_days", x, 1, 366));
  if (!faults.revisit_days && days.some((n, i) => i > 0 && n <= (days[i - 1] ?? 0))) faults.revisit_days = w.ascending;
  const crews = called.flatMap((department) => {
    const people = d.people[department] ?? "";
    const skills = d.skills[department] ?? [];
    if (skills.length > mostSkills) faults[`crews.${department}.skills`] = w.skill;
    if (people.trim() === "" && skills.length === 0) return [];
    return [{ department, people: people.trim() === "" ? 1 : number(`crews.${department}.people`, people, 1, 32), skills }];
  });
  const body: NewRules = {
    dispatch_mode: d.mode,
    urgency: d.urgency,
    reason: d.reason.trim(),
    check_percent: number("check_percent", d.check, 0, 100),
    listed: d.listed,
    article: d.article.trim(),
    same: {
      distance_m: number("same.distance_m", d.distance, 0, 2000),
      // Hours in the field, minutes in the rule; what was not touched goes back to the minute.
      minutes: d.hours === draftOf(was).hours ? was.same.minutes : number("same.minutes", d.hours, 0, 336, 60),
      photo_bits: d.photos ? number("same.photo_bits", d.bits, 1, 20) : 0,
      joins: d.joins,
    },
    revisit_days: days,
    covert_hours: number("covert_hours", d.covert, 0, 720),
    crews,
  };
  if (!d.listed && !body.article) faults.article = w.needed;
  if (!body.reason) faults.reason = w.needed;
  return { body, faults };
}
export const mostSkills = 4;

export type Change = { field: string; before: unknown; after: unknown };

/** What a body would change, field by field, in the order in which a person reads them. */
export function changesOf(was: Rules, body: NewRules, called: readonly string[]): Change[] {
  const out: Change[] = [];
  const say = (field: string, before: unknown, after: unknown) => {
    if (JSON.stringify(before) !== JSON.stringify(after)) out.push({ field, before, after });
  };
  say("dispatch_mode", was.dispatch_mode, body.dispatch_mode);
  say("urgency", was.urgency, body.urgency);
  const crew = (of: Rules["crews"] | undefined, department: string) => {
    const c = of?.find((x) => x.department === department);
    return { people: c?.people ?? 0, skills: c?.skills ?? [] };
  };
  for (const department of new Set([...called, ...was.crews.map((c) => c.department)])) say(`crews.${department}`, crew(was.crews, department), crew(body.crews, department));
  say("check_percent", was.check_percent, body.check_percent);
  say("listed", was.listed, body.listed);
  say("article", was.article, body.article);
  for (const key of ["distance_m", "minutes", "photo_bits", "joins"] as const) say(`same.${key}`, was.same[key], body.same?.[key]);
  say("revisit_days", was.revisit_days, body.revisit_days);
  say("covert_hours", was.covert_hours, body.covert_hours);
  return out;
}

/** The refusals of the service at the fields of the page: /crews/1/people belongs to the department of that row. */
export function faultsAt(problem: Problem | null, body: NewRules): Faults {
  const out: Faults = {};
  for (const e of problem?.errors ?? []) {
    const [, first = "", second = "", third = ""] = e.pointer.split("/");
    const crew = first === "crews" ? body.crews?.[Number(second)]?.department : undefined;
    const field = crew ? `crews.${crew}.${third === "skills" ? "skills" : "people"}` : first === "same" ? `same.${second}` : first;
    out[field] ??= e.detail;
  }
  return out;
}
