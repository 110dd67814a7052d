/**
 * What is going on: the patrols of the ground on screen and those followed, how many
 * there are of all, and every case, kept up to date by the live channel. The maps change at once; the signals that lists read change at most 4
 * times a second, so that a busy minute does not cost the operator the mouse.
 */
import { computed, signal } from "@preact/signals";
import { ask, client, everyPage, Refused } from "../api/client.ts";
import { LiveChannel, type LiveState } from "../api/live.ts";
import type { CellCount } from "../api/liveframe.ts";
import type { Case, LiveFrame, LivePatrol, Patrol } from "../api/types.ts";
import type { Bounds } from "../map/mercator.ts";
import { Outlook } from "./outlook.ts";
import { medianArrivalS, inTab, isOverdue, isWaiting, type Tab, tabs } from "./queue.ts";
import { gate, nowMs } from "./tick.ts";
import { strengthOf, sum, there, totals } from "./totals.ts";
import { TotalsWatch } from "./totalswatch.ts";

export type Known = LivePatrol & Partial<Pick<Patrol, "code" | "name" | "mode" | "skills" | "version">> & { spreadS: number };

/** Those on screen and around it, and those followed: not the whole district. */
export const patrols = new Map<string, Known>();
export const cases = new Map<string, Case>();
export const patrolsChanged = signal(0);
export const casesChanged = signal(0);
export const live = signal<LiveState>("connecting");
/** When the last frame came, and the newest fix in it. */
export const heardMs = signal<number | null>(null);
/** The node that answers does not hear the others: their positions come late. */
export const apart = signal(false);
export const loaded = signal(false);
/** The view is so wide that cells are counted instead of patrols shown. */
export const counted = signal(false);

