/**
 * The map of a district: grids, roads, every patrol and case, and the lines of a
 * plan. It knows no framework and no store; the pages hand it units and listen.
 *
 * The camera moves when a person moves it, or asks for it. Nothing tilts or turns.
 */
import "maplibre-gl/dist/maplibre-gl.css";
import workerURL from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import { type GeoJSONSource, Map as MapLibre, type MapMouseEvent, ScaleControl, setWorkerUrl } from "maplibre-gl";
import type { Feature, Polygon } from "geojson";
import { type Band, hatch } from "./coverage.ts";
import { CountLayer } from "./countlayer.ts";
import type { CountMark } from "./countmark.ts";
import { Fleet, type Unit } from "./fleet.ts";
import { fromMercator, toMercator, type Bounds, type LonLat, type XY } from "./mercator.ts";
import { rendererOf, type Renderer } from "./renderer.ts";
import { meetImage, type MeetMark } from "./meet.ts";
import { placeImage, placeKind, placeKinds, type PlaceKind } from "./places.ts";
import { fonts, mapStyle, type Theme } from "./style.ts";
import { startSketch, type Sketch } from "./sketch.ts";
import { placeDrawn, waysDrawn, type Way } from "./track.ts";
import { pulseMs, UnitLayer } from "./unitlayer.ts";

setWorkerUrl(workerURL);

export type RouteLine = { kind: "comes" | "on" | "other" | "air"; coordinates: number[][] };
export type Label = LonLat & { kind: "town" | "grid"; text: string };
export type HeatCell = { cell: string; boundary: number[][]; share: number };
export type CoverageCell = { cell: string; boundary: number[][]; band: Band };
export type PlaceHit = { code: string; name: string; kind: PlaceKind; url: string | null; visitsPerWeek: number };
export type ClosedRoad = { id: string; inForce: boolean; geometry: { type: string; coordinates: unknown[] } };
export type Hit = { unit?: Unit; count?: CountMark; closure?: string; place?: PlaceHit; cell?: string; covered?: string; grid?: { code: string; id: string | null }; lon: number; lat: number; screen: XY };

export type DistrictMapOptions = {
  container: HTMLElement;
  theme: Theme;
  bounds: Bounds;
  paddingPx?: number;
  /** Labels that will be drawn, so that their letters are there before the first frame. */
  letters?: string;
  reducedMotion?: boolean;
  interactive?: boolean;
  /** How much larger counts are written; 1 if left out. */
  countScale?: number;
  scaleAt?: "bottom-left" | "bottom-right";
  click?: (hit: Hit) => void;
  hover?: (hit: Hit | null) => void;
  moved?: (bounds: Bounds, zoom: number) => void;
  /** While it moves, with every frame, and once when the map is there. */
  shows?: (bounds: Bounds, zoom: number) => void;
  /** The person took the map in hand. */
  dragged?: () => void;
  lost?: () => void;
};

const slowestMs = 6_000;

export type LayerGroup = "grids" | "towns" | "roads" | "heat" | "coverage" | "places" | "people" | "labels";
const groups: Record<Exclude<LayerGroup, "people">, string[]> = {
  grids: ["grid-line", "special-fill", "special-line"],
  towns: ["town-line"],
  roads: ["road-case", "road", "road-name"],
  heat: ["heat"],
  coverage: ["coverage", "coverage-hole"],
  places: ["places"],
  labels: ["town-name", "grid-name", "river-name", "lake-name"],
};

export class DistrictMap {
  readonly fleet = new Fleet();
  readonly renderer: Renderer;
  #map: MapLibre;
  #units: UnitLayer;
  #counts: CountLayer;
  #options: DistrictMapOptions;
  #ready = false;
  #whenReady: (() => void)[] = [];
  #tick: ReturnType<typeof setTimeout> | undefined;
  /** How long a frame took lately; a slow machine gets a longer pause, so that the mouse is always answered. */
  #frameTookMs = 0;
  #hovered: string | null = null;
  #marked: { code: string; state: "chosen" | "second" }[] = [];
  #follow: string | null = null;
  #drawn = -1;
  #hoverFrame = 0;
  #sketching = false;

