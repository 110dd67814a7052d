/** A patrol's day, as somebody looks back over it: its card on the map, its way, and the day played by the space bar. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessible, newPage, open, picture, service, signIn, watching } from "./browser.ts";

let browser: Browser;
let page: Page;
let faults: string[];

beforeAll(async () => {
  browser = await open();
  ({ page, faults } = await newPage(browser, { width: 1366, height: 768 }));
});
afterAll(() => browser?.close());

type Drawn = { districtMap: { flyTo: (to: { lon: number; lat: number }) => void; fleet: { ids: (kind: string) => string[]; whereNow: (id: string, ms: number) => { lon: number; lat: number } } } };

/** Brings the nth patrol into the middle of the map, and clicks it there; whoever moves on meanwhile is followed up. */
async function openCard(nth: number): Promise<void> {
  const box = await page.locator(".map-canvas").boundingBox();
  if (!box) throw new Error("the map has no size");
  for (let i = 0; i < 10; i++) {
    await page.evaluate((n) => {
      const map = (document.querySelector(".map-canvas") as unknown as Drawn).districtMap;
      const ids = map.fleet.ids("patrol").sort();
      map.flyTo(map.fleet.whereNow(ids[n % ids.length] ?? "", performance.now()));
    }, nth);
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    if (await page.locator(".day-record").waitFor({ timeout: 3_000 }).then(() => true, () => false)) return;
    await page.keyboard.press("Escape");
  }
  throw new Error("no patrol's card came up");
}

// The stand-in keeps no tracks.
test.runIf(service.real)("a patrol's day is looked back over", async () => {
  await signIn(page);
  await watching(page);
  await openCard(7);
  const day = page.locator(".day-record");
  await day.locator("summary").click();
  await day.locator(".strip .heard.online").first().waitFor();
  const range = day.locator("input[type=range]");
  const told = () => day.locator("output").textContent();
  await expect.poll(() => day.getByRole("button", { name: /看全程（\d+ 个位置）/ }).count()).toBe(1);
  expect(await told()).toMatch(/^\d\d:\d\d .*在线/);
  await accessible(page);
  await picture(page, "day");

  // At the end it begins again; the space bar stops it where it is.
  const end = await range.inputValue();
  await range.press("Space");
  await expect.poll(() => range.inputValue()).not.toBe(end);
  await day.getByRole("button", { name: "暂停" }).waitFor();
  await range.press("Space");
  await day.getByRole("button", { name: "回放" }).waitFor();
  const stands = await range.inputValue();
  await range.press("ArrowLeft");
  expect(Number(await range.inputValue())).toBe(Number(stands) - 60_000);
  expect(faults).toEqual([]);
});
