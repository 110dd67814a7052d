/** Figures as people read them. Durations come in seconds, lengths in metres. */
import type { Dict } from "./zh.ts";

export function duration(seconds: number, w: Dict): string {
  const s = Math.max(0, seconds);
  if (s < 60) return w.secondsShort(Math.round(s));
  if (s < 3600) return w.minutesShort(String(Math.round(s / 60)));
  if (s < 48 * 3600) return w.hoursShort(trim(s / 3600));
  return w.daysShort(trim(s / 86400));
}

/** Minutes to one place, as the wall shows them: 3.2, 12. */
export function minutes(seconds: number): string {
  const m = seconds / 60;
  if (m < 0.05) return "0";
  return m < 9.95 ? m.toFixed(1) : String(Math.round(m));
}

export function distance(metres: number): string {
  if (metres < 995) return `${Math.round(metres / (metres < 100 ? 1 : 10)) * (metres < 100 ? 1 : 10)} m`;
  return `${trim(metres / 1000)} km`;
}

export function percent(share: number): string {
  const p = share * 100;
  return p > 99 && p < 100 ? "> 99 %" : p > 0 && p < 1 ? "< 1 %" : `${Math.round(p)} %`;
}

export function clock(t: Date | string | number, seconds = false): string {
  const d = new Date(t);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${two(d.getHours())}:${two(d.getMinutes())}${seconds ? `:${two(d.getSeconds())}` : ""}`;
}

/** When something was, for people who may look days later: 11月25日 21:40, or the clock alone today. */
export function dayAndClock(t: Date | string | number, seconds = false): string {
  const d = new Date(t);
  const today = new Date().toDateString() === d.toDateString();
  return today ? clock(d, seconds) : `${d.getMonth() + 1}-${String(d.getDate()).padStart(2, "0")} ${clock(d, seconds)}`;
}

/** With the year, for what may be long ago: 2026-05-03 21:40. */
export function dateAndClock(t: Date | string | number): string {
  return fieldTime(t).replace("T", " ");
}

/** As a field for a date and a time has it, in the time of this machine. */
export function fieldTime(t: Date | string | number): string {
  const d = new Date(t);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}T${clock(d)}`;
}

function trim(n: number): string {
  return n < 9.95 ? n.toFixed(1).replace(/\.0$/, "") : String(Math.round(n));
}
