/** A case that one department handles becomes a joint one on the page: the operator sends another to it. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessible, admin, fileReport, newPage, open, service, signIn, somewhere, watching } from "./browser.ts";

let browser: Browser;
let page: Page;
let hosts: Set<string>;
let faults: string[];

beforeAll(async () => {
  browser = await open();
  ({ page, hosts, faults } = await newPage(browser, { width: 1366, height: 768 }));
});
afterAll(() => browser?.close());

type Joint = { departments: { code: string; part: string }[]; mission?: { crews: { department: string; people: number; skills: string[] }[]; members: { department: string; part: string }[] }; shortfalls: { department: string }[] };
const story = `出租房 ${Date.now() % 100_000}`;

// The stand-in has no missions.
test.runIf(service.real)("fire is suggested for a rental house, and police and fire go as one", async () => {
  await signIn(page);
  await watching(page);
  // A01 calls police, and fire on demand.
  const { id } = await fileReport("A01", await somewhere(page, 21), story);
  await page.fill("#search", story);
  await page.click("#tab-waiting");
  await page.locator(".row", { hasText: story }).first().click();
  await page.click("#dispatch");
  await page.waitForSelector("#dispatch", { state: "detached" });
  expect((await admin<Joint>(`GET /cases/${id}`)).departments.map((d) => d.code)).toEqual(["police"]);

  await page.click("#more");
  await page.waitForSelector("#more-form");
  const first = page.locator("#more-department optgroup").first();
  expect(await first.getAttribute("label")).toBe("建议");
  expect(await first.locator("option").allTextContents()).toEqual([expect.stringMatching(/^消防（建议）/)]);
  expect(await page.inputValue("#more-department")).toBe("fire");
  expect(await page.locator("#close-case").count()).toBe(0); // there is no room for it
  await accessible(page);
  await page.fill("#more-people", "2");
  await page.fill("#more-skills", "rescue");
  await page.fill("#more-reason", "楼里有液化气瓶");
  // Whoever is sent may answer at this moment; then the page says so and is asked again.
  const confirm = page.locator("#more-confirm:enabled");
  await expect
    .poll(
      async () => {
        if ((await confirm.count()) > 0) await confirm.click({ timeout: 2_000 }).catch(() => {});
        return page.locator("#mission").count();
      },
      { timeout: 60_000, interval: 1000 },
    )
    .toBe(1);
  const now = await admin<Joint>(`GET /cases/${id}`);
  expect(now.departments.map((d) => `${d.part} ${d.code}`)).toEqual(["lead police", "assist fire"]);
  expect(now.mission?.crews.find((c) => c.department === "fire")).toMatchObject({ people: 2, skills: ["rescue"] });
  // Whether somebody of fire is free at this moment is the city's business; that it is told is ours.
  const goes = now.mission?.members.some((m) => m.department === "fire" && m.part === "assist");
  const lacks = now.shortfalls.some((s) => s.department === "fire");
  expect(goes || lacks).toBe(true);
  if (goes) await expect.poll(() => page.textContent("#mission")).toContain("协办");
  expect(await page.textContent(".panel .why")).toContain("消防");
});

test.runIf(service.real)("no other host was asked for anything, and nothing broke", () => {
  expect([...hosts]).toEqual([new URL(service.url).host]);
  expect(faults).toEqual([]);
});
