/** The case an operator looks at: its full text, the ways on the map, and what can be done with it. */
import { batch, computed, effect, signal } from "@preact/signals";
import { ask, askWithResponse, client, Refused, upload } from "../api/client.ts";
import type { Assignment, Candidate, CaseDetail, CaseMove, Choice, MissionOrder, Rendezvous } from "../api/types.ts";
import { words } from "../i18n/index.ts";
import type { RouteLine } from "../map/districtmap.ts";
import { cases, casesChanged, keepCase, whereabouts } from "../state/duty.ts";
import { stepForm } from "../state/step.ts";

export const chosenID = signal<string | null>(null);
export const detail = signal<CaseDetail | null>(null);
export const trouble = signal<string | null>(null);
/** The refusal that the trouble is about, for the field that it names. */
export const refused = signal<Refused | null>(null);
export const said = signal<string | null>(null);
export const busy = signal(false);
/** How much of the photos on their way is up, as a share of 1. */
export const sentShare = signal<number | null>(null);
/** Department to patrol, where the operator wants another than the plan's first. */
export const picks = signal<Record<string, string>>({});
export const routes = signal<RouteLine[]>([]);

const saidForMs = 6_000;
let etag: string | null = null;
let asked = 0;

export function choose(id: string | null): void {
  if (id === chosenID.value) return;
  batch(() => {
    chosenID.value = id;
    detail.value = null;
    trouble.value = null;
    refused.value = null;
    said.value = null;
    picks.value = {};
    routes.value = [];
  });
  etag = null;
  if (id) void load(id);
}

export async function load(id: string): Promise<void> {
  const mine = ++asked;
  try {
    const { data, response } = await askWithResponse(client.GET("/api/v1/cases/{id}", { params: { path: { id } } }));
    if (mine !== asked || chosenID.value !== id) return;
    take(data, response.headers.get("ETag"));
    trouble.value = null;
  } catch (why) {
    if (mine === asked) trouble.value = sentence(why);
  }
}

function take(c: CaseDetail, version: string | null): void {
  etag = version ?? `"${c.version}"`;
  detail.value = c;
  keepCase(c);
  void drawRoutes(c);
}

/** Live frames say that the case moved on; its text is then read again. */
effect(() => {
  void casesChanged.value;
  const shown = detail.peek();
  const known = shown && cases.get(shown.id);
  if (known && shown && known.version > shown.version && !busy.peek()) void load(shown.id);
});

export function sentence(why: unknown): string {
  const w = words.value;
  if (!(why instanceof Refused)) return w.failed(String(why));
  if (why.type === "offline") return w.offlineNow;
  if (why.status === 403) return w.notAllowed;
  if (why.status === 404) return w.notFound;
  if (why.status === 412) return w.changedMeanwhile;
  return w.failed(why.message);
}

type Header = { "If-Match": string };
function act(call: (header: Header) => Promise<{ data?: CaseDetail; error?: unknown; response: Response }>, done: string): Promise<boolean> {
  return change(async (header) => {
    const { data, response } = await askWithResponse(call(header));
    return { changed: data, version: response.headers.get("ETag") };
  }, done);
}

async function change(call: (header: Header) => Promise<{ changed: CaseDetail; version: string | null }>, done: string): Promise<boolean> {
  const id = chosenID.value;
  if (!id || busy.value) return false;
  busy.value = true;
  trouble.value = null;
  refused.value = null;
  said.value = null;
  try {
    const { changed, version } = await call({ "If-Match": etag ?? "*" });
    if (chosenID.value === id) {
      take(changed, version);
      picks.value = {};
      said.value = done;
      setTimeout(() => {
        if (said.value === done) said.value = null;
      }, saidForMs);
    }
    return true;
  } catch (why) {
    if (why instanceof Refused && why.status === 412) await load(id);
    trouble.value = sentence(why);
    refused.value = why instanceof Refused ? why : null;
    return false;
  } finally {
    busy.value = false;
  }
}

const path = () => ({ id: chosenID.value ?? "" });

export function dispatchNow(): Promise<boolean> {
  const choices: Choice[] = Object.entries(picks.value).map(([department, patrol_id]) => ({ department, patrol_id }));
  return act(
    (header) => client.POST("/api/v1/cases/{id}/dispatch", { params: { path: path(), header }, body: choices.length > 0 ? { choices } : {} }),
    words.value.dispatched,
  );
}

export function reassign(a: Assignment, to: Candidate): Promise<boolean> {
  return sendChosen([{ department: a.department ?? "grid", patrol_id: to.patrol_id }], words.value.reassigned(to.name));
}

export function sendChosen(choices: Choice[], done: string): Promise<boolean> {
  return act((header) => client.POST("/api/v1/cases/{id}/dispatch", { params: { path: path(), header }, body: { choices } }), done);
}

export type MissionAction = keyof typeof words.value.mission.done;

export function order(action: MissionAction, body: MissionOrder): Promise<boolean> {
  return act(
    (header) => client.POST("/api/v1/cases/{id}/mission/{action}", { params: { path: { ...path(), action }, header }, body }),
    words.value.mission.done[action],
  );
}

export function undo(): Promise<boolean> {
  return act((header) => client.POST("/api/v1/cases/{id}/undo", { params: { path: path(), header } }), words.value.undone);
}

export function closeCase(answer: string, reason: string): Promise<boolean> {
  return act(
    (header) => client.POST("/api/v1/cases/{id}/close", { params: { path: path(), header }, body: { ...(answer ? { answer } : {}), ...(reason ? { reason } : {}) } }),
    words.value.closed,
  );
}

