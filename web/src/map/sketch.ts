/**
 * Drawing a line on the map with clicks: each adds a point, a double click or Enter
 * ends it, Backspace takes the last point back, Escape gives up.
 */
import type { GeoJSONSource, Map as MapLibre, MapMouseEvent } from "maplibre-gl";
import type { Feature } from "geojson";

export type Sketch = { stop: () => void };

/** The source and layers the sketch is drawn in; part of the map's style. */
export const sketchSource = "sketch";

export function startSketch(map: MapLibre, done: (points: number[][] | null) => void): Sketch {
  const points: number[][] = [];
  let over = false;
  const canvas = map.getCanvas();
  canvas.style.cursor = "crosshair";
  map.doubleClickZoom.disable();

  const draw = (tip?: number[]) => {
    const line = tip ? [...points, tip] : points;
    const features: Feature[] = points.map((at) => ({ type: "Feature", properties: {}, geometry: { type: "Point", coordinates: at } }));
    if (line.length > 1) features.push({ type: "Feature", properties: {}, geometry: { type: "LineString", coordinates: line } });
    void (map.getSource(sketchSource) as GeoJSONSource | undefined)?.setData({ type: "FeatureCollection", features });
  };
  const end = (result: number[][] | null) => {
    if (over) return;
    over = true;
    map.off("click", click);
    map.off("dblclick", double);
    map.off("mousemove", move);
    removeEventListener("keydown", key, true);
    canvas.style.cursor = "";
    // A double click that ends the line must not zoom.
    setTimeout(() => map.doubleClickZoom.enable(), 0);
    points.length = 0;
    draw();
    done(result);
  };
  const finish = () => {
    const line = withoutRepeats(points);
    end(line.length > 1 ? line : null);
  };
  const click = (e: MapMouseEvent) => {
    points.push([e.lngLat.lng, e.lngLat.lat]);
    draw();
  };
  const double = (e: MapMouseEvent) => {
    e.preventDefault();
    finish();
  };
  const move = (e: MapMouseEvent) => {
    if (points.length > 0) draw([e.lngLat.lng, e.lngLat.lat]);
  };
  const key = (e: KeyboardEvent) => {
    if (e.key === "Escape") end(null);
    else if (e.key === "Enter") finish();
    else if (e.key === "Backspace") {
      points.pop();
      draw();
    } else return;
    e.preventDefault();
    e.stopPropagation();
  };
  map.on("click", click);
  map.on("dblclick", double);
  map.on("mousemove", move);
  addEventListener("keydown", key, true);
  return { stop: () => end(null) };
}

/** A double click adds its point twice. */
export function withoutRepeats(points: number[][]): number[][] {
  return points.filter((p, i) => i === 0 || p[0] !== points[i - 1]?.[0] || p[1] !== points[i - 1]?.[1]);
}
