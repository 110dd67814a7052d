/** The page of a resident: a number and a code, and nobody signed in. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessible, admin, fileReport, newPage, open, service, signIn, somewhere } from "./browser.ts";

let browser: Browser;
let page: Page;
let context: BrowserContext;
let faults: string[];
let hosts: Set<string>;
let filed: Awaited<ReturnType<typeof fileReport>>;

beforeAll(async () => {
  browser = await open();
  const desk = await newPage(browser);
  await signIn(desk.page);
  filed = await fileReport("B01", await somewhere(desk.page, 3), "后院熟食");
  await desk.context.close();
  ({ page, context, faults, hosts } = await newPage(browser, { width: 390, height: 844 }));
});
afterAll(() => browser?.close());

test("a wrong code says so and tells nothing", async () => {
  await page.goto(`${service.url}/follow`);
  await page.fill("#number", filed.number);
  await page.fill("#code", "00000-00000");
  await page.click("button[type=submit]");
  await expect.poll(() => page.textContent("[role=alert]")).toContain("编号或查询码不对");
  await accessible(page);
});

test("the number and the code, as a person writes it, open the account", async () => {
  await page.fill("#code", filed.followUp.code);
  await page.click("button[type=submit]");
  await page.waitForSelector(".stage");
  expect(await page.textContent(".told")).toContain(filed.number);
  await accessible(page);
});

test("the link opens it too, and its code leaves the address at once", async () => {
  const other = await context.newPage();
  await other.goto(`${service.url}${filed.followUp.url}`);
  await other.waitForSelector(".stage");
  expect(other.url()).toBe(`${service.url}/follow`);
  await other.click("header button");
  await expect.poll(() => other.textContent("h1")).toContain("What became of my report");
  expect(await other.content()).not.toContain("后院熟食");
});

test.runIf(service.real)("when it is settled the reporter says once how content they are, and the desk reads it", async () => {
  const { number, id, followUp } = await fileReport("C11", { lon: 121.4, lat: 28.58 }, "垃圾堆积");
  await admin(`POST /cases/${id}/close`, { answer: "已清运" });
  const resident = await context.newPage();
  await resident.goto(`${service.url}${followUp.url}`);
  await resident.locator("#evaluate").waitFor();
  expect(await resident.locator("#evaluate [type=submit]").isDisabled()).toBe(true);
  await resident.locator(".choices button").nth(2).click();
  await resident.fill("#evaluate-words", "第二天又堆满了");
  await accessible(resident);
  await resident.click("#evaluate [type=submit]");
  await resident.locator("#evaluated [role=status]").waitFor();
  expect(await resident.textContent("#evaluated")).toContain("第二天又堆满了");
  await accessible(resident);
  await resident.reload();
  await resident.locator("#evaluated").waitFor();
  expect(await resident.locator("#evaluate").count()).toBe(0);
  const c = await admin<{ stage: string; reports: { evaluation: { satisfaction: string } | null }[] }>(`GET /cases/${id}`);
  expect([c.stage, c.reports[0]?.evaluation?.satisfaction]).toEqual(["closed", "dissatisfied"]);
  const { items } = await admin<{ items: { number: string; reason: string }[] }>("GET /operator-items?open=true&limit=200");
  expect(items.filter((i) => i.number === number).map((i) => i.reason)).toEqual(["dissatisfied"]);
});

test("no other host was asked for anything, and nothing broke", () => {
  expect([...hosts]).toEqual([new URL(service.url).host]);
  expect(faults).toEqual([]);
});