type Listener = { counts?: () => void; patrols?: (moved: Iterable<Known>, gone: Iterable<string>) => void; cases?: (changed: Iterable<Case>) => void; fresh?: (c: Case) => void; casesGone?: (ids: Iterable<string>) => void; notice?: () => void };
const listeners = new Set<Listener>();
/** The map and the alarms hear every change, not only 4 a second. */
export function hear(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const tellPatrols = gate(() => {
  patrolsChanged.value++;
});
const tellCases = gate(() => {
  casesChanged.value++;
});

let channel: LiveChannel | null = null;
/** The register: everybody, with the place that it knew when it was read. */
const names = new Map<string, Patrol>();
const outlook = new Outlook((asked) => channel?.look(asked));
/** A map that does not open must not keep the lists from being live. */
const mapWithinMs = 3_000;

export async function startDuty(): Promise<void> {
  const began = Promise.race([outlook.opened, new Promise((done) => setTimeout(done, mapWithinMs))]).then(() => {
    channel = new LiveChannel(
      {
        url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/live`,
        ticket: async () => (await ask(client.POST("/api/v1/tickets", { body: { for: "live" } }))).ticket,
        frame: take,
        state: (to) => {
          live.value = to;
          if (to !== "live") totalsWatch.lost();
        },
      },
      outlook.asked,
    );
    channel.start();
  });
  await Promise.all([began, loadPatrols(), loadCases()]);
  loaded.value = true;
}

/** The map shows this; those who stand there are told of from now on. */
export function lookAt(box: Bounds, zoom: number): void {
  outlook.lookAt(box, zoom);
}

/** So many stand on so many pixels of the screen: too many are counted instead. */
export function fillScreen(n: number, px: number): void {
  outlook.fill(n, px);
}

/** These are told of wherever they are. */
export function followPatrols(ids: Iterable<string>): void {
  outlook.follow(ids);
}

/** Where a patrol is, also one that the map does not look at; null where nobody says. */
export async function whereabouts(id: string): Promise<{ lon: number; lat: number } | null> {
  const known = patrols.get(id);
  if (known) return known;
  try {
    const { lon, lat } = await ask(client.GET("/api/v1/patrols/{id}", { params: { path: { id } } }));
    return lon === null || lat === null ? null : { lon, lat };
  } catch (why) {
    ignoreRefusal(why);
    return null;
  }
}

/** How many are where, while the view is too wide for each. */
export function cellCounts(): ReadonlyMap<string, CellCount> {
  return channel?.counts ?? new Map<string, CellCount>();
}

const totalsWatch = new TotalsWatch(() => {
  totals.value = null;
  outlook.lookEverywhere();
});

async function loadPatrols(): Promise<void> {
  const all = await everyPage((cursor) => ask(client.GET("/api/v1/patrols", { params: { query: { limit: 200, cursor } } })));
  for (const p of all) {
    names.set(p.id, p);
    const known = patrols.get(p.id);
    if (known) Object.assign(known, { code: p.code, name: p.name, mode: p.mode, skills: p.skills, version: p.version });
    else if (heardMs.value === null && p.lon !== null && p.lat !== null && p.t !== null)
      keep({ id: p.id, lon: p.lon, lat: p.lat, heading_deg: p.heading_deg, status: p.status, presence: p.presence, t: p.t, department: p.department, simulated: p.simulated });
  }
  tellPatrols();
  for (const l of listeners) l.patrols?.(patrols.values(), []);
}

/** Open cases all, finished ones of the last day: what the queue and the charts show. */
async function loadCases(): Promise<void> {
  const dayAgo = Date.now() - 24 * 3_600_000;
  const before = [...cases.keys()];
  const open = await everyPage((cursor) => ask(client.GET("/api/v1/cases", { params: { query: { open: true, limit: 200, cursor } } })));
  const done: Case[] = [];
  let cursor: string | undefined;
  do {
    const page = await ask(client.GET("/api/v1/cases", { params: { query: { open: false, limit: 200, cursor } } }));
    done.push(...page.items);
    const last = page.items.at(-1);
    cursor = last && Date.parse(last.made_at) > dayAgo ? (page.next_cursor ?? undefined) : undefined;
  } while (cursor && done.length < 5000);
  for (const c of [...open, ...done]) keepCase(c, false);
  // What is in no list any more has become covert while the line was down.
  const here = new Set([...open, ...done].map((c) => c.id));
  forget(before.filter((id) => !here.has(id)));
  tellCases();
  for (const l of listeners) l.cases?.(cases.values());
}

/** Cases that are not this viewer's to see any more leave the lists, the map and the panel at once. */
function forget(ids: string[]): void {
  if (ids.length === 0) return;
  for (const id of ids) cases.delete(id);
  tellCases();
  for (const l of listeners) l.casesGone?.(ids);
}

function keep(p: LivePatrol): Known {
  const old = patrols.get(p.id);
  const name = names.get(p.id);
  const gap = old ? (Date.parse(p.t) - Date.parse(old.t)) / 1000 : 1;
  const known: Known = {
    ...p,
    code: old?.code ?? name?.code,
    name: old?.name ?? name?.name,
    mode: old?.mode ?? name?.mode,
    skills: old?.skills ?? name?.skills,
    spreadS: gap > 0 ? gap : (old?.spreadS ?? 1),
  };
  patrols.set(p.id, known);
  return known;
}

/**
 * A case as a live frame brings it may lack what only its full text has; then it
 * tells that the case moved on, and the text is read.
 */
function heardCase(c: Case): void {
  if (Array.isArray(c.assignments) && c.responsible) {
    keepCase(c);
    return;
  }
  const old = cases.get(c.id);
  if (old && old.version >= c.version) return;
  stale.add(c.id);
  refresh();
}

const stale = new Set<string>();
const fewAtOnce = 6;
const refresh = gate(() => {
  const ids = [...stale];
  stale.clear();
  void readAgain(ids).catch(ignoreRefusal);
}, 600);

/** A few cases are read one by one; many, as the page of the newest and then what that page lacked. */
async function readAgain(ids: string[]): Promise<void> {
  let left = ids;
  if (ids.length > fewAtOnce) {
    const { items } = await ask(client.GET("/api/v1/cases", { params: { query: { limit: 200 } } }));
    for (const c of items) keepCase(c);
    const here = new Set(items.map((c) => c.id));
    left = ids.filter((id) => !here.has(id));
  }
  await Promise.all(
    left.map(async (id) => {
      const { undo_until: _u, reports: _r, events: _e, nearby: _n, ...c } = await ask(client.GET("/api/v1/cases/{id}", { params: { path: { id } } }));
      keepCase(c);
    }),
  );
}

/** Newer wins; a frame that was overtaken by an answer changes nothing. */
export function keepCase(c: Case, tell = true): void {
  const old = cases.get(c.id);
  if (old && old.version > c.version) return;
  cases.set(c.id, c);
  if (!tell) return;
  tellCases();
  for (const l of listeners) {
    l.cases?.([c]);
    if (!old && loaded.value) l.fresh?.(c);
  }
}

function take(frame: LiveFrame, missed: boolean): void {
  heardMs.value = Date.now();
  switch (frame.type) {
    case "snapshot": {
      apart.value = false; // the next frame says where it is not so
      totalsWatch.shown();
      const here = new Set(frame.patrols.map((p) => p.id));
      const gone = [...patrols.keys()].filter((id) => !here.has(id));
      const moved = frame.patrols.map(keep);
      for (const id of gone) patrols.delete(id);
      tellPatrols();
      for (const l of listeners) l.patrols?.(moved, gone);
      tellCounts(frame.counted);
      for (const c of frame.cases ?? []) heardCase(c);
      // A gap may have hidden the end of a case, or a new patrol's name.
      if (loaded.value && missed) void Promise.all([loadPatrols(), loadCases()]).catch(ignoreRefusal);
      break;
    }
    case "delta": {
      const moved = (frame.moved ?? []).map(keep);
      for (const id of frame.gone ?? []) patrols.delete(id);
      if (moved.some((p) => p.name === undefined)) nameLater();
      tellPatrols();
      for (const l of listeners) l.patrols?.(moved, frame.gone ?? []);
      tellCounts(frame.counted);
      break;
    }
    case "totals":
      totalsWatch.told();
      outlook.lookNoFurther();
      totals.value = frame.departments;
      break;
    case "link":
      apart.value = frame.cut;
      break;
    case "notice":
      for (const l of listeners) l.notice?.();
      break;
    case "case_gone":
      forget([frame.id]);
      break;
    case "case":
      heardCase(frame.case);
  }
}

function tellCounts(others: boolean | undefined): void {
  if (!others) return;
  counted.value = cellCounts().size > 0;
  for (const l of listeners) l.counts?.();
}

function ignoreRefusal(why: unknown): void {
  if (!(why instanceof Refused)) throw why; // the state of the line is shown already
}

let naming: ReturnType<typeof setTimeout> | undefined;
function nameLater(): void {
  naming ??= setTimeout(() => {
    naming = undefined;
    loadPatrols().catch(ignoreRefusal);
  }, 5_000);
}

/** Whether a program plays the patrol. */
export function isPlayed(id: string): boolean {
  return patrols.get(id)?.simulated ?? names.get(id)?.simulated ?? false;
}

/**
 * How many of the patrols are played, and whether all are. In a demo, where
 * everything is, one word in the header says it for all; in a district at work each
 * of them carries a mark, and none counts as strength.
 */
export const played = computed(() => {
  void patrolsChanged.value;
  const known = new Set([...names.keys(), ...patrols.keys()]);
  let count = 0;
  for (const id of patrols.keys()) if (isPlayed(id)) count++;
  if (totals.value) count = [...strengthOf(totals.value, [], (simulated) => simulated).values()].reduce((n, t) => n + sum(t), 0);
  let all = known.size > 0;
  for (const id of known) if (!isPlayed(id)) all = false;
  return { count, all };
});

/** How strong each department is, of the whole district and without what is only played beside real ones. */
export const strength = computed(() => {
  void patrolsChanged.value;
  return strengthOf(totals.value, patrols.values(), (simulated) => played.value.all || !simulated);
});

/** Whether the patrol is a force one can count on. */
export function counts(id: string): boolean {
  return played.value.all || !isPlayed(id);
}

export function patrolName(id: string): string | undefined {
  return patrols.get(id)?.name ?? names.get(id)?.name;
}

const midnight = computed(() => new Date(nowMs.value).setHours(0, 0, 0, 0));

/** The figures of the header, from what is known and nothing else. */
export const figures = computed(() => {
  void patrolsChanged.value;
  void casesChanged.value;
  const now = nowMs.value;
  let workersOn = 0;
  let workers = 0;
  let patrolsOn = 0;
  for (const p of names.values()) if (p.department === "grid" && counts(p.id)) workers++;
  for (const [department, t] of strength.value)
    if (department === "grid") workersOn += there(t);
    else patrolsOn += there(t);
  let today = 0;
  let waiting = 0;
  let overdue = 0;
  for (const c of cases.values()) {
    if (Date.parse(c.made_at) >= midnight.value) today++;
    if (isWaiting(c)) waiting++;
    if (isOverdue(c, now)) overdue++;
  }
  return { workersOn, workers, patrolsOn, today, waiting, overdue, medianS: medianArrivalS(cases.values(), midnight.value) };
});

export const tabCounts = computed<Record<Tab, number>>(() => {
  void casesChanged.value;
  const out: Record<Tab, number> = { waiting: 0, handling: 0, overdue: 0, done: 0 };
  for (const c of cases.values()) for (const tab of tabs) if (inTab(c, tab, nowMs.value)) out[tab]++;
  return out;
});
