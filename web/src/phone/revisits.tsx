/** Places to be looked at again: one tap when nothing is there, and a report when it is. Works without a line. */
import { computed, signal } from "@preact/signals";
import { ask, client, Refused } from "../api/client.ts";
import type { Revisit } from "../api/types.ts";
import { distanceM } from "../map/mercator.ts";
import { categoryName } from "../state/register.ts";
import { nowMs } from "../state/tick.ts";
import { clock, dayAndClock, distance } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { Shots } from "../photo/shots.tsx";
import { here } from "./here.ts";
import { reportAgain } from "./report.tsx";
import { boxed, clearRevisit } from "./sender.ts";
import { tab } from "./tab.ts";

const list = signal<Revisit[]>([]);
const shots = signal<{ id: string; photos: Blob[] } | null>(null);
const keptAs = "gp.revisits";
const mostPhotos = 6;

/** What this phone has answered stays off the list, whether or not the answer has arrived. */
export const revisits = computed(() => {
  const said = new Set(boxed.value.flatMap((b) => (b.state === "refused" ? [] : [b.clears ?? b.report?.revisit ?? ""])));
  return list.value.filter((r) => !said.has(r.id));
});

export async function loadRevisits(): Promise<void> {
  try {
    const { items } = await ask(client.GET("/api/v1/revisits"));
    list.value = items;
    localStorage.setItem(keptAs, JSON.stringify(items));
  } catch (why) {
    if (!(why instanceof Refused)) return; // the store is full or refused: then nothing is kept
    if (why.type === "offline" && list.value.length === 0) restore();
  }
}

/** At night behind a factory there is no line: what was known before is still to be done. */
function restore(): void {
  try {
    list.value = JSON.parse(localStorage.getItem(keptAs) ?? "[]") as Revisit[];
  } catch {
    list.value = [];
  }
}

export function forgetRevisits(): void {
  list.value = [];
  try {
    localStorage.removeItem(keptAs);
  } catch {
    // Nothing was kept either.
  }
}

async function clear(r: Revisit): Promise<void> {
  const photos = shots.value?.id === r.id ? shots.value.photos : [];
  await clearRevisit(r, photos);
  shots.value = null;
}

export function Revisits() {
  const w = words.value.like.phone;
  return (
    <>
      {revisits.value.map((r) => (
        <RevisitSheet key={r.id} r={r} />
      ))}
      {boxed.value.some((b) => b.clears && (b.state === "waiting" || b.state === "sending")) ? <p class="quiet" role="status">{w.kept}</p> : null}
    </>
  );
}

function RevisitSheet({ r }: { r: Revisit }) {
  const w = words.value.like.phone;
  const away = here.value ? distanceM(here.value, r) : null;
  const began = nowMs.value >= Date.parse(r.opens_at);
  const late = nowMs.value >= Date.parse(r.closes_at);
  const photos = shots.value?.id === r.id ? shots.value.photos : [];
  return (
    <article class="sheet revisit" data-revisit={r.id}>
      <span class={`badge ${late ? "" : "go"}`}>{w.title} · {late ? w.late : began ? w.due(clock(r.closes_at)) : w.upcoming(dayAndClock(r.opens_at))}</span>
      <h2>{w.what(categoryName(r.category), r.after_days)}</h2>
      <p>
        {[away === null ? "" : words.value.phone.distance(distance(away)), `#${r.number}`].filter(Boolean).join(" · ")}
      </p>
      {photos.length > 0 ? <p>{w.photoTaken(photos.length)}</p> : null}
      <div class="photo">
        <Shots photos={photos} most={mostPhotos} set={(to) => (shots.value = { id: r.id, photos: to })} />
      </div>
      <div class="acts">
        <button type="button" class="big" onClick={() => { reportAgain(r); tab.value = "report"; }}>{w.found}</button>
        <button type="button" class="big main" onClick={() => void clear(r)}>{w.clear}</button>
      </div>
    </article>
  );
}
