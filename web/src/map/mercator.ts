/** Web Mercator with the world as the unit square, as MapLibre counts it: x east, y south. */
export type XY = { x: number; y: number };
export type LonLat = { lon: number; lat: number };
/** West, south, east, north. */
export type Bounds = [number, number, number, number];

export function toMercator(lon: number, lat: number): XY {
  const s = Math.sin((lat * Math.PI) / 180);
  return { x: lon / 360 + 0.5, y: 0.5 - (0.25 * Math.log((1 + s) / (1 - s))) / Math.PI };
}

export function fromMercator({ x, y }: XY): LonLat {
  return { lon: (x - 0.5) * 360, lat: (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI };
}

const earthRadiusM = 6371008.8;

/** Metres on the ground between two points, by the haversine. */
export function distanceM(a: LonLat, b: LonLat): number {
  const rad = Math.PI / 180;
  const h =
    Math.sin(((b.lat - a.lat) * rad) / 2) ** 2 +
    Math.cos(a.lat * rad) * Math.cos(b.lat * rad) * Math.sin(((b.lon - a.lon) * rad) / 2) ** 2;
  return 2 * earthRadiusM * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** The smallest box around the points, or null without any. */
export function boundsOf(points: Iterable<LonLat>): Bounds | null {
  let box: Bounds | null = null;
  for (const { lon, lat } of points) {
    if (!box) box = [lon, lat, lon, lat];
    else box = [Math.min(box[0], lon), Math.min(box[1], lat), Math.max(box[2], lon), Math.max(box[3], lat)];
  }
  return box;
}
