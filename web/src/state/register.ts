/** What the district is made of: read once, and shown by name everywhere. */
import { computed, signal } from "@preact/signals";
import { ask, client, everyPage } from "../api/client.ts";
import type { Area, Category, Department, Grid } from "../api/types.ts";
import { language, named, words } from "../i18n/index.ts";
import type { Label } from "../map/districtmap.ts";
import { boundsOf, type Bounds } from "../map/mercator.ts";

export const departments = signal<Map<string, Department>>(new Map());
export const categories = signal<Map<string, Category>>(new Map());
export const areas = signal<Map<string, Area>>(new Map());
export const grids = signal<Grid[]>([]);
export const gridByCode = computed(() => new Map(grids.value.map((g) => [g.code, g])));

const pageOf = 200;

export async function loadNames(): Promise<void> {
  const [d, c, a] = await Promise.all([
    ask(client.GET("/api/v1/departments")),
    ask(client.GET("/api/v1/categories")),
    ask(client.GET("/api/v1/areas")),
  ]);
  departments.value = new Map(d.items.map((x) => [x.code, x]));
  categories.value = new Map(c.items.map((x) => [x.code, x]));
  areas.value = new Map(a.items.map((x) => [x.code, x]));
}

export async function loadGrids(): Promise<void> {
  grids.value = await everyPage((cursor) => ask(client.GET("/api/v1/grids", { params: { query: { limit: pageOf, cursor } } })));
}

export function departmentName(code: string | null | undefined): string {
  if (!code) return "";
  return named(departments.value.get(code), (words.value.elsewhere as Record<string, string>)[code] ?? code);
}

export function categoryName(code: string): string {
  void language.value;
  return named(categories.value.get(code), code);
}

export const district = computed(() => [...areas.value.values()].find((a) => a.level === "district") ?? null);
export const towns = computed(() => [...areas.value.values()].filter((a) => a.level === "town"));

/** The town an area lies in, itself included. */
export function townOf(areaCode: string | null | undefined): Area | null {
  let area = areaCode ? areas.value.get(areaCode) : undefined;
  for (let i = 0; area && i < 4; i++) {
    if (area.level === "town") return area;
    area = area.parent_code ? areas.value.get(area.parent_code) : undefined;
  }
  return null;
}

/** Areas and grids by name, as a working area names them: codes with ", " between. */
export function placeNames(codes: string): string {
  return codes.split(", ").map((code) => areas.value.get(code)?.name ?? gridByCode.value.get(code)?.name ?? code).join("、");
}

/** The planner's reason with the names of the places that it gives by code. */
export function withPlaces(reason: string): string {
  return reason.replace(/^works in (.+) only$/, (_, codes: string) => `works in ${placeNames(codes)} only`);
}

const middle = (g: Grid) => ({ lon: ((g.bbox[0] ?? 0) + (g.bbox[2] ?? 0)) / 2, lat: ((g.bbox[1] ?? 0) + (g.bbox[3] ?? 0)) / 2 });

/** The box around every grid. */
export const districtBounds = computed<Bounds | null>(() =>
  boundsOf(
    grids.value.flatMap((g) => [
      { lon: g.bbox[0] ?? 0, lat: g.bbox[1] ?? 0 },
      { lon: g.bbox[2] ?? 0, lat: g.bbox[3] ?? 0 },
    ]),
  ),
);

/** A town's name stands at the middle of its grids. */
export const labels = computed<Label[]>(() => {
  const sums = new Map<string, { lon: number; lat: number; n: number; text: string }>();
  const out: Label[] = [];
  for (const g of grids.value) {
    const at = middle(g);
    if (g.kind === "general") out.push({ kind: "grid", text: g.name, ...at });
    const town = townOf(g.area_code);
    if (!town) continue;
    const sum = sums.get(town.code) ?? { lon: 0, lat: 0, n: 0, text: town.name };
    sums.set(town.code, { ...sum, lon: sum.lon + at.lon, lat: sum.lat + at.lat, n: sum.n + 1 });
  }
  for (const s of sums.values()) out.push({ kind: "town", text: s.text, lon: s.lon / s.n, lat: s.lat / s.n });
  return out;
});
