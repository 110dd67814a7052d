/** The phone page of an officer: the open cases of the unit, an order that is answered, what was done, and a tap without a line. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessible, admin, fileReport, newPage, open, picture, service, signIn } from "./browser.ts";

let browser: Browser;
let page: Page;
let context: BrowserContext;
let faults: string[];
let made: { id: string; number: string };

type Told = { stage: string; version: number; course: { supervision?: { answer?: string } }; events: { kind: string; detail: Record<string, unknown> }[] };
const told = () => admin<Told>(`GET /cases/${made.id}`);
const move = (order: object) => admin(`POST /cases/${made.id}/moves`, order);

beforeAll(async () => {
  browser = await open();
  ({ page, context, faults } = await newPage(browser, { width: 390, height: 844 }, "Asia/Shanghai"));
});
afterAll(() => browser?.close());

const mine = () => page.locator(`.unit-case[data-case="${made.number}"]`);

test.runIf(service.real)("the unit's case is there with its clock, and is signed and begun", async () => {
  await signIn(page, service.phone, "/m");
  // A theft is for the police, to whom the demo's officer belongs; it lies in the middle of a grid.
  const { items } = await admin<{ items: { kind: string; bbox: [number, number, number, number] }[] }>("GET /grids?limit=200");
  const box = items.filter((g) => g.kind === "general")[17]?.bbox ?? [121.4, 28.58, 121.4, 28.58];
  made = await fileReport("A05", { lon: (box[0] + box[2]) / 2, lat: (box[1] + box[3]) / 2 }, `电动车被盗 ${Date.now() % 100_000}`);
  await expect.poll(async () => {
    const c = await told();
    if (c.stage === "reported") await move({ move: "accept" }).catch(() => {}); // it is being planned just now
    return (await told()).stage;
  }, { timeout: 60_000 }).toBe("accepted");
  await move({ move: "file" });
  await move({ move: "dispatch" });
  await page.reload();
  await mine().waitFor();
  expect(await mine().locator(".due").textContent()).toMatch(/时限.*剩/);
  await mine().locator(".head").click();
  await page.locator("#move-sign").waitFor();
  await accessible(page);
  await picture(page, "field-1-case");
  await page.click("#move-sign");
  await page.locator("#move-start").waitFor();
  await page.click("#move-start");
  await page.locator("#move-feedback").waitFor();
  expect((await told()).stage).toBe("handling");
});

test.runIf(service.real)("an order is answered; without a line the words stay and the tap can be made again", async () => {
  await move({ move: "supervise", level: "town", reason: "群众再次来电" });
  await page.reload();
  await mine().locator(".badge", { hasText: "督办待答复" }).waitFor();
  await mine().locator(".head").click();
  await page.click("#move-answer");
  await page.fill("#m-result", "已到现场调取监控，今晚回复失主");
  await context.setOffline(true);
  await page.click("#move-confirm");
  await page.locator(".work .say.bad", { hasText: "没有送出去" }).waitFor();
  await picture(page, "field-2-no-line");
  expect(await page.inputValue("#m-result")).toBe("已到现场调取监控，今晚回复失主");
  await context.setOffline(false);
  await page.click("#move-confirm");
  await page.locator(".work .say:not(.bad)").waitFor();
  expect((await told()).course.supervision?.answer).toBe("已到现场调取监控，今晚回复失主");
  await accessible(page);
});

test.runIf(service.real)("what the service does not take is said at its field, in words", async () => {
  await page.click("#move-ask_suspension");
  await page.locator("#m-until").waitFor();
  await page.fill("#m-until", "2020-01-01T08:00");
  await page.fill("#m-reason", "失主出差");
  await page.click("#move-confirm");
  await page.locator("#m-until-wrong", { hasText: "请填现在以后" }).waitFor();
  await accessible(page);
  await picture(page, "field-3-refused");
  await page.locator("#move-form button[type=button]").click();
});

test.runIf(service.real)("a feedback whose answer is lost counts once", async () => {
  await page.click("#move-feedback");
  await page.fill("#m-result", "电动车已追回，发还失主");
  let lost = 0;
  await page.route("**/moves", async (route) => {
    await route.fetch(); // it arrives, and nobody hears of it
    lost++;
    await route.abort();
  }, { times: 1 });
  await page.click("#move-confirm");
  await page.locator(".work .say:not(.bad)", { hasText: "已送达" }).waitFor();
  expect(lost).toBe(1);
  const c = await told();
  expect(c.stage).toBe("verifying");
  expect(c.events.filter((e) => e.kind === "result").map((e) => e.detail.result)).toEqual(["电动车已追回，发还失主"]);
  await picture(page, "field-4-fed-back");
});

test("nothing broke", () => expect(faults).toEqual([]));
