/** The rules of categories as they are edited: all of them, and the one whose fields are open. */
import { computed, signal } from "@preact/signals";
import { ask, client, Refused } from "../api/client.ts";
import { categories, loadNames } from "../state/register.ts";
import { words } from "../i18n/index.ts";
import { inShort } from "./book.ts";
import { bodyOf, type Change, changesOf, type Draft, draftOf, type Faults, faultsAt, type Rules } from "./ruledraft.ts";

export const rules = signal<Rules[] | null>(null);
export const draft = signal<Draft | null>(null);
export const busy = signal(false);
/** The category that was saved last. */
export const saved = signal("");
export const trouble = signal("");
/** Whether it was tried to save: only then is said what is missing. */
const tried = signal(false);
const refused = signal<Faults>({});

export async function loadRules(): Promise<void> {
  try {
    rules.value = (await ask(client.GET("/api/v1/category-rules"))).items;
    trouble.value = "";
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
    trouble.value = inShort(why);
  }
}

/** The departments that a category calls, and how; the village and the town send nobody. */
export function calledBy(code: string): { department: string; part: "lead" | "joint" | "optional" }[] {
  const c = categories.value.get(code);
  if (!c) return [];
  const of = (part: "lead" | "joint" | "optional", all: string[]) => all.filter((d) => d !== "village" && d !== "town").map((department) => ({ department, part }));
  return [...of("lead", [c.lead]), ...of("joint", c.joint), ...of("optional", c.optional)];
}
const called = (code: string) => calledBy(code).map((c) => c.department);

export const rulesOf = (code: string | undefined): Rules | undefined => rules.value?.find((r) => r.code === code);

/** What would be sent, with what is wrong in the fields. */
const ready = computed(() => {
  const d = draft.value;
  const was = rulesOf(d?.code);
  return d && was ? { was, ...bodyOf(d, was, called(d.code), words.value.settings.wrong) } : null;
});
export const changes = computed<Change[]>(() => (ready.value ? changesOf(ready.value.was, ready.value.body, called(ready.value.was.code)) : []));
/** A number that cannot be is said at once, what is missing once it is to be saved. */
export const faults = computed<Faults>(() => {
  const now = ready.value?.faults ?? {};
  const shown = tried.value ? now : Object.fromEntries(Object.entries(now).filter(([field]) => field !== "reason" && field !== "article"));
  return { ...refused.value, ...shown };
});

export function edit(code: string): void {
  const r = rulesOf(code);
  draft.value = r ? draftOf(r) : null;
  refused.value = {};
  tried.value = false;
  saved.value = trouble.value = "";
}

export function set(change: Partial<Draft>): void {
  if (!draft.value) return;
  draft.value = { ...draft.value, ...change };
  refused.value = {};
  saved.value = "";
}

export async function save(): Promise<void> {
  const now = ready.value;
  if (!now || busy.value) return;
  tried.value = true;
  trouble.value = "";
  if (Object.keys(now.faults).length > 0) return;
  busy.value = true;
  try {
    const is = await ask<Rules>(client.PUT("/api/v1/category-rules/{code}", { params: { path: { code: now.was.code } }, body: now.body }));
    rules.value = (rules.value ?? []).map((r) => (r.code === is.code ? is : r));
    if (is.dispatch_mode !== now.was.dispatch_mode || is.urgency !== now.was.urgency) await loadNames(); // the queue says how a category is sent
    edit(is.code);
    saved.value = is.code;
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
    const said = words.value.settings.refused;
    refused.value = Object.fromEntries(Object.entries(faultsAt(why.problem, now.body)).map(([field, text]) => [field, said[field.split(".")[0] ?? ""] ?? text]));
    if (Object.keys(refused.value).length === 0) trouble.value = inShort(why);
  } finally {
    busy.value = false;
  }
}
