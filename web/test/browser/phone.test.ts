/** The phone page: a report filed without a line is kept, and arrives once when there is one. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessible, newPage, open, service, signIn } from "./browser.ts";

let browser: Browser;
let page: Page;
let context: BrowserContext;
let faults: string[];

beforeAll(async () => {
  browser = await open();
  ({ page, context, faults } = await newPage(browser, { width: 390, height: 844 }));
});
afterAll(() => browser?.close());

const tab = (n: number) => page.locator("nav.bottom button").nth(n).click();

test("signs in and shows the tasks", async () => {
  await signIn(page, service.phone, "/m");
  await page.waitForSelector(".truth:not(.off)");
  await page.waitForSelector(".phone h1");
  await accessible(page);
});

test("a report filed off line waits, says so, and arrives exactly once", async () => {
  await tab(1);
  await page.locator(".kinds button").first().waitFor();
  await accessible(page);
  await context.setOffline(true);
  await page.locator(".kinds button").first().click();
  const text = `离线上报 ${Date.now() % 100_000}`;
  await page.fill("#text", text);
  await page.click("form button[type=submit]");
  await page.waitForSelector(".truth.off");
  await expect.poll(() => page.textContent(".truth")).toContain("1 件待上传");
  await page.waitForSelector(".outbox .state.waiting, .outbox .state.sending");
  const sent: string[] = [];
  page.on("response", (r) => {
    if (r.request().method() === "POST" && r.url().endsWith("/api/v1/reports")) sent.push(`${r.status()} ${r.request().headers()["idempotency-key"]}`);
  });
  await context.setOffline(false);
  await page.waitForSelector(".outbox .state.sent", { timeout: 60_000 });
  expect(sent.filter((s) => s.startsWith("201"))).toHaveLength(1);
  await accessible(page);
});

test("nothing broke", () => expect(faults).toEqual([]));
