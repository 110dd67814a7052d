/** Zoomed far out, or where too many stand, the map says how many are in each cell; and whoever is watched stays known wherever the map looks. */
import { computed, effect, signal } from "@preact/signals";
import { countClasses } from "../api/liveframe.ts";
import { amidOf, type CountMark, onScreen, sumOf } from "../map/countmark.ts";
import type { DistrictMap } from "../map/districtmap.ts";
import type { LonLat } from "../map/mercator.ts";
import { words } from "../i18n/index.ts";
import { cases, casesChanged, cellCounts, counted, fillScreen, followPatrols, hear, patrols, patrolsChanged } from "../state/duty.ts";
import { dotsFromZoom } from "../state/outlook.ts";
import { isFinished } from "../state/queue.ts";
import { grids } from "../state/register.ts";
import { gate } from "../state/tick.ts";
import { chosenID, detail, isOver } from "./choice.ts";
import { following, patrolShown } from "./mapshown.ts";

/** A count is opened by going so near that each is shown. */
export function enterCount(map: DistrictMap, at: CountMark): void {
  map.flyTo(at.amid ?? at, Math.max(dotsFromZoom + 0.4, map.zoom() + 1));
}

/** Whoever the operator looks at, and whoever goes to the case that is open, is told of wherever they are. */
export const watched = computed(() => {
  const c = detail.value ?? (chosenID.value ? cases.get(chosenID.value) : undefined);
  const sent = c ? c.assignments.flatMap((a) => (a.patrol_id && !isOver(a) && a.state !== "done" ? [a.patrol_id] : [])) : [];
  return [patrolShown.value, following.value, ...sent].filter((id) => id !== null);
});

/** While near cells are counted because there are too many dots, those sent to any case are still shown: they are who the room waits for. */
const sentOut = computed(() => {
  void casesChanged.value;
  if (!counted.value) return [];
  return [...cases.values()].flatMap((c) => (isFinished(c) ? [] : c.assignments.flatMap((a) => (a.patrol_id && !isOver(a) && a.state !== "done" ? [a.patrol_id] : []))));
});

/** Asks the service for whoever is watched, and for those sent out. */
export function keepFollowing(): () => void {
  return effect(() => followPatrols([...watched.value, ...(near.value ? sentOut.value : [])]));
}

/** Those of them who have been told of. */
export const watchedKnown = computed(() => {
  void patrolsChanged.value;
  return watched.value.filter((id) => patrols.has(id)).join();
});

const gridMiddles = computed(() => grids.value.map(({ bbox: [w = 0, s = 0, e = 0, n = 0] }) => ({ lon: (w + e) / 2, lat: (s + n) / 2 })));
const amid = new Map<string, LonLat | undefined>();
/** Who is counted walks the grids of the cell: that is where the count belongs. */
function amidGrids(cell: string, c: LonLat): LonLat | undefined {
  if (!amid.has(cell)) amid.set(cell, amidOf({ cell, lon: c.lon, lat: c.lat }, gridMiddles.value));
  return amid.get(cell);
}

const countsEveryMs = 500;
/** Keeps the counts on the map: at once when other cells are shown, else when people can read it. */
export function keepCounts(map: DistrictMap): () => void {
  const put = () => map.setCounts([...cellCounts()].map(([cell, c]) => ({ cell, lon: c.lon, lat: c.lat, counts: c.counts, amid: amidGrids(cell, c) })));
  const calmly = gate(put, countsEveryMs);
  put();
  const fill = gate(() => {
    const box = map.bounds();
    const [w, s, e, n] = box;
    let dots = 0;
    for (const p of patrols.values()) if (p.lon > w && p.lon < e && p.lat > s && p.lat < n) dots++;
    fillScreen(map.counts.length > 0 ? onScreen(map.counts, box) : dots, map.areaPx);
  }, fillEveryMs);
  filled = fill;
  return hear({
    counts: () => {
      const now = cellCounts();
      if (now.size === map.counts.length && map.counts.every((m) => now.has(m.cell))) calmly();
      else put();
      fill();
    },
    patrols: fill,
    cases: () => map.placeCounts(),
    casesGone: () => map.placeCounts(),
  });
}

const fillEveryMs = 700;
let filled = (): void => {};
const near = signal(false);
/** The map shows something else. */
export function screenMoved(zoom: number): void {
  near.value = zoom >= dotsFromZoom;
  filled();
}

/** The words of a count. */
export function CountWords({ count }: { count: CountMark }) {
  const w = words.value;
  const parts = countClasses.flatMap((c, i) => (count.counts[i] ? `${c === "stale" || c === "lost" ? w.presence[c] : w.status[c]} ${count.counts[i]}` : []));
  return <><b>{w.counted.title(sumOf(count.counts))}</b><br />{parts.join(" · ")}<br /><span class="quiet">{w.counted.enter}</span></>;
}
