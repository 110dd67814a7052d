import { dayAndClock } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { nowMs } from "../state/tick.ts";

/** Long ago means: since the register began. */
export function since(t: string): string {
  const w = words.value.people;
  const year = new Date(t).getFullYear();
  if (year < 2001) return "";
  return w.since(year === new Date(nowMs.value).getFullYear() ? dayAndClock(t) : t.slice(0, 10));
}
