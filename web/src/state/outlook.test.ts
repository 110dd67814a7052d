import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LiveView } from "../api/live.ts";
import type { Bounds } from "../map/mercator.ts";
import { Outlook, viewFor, whole } from "./outlook.ts";

const screen: Bounds = [121, 28, 121.3, 28.3];
const by = (d: number, [w, s, e, n] = screen): Bounds => [w + d, s, e + d, n];

describe("the view that is asked for", () => {
  it("has a margin, within which the map moves without a word", () => {
    const asked = viewFor(null, screen, 12.4);
    expect(asked?.zoom).toBe(12.4);
    expect(asked?.bbox.map((v) => Math.round(v * 1e4) / 1e4)).toEqual([120.9, 27.9, 121.4, 28.4]);
    expect(viewFor(asked, by(0.09), 12.4)).toBeNull();
    expect(viewFor(asked, by(0.11), 12.4)?.bbox[2]).toBeCloseTo(121.51);
  });

  it("is asked for anew when it shows far more than the screen does", () => {
    const asked = viewFor(null, screen, 12);
    expect(viewFor(asked, [121.1, 28.1, 121.25, 28.25], 13)).not.toBeNull();
    expect(viewFor(asked, [121, 28, 121.2, 28.2], 12.5)).toBeNull();
  });

  it("changes with every whole zoom while cells are counted, and with the first that shows dots", () => {
    const asked = { bbox: whole, zoom: 8.2 };
    const wide: Bounds = [-170, -80, 170, 80];
    expect([8.9, 9, 10].map((zoom) => viewFor(asked, wide, zoom)?.zoom)).toEqual([undefined, 9, 10]);
    expect(viewFor({ bbox: whole, zoom: 11 }, wide, 16)).toBeNull();
  });

  it("never asks beyond the edge of the world, nor again and again there", () => {
    const asked = viewFor(null, [-200, -88, 100, 88], 3);
    expect(asked?.bbox).toEqual([-180, -85, 180, 85]);
    expect(viewFor(asked, [-200, -88, 100, 88], 3)).toBeNull();
    expect(viewFor(null, [190, 10, 191, 11], 9)?.bbox.slice(0, 3)).toEqual([180, expect.closeTo(9.67, 2), 180]);
  });
});

describe("an outlook", () => {
  let sent: LiveView[] = [];
  beforeEach(() => {
    vi.useFakeTimers();
    sent = [];
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const begin = () => new Outlook((asked) => sent.push(asked));

  it("asks a few times a second at most while a map is dragged, and for where it came to rest", async () => {
    const o = begin();
    for (let i = 0; i < 100; i++) {
      o.lookAt(by(i / 5), 12);
      await vi.advanceTimersByTimeAsync(20);
    }
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent.length).toBeLessThan(8);
    expect(sent.length).toBeGreaterThan(4);
    expect(sent.at(-1)?.bbox[0]).toBeCloseTo(121 + 99 / 5 - 0.1);
  });

  it("says once whom to follow, with the view", async () => {
    const o = begin();
    o.lookAt(screen, 12);
    o.follow(["b", "a", "b"]);
    await vi.advanceTimersByTimeAsync(1_000);
    o.follow(["a", "b"]);
    o.lookAt(by(0.01), 12);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent.map((a) => a.follow)).toEqual([[], ["a", "b"]]);
    expect(o.asked.follow).toEqual(["a", "b"]);
  });

  it("begins with counts, and looks everywhere only where no totals are told", async () => {
    const o = begin();
    expect(o.asked).toEqual({ bbox: whole, zoom: 0, follow: [] });
    o.lookAt(screen, 12);
    o.lookEverywhere();
    await vi.advanceTimersByTimeAsync(1_000);
    o.lookAt(by(5), 12);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent.at(-1)).toEqual({ bbox: whole, zoom: 10, follow: [] });
    const before = sent.length;
    o.lookNoFurther();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent.length).toBe(before + 1);
    expect(sent.at(-1)?.bbox[0]).toBeCloseTo(125.9);
  });

  it("asks for counts where dots would hide each other, and for dots when there is room again", async () => {
    const o = begin();
    const settle = () => vi.advanceTimersByTimeAsync(1_000);
    const zooms = () => sent.map((a) => a.zoom);
    o.lookAt(screen, 11);
    o.fill(240, 10_000); // few, however small the screen
    await settle();
    expect(zooms()).toEqual([11]);
    o.fill(3_000, 900_000);
    await settle();
    expect(zooms()).toEqual([11, 9]);
    // The estimate from cells says that there is room; at this very zoom there was none.
    o.fill(1_200, 900_000);
    await settle();
    expect(zooms()).toEqual([11, 9]);
    o.lookAt([121.1, 28.1, 121.2, 28.2], 12.5);
    o.fill(500, 900_000);
    await settle();
    expect(zooms().slice(-1)).toEqual([12.5]);
    // Far out cells are counted anyway, in such as have room for a mark.
    o.lookAt([120, 27, 123, 30], 9.2);
    o.fill(9_000, 900_000);
    await settle();
    expect(zooms().at(-1)).toBeCloseTo(8.85);
  });
});
