/**
 * The map's style. It names no glyph server, no sprite and no outside tile: text is
 * drawn with a font of this machine, everything else comes from our own service.
 */
import { bands } from "./coverage.ts";
import { trackLayers } from "./track.ts";
import type { StyleSpecification } from "maplibre-gl";

export const fonts = ["PingFang SC", "HarmonyOS Sans SC", "Microsoft YaHei UI", "Noto Sans CJK SC", "sans-serif"];

export type Theme = {
  ground: string;
  grid: string;
  gridLine: string;
  special: string;
  water: string;
  waterText: string;
  road: Record<"motorway" | "trunk" | "primary" | "secondary" | "minor", string>;
  roadText: string;
  label: string;
  labelHalo: string;
  accent: string;
  casing: string;
  district: string;
};

export const night: Theme = {
  ground: "#0a0f18",
  grid: "#142034",
  gridLine: "#2c3f5d",
  special: "#5b4a86",
  water: "#17496e",
  waterText: "#5f9cc4",
  road: { motorway: "#6b7cab", trunk: "#5c6fa0", primary: "#526592", secondary: "#43557d", minor: "#2d3b58" },
  roadText: "#8ea3c4",
  label: "#d5e0f0",
  labelHalo: "#0a0f18",
  accent: "#5cc8ff",
  casing: "#06101c",
  district: "#4fa3dc",
};

export const day: Theme = {
  ground: "#e6ebf2",
  grid: "#f6f9fc",
  gridLine: "#b9c6d8",
  special: "#a78bd0",
  water: "#bcd9ee",
  waterText: "#2d6a96",
  road: { motorway: "#f3c98b", trunk: "#f3d6a4", primary: "#ffffff", secondary: "#ffffff", minor: "#ffffff" },
  roadText: "#56667c",
  label: "#22344d",
  labelHalo: "#ffffff",
  accent: "#0b63b6",
  casing: "#c3cedd",
  district: "#0b63b6",
};

const empty = { type: "FeatureCollection" as const, features: [] };
const cls = ["coalesce", ["get", "class"], ["get", "highway"], "minor"];

