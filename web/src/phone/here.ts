/** Where this phone is, how exactly, and a screen that stays on while somebody is on duty. */
import { computed, signal } from "@preact/signals";

/** atMs is when the phone was there, heardMs when the browser said so. */
export type Here = { lon: number; lat: number; accuracyM: number; speedMS: number | null; headingDeg: number | null; atMs: number; heardMs: number };
export const here = signal<Here | null>(null);
/** Why there is no place: the address is not safe, nobody allowed it, or no signal. */
export const noPlace = signal<"" | "insecure" | "denied" | "none">("");
export const denied = computed(() => noPlace.value === "denied" || noPlace.value === "insecure");

const options: PositionOptions = { enableHighAccuracy: true, maximumAge: 5_000, timeout: 30_000 };
/** Whoever stands still is asked for a place as well: a browser tells only of moves. */
const askAfterMs = 15_000;
/** A shorter gap is a bridge or a doorway, and not worth a word. */
const goneAfterMs = 60_000;

let watch: number | null = null;
let beat: ReturnType<typeof setInterval> | undefined;
let sinceMs = 0;
let asking = false;

function found({ coords, timestamp }: GeolocationPosition): void {
  if (watch === null) return; // asked for while it was wanted
  noPlace.value = "";
  const measure = (x: number | null) => (x !== null && Number.isFinite(x) && x >= 0 ? x : null);
  here.value = {
    lon: coords.longitude,
    lat: coords.latitude,
    accuracyM: coords.accuracy,
    speedMS: measure(coords.speed),
    headingDeg: measure(coords.heading),
    atMs: timestamp,
    heardMs: Date.now(),
  };
}

function missed(why: GeolocationPositionError): void {
  if (watch === null) return;
  if (why.code === why.PERMISSION_DENIED) noPlace.value = "denied";
  else look();
}

function look(): void {
  const heardMs = here.value?.heardMs ?? sinceMs;
  if (noPlace.value === "" && Date.now() - heardMs > goneAfterMs) noPlace.value = "none";
}

/** Looks for the place while somebody wants to know it, and not a moment longer. */
export function lookForPlace(on: boolean): void {
  if (!on) {
    if (watch !== null) navigator.geolocation.clearWatch(watch);
    watch = null;
    clearInterval(beat);
    here.value = null;
    noPlace.value = "";
    return;
  }
  if (!globalThis.isSecureContext || !("geolocation" in navigator)) {
    noPlace.value = "insecure";
    return;
  }
  if (watch !== null) return;
  sinceMs = Date.now();
  watch = navigator.geolocation.watchPosition(found, missed, options);
  beat = setInterval(() => {
    look();
    if (asking || noPlace.value === "denied" || Date.now() - (here.value?.heardMs ?? sinceMs) < askAfterMs) return;
    asking = true;
    const over = () => (asking = false);
    navigator.geolocation.getCurrentPosition(
      (p) => {
        over();
        found(p);
      },
      (why) => {
        over();
        missed(why);
      },
      { ...options, maximumAge: 0 },
    );
  }, 5_000);
}

/** After a person has changed something: a browser that has refused does not try by itself. */
export function tryAgain(): void {
  if (watch === null) return;
  lookForPlace(false);
  lookForPlace(true);
}

/** Some browsers say when the permission was given after all. */
export function watchPermission(): void {
  navigator.permissions
    ?.query({ name: "geolocation" })
    .then((p) => p.addEventListener("change", tryAgain))
    .catch(() => {}); // it is asked for by use, too
}

let lock: WakeLockSentinel | null = null;
/** Browsers stop telling the position when the screen goes dark. */
export async function keepAwake(on: boolean): Promise<void> {
  try {
    if (on && !lock && document.visibilityState === "visible") lock = (await navigator.wakeLock?.request("screen")) ?? null;
    else if (!on) {
      await lock?.release();
      lock = null;
    }
    lock?.addEventListener("release", () => (lock = null));
  } catch {
    lock = null; // refused on low battery; the page says so in words
  }
}
