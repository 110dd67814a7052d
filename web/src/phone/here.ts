/** Where this phone is, how exactly, and a screen that stays on while somebody is on duty. */
import { signal } from "@preact/signals";

export type Here = { lon: number; lat: number; accuracyM: number; atMs: number };
export const here = signal<Here | null>(null);
export const denied = signal(false);

export function watchHere(): void {
  if (!("geolocation" in navigator)) {
    denied.value = true;
    return;
  }
  navigator.geolocation.watchPosition(
    ({ coords, timestamp }) => {
      denied.value = false;
      here.value = { lon: coords.longitude, lat: coords.latitude, accuracyM: coords.accuracy, atMs: timestamp };
    },
    (why) => {
      denied.value = why.code === why.PERMISSION_DENIED;
    },
    { enableHighAccuracy: true, maximumAge: 5_000, timeout: 30_000 },
  );
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
