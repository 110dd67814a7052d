/** The way somebody went: how it is drawn, unlike a way that somebody will go, with what lies between where nothing was heard. */
import type { LayerSpecification } from "maplibre-gl";
import type { Feature } from "geojson";
import type { LonLat } from "./mercator.ts";

export type Way = { kind: "way" | "gap"; coordinates: number[][] };

const colour = "#c9a3ff";

export function trackLayers(casing: string): LayerSpecification[] {
  const round = { "line-cap": "round", "line-join": "round" } as const;
  return [
    { id: "track-case", type: "line", source: "track", filter: ["==", ["get", "kind"], "way"], layout: round, paint: { "line-color": casing, "line-width": 5.5 } },
    { id: "track", type: "line", source: "track", filter: ["==", ["get", "kind"], "way"], layout: round, paint: { "line-color": colour, "line-width": 2.5 } },
    { id: "track-gap", type: "line", source: "track", filter: ["==", ["get", "kind"], "gap"], layout: { "line-cap": "round" }, paint: { "line-color": "#9ba6bb", "line-width": 1.6, "line-dasharray": [0.5, 3] } },
    {
      id: "track-at",
      type: "circle",
      source: "track-at",
      paint: { "circle-radius": 7, "circle-color": colour, "circle-opacity": 0.35, "circle-stroke-color": "#ffffff", "circle-stroke-width": 2.5 },
    },
  ];
}

export function waysDrawn(ways: Way[]): Feature[] {
  return ways.map((way) => ({ type: "Feature", properties: { kind: way.kind }, geometry: { type: "LineString", coordinates: way.coordinates } }));
}

export function placeDrawn(at: LonLat | null): Feature[] {
  return at ? [{ type: "Feature", properties: {}, geometry: { type: "Point", coordinates: [at.lon, at.lat] } }] : [];
}