const over = new Set(["declined", "expired", "recalled"]);
export const isOver = (a: Assignment): boolean => over.has(a.state);
const going = new Set(["proposed", "offered", "accepted", "en_route"]);

/** What still counts of each department: the newest assignment that was not refused or taken back. */
export function standing(c: { assignments: Assignment[] }): Assignment[] {
  return c.assignments.filter((a) => !isOver(a));
}

/** Eligible, nearest by air, and yet not the soonest by road: the reason roads are asked at all. */
export function airTrap(candidates: Candidate[]): Candidate | null {
  const able = candidates.filter((k) => k.rank !== null && k.air_m !== null);
  const nearest = able.reduce<Candidate | null>((best, k) => (best === null || (k.air_m ?? 0) < (best.air_m ?? 0) ? k : best), null);
  const first = able.find((k) => k.rank === 1);
  return nearest && nearest.rank !== 1 && (nearest.eta_s ?? 0) >= (first?.eta_s ?? 0) ? nearest : null;
}

/** Whom the operator picked for a department, or whom the plan has. */
export function pickedOf(a: Assignment, wanted: Record<string, string>): string | null {
  return (a.department && a.kind === "department" && wanted[a.department]) || a.patrol_id;
}

/** Where the patrols of a case meet first, as long as they have not gone on. */
export function meetingOf(c: CaseDetail): Rendezvous | null {
  const m = c.mission;
  return m && (m.state === "gathering" || m.state === "in_place") ? (m.rendezvous ?? null) : null;
}

export function meetAt(at: { lon: number; lat: number } | null): Promise<boolean> {
  const w = words.value.meet;
  return act(
    (header) =>
      at
        ? client.PUT("/api/v1/cases/{id}/rendezvous", { params: { path: path(), header }, body: { lon: at.lon, lat: at.lat } })
        : client.DELETE("/api/v1/cases/{id}/rendezvous", { params: { path: path(), header } }),
    at ? w.moved : w.directDone,
  );
}

async function drawRoutes(c: CaseDetail): Promise<void> {
  const lines: RouteLine[] = [];
  const scene = `${c.lon},${c.lat}`;
  const meet = meetingOf(c);
  const way = async (kind: RouteLine["kind"], at: { lon: number; lat: number }, mode: Candidate["mode"], to = scene) => {
    try {
      const route = await ask(client.GET("/api/v1/route", { params: { query: { from: `${at.lon},${at.lat}`, to, mode } } }));
      lines.push({ kind, coordinates: route.geometry.coordinates });
    } catch {
      // Without a way there is no line; minutes and metres stand in the panel.
    }
  };
  const wanted: Promise<void>[] = [];
  for (const a of standing(c)) {
    const candidate = a.candidates.find((k) => k.patrol_id === a.patrol_id);
    const there = meet?.members.find((m) => m.assignment_id === a.id);
    const comes = async () => {
      const from = (a.patrol_id && (await whereabouts(a.patrol_id))) || place(candidate);
      if (from) await way("comes", from, a.mode ?? candidate?.mode ?? "car", there && meet ? `${meet.lon},${meet.lat}` : scene);
    };
    if (going.has(a.state) && !there?.in_place_at) wanted.push(comes());
    const trap = a.kind === "department" ? airTrap(a.candidates) : null;
    const start = place(trap);
    if (trap && start && going.has(a.state)) {
      wanted.push(way("other", start, trap.mode));
      lines.push({ kind: "air", coordinates: [[start.lon, start.lat], [c.lon, c.lat]] });
    }
  }
  if (meet) wanted.push(way("on", meet, standing(c).find((a) => a.kind === "department" && a.mode)?.mode ?? "car"));
  await Promise.all(wanted);
  if (chosenID.value === c.id) routes.value = lines;
}

function place(c: Candidate | null | undefined): { lon: number; lat: number } | null {
  return c && c.lon !== null && c.lat !== null ? { lon: c.lon, lat: c.lat } : null;
}

/** Those whose grey places the map must show: where the air-nearest stood when it was judged. */
export const traps = computed<Candidate[]>(() => {
  const c = detail.value;
  if (!c) return [];
  return standing(c).flatMap((a) => (a.kind === "department" && going.has(a.state) ? (airTrap(a.candidates) ?? []) : []));
});

export function coverCase(reason: string, until: string): Promise<boolean> {
  return act((header) => client.PUT("/api/v1/cases/{id}/covert", { params: { path: path(), header }, body: { reason, until } }), words.value.covert.covered);
}

export function releaseCase(reason: string): Promise<boolean> {
  return act((header) => client.POST("/api/v1/cases/{id}/release", { params: { path: path(), header }, body: reason ? { reason } : {} }), words.value.covert.releasedNow);
}

/** The last step that was sent with photos: sent again as it was, it counts once. */
let shown: { order: string; photos: Blob[]; key: string } | null = null;

export function takeMove(order: CaseMove, done: string, photos: Blob[] = []): Promise<boolean> {
  const id = chosenID.value;
  if (photos.length === 0) return act((header) => client.POST("/api/v1/cases/{id}/moves", { params: { path: path(), header }, body: order }), words.value.course.moved(done));
  const text = `${id} ${JSON.stringify(order)}`;
  if (shown?.order !== text || shown.photos.length !== photos.length || shown.photos.some((p, i) => p !== photos[i])) shown = { order: text, photos, key: crypto.randomUUID() };
  const { key } = shown;
  return change(async (header) => {
    try {
      const changed = await upload<CaseDetail>(`/api/v1/cases/${id}/moves`, { ...header, "Idempotency-Key": key }, stepForm("move", order, photos), (share) => (sentShare.value = share));
      return { changed, version: null };
    } finally {
      sentShare.value = null;
    }
  }, words.value.course.moved(done));
}
