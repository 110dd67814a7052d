/**
 * Whether this phone's positions reach the service, in one word at a time, and what
 * makes them go: a place while there is duty, a client that keeps it until it is safe.
 */
import { computed, effect, signal } from "@preact/signals";
import { ask, client, Refused } from "../api/client.ts";
import { BeaconClient, type Status } from "../beacon/client.ts";
import type { Fix } from "../beacon/message.ts";
import { PhoneStore } from "../beacon/store.ts";
import { peekNotices } from "../state/notices.ts";
import { loadSession, session } from "../state/session.ts";
import { nowMs } from "../state/tick.ts";
import { loadPatrol, onDuty } from "./duty.ts";
import { type Here, here, noPlace } from "./here.ts";
import { loadTasks } from "./tasks.tsx";

export type Flow =
  | "none" // nobody to locate: an account without a patrol
  | "unbound" // an account's phone: only an enrolled one sends
  | "off" | "elsewhere" | "insecure" | "denied" | "nogps" | "unstored" | "replaced" | "clock" | "unknown" | "refused"
  | "starting" | "waiting" | "catching_up" | "flowing";

const sends = signal(false);
const elsewhere = signal(false);
const unstored = signal(false);
const status = signal<Status | null>(null);
export const waitingFixes = computed(() => status.value?.held ?? 0);
export const lettenGo = computed(() => status.value?.letGo ?? 0);
export const ackedMs = computed(() => status.value?.ackedMs ?? null);

/** Later than this, a position is no news and the map says so. */
const newsMs = 60_000;
const clockOffS = 90;
const few = 3;

export const flow = computed<Flow>(() => {
  if (!sends.value) return session.value?.kind === "account" && session.value.patrol_id ? "unbound" : "none";
  const s = status.value;
  if (!onDuty.value) return s && s.held > 0 ? (s.line === "up" ? "catching_up" : "waiting") : "off";
  if (elsewhere.value) return "elsewhere";
  if (unstored.value) return "unstored";
  if (noPlace.value === "insecure" || noPlace.value === "denied") return noPlace.value;
  if (!s) return "starting";
  if (s.line === "replaced") return "replaced";
  if (s.line === "up" && (Math.abs(s.aheadS) > clockOffS || s.refused === "future")) return "clock";
  if (s.line === "up" && s.refused !== null && s.refused !== "off_duty") return s.refused === "unknown_device" ? "unknown" : "refused";
  if (noPlace.value === "none") return "nogps";
  if (s.line === "lost") return "waiting";
  if (s.line !== "up") return "starting";
  if (s.held > few) return "catching_up";
  return s.ackedMs !== null && nowMs.value - s.ackedMs < newsMs ? "flowing" : "starting";
});
const wrong = new Set<Flow>(["elsewhere", "insecure", "denied", "nogps", "unstored", "replaced", "clock", "unknown", "refused"]);
export const flowIsWrong = computed(() => wrong.has(flow.value));
export const refusedBecause = computed(() => status.value?.refused ?? null);

/** For a moment a browser may still give a place that is older than this page, and than the phone's binding. */
const oldPlacesMs = 15_000;

/** Whether a place is taken: one each interval, and never the same twice. */
export function due(lastMs: number | null, atMs: number, intervalS: number): boolean {
  if (lastMs === null) return true;
  // A clock that was ahead and was set right must not silence the phone until it has caught up.
  return atMs >= lastMs + intervalS * 900 || atMs < lastMs - newsMs;
}

export function fixOf(p: Here, battery: number | null): Fix {
  const round = (x: number, places: number) => Number(x.toFixed(places));
  return {
    t: new Date(p.atMs).toISOString(),
    lon: round(p.lon, 7),
    lat: round(p.lat, 7),
    ...(Number.isFinite(p.accuracyM) ? { accuracy_m: round(p.accuracyM, 1) } : {}),
    ...(p.speedMS === null ? {} : { speed_ms: round(p.speedMS, 2) }),
    ...(p.headingDeg === null ? {} : { heading_deg: round(p.headingDeg, 1) }),
    ...(battery === null ? {} : { battery: round(battery, 2) }),
  };
}

type Battery = { level: number };
let battery: Battery | null = null;
async function readBattery(): Promise<void> {
  const of = (navigator as { getBattery?: () => Promise<Battery> }).getBattery;
  if (of) battery = await of.call(navigator).catch(() => null);
}

let beacons: BeaconClient | null = null;
/** A person decides that this window is the one that sends. */
export const sendFromHere = (): void => beacons?.want(true);

async function run(device: string): Promise<void> {
  elsewhere.value = false;
  const made = new BeaconClient({
    url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/beacon`,
    device,
    store: new PhoneStore(),
    ticket: async () => (await ask(client.POST("/api/v1/tickets", { body: { for: "beacon" } }))).ticket,
    heard: {
      changed: () => (status.value = made.status),
      offer: () => void loadTasks(),
      recall: () => void loadTasks(),
      mission: () => void loadTasks(),
      handOver: () => void loadTasks(),
      notice: () => void peekNotices(),
      reject: (code) => {
        if (code === "off_duty" || code === "unknown_device") void loadPatrol();
      },
      // A 401 is heard by the guard of the page.
      ended: () => void loadSession().catch((why: unknown) => { if (!(why instanceof Refused)) throw why; }),
    },
  });
  let lastMs: number | null;
  try {
    ({ lastMs } = await made.load());
  } catch {
    unstored.value = true; // said in words; a position that cannot be kept is not sent
    return;
  }
  beacons = made;
  status.value = made.status;
  void navigator.storage?.persist?.().catch(() => false);
  void readBattery();
  const beganMs = Date.now();
  effect(() => made.want(onDuty.value));
  effect(() => {
    const p = here.value;
    if (!p || !onDuty.value) return;
    if (p.atMs < beganMs && p.heardMs - beganMs < oldPlacesMs) return;
    if (!due(lastMs, p.atMs, made.status.intervalS)) return;
    lastMs = p.atMs;
    made.add(fixOf(p, battery?.level ?? null)).then(
      () => (unstored.value = false),
      () => (unstored.value = true),
    );
  });
  addEventListener("online", () => made.nudge());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") made.nudge();
  });
}

/** One window of a phone sends; another waits until that one is closed. */
export function startFlow(device: string): void {
  sends.value = true;
  const locks = (navigator as { locks?: LockManager }).locks;
  if (!locks) {
    void run(device);
    return;
  }
  void locks.request("gridpatrol-beacon", { ifAvailable: true }, (got) => {
    if (got) return run(device).then(forever);
    elsewhere.value = true;
    void locks.request("gridpatrol-beacon", () => run(device).then(forever));
    return undefined;
  });
}

const forever = (): Promise<never> => new Promise(() => {});

/** Whoever has lost the right to send has no use for what is left, and a finder has none either. */
export async function forgetFixes(): Promise<void> {
  beacons?.stop();
  await new PhoneStore().clear().catch(() => {});
}
