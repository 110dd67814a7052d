/**
 * The night of the article on the page (gridpatrol demo --story plays it): a case comes, police and
 * environment gather, are all in place, are told to go, and the case is closed. With GRIDPATROL_SHOTS a
 * picture of each of these is left in that folder.
 */
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { newPage, open, service, signIn, watching } from "./browser.ts";

let browser: Browser;
let page: Page;
let faults: string[];

beforeAll(async () => {
  browser = await open();
  ({ page, faults } = await newPage(browser, { width: 1366, height: 768 }, "Asia/Shanghai"));
});
afterAll(() => browser?.close());

const picture = async (name: string) => {
  if (process.env.GRIDPATROL_SHOTS) await page.screenshot({ path: join(process.env.GRIDPATROL_SHOTS, `story-${name}.png`) });
};

test.runIf(service.real)("the night of the article is played on the page", async () => {
  await signIn(page);
  await watching(page);
  await page.click("#tab-handling");
  const row = page.locator(".row", { hasText: "酸洗池" });
  await row.waitFor();
  await picture("1-comes");
  await row.click();
  const mission = page.locator("#mission");
  await mission.scrollIntoViewIfNeeded();
  // The page itself notes what it showed, since a picture may take longer than a scene.
  await page.evaluate(() => {
    const seen: string[] = [];
    Object.assign(window, { storySeen: seen });
    const note = () => {
      const text = document.querySelector("#mission .m-state")?.textContent?.split(" ")[0] ?? "";
      if (text && seen.at(-1) !== text) seen.push(text);
    };
    note();
    new MutationObserver(note).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
  });
  expect(await page.textContent("#meet")).toMatch(/\d+ m|\d km/);
  for (const state of ["集结中", "全部到位", "已下令行动"]) {
    await page.waitForFunction((text) => (window as unknown as { storySeen: string[] }).storySeen.includes(text), state, { timeout: 200_000 });
    await mission.evaluate((e) => e.scrollIntoView({ block: "start" }));
    await picture({ 集结中: "2-gathering", 全部到位: "3-in-place", 已下令行动: "4-going" }[state] ?? state);
  }
  await page.waitForFunction(() => document.querySelector("#tab-done")?.textContent?.includes("1"), undefined, { timeout: 120_000 });
  await picture("5-closed");
  const seen = await page.evaluate(() => (window as unknown as { storySeen: string[] }).storySeen);
  expect(seen.slice(0, 3)).toEqual(["集结中", "全部到位", "已下令行动"]);
  expect(await page.textContent("#story-clock")).toMatch(/^20:[0-2]\d/);
  expect(faults).toEqual([]);
}, 400_000);
