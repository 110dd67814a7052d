/** What the map shows and what lies open over it, for all who change it: the view, its keys, its cards, lists and shortcuts. */
import { signal } from "@preact/signals";
import type { GridDetail } from "../api/types.ts";
import type { DistrictMap, Hit, LayerGroup, PlaceHit } from "../map/districtmap.ts";
import type { LonLat } from "../map/mercator.ts";
import { may } from "../state/session.ts";
import { detail, isOver } from "./choice.ts";
import { closureShown, shutClosure } from "./closures.tsx";
import { coverageShown } from "./coverage.tsx";
import { heatShown } from "./heat.tsx";

export const districtMap = signal<DistrictMap | null>(null);
export const layersOn = signal<Record<LayerGroup, boolean>>({ grids: true, towns: true, people: true, places: false, roads: true, heat: false, coverage: false, labels: true });
export const tip = signal<{ hit: Hit; x: number; y: number } | null>(null);
export const gridShown = signal<GridDetail | null>(null);
export const spot = signal<LonLat | null>(null); // where within it somebody pointed
export const patrolShown = signal<string | null>(null);
export const placeShown = signal<PlaceHit | null>(null);
export const following = signal<string | null>(null);

export function toggleLayer(group: LayerGroup): void {
  if (group === "coverage" && !may("see_patrols")) return;
  const on = !layersOn.value[group];
  // Both colour the same ground: one of them at a time.
  const other = on && group === "coverage" ? { heat: false } : on && group === "heat" ? { coverage: false } : {};
  layersOn.value = { ...layersOn.value, ...other, [group]: on };
}

export function follow(): void {
  const id = patrolShown.value ?? detail.value?.assignments.find((a) => a.patrol_id && !isOver(a))?.patrol_id ?? null;
  following.value = following.value ? null : id;
  districtMap.value?.follow(following.value);
}

/** Esc, one thing at a time: what lies on top goes first. */
export function closeTop(): boolean {
  if (shutClosure()) return true;
  if (gridShown.value || patrolShown.value || placeShown.value || heatShown.value || coverageShown.value) {
    gridShown.value = null;
    patrolShown.value = null;
    placeShown.value = null;
    heatShown.value = null;
    coverageShown.value = null;
    return true;
  }
  return false;
}

/** Brings a place that a list names into view, with its card. */
export function showPlace(p: PlaceHit & LonLat): void {
  gridShown.value = null;
  patrolShown.value = null;
  heatShown.value = null;
  placeShown.value = p;
  layersOn.value = { ...layersOn.value, places: true };
  districtMap.value?.flyTo(p, Math.max(15, districtMap.value.zoom()));
}

/** Brings a patrol that a list names into view, with its card; where it stood is where the list saw it. */
export function showPatrol(p: LonLat & { id: string }): void {
  gridShown.value = null;
  placeShown.value = null;
  heatShown.value = null;
  closureShown.value = null;
  patrolShown.value = p.id;
  districtMap.value?.flyTo(p, Math.max(15, districtMap.value.zoom()));
}
