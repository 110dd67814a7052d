/** The calendar as it is edited: one day at a time, the hours, or the days of a table; each answer of the service is the whole calendar. */
import { signal } from "@preact/signals";
import { ask, client, Refused } from "../api/client.ts";
import type { components } from "../api/schema.d.ts";
import { words } from "../i18n/index.ts";
import { type DayFile, mostBytes, readDays } from "./dayfile.ts";
import { type Day, minutesOf } from "./year.ts";

type Calendar = components["schemas"]["Calendar"];
export type Kind = Day["kind"] | "week";
/** What stands in the fields of a day. */
export type DayDraft = { day: string; kind: Kind; name: string; source: string };

export const calendar = signal<Calendar | null>(null);
export const year = signal(new Date().getFullYear());
export const draft = signal<DayDraft | null>(null);
/** The hours as typed, while they are changed. */
export const hours = signal<{ from: string; until: string }[] | null>(null);
export const file = signal<DayFile | null>(null);
/** What is wrong, at the field that it is said of; all is for the whole. */
export const faults = signal<Record<string, string>>({});
export const busy = signal(false);
export const said = signal("");

export async function loadCalendar(): Promise<void> {
  await tried(async () => {
    calendar.value = await ask(client.GET("/api/v1/calendar"));
  });
}

export const dayOf = (day: string): Day | undefined => calendar.value?.days.find((d) => d.day === day);
export const asDraft = (day: string): DayDraft => {
  const set = dayOf(day);
  return { day, kind: set?.kind ?? "week", name: set?.name ?? "", source: set?.source ?? "" };
};
export const isAsNow = (d: DayDraft): boolean => {
  const now = asDraft(d.day);
  return d.kind === now.kind && (d.kind === "week" || (d.name.trim() === now.name && d.source.trim() === now.source));
};

/** One way at a time: a day, the hours or a table. */
export function pick(day: string | null): void {
  draft.value = day ? asDraft(day) : null;
  hours.value = null;
  file.value = null;
  faults.value = {};
  said.value = "";
}

/** True once it is done; else what was said stands at its field. */
async function tried(act: () => Promise<void>, fieldOf: (pointer: string) => string = () => "all", inWords: Record<string, string> = {}): Promise<boolean> {
  busy.value = true;
  faults.value = {};
  try {
    await act();
    return true;
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
    const errors = why.problem?.errors ?? [];
    faults.value = errors.length > 0 ? Object.fromEntries(errors.map((e) => [fieldOf(e.pointer), inWords[fieldOf(e.pointer)] ?? e.detail])) : { all: inShort(why) };
    return false;
  } finally {
    busy.value = false;
  }
}

export function inShort(why: Refused): string {
  const w = words.value;
  if (why.type === "offline") return w.offlineNow;
  if (why.status === 403) return w.settings.mayNot;
  return why.status >= 500 ? w.serverFault : w.failed(why.message);
}

const put = (d: Day) =>
  ask(client.PUT("/api/v1/calendar/days/{day}", { params: { path: { day: d.day } }, body: { kind: d.kind, name: d.name.trim(), source: d.source.trim() } }));

export async function saveDay(): Promise<void> {
  const d = draft.value;
  if (!d) return;
  const w = words.value.settings;
  const { day, kind, name, source } = d;
  if (kind !== "week" && name.trim() === "") {
    faults.value = { name: w.needName };
    return;
  }
  const done = await tried(
    async () => {
      calendar.value = kind === "week" ? await ask(client.DELETE("/api/v1/calendar/days/{day}", { params: { path: { day } } })) : await put({ day, kind, name, source });
    },
    (pointer) => (pointer === "/name" || pointer === "/source" ? pointer.slice(1) : "all"),
  );
  if (!done) return;
  draft.value = null;
  said.value = w.saved;
}

export async function saveHours(): Promise<void> {
  const w = words.value.settings;
  const spans = (hours.value ?? []).map((h) => ({ from_min: minutesOf(h.from), until_min: minutesOf(h.until) }));
  const good = spans.every((s, i) => s.from_min !== null && s.until_min !== null && s.from_min < s.until_min && s.from_min >= (spans[i - 1]?.until_min ?? 0));
  if (!good) {
    faults.value = { hours: w.hoursWrong };
    return;
  }
  const body = { hours: spans.map((s) => ({ from_min: s.from_min ?? 0, until_min: s.until_min ?? 0 })) };
  const done = await tried(
    async () => {
      calendar.value = await ask(client.PUT("/api/v1/calendar/hours", { body }));
    },
    () => "hours",
    { hours: w.hoursWrong },
  );
  if (!done) return;
  hours.value = null;
  said.value = w.saved;
}

/** Reads a table and shows what it would change; nothing is sent yet. */
export async function openFile(f: File): Promise<void> {
  const w = words.value.settings;
  pick(null);
  if (f.size > mostBytes) {
    faults.value = { file: w.importBig };
    return;
  }
  try {
    file.value = readDays(new TextDecoder("utf-8", { fatal: true }).decode(await f.arrayBuffer()), calendar.value?.days ?? []);
  } catch {
    faults.value = { file: w.importEncoding };
  }
}

/** Sends the days of a table at once: all of them are set, or none, and then each that cannot be is named by its line. */
export async function importDays(): Promise<void> {
  const f = file.value;
  if (!f) return;
  const w = words.value.settings;
  busy.value = true;
  try {
    calendar.value = await ask(client.PUT("/api/v1/calendar/days", { body: { days: f.lines.map(({ day, kind, name, source }) => ({ day, kind, name, source })) } }));
    file.value = null;
    faults.value = {};
    said.value = w.importDone(f.lines.length);
    const first = f.lines[0];
    if (first) year.value = Number(first.day.slice(0, 4));
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
    const each = (why.problem?.errors ?? []).map((e) => {
      const at = f.lines[Number(e.pointer.split("/")[2])];
      return at ? `${w.line(at.line)} ${e.detail}` : e.detail;
    });
    faults.value = { file: w.importStopped(each.join("；") || inShort(why)) };
  } finally {
    busy.value = false;
  }
}
