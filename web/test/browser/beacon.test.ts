/** A bound phone and its positions: they land on the service's disk, through a spell without a line and a reload, each once. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeFixes } from "../../src/beacon/binary.ts";
import { accessible, admin, newPage, open, picture, service } from "./browser.ts";
import { type Line, openLine } from "./line.ts";

let browser: Browser;
let page: Page;
let context: BrowserContext;
let faults: string[];
let line: Line;
let patrol: { id: string; name: string };
let device: string;
let begun = new Date();

/** Every fix that went up, by sequence, as the page's own socket says it. */
const sent = new Map<number, { t: string; lon: number; lat: number }>();
/** What the service will never keep, and said so by name. */
const rejected = new Map<number, string>();
let streams = new Set<string>();
/** Fixes that went up as text: the service takes binary, so there are none. */
let asText = 0;
const bytesOf = (payload: Buffer) => Uint8Array.from(payload).buffer;
function listen(p: Page): void {
  p.on("websocket", (socket) => {
    if (!socket.url().endsWith("/ws/beacon")) return;
    socket.on("framereceived", ({ payload }) => {
      if (typeof payload !== "string") return; // an acknowledgement
      const m = JSON.parse(payload) as { type: string; seq: number; code: string };
      if (m.type === "reject") rejected.set(m.seq, m.code);
    });
    socket.on("framesent", ({ payload }) => {
      const m = typeof payload === "string" ? (JSON.parse(payload) as { stream?: string; fixes?: unknown[] }) : {};
      if (m.stream) streams.add(m.stream);
      asText += m.fixes?.length ?? 0;
      for (const f of typeof payload === "string" ? [] : decodeFixes(bytesOf(payload))) {
        const before = sent.get(f.seq);
        if (before) expect(f).toEqual(before); // a sequence never stands for two
        sent.set(f.seq, f);
      }
    });
  });
}

type Point = { t: string; lon: number; lat: number };
async function track(): Promise<Point[]> {
  const out: Point[] = [];
  const to = new Date(Date.now() + 60_000).toISOString();
  for (let cursor = ""; ; ) {
    const more = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
    const { items, next_cursor } = await admin<{ items: Point[]; next_cursor: string | null }>(`GET /patrols/${patrol.id}/track?from=${begun.toISOString()}&to=${to}&limit=200${more}`);
    out.push(...items);
    if (!next_cursor) return out;
    cursor = next_cursor;
  }
}

let steps = 0;
/** Walks on, a few metres at a time, until something has come about. */
async function walkUntil(so: () => boolean | Promise<boolean>): Promise<void> {
  const until = Date.now() + 90_000;
  while (!(await so())) {
    if (Date.now() > until) throw new Error(`still not so: ${so.toString()}`);
    await context.setGeolocation({ longitude: 121.4 + ++steps * 1e-4, latitude: 28.58, accuracy: 8 });
    await page.waitForTimeout(400); // a walker's step, not a wait for anything
  }
}
const held = async () => Number(/(\d+) 个位置/.exec((await page.textContent("#position")) ?? "")?.[1] ?? 0);
const openMe = async (p = page) => {
  await p.locator("nav.bottom button").nth(2).click();
  await p.waitForSelector("#position");
};
const flow = () => page.locator("#position").getAttribute("data-flow");
const bar = () => page.textContent(".truth");