export function mapStyle(theme: Theme, tiles: string): StyleSpecification {
  const byClass = (values: { motorway: unknown; trunk: unknown; primary: unknown; secondary: unknown; minor: unknown }) =>
    [
      "match",
      cls,
      ["motorway", "motorway_link"],
      values.motorway,
      ["trunk", "trunk_link"],
      values.trunk,
      ["primary", "primary_link"],
      values.primary,
      ["secondary", "secondary_link", "tertiary", "tertiary_link"],
      values.secondary,
      values.minor,
    ] as never;
  const width = (m: number) =>
    [
      "interpolate",
      ["exponential", 1.4],
      ["zoom"],
      10,
      byClass({ motorway: 1.6 * m, trunk: 1.4 * m, primary: 1.1 * m, secondary: 0.6 * m, minor: 0.12 * m }),
      13,
      byClass({ motorway: 3.2 * m, trunk: 3 * m, primary: 2.4 * m, secondary: 1.6 * m, minor: 0.7 * m }),
      16,
      byClass({ motorway: 9 * m, trunk: 8 * m, primary: 7 * m, secondary: 5.5 * m, minor: 3 * m }),
      19,
      byClass({ motorway: 26 * m, trunk: 24 * m, primary: 22 * m, secondary: 18 * m, minor: 12 * m }),
    ] as never;
  const waterFilter = ["in", cls, ["literal", ["river", "canal", "water", "stream"]]] as never;
  const waterText = { "text-color": theme.waterText, "text-halo-color": theme.labelHalo, "text-halo-width": 1.2 };
  const riverWidth = ["case", [">", ["get", "width_m"], 0], ["get", "width_m"], 20] as never;
  const roadFilter = ["!", waterFilter] as never;
  return {
    version: 8,
    sources: {
      // Features are known by the grid's code: a click, a highlight and a list row mean the same thing.
      grids: { type: "vector", tiles: [`${tiles}/grids/{z}/{x}/{y}.mvt`], minzoom: 7, maxzoom: 15, promoteId: "code" },
      roads: { type: "vector", tiles: [`${tiles}/roads/{z}/{x}/{y}.mvt`], minzoom: 8, maxzoom: 15 },
      areas: { type: "vector", tiles: [`${tiles}/areas/{z}/{x}/{y}.mvt`], minzoom: 7, maxzoom: 13 },
      water: { type: "vector", tiles: [`${tiles}/water/{z}/{x}/{y}.mvt`], minzoom: 8, maxzoom: 14 },
      places: { type: "vector", tiles: [`${tiles}/places/{z}/{x}/{y}.mvt`], minzoom: 9, maxzoom: 15 },
      heat: { type: "geojson", data: empty },
      coverage: { type: "geojson", data: empty },
      route: { type: "geojson", data: empty },
      track: { type: "geojson", data: empty },
      "track-at": { type: "geojson", data: empty },
      disc: { type: "geojson", data: empty },
      meet: { type: "geojson", data: empty },
      labels: { type: "geojson", data: empty },
      closures: { type: "geojson", data: empty, promoteId: "id" },
      sketch: { type: "geojson", data: empty },
    },
    layers: [
      { id: "ground", type: "background", paint: { "background-color": theme.ground } },
      {
        id: "grid-fill",
        type: "fill",
        source: "grids",
        "source-layer": "grids",
        filter: ["!=", ["get", "kind"], "special"],
        paint: {
          "fill-color": ["case", ["boolean", ["feature-state", "chosen"], false], theme.accent, ["boolean", ["feature-state", "hover"], false], theme.accent, theme.grid],
          "fill-opacity": ["case", ["boolean", ["feature-state", "chosen"], false], 0.2, ["boolean", ["feature-state", "hover"], false], 0.12, 0.86],
          "fill-antialias": false,
        },
      },
      {
        id: "special-fill",
        type: "fill",
        source: "grids",
        "source-layer": "grids",
        filter: ["==", ["get", "kind"], "special"],
        paint: { "fill-color": theme.special, "fill-opacity": 0.28 },
      },
      {
        id: "lake",
        type: "fill",
        source: "water",
        "source-layer": "water",
        filter: ["==", ["geometry-type"], "Polygon"],
        paint: { "fill-color": theme.water },
      },
      {
        id: "river",
        type: "line",
        source: "water",
        "source-layer": "water",
        filter: ["==", ["geometry-type"], "LineString"],
        layout: { "line-cap": "round", "line-join": "round" },
        // As wide as the river is: a pixel at zoom 16 is about two metres here.
        paint: {
          "line-color": theme.water,
          "line-width": ["interpolate", ["exponential", 2], ["zoom"], 10, ["max", 1.2, ["*", riverWidth, 0.0075]], 18, ["max", 6, ["*", riverWidth, 1.92]]],
        },
      },
      {
        id: "water",
        type: "line",
        source: "roads",
        "source-layer": "roads",
        filter: waterFilter,
        layout: { "line-cap": "round", "line-join": "round" },
        paint: { "line-color": theme.water, "line-width": ["interpolate", ["exponential", 1.5], ["zoom"], 10, 2, 16, 24] },
      },
      {
        id: "grid-line",
        type: "line",
        source: "grids",
        "source-layer": "grids",
        paint: { "line-color": theme.gridLine, "line-width": ["interpolate", ["linear"], ["zoom"], 10, 0.5, 14, 1.1, 17, 1.8] },
      },
      {
        id: "heat",
        type: "fill",
        source: "heat",
        layout: { visibility: "none" },
        paint: {
          "fill-color": ["interpolate", ["linear"], ["get", "share"], 0, "#26315f", 0.34, "#2f6f8f", 0.67, "#35b779", 1, "#fde725"],
          "fill-opacity": 0.38,
        },
      },
      {
        id: "coverage",
        type: "fill",
        source: "coverage",
        filter: ["!=", ["get", "band"], "hole"],
        layout: { visibility: "none" },
        paint: {
          "fill-color": ["match", ["get", "band"], ...bands.flatMap((b) => (b.colour ? [b.band, b.colour] : [])), "#000"] as never,
          "fill-opacity": 0.5,
          "fill-outline-color": "rgb(10 15 24 / 45%)",
        },
      },
      {
        id: "coverage-hole",
        type: "fill",
        source: "coverage",
        filter: ["==", ["get", "band"], "hole"],
        layout: { visibility: "none" },
        paint: { "fill-pattern": "hatch", "fill-opacity": 0.75 },
      },
      {
        id: "road-case",
        type: "line",
        source: "roads",
        "source-layer": "roads",
        filter: roadFilter,
        minzoom: 12,
        layout: { "line-cap": "round", "line-join": "round" },
        paint: { "line-color": theme.casing, "line-width": width(1.45), "line-opacity": 0.65 },
      },
      {
        id: "road",
        type: "line",
        source: "roads",
        "source-layer": "roads",
        filter: roadFilter,
        layout: { "line-cap": "round", "line-join": "round" },
        paint: { "line-color": byClass(theme.road), "line-width": width(1) },
      },
      {
        id: "town-line",
        type: "line",
        source: "areas",
        "source-layer": "areas",
        layout: { "line-join": "round" },
        paint: { "line-color": theme.district, "line-opacity": 0.75, "line-width": ["interpolate", ["linear"], ["zoom"], 9, 1, 12, 1.8, 16, 3] },
      },
      {
        id: "special-line",
        type: "line",
        source: "grids",
        "source-layer": "grids",
        filter: ["==", ["get", "kind"], "special"],
        paint: { "line-color": theme.special, "line-width": 1.6, "line-dasharray": [3, 2] },
      },
      {
        id: "grid-chosen",
        type: "line",
        source: "grids",
        "source-layer": "grids",
        paint: {
          "line-color": theme.accent,
          "line-width": ["case", ["boolean", ["feature-state", "chosen"], false], 2.6, ["boolean", ["feature-state", "second"], false], 1.6, ["boolean", ["feature-state", "hover"], false], 1.4, 0],
          "line-opacity": ["case", ["boolean", ["feature-state", "chosen"], false], 0.95, ["boolean", ["feature-state", "second"], false], 0.6, ["boolean", ["feature-state", "hover"], false], 0.6, 0],
        },
      },
      {
        id: "disc",
        type: "fill",
        source: "disc",
        paint: { "fill-color": "#e1762b", "fill-opacity": 0.16, "fill-outline-color": "#e1762b" },
      },
      ...trackLayers(theme.casing),
      {
        id: "route-air",
        type: "line",
        source: "route",
        filter: ["==", ["get", "kind"], "air"],
        layout: { "line-cap": "round" },
        paint: { "line-color": "#aab6c9", "line-width": 1.8, "line-dasharray": [1, 2.2] },
      },
      {
        id: "route-other-case",
        type: "line",
        source: "route",
        filter: ["==", ["get", "kind"], "other"],
        layout: { "line-cap": "round", "line-join": "round" },
        paint: { "line-color": theme.casing, "line-width": 6 },
      },
      {
        id: "route-other",
        type: "line",
        source: "route",
        filter: ["==", ["get", "kind"], "other"],
        layout: { "line-cap": "round", "line-join": "round" },
        paint: { "line-color": "#8d99ad", "line-width": 3, "line-dasharray": [2.4, 1.6] },
      },
      {
        id: "route-case",
        type: "line",
        source: "route",
        filter: ["==", ["get", "kind"], "comes"],
        layout: { "line-cap": "round", "line-join": "round" },
        paint: { "line-color": theme.casing, "line-width": 8 },
      },
      {
        id: "route",
        type: "line",
        source: "route",
        filter: ["==", ["get", "kind"], "comes"],
        layout: { "line-cap": "round", "line-join": "round" },
        paint: { "line-color": theme.accent, "line-width": 4 },
      },
      // From where they meet to the scene: what comes after, and nobody drives yet.
      {
        id: "route-on",
        type: "line",
        source: "route",
        filter: ["==", ["get", "kind"], "on"],
        layout: { "line-cap": "butt", "line-join": "round" },
        paint: { "line-color": "#ffffff", "line-width": 3.5, "line-dasharray": [1.2, 1.2] },
      },
      // A closed road by shape as well as by colour: barred, as barriers are.
      {
        id: "closure-fill",
        type: "fill",
        source: "closures",
        filter: ["in", ["geometry-type"], ["literal", ["Polygon", "MultiPolygon"]]],
        paint: { "fill-color": "#f1185d", "fill-opacity": ["case", ["get", "inForce"], 0.22, 0.08] },
      },
      {
        id: "closure-case",
        type: "line",
        source: "closures",
        layout: { "line-cap": "butt", "line-join": "round" },
        paint: { "line-color": "#ffffff", "line-width": 7, "line-opacity": ["case", ["get", "inForce"], 0.95, 0.4] },
      },
      {
        id: "closure",
        type: "line",
        source: "closures",
        layout: { "line-cap": "butt", "line-join": "round" },
        paint: { "line-color": "#f1185d", "line-width": 5.5, "line-dasharray": [1.4, 0.9], "line-opacity": ["case", ["get", "inForce"], 1, 0.5] },
      },
      {
        id: "sketch-line",
        type: "line",
        source: "sketch",
        filter: ["==", ["geometry-type"], "LineString"],
        paint: { "line-color": "#ff9149", "line-width": 4 },
      },
      {
        id: "sketch-point",
        type: "circle",
        source: "sketch",
        filter: ["==", ["geometry-type"], "Point"],
        paint: { "circle-color": "#ff9149", "circle-radius": 5, "circle-stroke-color": "#1c0d02", "circle-stroke-width": 1.5 },
      },
      {
        id: "road-name",
        type: "symbol",
        source: "roads",
        "source-layer": "roads",
        minzoom: 14,
        filter: ["has", "name"],
        layout: { "symbol-placement": "line", "text-field": ["get", "name"], "text-font": fonts, "text-size": 11, "symbol-spacing": 320 },
        paint: { "text-color": theme.roadText, "text-halo-color": theme.labelHalo, "text-halo-width": 1.4 },
      },
      {
        id: "grid-name",
        type: "symbol",
        source: "labels",
        minzoom: 13.6,
        filter: ["==", ["get", "kind"], "grid"],
        layout: { "text-field": ["get", "text"], "text-font": fonts, "text-size": 11, "text-padding": 6 },
        paint: { "text-color": theme.roadText, "text-halo-color": theme.labelHalo, "text-halo-width": 1.4 },
      },
      {
        id: "river-name",
        type: "symbol",
        source: "water",
        "source-layer": "water",
        minzoom: 12,
        filter: ["all", ["==", ["geometry-type"], "LineString"], ["!=", ["get", "name"], ""]],
        layout: { "symbol-placement": "line", "text-field": ["get", "name"], "text-font": fonts, "text-size": 11, "symbol-spacing": 420 },
        paint: waterText,
      },
      {
        id: "lake-name",
        type: "symbol",
        source: "water",
        "source-layer": "water",
        minzoom: 12,
        filter: ["all", ["==", ["geometry-type"], "Polygon"], ["!=", ["get", "name"], ""]],
        layout: { "text-field": ["get", "name"], "text-font": fonts, "text-size": 11 },
        paint: waterText,
      },
      {
        id: "places",
        type: "symbol",
        source: "places",
        "source-layer": "places",
        minzoom: 10,
        layout: {
          visibility: "none",
          "icon-image": ["concat", "place-", ["get", "kind"]],
          "icon-allow-overlap": true,
          "icon-size": ["interpolate", ["linear"], ["zoom"], 10, 0.4, 13, 0.72, 16, 1],
          "text-field": ["step", ["zoom"], "", 15, ["get", "name"]],
          "text-font": fonts,
          "text-size": 11,
          "text-anchor": "top",
          "text-offset": [0, 0.95],
          "text-optional": true,
        },
        paint: { "text-color": theme.label, "text-halo-color": theme.labelHalo, "text-halo-width": 1.4 },
      },
      {
        id: "meet",
        type: "symbol",
        source: "meet",
        layout: {
          "icon-image": "meet",
          "icon-anchor": "bottom",
          "icon-allow-overlap": true,
          "icon-ignore-placement": true,
          "text-field": ["get", "text"],
          "text-font": fonts,
          "text-size": 13,
          "text-anchor": "top",
          "text-offset": [0, 0.35],
          "text-allow-overlap": true,
        },
        paint: { "text-color": ["case", ["get", "broken"], "#ff9149", theme.label], "text-halo-color": theme.labelHalo, "text-halo-width": 2 },
      },
      {
        id: "town-name",
        type: "symbol",
        source: "labels",
        maxzoom: 15.5,
        filter: ["==", ["get", "kind"], "town"],
        layout: {
          "text-field": ["get", "text"],
          "text-font": fonts,
          "text-size": ["interpolate", ["linear"], ["zoom"], 9, 11, 11, 14, 14, 18],
          "text-letter-spacing": 0.08,
          "text-padding": 4,
        },
        paint: { "text-color": theme.label, "text-halo-color": theme.labelHalo, "text-halo-width": 1.8 },
      },
    ],
  };
}
