/** Sends what is in the box, one after the other, until the service has each exactly once. */
import { signal } from "@preact/signals";
import { ask, client, Refused, upload } from "../api/client.ts";
import type { FiledReport } from "../api/types.ts";
import { all, type Boxed, drop, keepBoxed, put, type Step, tidy } from "./box.ts";
import type { NewReport } from "../api/types.ts";
import { loadSession, session } from "../state/session.ts";
import { judge, postStep, whoAmI } from "./step.ts";

export const boxed = signal<Boxed[]>([]);
export const reachable = signal(true);
/** How much of the report on its way is up: a share of 1, or null where nobody can tell. */
export const sentShare = signal<number | null>(null);

const firstPauseMs = 2_000;
const longestPauseMs = 60_000;
let timer: ReturnType<typeof setTimeout> | undefined;
let running: Promise<void> | null = null;
let again = false;
let misses = 0;
/** The service did not take our word for who we are: it is asked anew. */
let stale = false;

export async function refreshBox(): Promise<void> {
  boxed.value = await all();
}

export async function file(report: NewReport, photos: Blob[]): Promise<void> {
  await put({ report, photos });
  await refreshBox();
  void send();
}

/** Somebody looked again and found nothing: kept like a report, and said twice it counts once. */
export async function clearRevisit(revisit: { id: string; category: string; lon: number; lat: number }, photos: Blob[]): Promise<void> {
  const { id, category, lon, lat } = revisit;
  await put({ report: { category, location: { lon, lat, crs: "wgs84" } }, photos, clears: id });
  await refreshBox();
  void send();
}

/** A step of a case is kept before it is sent; what is kept of its case before it goes before it. */
export async function takeStep(step: Step, photos: Blob[]): Promise<void> {
  await put({ report: null, step, photos });
  await refreshBox();
  void send();
}

/** A step that the service did not take is taken back, to be made anew or not at all. */
export async function takeBack(b: Boxed): Promise<void> {
  await drop(b.key);
  await refreshBox();
}

async function postClear(id: string, photos: Blob[]): Promise<void> {
  const params = { path: { id } };
  if (photos.length === 0) {
    await ask(client.POST("/api/v1/revisits/{id}/clear", { params, body: {} }));
    return;
  }
  const form = new FormData();
  photos.forEach((photo, i) => form.append("photo", photo, `photo-${i + 1}.jpg`));
  await upload(`/api/v1/revisits/${id}/clear`, {}, form, bar);
}

/** The body is the same bytes on every try, so that the key finds its match. */
async function post(b: Boxed): Promise<FiledReport> {
  const header = { "Idempotency-Key": b.key };
  if (!b.report) throw new Error("a step is no report");
  if (b.photos.length === 0) return ask(client.POST("/api/v1/reports", { params: { header }, body: b.report }));
  const form = new FormData();
  form.append("report", new Blob([JSON.stringify(b.report)], { type: "application/json" }), "report.json");
  b.photos.forEach((photo, i) => form.append("photo", photo, `photo-${i + 1}.jpg`));
  return upload("/api/v1/reports", header, form, bar);
}

/** Whether trying again can ever help. A session that the page did not know yet says nothing of the report. */
export function final(why: Refused): boolean {
  return why.type !== "/problems/csrf" && why.status >= 400 && why.status < 500 && ![401, 408, 425, 429].includes(why.status);
}

const bar = (share: number) => (sentShare.value = share);

/** One sender at a time; what is filed while it runs is sent by it too. */
export function send(): Promise<void> {
  if (running) again = true;
  running ??= sendAll().finally(() => {
    running = null;
    if (again) {
      again = false;
      void send();
    }
  });
  return running;
}

async function sendAll(): Promise<void> {
  clearTimeout(timer);
  await tidy(Date.now());
  for (const b of (await all()).reverse()) {
    if (b.state === "sent" || b.state === "refused") continue;
    const goesOn = await sendOne(b);
    await refreshBox();
    if (!goesOn) return;
  }
}

/** False where the rest must wait as well. */
async function sendOne(b: Boxed): Promise<boolean> {
  if (b.step && session.value && b.step.who !== whoAmI()) return true; // whoever took it sends it when they are back
  await keepBoxed({ ...b, state: "sending", tries: b.tries + 1 });
  await refreshBox();
  sentShare.value = null;
  try {
    // After a reload without a line nobody is signed in yet, and the service would not take it.
    if (!session.value || stale) await loadSession();
    stale = false;
    if (b.step) {
      if (b.step.who !== whoAmI()) {
        await keepBoxed({ ...b, state: "waiting" });
        return true;
      }
      await postStep(b.step, b.key, b.photos, bar);
      await keepBoxed({ ...b, photos: [], state: "sent", tries: b.tries + 1, number: b.step.number });
      reachable.value = true;
      misses = 0;
      return true;
    }
    if (b.clears) {
      await postClear(b.clears, b.photos);
      await keepBoxed({ ...b, photos: [], state: "sent", tries: b.tries + 1 });
      reachable.value = true;
      misses = 0;
      return true;
    }
    const filed = await post(b);
    const goes = filed.case.assignments.flatMap((a) => (a.patrol_name ? [a.patrol_name] : []));
    await keepBoxed({ ...b, photos: [], state: "sent", tries: b.tries + 1, number: filed.case.number, goes, followUp: filed.follow_up });
    reachable.value = true;
    misses = 0;
    return true;
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
    reachable.value = why.type !== "offline";
    stale ||= why.type === "/problems/csrf";
    const over = final(why);
    const judged = over && b.step ? await judge(b.step, why) : null;
    if (judged?.landed) {
      await keepBoxed({ ...b, photos: [], state: "sent", tries: b.tries + 1, number: b.step?.number });
      return true;
    }
    await keepBoxed({ ...b, state: over ? "refused" : "waiting", tries: b.tries + 1, refusal: over ? (judged?.text ?? why.message) : undefined });
    if (over) return true;
    const pause = Math.min(longestPauseMs, Math.max(firstPauseMs * 2 ** misses++, (why.retryAfterS ?? 0) * 1000));
    timer = setTimeout(() => void send(), pause);
    return false;
  } finally {
    sentShare.value = null;
  }
}

export function startSender(): void {
  addEventListener("online", () => {
    misses = 0;
    void send();
  });
  void refreshBox().then(send);
}
