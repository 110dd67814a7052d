/** Tones by WebAudio: one for a new case, three every half minute while something overdue is not acknowledged. */
import { computed, effect, signal } from "@preact/signals";
import { cases, casesChanged, figures, hear } from "../state/duty.ts";
import { isOverdue } from "../state/queue.ts";
import { nowMs } from "../state/tick.ts";
import { words } from "../i18n/index.ts";

const wanted = signal(true);
const awake = signal(false);
const mutedUntilMs = signal(0);
const acknowledged = new Set<string>();
export const announcement = signal("");

export const soundState = computed<"on" | "off" | "asleep">(() => {
  if (!wanted.value || mutedUntilMs.value > nowMs.value) return "off";
  return awake.value ? "on" : "asleep";
});

let audio: AudioContext | null = null;

/** Browsers allow sound only after a person touched the page. */
export function wake(): void {
  audio ??= new AudioContext();
  void audio.resume().then(() => {
    awake.value = audio?.state === "running";
  });
}

export function toggleSound(): void {
  if (soundState.value === "asleep") {
    wake();
    return;
  }
  mutedUntilMs.value = 0;
  wanted.value = soundState.value !== "on";
  wake();
}

export function mute5(): void {
  mutedUntilMs.value = Date.now() + 5 * 60_000;
  announcement.value = words.value.mutedFor5;
}

export function acknowledge(): void {
  for (const c of cases.values()) if (isOverdue(c, Date.now())) acknowledged.add(c.id);
  announcement.value = words.value.acknowledged;
}

function tone(times: number, hz: number): void {
  if (soundState.value !== "on" || !audio) return;
  for (let i = 0; i < times; i++) {
    const at = audio.currentTime + i * 0.28;
    const note = audio.createOscillator();
    const gain = audio.createGain();
    note.frequency.value = hz;
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(0.12, at + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.001, at + 0.22);
    note.connect(gain).connect(audio.destination);
    note.start(at);
    note.stop(at + 0.24);
  }
}

const everyMs = 30_000;

export function startAlarms(title: () => string, name: (category: string) => string): () => void {
  const quiet = hear({
    fresh: (c) => {
      tone(1, 880);
      announcement.value = `${words.value.lookNew}${words.value.colon}${name(c.category)} ${c.responsible.name ?? ""}`;
    },
  });
  let lastMs = 0;
  const stopTone = effect(() => {
    void casesChanged.value;
    const now = nowMs.value;
    const loud = [...cases.values()].some((c) => isOverdue(c, now) && !acknowledged.has(c.id));
    if (loud && now - lastMs > everyMs) {
      lastMs = now;
      tone(3, 620);
    }
  });
  const stopTitle = effect(() => {
    const { waiting, overdue } = figures.value;
    document.title = `${waiting + overdue > 0 ? `(${waiting}${overdue > 0 ? ` · ${overdue}!` : ""}) ` : ""}${title()}`;
  });
  return () => {
    quiet();
    stopTone();
    stopTitle();
  };
}
