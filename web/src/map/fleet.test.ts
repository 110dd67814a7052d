import { describe, expect, it } from "vitest";
import { Fleet, floatsPerUnit, patrolSymbol, type Unit } from "./fleet.ts";
import { distanceM, fromMercator, toMercator } from "./mercator.ts";
import { playedShape, shape } from "./palette.ts";

const patrol = (lon: number, lat: number, more: Partial<Unit> = {}): Unit => ({
  id: "p", kind: "patrol", lon, lat, look: "free", shape: shape.circle, sizePx: 14, headingDeg: 0, z: 2, ...more,
});
const apart = (a: { lon: number; lat: number } | undefined, lon: number, lat: number) => distanceM(a ?? { lon: 0, lat: 0 }, { lon, lat });

describe("the fleet", () => {
  it("moves a patrol between two fixes over the time between them", () => {
    const fleet = new Fleet();
    fleet.put(patrol(121.38, 28.58), 0);
    fleet.put(patrol(121.382, 28.58, { spreadS: 4 }), 1000);
    expect(apart(fleet.whereNow("p", 1000), 121.38, 28.58)).toBeLessThan(0.1);
    expect(apart(fleet.whereNow("p", 3000), 121.381, 28.58)).toBeLessThan(0.1);
    expect(apart(fleet.whereNow("p", 5000), 121.382, 28.58)).toBeLessThan(0.1);
    expect(fleet.moving(4999)).toBe(true);
    expect(fleet.moving(5000)).toBe(false);
  });

  it("goes on from where it is seen when the next fix comes early", () => {
    const fleet = new Fleet();
    fleet.put(patrol(121.38, 28.58), 0);
    fleet.put(patrol(121.382, 28.58, { spreadS: 4 }), 0);
    fleet.put(patrol(121.384, 28.58, { spreadS: 4 }), 2000);
    expect(apart(fleet.whereNow("p", 2000), 121.381, 28.58)).toBeLessThan(0.1);
  });

  it("shows a jump as a jump, and moves nothing smoothly for who asked for stillness", () => {
    const jump = new Fleet();
    jump.put(patrol(121.38, 28.58), 0);
    jump.put(patrol(121.48, 28.58, { spreadS: 4 }), 0);
    expect(apart(jump.whereNow("p", 1), 121.48, 28.58)).toBeLessThan(0.1);
    const still = new Fleet();
    still.still = true;
    still.put(patrol(121.38, 28.58), 0);
    still.put(patrol(121.381, 28.58, { spreadS: 4 }), 0);
    expect(apart(still.whereNow("p", 1), 121.381, 28.58)).toBeLessThan(0.1);
    expect(still.moving(1)).toBe(false);
  });

  it("packs places to centimetres though floats are short", () => {
    const fleet = new Fleet();
    fleet.put(patrol(121.38, 28.58), 0);
    fleet.put(patrol(121.5, 28.7, { id: "q" }), 0);
    const packed = fleet.pack(0);
    expect(packed).toHaveLength(2 * floatsPerUnit);
    const o = fleet.origin ?? { x: 0, y: 0 };
    const q = fromMercator({ x: (packed[floatsPerUnit + 2] ?? 0) + o.x, y: (packed[floatsPerUnit + 3] ?? 0) + o.y });
    expect(apart(q, 121.5, 28.7)).toBeLessThan(0.02);
  });

  it("draws what matters above, and is hit there first", () => {
    const fleet = new Fleet();
    fleet.put(patrol(121.38, 28.58, { z: 2 }), 0);
    fleet.put(patrol(121.38, 28.58, { id: "c", kind: "case", shape: shape.diamondTwo, z: 9 }), 0);
    fleet.put(patrol(121.38, 28.58, { id: "m", kind: "mark", shape: shape.pulse, z: 20, sizePx: 70 }), 0);
    const packed = fleet.pack(0);
    expect([0, 1, 2].map((i) => packed[i * floatsPerUnit + 6])).toEqual([shape.circle, shape.diamondTwo, shape.pulse]);
    const at = (p: { x: number; y: number }) => ({ x: (p.x - toMercator(121.38, 28.58).x) * 1e6, y: 0 });
    expect(fleet.hit(at, { x: 3, y: 0 }, 11, 0)?.id).toBe("c");
    expect(fleet.hit(at, { x: 300, y: 0 }, 11, 0)).toBeUndefined();
  });

  it("tells the layer what a program plays, whatever its shape", () => {
    const fleet = new Fleet();
    fleet.put(patrol(121.38, 28.58), 0);
    fleet.put(patrol(121.38, 28.58, { id: "q", shape: shape.capsule, played: true, z: 3 }), 0);
    const packed = fleet.pack(0);
    expect([0, 1].map((i) => packed[i * floatsPerUnit + 6])).toEqual([shape.circle, shape.capsule + playedShape]);
    expect(Math.max(...Object.values(shape))).toBeLessThan(playedShape); // the layer takes them apart again
  });

  it("turns patrols grey when the line is down, and leaves cases as they are", () => {
    const fleet = new Fleet();
    fleet.put(patrol(121.38, 28.58), 0);
    const blue = [...fleet.pack(0).slice(9, 12)];
    fleet.grey = true;
    expect([...fleet.pack(0).slice(9, 12)]).not.toEqual(blue);
  });
});

describe("a patrol's symbol", () => {
  it.each([
    ["free", "online", "foot", shape.circle, "free"],
    ["free", "online", "car", shape.capsule, "free"],
    ["en_route", "online", "foot", shape.arrow, "en_route"],
    ["assigned", "still", "car", shape.capsule, "en_route"],
    ["on_scene", "online", "ebike", shape.square, "on_scene"],
    ["en_route", "lost", "car", shape.dashedRing, "lost"],
    ["free", "stale", "foot", shape.dashedRing, "lost"],
  ])("%s %s %s", (status, presence, mode, form, look) => {
    expect(patrolSymbol({ status, presence, mode })).toMatchObject({ shape: form, look });
  });
});
