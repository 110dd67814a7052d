/** A grid worker at night, on two bars: photos go up slowly, the line breaks in the middle, and the report arrives once. */
import type { Browser, BrowserContext, CDPSession, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { accessible, admin, newPage, open, picture, service } from "./browser.ts";
import { type Line, openLine } from "./line.ts";
import { photo } from "./noise.ts";

let browser: Browser;
let page: Page;
let context: BrowserContext;
let wire: CDPSession;
let faults: string[];
let line: Line;
const text = `雨夜积水 ${Date.now() % 100_000}`;

const bar = async () => (await page.textContent(".truth")) ?? "";
const row = () => page.locator(".outbox li").first();
type Reports = { items: { id: string; description: string; case_number: string; photos: { sha256: string }[] }[]; next_cursor: string | null };
const arrived = async () => (await admin<Reports>("GET /reports?limit=50")).items.filter((r) => r.description === text);

describe.runIf(service.real)("a report with photos on a bad line", () => {
  beforeAll(async () => {
    browser = await open();
    line = await openLine();
    ({ page, context, faults } = await newPage(browser, { width: 360, height: 640 }));
    await page.goto(`${line.url}/login?next=%2Fm`);
    await page.fill("#username", service.worker.username);
    await page.fill("#password", service.worker.password);
    await page.click("button[type=submit]");
    await page.waitForURL((url) => url.pathname === "/m");
    await page.waitForSelector("nav.bottom");
    await page.locator("nav.bottom button").nth(1).click();
    await page.locator(".kinds button").first().waitFor();
    wire = await context.newCDPSession(page);
  });
  afterAll(async () => {
    await browser?.close();
    await line?.close();
  });

  test("photos are taken and shown, and the draft says that it is kept", async () => {
    await page.locator(".kinds button").first().click();
    await page.setInputFiles("input[type=file]", [1, 2].map((n) => ({ name: `p${n}.png`, mimeType: "image/png", buffer: photo(n) })));
    await expect.poll(() => page.locator(".shots .shot").count()).toBe(2);
    await page.fill("#text", text);
    await accessible(page);
    await picture(page, "report-photos");
  });

  test("a slow upload says how far it is", async () => {
    await wire.send("Network.enable");
    await wire.send("Network.emulateNetworkConditions", { offline: false, latency: 400, downloadThroughput: 24 << 10, uploadThroughput: 24 << 10 });
    const broken = line.cutAfter(200 << 10);
    await page.click("form button[type=submit]");
    await row().locator("progress").waitFor();
    await expect.poll(bar).toMatch(/正在上传 1 件… \d+ %/);
    const shares = new Set<number>();
    await expect.poll(async () => {
      shares.add(await row().locator("progress").evaluate((p) => (p as HTMLProgressElement).value).catch(() => 0));
      return shares.size;
    }, { interval: 200, timeout: 60_000 }).toBeGreaterThan(2);
    await accessible(page);
    await picture(page, "uploading");
    await broken;
  });

  test("a line that breaks in the middle loses nothing, and the page says so", async () => {
    await row().locator(".state.waiting").waitFor();
    expect(await row().textContent()).toMatch(/不会重复上报/);
    expect(await bar()).toMatch(/离线 · 1 件待上传/);
    expect(await arrived()).toEqual([]);
    await accessible(page);
    await picture(page, "upload-broke");
    await page.reload(); // a worker's first remedy
    await page.waitForSelector("nav.bottom");
    await page.locator("nav.bottom button").nth(2).click();
    await row().locator(".state.waiting, .state.sending").waitFor();
  });

  test("it arrives whole when the line is back, and once though an answer was lost", async () => {
    await wire.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
    const lost = line.loseAnswer();
    line.mend();
    await lost;
    expect(await arrived()).toHaveLength(1); // it is there; the phone cannot know
    await row().locator(".state.sent").waitFor({ timeout: 90_000 });
    const found = await arrived();
    expect(found).toHaveLength(1);
    expect(found[0]?.photos).toHaveLength(2);
    expect(await row().textContent()).toContain(found[0]?.case_number);
    await accessible(page);
    await picture(page, "upload-arrived");
  });

  test("nothing broke", () => expect(faults).toEqual([]));
});
