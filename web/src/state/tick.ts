/** The clocks the page runs on: one second for times, and a gate that lets lists change 4 times a second. */
import { signal } from "@preact/signals";

export const nowMs = signal(Date.now());
let beat: ReturnType<typeof setInterval> | undefined;
export function startClock(): void {
  beat ??= setInterval(() => {
    nowMs.value = Date.now();
  }, 1000);
}

/** Runs act at most once per gapMs, the last call never lost. */
export function gate(act: () => void, gapMs = 250): () => void {
  let last = Number.NEGATIVE_INFINITY;
  let timer: ReturnType<typeof setTimeout> | undefined;
  return () => {
    if (timer !== undefined) return;
    const wait = last + gapMs - performance.now();
    if (wait <= 0) {
      last = performance.now();
      act();
      return;
    }
    timer = setTimeout(() => {
      timer = undefined;
      last = performance.now();
      act();
    }, wait);
  };
}
