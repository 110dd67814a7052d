/** Where matters were settled: the headline of "small matters stay in the grid", and its four parts. */
import { signal } from "@preact/signals";
import { ask, client, Refused } from "../api/client.ts";
import type { Tiers } from "../api/types.ts";
import { casesChanged } from "../state/duty.ts";
import { percent } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { gate } from "../state/tick.ts";

export const tiers = signal<Tiers | null>(null);
const everyMs = 60_000;

async function load(): Promise<void> {
  try {
    tiers.value = await ask(client.GET("/api/v1/tiers"));
  } catch (why) {
    if (!(why instanceof Refused)) throw why; // the figure of before stands
  }
}

export function pollTiers(): void {
  const again = gate(() => void load(), 15_000);
  again();
  casesChanged.subscribe(again);
  setInterval(again, everyMs);
}

/** The share of the grid, as it stands in the header. */
export function gridShare(): string {
  const t = tiers.value;
  const grid = t?.items.find((x) => x.tier === "grid");
  return t && grid && t.settled > 0 ? percent(grid.share) : "—";
}

export function tiersTitle(): string {
  const w = words.value.like;
  const t = tiers.value;
  if (!t || t.settled === 0) return w.tiersNone;
  return `${w.tiersOf(t.settled)}：${t.items.map((x) => `${w.tierNames[x.tier]} ${percent(x.share)}`).join(" · ")}`;
}

export function TierBars() {
  const w = words.value.like;
  const t = tiers.value;
  return (
    <section id="tiers">
      <h3><span>{w.tiersTitle}</span><span>{t && t.settled > 0 ? t.settled : ""}</span></h3>
      {!t || t.settled === 0 ? <p class="note">{w.tiersNone}</p> : (
        <ul class="tier-bars">
          {t.items.map((x) => (
            <li key={x.tier}>
              <p class="pair"><span>{w.tierNames[x.tier]}</span><b>{percent(x.share)} · {x.count}</b></p>
              <span class="used" aria-hidden="true"><i style={{ width: `${x.share * 100}%` }} /></span>
            </li>
          ))}
        </ul>
      )}
      <p class="note">{w.tiersHint}</p>
    </section>
  );
}