describe.runIf(service.real)("a bound phone", () => {
  beforeAll(async () => {
    browser = await open();
    line = await openLine();
    ({ page, context, faults } = await newPage(browser, { width: 360, height: 640 }));
    listen(page);
    const { items } = await admin<{ items: { id: string; name: string; status: string }[] }>("GET /patrols?department=grid&limit=200");
    patrol = items.find((p) => p.status === "free") ?? items[0]!;
    // Its old phone, which a program plays, stays in the drawer.
    const { items: old } = await admin<{ items: { id: string }[] }>(`GET /devices?patrol_id=${patrol.id}&limit=50`);
    for (const d of old) await admin(`POST /devices/${d.id}/unbind`, {});
    const { code } = await admin<{ code: string }>("POST /enrolments", { patrol_id: patrol.id });
    await page.goto(`${line.url}/enrol#${code}`);
    await page.click("button[type=submit]");
    await page.waitForSelector("h1.ok");
    begun = new Date();
    device = (await page.textContent("main .quiet")) ?? "";
    await page.click("button.main");
    await page.waitForSelector("nav.bottom");
    await openMe();
  });
  afterAll(async () => {
    await browser?.close();
    await line?.close();
  });

  test("says that its position arrives, and it does", async () => {
    await walkUntil(async () => sent.size > 2 && (await flow()) === "flowing");
    expect(await bar()).toMatch(/位置已送达/);
    await accessible(page);
    await expect.poll(async () => (await track()).length, { timeout: 30_000 }).toBeGreaterThan(1);
  });

  test("keeps positions through a spell without a line and a reload in the middle of it", async () => {
    const before = sent.size;
    line.cut();
    await walkUntil(async () => (await flow()) === "waiting" && (await held()) > 1);
    expect(sent.size).toBe(before);
    await page.reload();
    await page.waitForSelector("nav.bottom");
    await expect.poll(bar).toMatch(/离线.*个位置待补传/); // once what the phone kept has been counted
    await openMe();
    await picture(page, "waiting");
    const more = await held();
    expect(more).toBeGreaterThan(1);
    await walkUntil(async () => (await held()) > more);
    line.mend();
    await walkUntil(async () => (await flow()) === "flowing");
    expect(sent.size).toBeGreaterThan(before + more);
  });

  test("nothing is lost and nothing is doubled", async () => {
    await page.reload();
    await openMe();
    const before = sent.size;
    await walkUntil(async () => sent.size > before && (await flow()) === "flowing");
    // The first may be of a moment before the phone was anybody's.
    expect([...rejected.values()].filter((code) => code !== "unknown_device")).toEqual([]);
    expect(rejected.size).toBeLessThan(2);
    const times = () => [...sent].filter(([seq]) => !rejected.has(seq)).map(([, f]) => Date.parse(f.t)).sort((a, b) => a - b);
    const kept = async () => (await track()).map((p) => Date.parse(p.t)).sort((a, b) => a - b);
    await expect.poll(async () => JSON.stringify(await kept()) === JSON.stringify(times()), { timeout: 30_000 }).toBe(true);
    expect(new Set(times()).size).toBe(times().length);
    expect(streams.size).toBe(1);
    const seqs = [...sent.keys()].sort((a, b) => a - b);
    expect(seqs).toEqual(seqs.map((_, i) => i + 1));
  });

  test("off duty nothing is located, kept or sent", async () => {
    await page.locator("main > button.big").first().click();
    await expect.poll(flow).toBe("off");
    const before = sent.size;
    const from = steps;
    await walkUntil(() => steps > from + 16); // longer than an interval
    expect([sent.size, await flow()]).toEqual([before, "off"]);
    await page.locator("main > button.big").first().click();
    await walkUntil(async () => sent.size > before && (await flow()) === "flowing");
  });

  test("a second window leaves the sending to the first", async () => {
    const second = await context.newPage();
    await second.goto(`${line.url}/m`);
    await openMe(second);
    await expect.poll(() => second.locator("#position").getAttribute("data-flow")).toBe("elsewhere");
    await second.close();
  });

  test("says what to do when nobody allowed it to locate", async () => {
    await context.clearPermissions();
    await expect.poll(flow, { timeout: 60_000 }).toBe("denied");
    expect(await page.textContent("#position")).toMatch(/允许/);
    expect(await bar()).toMatch(/没有定位权限/);
    await accessible(page);
    await picture(page, "denied");
    await context.grantPermissions(["geolocation"]);
    await walkUntil(async () => (await flow()) === "flowing");
  });

  test("a lost phone says that it is switched off, also after a reload, and may be enrolled again", async () => {
    const { items } = await admin<{ items: { id: string; code: string }[] }>(`GET /devices?patrol_id=${patrol.id}&limit=50`);
    const mine = items.find((d) => d.code === device)!;
    await admin(`POST /devices/${mine.id}/revoke`, { reason: "lost" });
    await page.waitForURL(/\/enrol$/, { timeout: 30_000 });
    for (const again of [false, true]) {
      if (again) await page.reload();
      await expect.poll(() => page.textContent("[role=alert]")).toContain(`（${device}）已停用`);
    }
    await page.goto(`${line.url}/m`);
    await page.waitForURL(/\/enrol$/);
    await accessible(page);
    expect(await page.evaluate(() => Object.keys(localStorage).filter((k) => ["gp.device", "gp.mine", "gp.duty"].includes(k)))).toEqual([]);
    const { code } = await admin<{ code: string }>("POST /enrolments", { patrol_id: patrol.id });
    await page.fill("#code", code);
    await page.click("button[type=submit]");
    await page.waitForSelector("h1.ok");
    expect(await page.textContent("main .quiet")).not.toBe(device);
    sent.clear(); // another device, another stream
    streams = new Set();
    await page.click("button.main");
    await openMe();
    await walkUntil(async () => (await flow()) === "flowing");
    expect(streams.size).toBe(1);
  });

  test("nothing broke, and every fix went up in binary", () => expect([faults, asText]).toEqual([[], 0]));
});