  /** Null where this browser cannot draw; the page then shows lists only. */
  static async open(options: DistrictMapOptions): Promise<DistrictMap | null> {
    const renderer = rendererOf();
    if (!renderer) return null;
    if (options.letters)
      await Promise.race([
        document.fonts.load(`24px "${fonts[3]}"`, options.letters).catch(() => []),
        new Promise((done) => setTimeout(done, 800)),
      ]);
    try {
      return new DistrictMap(options, renderer);
    } catch {
      return null;
    }
  }

  private constructor(options: DistrictMapOptions, renderer: Renderer) {
    this.#options = options;
    this.renderer = renderer;
    this.fleet.still = options.reducedMotion ?? false;
    this.#units = new UnitLayer(this.fleet);
    this.#counts = new CountLayer(options.countScale ?? 1);
    this.#map = new MapLibre({
      container: options.container,
      style: mapStyle(options.theme, `${location.origin}/api/v1/tiles`),
      bounds: options.bounds,
      fitBoundsOptions: { padding: options.paddingPx ?? 24 },
      minZoom: 8,
      maxZoom: 18.5,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      maxPitch: 0,
      attributionControl: false,
      renderWorldCopies: false,
      fadeDuration: 0,
      localIdeographFontFamily: fonts.map((f) => (f.includes("-") ? f : `"${f}"`)).join(","),
      interactive: options.interactive ?? true,
      pixelRatio: renderer.software ? 1 : undefined,
      // Requests carry the session's cookie and go to our own host only.
      transformRequest: (url) => ({ url, credentials: "same-origin" }),
    });
    const map = this.#map;
    map.touchZoomRotate.disableRotation();
    map.keyboard.disableRotation();
    map.addControl(new ScaleControl({ maxWidth: 90 }), options.scaleAt ?? "bottom-right");
    const ratio = renderer.software ? 1 : Math.max(1, Math.ceil(devicePixelRatio));
    map.on("style.load", () => {
      for (const kind of placeKinds) {
        const image = placeImage(kind, options.theme.labelHalo, ratio);
        if (image && !map.hasImage(`place-${kind}`)) map.addImage(`place-${kind}`, image, { pixelRatio: ratio });
      }
      const pin = meetImage(options.theme.labelHalo, ratio);
      if (pin && !map.hasImage("meet")) map.addImage("meet", pin, { pixelRatio: ratio });
      const stripes = hatch(ratio);
      if (stripes && !map.hasImage("hatch")) map.addImage("hatch", stripes, { pixelRatio: ratio });
      if (!map.getLayer("units")) map.addLayer(this.#units);
      if (!map.getLayer("counts")) map.addLayer(this.#counts, "units"); // a case is never under a count
      this.#ready = true;
      for (const act of this.#whenReady.splice(0)) act();
    });
    // A tile that failed is asked for again by moving the map; the page itself says when the line is down.
    map.on("error", () => {});
    map.on("webglcontextlost", () => {
      this.#ready = false; // there is no style to change any more
      options.lost?.();
    });
    map.on("zoomend", () => this.placeCounts());
    map.on("moveend", () => options.moved?.(this.bounds(), map.getZoom()));
    map.on("move", () => options.shows?.(this.bounds(), map.getZoom()));
    options.shows?.(this.bounds(), map.getZoom());
    for (const kind of ["dragstart", "wheel", "touchstart"] as const)
      map.on(kind, () => {
        this.#follow = null;
        options.dragged?.();
      });
    map.on("click", (e) => {
      if (!this.#sketching) options.click?.(this.#look(e));
    });
    map.on("mousemove", (e) => {
      cancelAnimationFrame(this.#hoverFrame);
      this.#hoverFrame = requestAnimationFrame(() => this.#hover(e));
    });
    map.on("mouseout", () => this.#hover(null));
  }

  /** The Map object, for tests that look inside. */
  get inner(): MapLibre {
    return this.#map;
  }

  close(): void {
    this.#ready = false;
    clearTimeout(this.#tick);
    cancelAnimationFrame(this.#hoverFrame);
    this.#map.remove();
  }

  /** Runs act once the style is there. */
  ready(act: () => void): void {
    if (this.#ready) act();
    else this.#whenReady.push(act);
  }

  bounds(): Bounds {
    const b = this.#map.getBounds();
    return [b.getWest(), b.getSouth(), b.getEast(), b.getNorth()];
  }

  /** Call after changing the fleet: draws now, and on while something moves. */
  draw(): void {
    if (this.#tick === undefined) {
      this.#paint();
      this.#schedule();
    }
  }

  #paint(): void {
    const asked = performance.now();
    this.#map.triggerRepaint();
    // The second frame starts only after the first was handed over and shown.
    requestAnimationFrame(() => requestAnimationFrame(() => (this.#frameTookMs = performance.now() - asked)));
  }

  #schedule(): void {
    this.#tick = setTimeout(() => {
      this.#tick = undefined;
      const now = performance.now();
      const moving = this.fleet.moving(now) || now - this.#units.pulsedMs < pulseMs + 100 || this.fleet.revision !== this.#drawn;
      this.#drawn = this.fleet.revision;
      if (!moving) return;
      if (this.#follow) {
        const at = this.fleet.whereNow(this.#follow, now);
        if (at) this.#map.jumpTo({ center: [at.lon, at.lat] });
      }
      this.#paint();
      this.#schedule();
    }, Math.min(slowestMs, Math.max(this.renderer.frameMs, 3 * this.#frameTookMs)));
  }

  /** One beat of the ring around what was just chosen. */
  pulse(): void {
    if (!this.fleet.still) this.#units.pulsedMs = performance.now();
    this.draw();
  }

  follow(id: string | null): void {
    this.#follow = id;
    const at = id && this.fleet.whereNow(id, performance.now());
    if (at) this.flyTo(at);
  }

  flyTo(at: LonLat, zoom?: number): void {
    const to = { center: [at.lon, at.lat] as [number, number], zoom: zoom ?? this.#map.getZoom() };
    if (this.fleet.still || this.renderer.software) this.#map.jumpTo(to);
    else this.#map.easeTo({ ...to, duration: 500 });
  }

  fit(box: Bounds, paddingPx = 60, maxZoom = 15.5): void {
    this.#map.fitBounds(box, { padding: paddingPx, maxZoom, animate: !(this.fleet.still || this.renderer.software), duration: 500 });
  }

  zoomBy(step: number): void {
    this.#map.zoomTo(this.#map.getZoom() + step, { animate: !this.renderer.software });
  }

  zoom(): number {
    return this.#map.getZoom();
  }

  centre(): LonLat {
    const { lng, lat } = this.#map.getCenter();
    return { lon: lng, lat };
  }

  resize(): void {
    this.#map.resize();
  }

  toScreen(at: LonLat): XY {
    return this.#map.project([at.lon, at.lat]);
  }

  /** How many are in each cell, while nobody is shown by themselves. */
  setCounts(marks: Iterable<CountMark>): void {
    this.#counts.set(marks, this.fleet.places("case"), this.#map.getZoom());
    this.#map.triggerRepaint();
  }

  /** Makes room for cases that have come, and takes back what was left to those that are gone. */
  placeCounts(): void {
    if (this.#counts.marks.length === 0) return;
    this.#counts.replace(this.fleet.places("case"), this.#map.getZoom());
    this.#map.triggerRepaint();
  }

  /** How many pixels the map has, of the page's own. */
  get areaPx(): number {
    const { clientWidth, clientHeight } = this.#map.getCanvas();
    return clientWidth * clientHeight;
  }

  /** What is drawn of them. */
  get counts(): readonly CountMark[] {
    return this.#counts.marks;
  }

  /** Patrols and counts are known to be old, or are not. */
  setGrey(grey: boolean): void {
    if (this.fleet.grey === grey) return;
    this.fleet.grey = grey;
    this.fleet.revision++;
    this.#counts.grey = grey;
    this.draw();
  }

  setRoute(lines: RouteLine[]): void {
    this.#data("route", lines.map((line) => ({
      type: "Feature" as const,
      properties: { kind: line.kind },
      geometry: { type: "LineString" as const, coordinates: line.coordinates },
    })));
  }

  /** Where somebody was, and where on that way at a moment. */
  setTrack(ways: Way[]): void {
    this.#data("track", waysDrawn(ways));
  }

  setTrackAt(at: LonLat | null): void {
    this.#data("track-at", placeDrawn(at));
  }

  setLabels(labels: Label[]): void {
    this.#data("labels", labels.map((l) => ({
      type: "Feature" as const,
      properties: { kind: l.kind, text: l.text },
      geometry: { type: "Point" as const, coordinates: [l.lon, l.lat] },
    })));
  }

  setHeat(cells: HeatCell[]): void {
    this.#data("heat", cells.map((c) => ({
      type: "Feature" as const,
      properties: { cell: c.cell, share: c.share },
      geometry: { type: "Polygon" as const, coordinates: [c.boundary] },
    })));
  }

  setCoverage(cells: CoverageCell[]): void {
    this.#data("coverage", cells.map((c) => ({
      type: "Feature" as const,
      properties: { cell: c.cell, band: c.band },
      geometry: { type: "Polygon" as const, coordinates: [c.boundary] },
    })));
  }

  setClosures(list: ClosedRoad[]): void {
    this.#data("closures", list.map((c) => ({
      type: "Feature" as const,
      properties: { id: c.id, inForce: c.inForce },
      geometry: c.geometry as unknown as Feature["geometry"],
    })));
  }

  /** Lets a person draw a line; until that is over, clicks choose nothing. Null where they gave up. */
  sketch(done: (points: number[][] | null) => void): Sketch {
    this.#sketching = true;
    return startSketch(this.#map, (points) => {
      this.#sketching = false;
      done(points);
    });
  }

  /** Where a mission meets. */
  setMeet(at: MeetMark | null): void {
    this.#data("meet", at ? [{ type: "Feature" as const, properties: { text: at.text, broken: at.broken }, geometry: { type: "Point" as const, coordinates: [at.lon, at.lat] } }] : []);
  }

  /** Lets a person point at one place; null where they gave up. */
  pick(done: (at: LonLat | null) => void): () => void {
    const map = this.#map;
    this.#sketching = true;
    map.getCanvas().style.cursor = "crosshair";
    const end = (at: LonLat | null) => {
      map.off("click", click);
      removeEventListener("keydown", key, true);
      map.getCanvas().style.cursor = "";
      // The click that chose the place chooses nothing else.
      setTimeout(() => (this.#sketching = false), 0);
      done(at);
    };
    const click = (e: MapMouseEvent) => end({ lon: e.lngLat.lng, lat: e.lngLat.lat });
    const key = (e: KeyboardEvent) => {
      if (e.key !== "Escape") return;
      e.preventDefault();
      e.stopPropagation();
      end(null);
    };
    map.on("click", click);
    addEventListener("keydown", key, true);
    return () => end(null);
  }

  /** The circle a report's position may lie in. */
  setDisc(at: LonLat | null, radiusM = 0): void {
    this.#data("disc", at && radiusM > 0 ? [circle(at, radiusM)] : []);
  }

  #data(source: string, features: Feature[]): void {
    this.ready(() => {
      void (this.#map.getSource(source) as GeoJSONSource | undefined)?.setData({ type: "FeatureCollection", features });
    });
  }

  show(group: LayerGroup, on: boolean): void {
    this.ready(() => {
      const ids = group === "people" ? ["units", "counts"] : groups[group];
      for (const id of ids) this.#map.setLayoutProperty(id, "visibility", on ? "visible" : "none");
    });
  }

  /** The grids a case belongs to: the responsible one, and the runner-up. */
  markGrids(chosen: string | null, second: string | null): void {
    this.ready(() => {
      for (const { code, state } of this.#marked) this.#state(code, { [state]: false });
      this.#marked = [];
      if (chosen) this.#marked.push({ code: chosen, state: "chosen" });
      if (second) this.#marked.push({ code: second, state: "second" });
      for (const { code, state } of this.#marked) this.#state(code, { [state]: true });
    });
  }

  #state(code: string, state: Record<string, boolean>): void {
    this.#map.setFeatureState({ source: "grids", sourceLayer: "grids", id: code }, state);
  }

  #hover(e: MapMouseEvent | null): void {
    const hit = e && !this.#sketching ? this.#look(e) : null;
    const code = hit && !hit.unit && !hit.count ? (hit.grid?.code ?? null) : null;
    if (code !== this.#hovered && this.#ready) {
      if (this.#hovered) this.#state(this.#hovered, { hover: false });
      if (code) this.#state(code, { hover: true });
      this.#hovered = code;
    }
    if (!this.#sketching) this.#map.getCanvas().style.cursor = hit?.unit || hit?.count || hit?.closure || hit?.place || hit?.cell ? "pointer" : "";
    this.#options.hover?.(hit);
  }

  #look(e: MapMouseEvent): Hit {
    const map = this.#map;
    const scale = 512 * 2 ** map.getZoom();
    const o = this.fleet.origin ?? toMercator(e.lngLat.lng, e.lngLat.lat);
    const base = map.project(lngLat(o));
    const at = (p: XY): XY => ({ x: base.x + (p.x - o.x) * scale, y: base.y + (p.y - o.y) * scale });
    const unit = this.fleet.hit(at, e.point, 11, performance.now());
    const count = unit ? undefined : this.#counts.hit(at, e.point);
    let grid: Hit["grid"];
    let closure: Hit["closure"];
    let place: Hit["place"];
    let cell: Hit["cell"];
    let covered: Hit["covered"];
    if (!unit && !count && this.#ready) {
      const near = 6;
      const around: [[number, number], [number, number]] = [[e.point.x - near, e.point.y - near], [e.point.x + near, e.point.y + near]];
      const shut = map.queryRenderedFeatures(around, { layers: ["closure", "closure-fill"] })[0];
      if (shut) closure = String(shut.properties.id);
      const found = map.queryRenderedFeatures(e.point, { layers: ["places", "heat", "coverage", "coverage-hole", "special-fill", "grid-fill"] });
      const one = found.find((f) => f.layer.id === "places");
      if (one) place = placeOf(one.properties);
      const hot = found.find((f) => f.layer.id === "heat");
      if (hot) cell = String(hot.properties.cell);
      const timed = found.find((f) => f.layer.id === "coverage" || f.layer.id === "coverage-hole");
      if (timed) covered = String(timed.properties.cell);
      const grids = found.filter((f) => f.sourceLayer === "grids");
      const best = grids.find((f) => f.properties.kind === "special") ?? grids[0];
      if (best) grid = { code: String(best.properties.code), id: best.properties.id ? String(best.properties.id) : null };
    }
    return { unit, count, closure, place, cell, covered, grid, lon: e.lngLat.lng, lat: e.lngLat.lat, screen: e.point };
  }
}

function lngLat(p: XY): [number, number] {
  const { lon, lat } = fromMercator(p);
  return [lon, lat];
}

function placeOf(p: Record<string, unknown>): PlaceHit {
  return { code: String(p.code), name: String(p.name), kind: placeKind(p.kind), url: p.url ? String(p.url) : null, visitsPerWeek: Number(p.visits_per_week ?? 0) };
}

function circle(at: LonLat, radiusM: number): Feature<Polygon> {
  const c = toMercator(at.lon, at.lat);
  const r = radiusM / (40_075_016.7 * Math.cos((at.lat * Math.PI) / 180));
  const ring = Array.from({ length: 49 }, (_, i) => {
    const a = (i / 48) * 2 * Math.PI;
    return lngLat({ x: c.x + r * Math.cos(a), y: c.y + r * Math.sin(a) });
  });
  return { type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [ring] } };
}
