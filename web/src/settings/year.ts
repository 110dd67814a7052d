/** The days of a year as a calendar on the wall lays them out. */
import type { components } from "../api/schema.d.ts";

/** Source: who says so, such as the number of a notice; a service of an older release does not tell. */
export type Day = components["schemas"]["CalendarDay"];

const dayMs = 86_400_000;

/** Days of a month in weeks that begin on Monday; null pads the first of them. */
export function daysOfMonth(year: number, month: number): (string | null)[] {
  const first = new Date(Date.UTC(year, month, 1));
  const lead = (first.getUTCDay() + 6) % 7;
  const last = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return [...Array<null>(lead).fill(null), ...Array.from({ length: last }, (_, i) => new Date(Date.UTC(year, month, i + 1)).toISOString().slice(0, 10))];
}

export function isWeekend(day: string): boolean {
  return [0, 6].includes(new Date(`${day}T00:00:00Z`).getUTCDay());
}

/** True for a date that is one: 2026-02-30 is none. */
export function isDay(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const at = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(at.valueOf()) && at.toISOString().slice(0, 10) === text;
}

export type Run = { from: string; until: string; days: number; kind: Day["kind"]; name: string; source: string };

/** Days that follow each other and are the same thing, as one line: 国庆节 10-01 to 10-07. */
export function runsOf(days: readonly Day[]): Run[] {
  const out: Run[] = [];
  for (const d of [...days].sort((a, b) => (a.day < b.day ? -1 : 1))) {
    const last = out.at(-1);
    const next = last && Date.parse(d.day) - Date.parse(last.until) === dayMs;
    if (last && next && last.kind === d.kind && last.name === d.name && last.source === (d.source ?? "")) {
      last.until = d.day;
      last.days++;
    } else out.push({ from: d.day, until: d.day, days: 1, kind: d.kind, name: d.name, source: d.source ?? "" });
  }
  return out;
}

const two = (n: number) => String(n).padStart(2, "0");
/** Minutes after midnight as a clock shows them, and back; 24:00 is the end of the day. */
export const clockOf = (min: number): string => `${two(Math.floor(min / 60))}:${two(min % 60)}`;
export function minutesOf(clock: string): number | null {
  const m = /^(\d{1,2}):(\d{2})$/.exec(clock.trim());
  if (!m) return null;
  const min = Number(m[1]) * 60 + Number(m[2]);
  return Number(m[2]) < 60 && min <= 1440 ? min : null;
}
