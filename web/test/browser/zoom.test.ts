/** The map from far and near: counts instead of dots when it is zoomed out, figures that are the district's at every zoom, and nobody lost on the way. */
import type { Browser, Page, WebSocketRoute } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { accessible, admin, newPage, open, picture, service, signIn, watching } from "./browser.ts";

let browser: Browser;
let page: Page;
let faults: string[];
let line: WebSocketRoute | null = null;
/** What the page said on each of its live sockets. */
const said: string[][] = [];

beforeAll(async () => {
  browser = await open();
  ({ page, faults } = await newPage(browser));
  await page.routeWebSocket(/\/ws\/live/, (socket) => {
    const mine: string[] = [];
    said.push(mine);
    const server = socket.connectToServer();
    socket.onMessage((m) => {
      mine.push(String(m));
      server.send(m);
    });
    line = socket;
  });
});
afterAll(() => browser?.close());

type Map = {
  zoom: () => number;
  bounds: () => [number, number, number, number];
  counts: { cell: string; counts: number[]; lon: number; lat: number; at: { x: number; y: number } }[];
  fleet: { ids: (kind: string) => string[]; whereNow: (id: string, ms: number) => { lon: number; lat: number } };
  toScreen: (at: { lon: number; lat: number }) => { x: number; y: number };
  inner: { panBy: (by: [number, number], how: object) => void; jumpTo: (to: object) => void };
};
type Held = { districtMap: Map };
const seen = () =>
  page.evaluate(() => {
    const map = (document.querySelector(".map-canvas") as unknown as Held).districtMap;
    return { zoom: map.zoom(), dots: map.fleet.ids("patrol"), counted: map.counts.reduce((n, m) => n + m.counts.reduce((a, b) => a + b, 0), 0), cells: map.counts.length };
  });
const zoomTo = (zoom: number) => page.evaluate((z) => (document.querySelector(".map-canvas") as unknown as Held).districtMap.inner.jumpTo({ zoom: z }), zoom);
const panBy = (x: number, y: number) => page.evaluate((by) => (document.querySelector(".map-canvas") as unknown as Held).districtMap.inner.panBy(by, { animate: false }), [x, y] as [number, number]);

