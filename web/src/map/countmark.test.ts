import { describe, expect, it } from "vitest";
import { amidOf, type CountMark, onScreen, placeOf, radiusOf, short, slicesOf } from "./countmark.ts";
import { toMercator } from "./mercator.ts";

// A cell of resolution 6, some 6 km wide.
const mark: CountMark = { cell: "864b32827ffffff", lon: 121.4, lat: 28.6, counts: [30, 4, 6, 2, 1, 3, 4] };

describe("the mark of a cell", () => {
  it("tells apart what the map tells apart, and leaves nothing out", () => {
    expect(slicesOf(mark.counts)).toEqual([{ look: "free", n: 30 }, { look: "en_route", n: 10 }, { look: "on_scene", n: 2 }, { look: "off", n: 1 }, { look: "lost", n: 7 }]);
    expect(slicesOf([0, 0, 0, 0, 0, 0, 2])).toEqual([{ look: "lost", n: 2 }]);
  });

  it("writes thousands so that they fit, and never more than there are", () => {
    expect([7, 999, 1_000, 1_999, 70_999].map(short)).toEqual(["7", "999", "1.0k", "1.9k", "70k"]);
    expect(radiusOf(1)).toBeLessThan(radiusOf(50));
    expect(radiusOf(1e6)).toBeLessThanOrEqual(24);
  });

  it("knows how much of a cell is on screen", () => {
    expect(onScreen([mark], [121, 28, 122, 29])).toBe(50);
    expect(onScreen([mark], [121.4, 28, 122, 29])).toBeCloseTo(25);
    expect(onScreen([mark], [121.4, 28.6, 122, 29])).toBeCloseTo(12.5);
    expect(onScreen([mark], [122, 28, 123, 29])).toBe(0);
  });

  it("stands where people may be, and not in the sea", () => {
    const shore = [{ lon: 121.385, lat: 28.59 }, { lon: 121.375, lat: 28.61 }, { lon: 121.2, lat: 28.6 }];
    const amid = amidOf(mark, shore);
    expect(amid?.lon).toBeCloseTo(121.38);
    expect(amid?.lat).toBeCloseTo(28.6);
    expect(placeOf({ ...mark, amid }, [], 512 * 2 ** 10, 1)).toEqual(toMercator(amid?.lon ?? 0, amid?.lat ?? 0));
    expect(amidOf(mark, [])).toBeUndefined();
  });

  it("makes room for a case that would hide its number, within its cell", () => {
    const middle = toMercator(mark.lon, mark.lat);
    const unit = 512 * 2 ** 10;
    expect(placeOf(mark, [], unit, 1)).toEqual(middle);
    expect(placeOf(mark, [toMercator(121.5, 28.6)], unit, 1)).toEqual(middle);
    const beside = placeOf(mark, [middle], unit, 1);
    const px = Math.hypot(beside.x - middle.x, beside.y - middle.y) * unit;
    expect(px).toBeGreaterThan(15);
    expect(px).toBeLessThan(48);
  });

  it("goes no further from its place than it must, however large the cell, and not below a larger mark", () => {
    const middle = toMercator(mark.lon, mark.lat);
    const unit = 512 * 2 ** 9; // a cell of resolution 4 is some 200 pixels wide here
    const wide = { ...mark, cell: "844b327ffffffff" };
    const px = (at: { x: number; y: number }) => Math.hypot(at.x - middle.x, at.y - middle.y) * unit;
    expect(px(placeOf(wide, [middle], unit, 1))).toBeLessThan(36);
    const r = radiusOf(50);
    expect(px(placeOf(wide, [{ ...middle, px: r }], unit, 1))).toBeGreaterThan(r * 1.5);
  });
});
