/** A grid worker at night, on two bars: photos go up slowly, the line breaks in the middle, and the report arrives once. */
import { deflateSync } from "node:zlib";
import type { Browser, BrowserContext, CDPSession, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { accessible, admin, newPage, open, picture, service } from "./browser.ts";
import { type Line, openLine } from "./line.ts";

let browser: Browser;
let page: Page;
let context: BrowserContext;
let wire: CDPSession;
let faults: string[];
let line: Line;
const text = `雨夜积水 ${Date.now() % 100_000}`;

/** A picture that does not shrink much: noise, as a camera's in the dark. */
function photo(seed: number): Buffer {
  const [w, h] = [900, 700];
  const rows = Buffer.alloc(h * (w * 3 + 1));
  for (let i = 0, x = seed; i < rows.length; i++) {
    x = (x * 1_103_515_245 + 12_345) & 0x7fffffff;
    rows[i] = i % (w * 3 + 1) === 0 ? 0 : (x >> 16) & 0xff;
  }
  const crcs = Array.from({ length: 256 }, (_, n) => { let c = n; for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1; return c >>> 0; });
  const chunk = (name: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    let crc = 0xffffffff;
    for (const b of body) crc = (crcs[(crc ^ b) & 0xff] as number) ^ (crc >>> 8);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE((crc ^ 0xffffffff) >>> 0, body.length + 4);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(w, 0);
  head.writeUInt32BE(h, 4);
  head.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), chunk("IHDR", head), chunk("IDAT", deflateSync(rows, { level: 1 })), chunk("IEND", Buffer.alloc(0))]);
}

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
