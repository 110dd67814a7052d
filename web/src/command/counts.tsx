/** Zoomed far out the map says how many are in each cell; and whoever is watched stays known wherever the map looks. */
import { computed } from "@preact/signals";
import { countClasses } from "../api/liveframe.ts";
import { type CountMark, sumOf } from "../map/countmark.ts";
import type { DistrictMap } from "../map/districtmap.ts";
import { words } from "../i18n/index.ts";
import { cases, cellCounts, hear, patrols, patrolsChanged } from "../state/duty.ts";
import { dotsFromZoom } from "../state/outlook.ts";
import { gate } from "../state/tick.ts";
import { chosenID, detail, isOver } from "./choice.ts";
import { following, patrolShown } from "./mapview.tsx";

/** A count is opened by going so near that each is shown. */
export function enterCount(map: DistrictMap, at: CountMark): void {
  map.flyTo(at, Math.max(dotsFromZoom + 0.4, map.zoom() + 1));
}

/** Whoever the operator looks at, and whoever goes to the case that is open, is told of wherever they are. */
export const watched = computed(() => {
  const c = detail.value ?? (chosenID.value ? cases.get(chosenID.value) : undefined);
  const sent = c ? c.assignments.flatMap((a) => (a.patrol_id && !isOver(a) && a.state !== "done" ? [a.patrol_id] : [])) : [];
  return [patrolShown.value, following.value, ...sent].filter((id) => id !== null);
});

/** Those of them who have been told of. */
export const watchedKnown = computed(() => {
  void patrolsChanged.value;
  return watched.value.filter((id) => patrols.has(id)).join();
});

const countsEveryMs = 500;
/** Keeps the counts on the map: at once when other cells are shown, else when people can read it. */
export function keepCounts(map: DistrictMap): () => void {
  const put = () => map.setCounts([...cellCounts()].map(([cell, c]) => ({ cell, lon: c.lon, lat: c.lat, counts: c.counts })));
  const calmly = gate(put, countsEveryMs);
  put();
  return hear({
    counts: () => {
      const now = cellCounts();
      if (now.size === map.counts.length && map.counts.every((m) => now.has(m.cell))) calmly();
      else put();
    },
  });
}

/** The words of a count. */
export function CountWords({ count }: { count: CountMark }) {
  const w = words.value;
  const parts = countClasses.flatMap((c, i) => (count.counts[i] ? `${c === "stale" || c === "lost" ? w.presence[c] : w.status[c]} ${count.counts[i]}` : []));
  return <><b>{w.counted.title(sumOf(count.counts))}</b><br />{parts.join(" · ")}<br /><span class="quiet">{w.counted.enter}</span></>;
}
