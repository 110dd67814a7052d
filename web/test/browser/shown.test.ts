/** Photos with the steps of a case: fed back from a phone without a line, judged on the desk, shown as before, after and check. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessible, admin, fileReport, newPage, open, picture, service, signIn, watching } from "./browser.ts";
import { photo } from "./noise.ts";

let browser: Browser;
let page: Page;
let context: BrowserContext;
let desk: Page;
const faults: string[][] = [];
let made: { id: string; number: string };
const text = `仓库被撬 ${Date.now() % 100_000}`;

type Told = { stage: string; evidence: { step: string; by: string; photos: { sha256: string }[] }[]; events: { kind: string; detail: Record<string, unknown> }[] };
const told = () => admin<Told>(`GET /cases/${made.id}`);
const move = (order: object) => admin(`POST /cases/${made.id}/moves`, order);
const files = (...seeds: number[]) => seeds.map((n) => ({ name: `p${n}.png`, mimeType: "image/png", buffer: photo(n) }));
const mine = () => page.locator(`.unit-case[data-case="${made.number}"]`);

beforeAll(async () => {
  browser = await open();
  const phone = await newPage(browser, { width: 390, height: 844 }, "Asia/Shanghai");
  ({ page, context } = phone);
  const other = await newPage(browser, { width: 1440, height: 900 }, "Asia/Shanghai");
  desk = other.page;
  faults.push(phone.faults, other.faults);
});
afterAll(() => browser?.close());

test.runIf(service.real)("photos are taken with a feedback, shown small and taken away again", async () => {
  await signIn(page, service.phone, "/m");
  const { items } = await admin<{ items: { kind: string; bbox: [number, number, number, number] }[] }>("GET /grids?limit=200");
  const box = items.filter((g) => g.kind === "general")[23]?.bbox ?? [121.4, 28.58, 121.4, 28.58];
  made = await fileReport("A05", { lon: (box[0] + box[2]) / 2, lat: (box[1] + box[3]) / 2 }, text);
  await expect.poll(async () => {
    if ((await told()).stage === "reported") await move({ move: "accept" }).catch(() => {}); // it is being planned just now
    return (await told()).stage;
  }, { timeout: 60_000 }).toBe("accepted");
  await move({ move: "file" });
  await move({ move: "dispatch" });
  await page.reload();
  await mine().locator(".head").click();
  await page.click("#move-sign");
  await page.click("#move-start");
  await page.click("#move-feedback");
  await page.fill("#m-result", "门锁已换，监控已调取");
  await page.setInputFiles("#move-form .shots input[capture]", files(1, 2));
  await expect.poll(() => page.locator("#move-form .shot img").count(), { timeout: 30_000 }).toBe(2);
  await page.setInputFiles("#move-form .shots input:not([capture])", files(3));
  await expect.poll(() => page.locator("#move-form .shot img").count(), { timeout: 30_000 }).toBe(3);
  await page.locator("#move-form .shot button").nth(1).click();
  await expect.poll(() => page.locator("#move-form .shot img").count(), { timeout: 30_000 }).toBe(2);
  await accessible(page);
  await picture(page, "shown-1-form");
  // The camera of a cheap phone takes the page's memory: what was begun is there again.
  await page.reload();
  await mine().locator(".head").click();
  await page.click("#move-feedback");
  expect(await page.inputValue("#m-result")).toBe("门锁已换，监控已调取");
  await expect.poll(() => page.locator("#move-form .shot img").count(), { timeout: 30_000 }).toBe(2);
});

test.runIf(service.real)("without a line the step is kept and says so; with one it arrives once", async () => {
  const sent: string[] = [];
  page.on("request", (r) => { if (r.method() === "POST" && r.url().endsWith("/moves")) sent.push(r.headers()["idempotency-key"] ?? ""); });
  await context.setOffline(true);
  await page.click("#move-confirm");
  await page.locator(".work .waits.waiting", { hasText: "2 张照片" }).waitFor();
  await page.locator(".work .waits", { hasText: "已存本机，还没送到" }).waitFor();
  expect(await page.locator(".work .acts button[id^=move-]").count()).toBe(0); // nothing of this case overtakes it
  await expect.poll(() => page.textContent(".truth"), { timeout: 30_000 }).toMatch(/离线 · 1 件待上传/);
  await accessible(page);
  await picture(page, "shown-2-kept");
  expect((await told()).evidence).toEqual([]);
  await context.setOffline(false);
  await page.locator(".work .say:not(.bad)", { hasText: "已送达" }).waitFor();
  const c = await told();
  expect(c.stage).toBe("verifying");
  expect(c.evidence.map((e) => [e.step, e.photos.length])).toEqual([["feedback", 2]]);
  expect(c.events.filter((e) => e.kind === "result").map((e) => e.detail.result)).toEqual(["门锁已换，监控已调取"]);
  expect(new Set(sent).size).toBe(1); // however often it was tried
  await picture(page, "shown-3-arrived");
});

test.runIf(service.real)("whoever checks sees before and after, and shows what was found", async () => {
  await signIn(desk, service.admin);
  await watching(desk);
  await desk.fill("#search", text);
  const row = desk.locator(".row", { hasText: text });
  await expect.poll(async () => {
    for (const tab of ["waiting", "handling"]) {
      await desk.click(`#tab-${tab}`);
      if (await row.count() > 0) return true;
    }
    return false;
  }, { timeout: 30_000 }).toBe(true);
  await row.click();
  await desk.locator(`#panel .photos[data-stage=after] .photo`).first().waitFor();
  expect(await desk.locator("#panel .photos[data-stage=after] .photo").count()).toBe(2);
  await desk.locator("#panel .photos[data-stage=after] .photo img").first().waitFor();
  await desk.click("#move-pass");
  await desk.fill("#m-result", "现场核对，门锁完好");
  await desk.setInputFiles("#move-form .shots input:not([capture])", files(4));
  await expect.poll(() => desk.locator("#move-form .shot img").count(), { timeout: 30_000 }).toBe(1);
  await accessible(desk);
  await picture(desk, "shown-4-check");
  await desk.click("#move-confirm");
  await desk.locator("#panel .photos[data-stage=check] .photo").waitFor();
  const c = await told();
  expect(c.stage).toBe("closed");
  expect(c.evidence.map((e) => [e.step, e.photos.length])).toEqual([["feedback", 2], ["pass", 1]]);
  await picture(desk, "shown-5-panel");
});

test("nothing broke", () => expect(faults.flat()).toEqual([]));
