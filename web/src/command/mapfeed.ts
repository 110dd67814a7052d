/** What flows into the map: cases and patrols as its units, the ways and rings of the chosen case, the layers that are on. */
import { effect } from "@preact/signals";
import type { Case } from "../api/types.ts";
import { clock } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import type { DistrictMap, LayerGroup } from "../map/districtmap.ts";
import { patrolSymbol, type Unit } from "../map/fleet.ts";
import { shape } from "../map/palette.ts";
import { cases, hear, type Known, live, loaded, patrols, played } from "../state/duty.ts";
import { isFinished, phase } from "../state/queue.ts";
import { labels } from "../state/register.ts";
import { nowMs } from "../state/tick.ts";
import { phaseLook } from "../ui/marks.tsx";
import { choose, chosenID, detail, isOver, meetingOf, routes, traps } from "./choice.ts";
import { followClosures } from "./closures.tsx";
import { keepCounts, keepFollowing, watchedKnown } from "./counts.tsx";
import { keepCoverage } from "./coverage.tsx";
import { keepHeat } from "./heat.tsx";
import { layersOn } from "./mapshown.ts";

function patrolUnit(p: Known): Unit {
  const symbol = patrolSymbol({ status: p.status, presence: p.presence, mode: p.mode });
  return { id: p.id, played: p.simulated === true && !played.value.all, kind: "patrol", lon: p.lon, lat: p.lat, headingDeg: p.heading_deg ?? 0, spreadS: p.spreadS, ...symbol };
}

const covertRing = (id: string): string => `covert:${id}`;
export const ofRing = (id: string): string => id.replace(/^covert:/, "");

const recentlyDoneMs = 2 * 3_600_000;
function caseUnit(c: Case, now: number): Unit | null {
  if (isFinished(c) && now - Date.parse(c.closed_at ?? c.made_at) > recentlyDoneMs) return null;
  const ph = phase(c, now);
  const looks = {
    new: { shape: shape.diamondOne, sizePx: 25, z: 8 },
    overdue: { shape: shape.diamondTwo, sizePx: 27, z: 9 },
    moving: { shape: shape.diamondOne, sizePx: 21, z: 7 },
    scene: { shape: shape.diamondOne, sizePx: 21, z: 6 },
    done: { shape: shape.hollowDiamond, sizePx: 12, z: 0 },
  } as const;
  return { id: c.id, kind: "case", lon: c.lon, lat: c.lat, headingDeg: 0, look: phaseLook[ph], ...looks[ph] };
}

/** Everything that flows into the map; returns how to stop it. */
export function wire(map: DistrictMap): (() => void)[] {
  const putCase = (c: Case) => {
    const unit = caseUnit(c, Date.now());
    if (unit) map.fleet.put(unit, performance.now());
    else map.fleet.remove(c.id);
    // A covert case wears a dashed ring: whoever sees it must know that others do not.
    if (unit && c.covert) map.fleet.put({ ...unit, id: covertRing(c.id), look: "lost", shape: shape.dashedRing, sizePx: unit.sizePx + 15, z: -1 }, performance.now());
    else map.fleet.remove(covertRing(c.id));
  };
  const putPatrols = (list: Iterable<Known>) => {
    const now = performance.now();
    for (const p of list) if (p.status !== "off_duty") map.fleet.put(patrolUnit(p), now);
      else map.fleet.remove(p.id);
  };
  const stopHearing = hear({
    patrols: (moved, gone) => {
      putPatrols(moved);
      for (const id of gone) map.fleet.remove(id);
      map.draw();
    },
    cases: (changed) => {
      for (const c of changed) putCase(c);
      map.draw();
    },
    casesGone: (ids) => {
      for (const id of ids) {
        map.fleet.remove(id);
        map.fleet.remove(covertRing(id));
        if (chosenID.value === id) choose(null);
      }
      map.draw();
    },
  });
  putPatrols(patrols.values());
  for (const c of cases.values()) putCase(c);
  map.draw();
  return [
    stopHearing,
    effect(() => map.setLabels(labels.value)),
    effect(() => {
      // A case turns overdue, or leaves the map, by time alone.
      if (Math.floor(nowMs.value / 1000) % 10 === 0) for (const c of cases.values()) putCase(c);
    }),
    effect(() => {
      map.setGrey(live.value !== "live" && loaded.value);
    }),
    effect(() => {
      // Whether each is marked, or the header says it for all, turns with the first real one.
      void played.value.all;
      putPatrols(patrols.values());
      map.draw();
    }),
    effect(() => map.setRoute(routes.value)),
    effect(() => {
      const at = detail.value && meetingOf(detail.value);
      const w = words.value.meet;
      map.setMeet(at ? { lon: at.lon, lat: at.lat, broken: at.no_cover || at.breaks.length > 0, text: [at.name || w.title, at.meet_at ? w.at(clock(at.meet_at)) : ""].filter(Boolean).join("\n") } : null);
    }),
    effect(() => {
      for (const [group, on] of Object.entries(layersOn.value)) map.show(group as LayerGroup, on);
    }),
    keepHeat(map, () => layersOn.value.heat),
    keepCoverage(map, () => layersOn.value.coverage),
    keepCounts(map),
    keepFollowing(),
    effect(() => {
      void watchedKnown.value; // who comes from beyond the view has no ring yet
      mark(map);
    }),
    pulseOnChoice(map),
    followClosures(map),
  ];
}

function pulseOnChoice(map: DistrictMap): () => void {
  return effect(() => {
    const c = chosenID.value ? cases.get(chosenID.value) : undefined;
    if (c) map.pulse();
  });
}

/** Rings around the chosen case and those who come; the grey air-nearest where it was judged. */
function mark(map: DistrictMap): void {
  const c = detail.value ?? (chosenID.value ? cases.get(chosenID.value) : undefined);
  map.fleet.removeKind("mark");
  const now = performance.now();
  if (c) {
    map.fleet.put({ id: "mark:case", kind: "mark", lon: c.lon, lat: c.lat, look: "case_new", shape: shape.pulse, sizePx: 70, headingDeg: 0, z: -2 }, now);
    for (const a of c.assignments) {
      const p = a.patrol_id && !isOver(a) && a.state !== "done" ? patrols.get(a.patrol_id) : undefined;
      if (p) map.fleet.put({ id: `mark:${a.id}`, kind: "mark", lon: p.lon, lat: p.lat, look: "free", shape: shape.ring, sizePx: 32, headingDeg: 0, z: 6, follows: p.id }, now);
    }
    for (const t of traps.value)
      if (t.lon !== null && t.lat !== null)
        map.fleet.put({ id: `mark:trap:${t.patrol_id}`, kind: "mark", lon: t.lon, lat: t.lat, look: "lost", shape: shape.circle, sizePx: 17, headingDeg: 0, z: 7 }, now);
    map.setDisc({ lon: c.lon, lat: c.lat }, c.accuracy_m ?? 20);
    map.markGrids(c.responsible.code, c.runner_up?.code ?? null);
  } else {
    map.setDisc(null);
    map.markGrids(null, null);
  }
  map.draw();
}