type Patrol = { id: string; department: string; status: string; presence: string };
async function register(): Promise<Patrol[]> {
  const out: Patrol[] = [];
  for (let cursor = ""; ; ) {
    const { items, next_cursor } = await admin<{ items: Patrol[]; next_cursor: string | null }>(`GET /patrols?limit=200${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    out.push(...items);
    if (!next_cursor) return out;
    cursor = next_cursor;
  }
}
/** The first figure of the header, and what it should be by the service's own list. */
async function workersAgree(): Promise<void> {
  await expect
    .poll(
      async () => {
        const there = (await register()).filter((p) => p.department === "grid" && p.status !== "off_duty" && (p.presence === "online" || p.presence === "still")).length;
        const shown = Number(await page.textContent(".figures .figure .value"));
        return there > 20 && Math.abs(there - shown) <= 2; // the two are not of the same moment
      },
      { timeout: 60_000, interval: 1_000 },
    )
    .toBe(true);
}
const click = (name: string) => page.click(`.zoom button[aria-label="${name}"]`);

describe.runIf(service.real)("the map from far and near", () => {
  test("near, each patrol is a dot and nobody is counted", async () => {
    await signIn(page);
    await watching(page);
    await expect.poll(async () => (await seen()).dots.length).toBeGreaterThan(20);
    expect((await seen()).cells).toBe(0);
    await workersAgree();
  });

  test("zoomed out, cells are counted, nobody is shown, and the figures stay those of the district", async () => {
    await expect
      .poll(
        async () => {
          if ((await seen()).zoom >= 9.5) await click("缩小");
          return (await seen()).cells;
        },
        { timeout: 60_000, interval: 1_500 },
      )
      .toBeGreaterThan(0);
    expect((await seen()).dots).toEqual([]);
    await workersAgree();
    await expect.poll(async () => Math.abs((await seen()).counted - (await register()).filter((p) => p.status !== "off_duty").length), { timeout: 60_000 }).toBeLessThan(6);
    expect(await page.textContent(".legend")).toContain("一格力量数");
    await accessible(page);
    await picture(page, "counts");
  });

  test("a count says in words what it counts, and leads to the dots", async () => {
    const at = await page.evaluate(() => {
      const el = document.querySelector(".map-canvas") as unknown as Held & HTMLElement;
      const map = el.districtMap;
      const mark = map.counts.at(-1)!; // the largest
      const lon = (mark.at.x - 0.5) * 360;
      const lat = (Math.atan(Math.sinh(Math.PI * (1 - 2 * mark.at.y))) * 180) / Math.PI;
      const box = el.getBoundingClientRect();
      const { x, y } = map.toScreen({ lon, lat });
      return { x: box.left + x, y: box.top + y };
    });
    await page.mouse.move(at.x, at.y);
    await expect.poll(() => page.textContent(".tip")).toMatch(/此格 \d+ 个巡逻力量.*空闲 \d+/);
    await page.mouse.click(at.x, at.y);
    await expect.poll(async () => [(await seen()).cells, (await seen()).dots.length > 0]).toEqual([0, true]);
    expect((await seen()).zoom).toBeGreaterThan(10);
    await workersAgree();
  });

  test("panned away and back, what both views show is never gone", async () => {
    await zoomTo(13);
    await click("全区");
    await zoomTo(12);
    await expect.poll(async () => (await seen()).dots.length).toBeGreaterThan(3);
    // Whoever stands in the middle of the screen is on the screens of both ends of the way.
    await page.evaluate(() => {
      const { districtMap: map } = document.querySelector(".map-canvas") as unknown as Held;
      const [w, s, e, n] = map.bounds();
      const middle = (id: string) => {
        const { lon, lat } = map.fleet.whereNow(id, performance.now());
        return lon > w + (e - w) / 2 && lon < e && lat > s && lat < n;
      };
      const ids = map.fleet.ids("patrol").filter(middle);
      const kept = { ids: ids.length, least: ids.length, on: true };
      Object.assign(globalThis, { kept });
      const look = () => {
        const here = new Set(map.fleet.ids("patrol"));
        kept.least = Math.min(kept.least, ids.filter((id) => here.has(id)).length);
        if (kept.on) requestAnimationFrame(look);
      };
      look();
    });
    const views = said.at(-1)?.length ?? 0;
    for (const x of [200, -200, 200, -200]) {
      await panBy(x, 0);
      await page.waitForTimeout(900); // longer than the page waits before it asks again
    }
    const kept = await page.evaluate(() => {
      const { kept } = globalThis as unknown as { kept: { ids: number; least: number; on: boolean } };
      kept.on = false;
      return kept;
    });
    expect(kept.ids).toBeGreaterThan(0);
    expect(kept.least).toBe(kept.ids);
    // Far away nobody of here is told of any more, and back again all are.
    await panBy(6_000, 0);
    await expect.poll(async () => (await seen()).dots.length, { timeout: 30_000 }).toBe(0);
    expect((said.at(-1)?.length ?? 0) - views).toBeLessThan(12);
    await workersAgree();
    await panBy(-6_000, 0);
    await expect.poll(async () => (await seen()).dots.length, { timeout: 30_000 }).toBeGreaterThan(3);
  });

  test("whoever is selected stays known out of view, and while cells are counted", async () => {
    await click("全区");
    await expect.poll(async () => (await seen()).dots.length).toBeGreaterThan(20);
    await zoomTo(13);
    const target = await page.evaluate(async () => {
      const el = document.querySelector(".map-canvas") as unknown as Held & HTMLElement;
      const map = el.districtMap;
      const alone = (id: string) => {
        const p = map.toScreen(map.fleet.whereNow(id, performance.now()));
        const inside = p.x > 200 && p.x < el.clientWidth - 120 && p.y > 120 && p.y < el.clientHeight - 230;
        const others = [...map.fleet.ids("patrol"), ...map.fleet.ids("case")].filter((o) => o !== id);
        return inside && others.every((o) => { const q = map.toScreen(map.fleet.whereNow(o, performance.now())); return Math.hypot(q.x - p.x, q.y - p.y) > 30; });
      };
      return map.fleet.ids("patrol").find(alone) ?? null;
    });
    expect(target).toBeTruthy();
    const box = (await page.locator(".map-canvas").boundingBox())!;
    await expect
      .poll(async () => {
        const p = await page.evaluate((id) => {
          const { districtMap: map } = document.querySelector(".map-canvas") as unknown as Held;
          return map.toScreen(map.fleet.whereNow(id, performance.now()));
        }, target!);
        await page.mouse.click(box.x + p.x, box.y + p.y);
        return page.locator('aside[aria-label="巡逻力量"]').count();
      })
      .toBe(1);
    const name = await page.textContent('aside[aria-label="巡逻力量"] h2');
    await panBy(6_000, 0);
    await expect.poll(async () => (await seen()).dots, { timeout: 30_000 }).toEqual([target]);
    await zoomTo(8.5);
    await expect.poll(async () => [(await seen()).cells > 0, (await seen()).dots], { timeout: 30_000 }).toEqual([true, [target]]);
    expect(await page.textContent('aside[aria-label="巡逻力量"] h2')).toBe(name);
    await page.keyboard.press("Escape");
    await expect.poll(async () => (await seen()).dots, { timeout: 30_000 }).toEqual([]);
  });

  test("a lost line comes back with the view that was asked for last", async () => {
    const before = said.length;
    const asked = said.at(-1)?.filter((m) => m.includes('"view"')).at(-1);
    await line?.close();
    await expect.poll(() => said.length > before && said.at(-1)?.[0], { timeout: 60_000 }).toBe(asked);
    await expect.poll(async () => [(await seen()).cells > 0, (await seen()).dots]).toEqual([true, []]);
    await page.waitForSelector(".broken", { state: "detached" });
    await workersAgree();
  });

  test("nothing broke", () => expect(faults).toEqual([]));
});
