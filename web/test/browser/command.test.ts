/** The command centre, told as an operator would: sign in, watch, a report arrives, somebody else is sent, the case is closed. */
import type { Browser, Page, Response, WebSocketRoute } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessible, caseOf, fileReport, isFree, newPage, open, service, signIn, somewhere, watching } from "./browser.ts";

let browser: Browser;
let page: Page;
let hosts: Set<string>;
let faults: string[];
let line: WebSocketRoute | null = null;

beforeAll(async () => {
  browser = await open();
  ({ page, hosts, faults } = await newPage(browser));
  // The live line runs through our hands, so that it can be cut.
  await page.routeWebSocket(/\/ws\/live/, (socket) => {
    socket.connectToServer();
    line = socket;
  });
});
afterAll(() => browser?.close());

test("a wrong password is refused in words, the right one opens the command centre", async () => {
  await page.goto(`${service.url}/`);
  await page.waitForURL(/\/login/);
  await accessible(page);
  await page.fill("#username", service.username);
  await page.fill("#password", "certainly-wrong");
  await page.click("button[type=submit]");
  await page.waitForSelector("[role=alert]");
  expect(await page.textContent("[role=alert]")).toMatch(/账号或密码不对|次数过多/);
  await signIn(page);
  await watching(page);
  expect(await page.textContent(".head h1")).toContain("网格指挥台");
});

type Drawn = { districtMap: { fleet: { ids: (kind: string) => string[]; whereNow: (id: string, ms: number) => { lon: number; lat: number } } } };
const positions = () =>
  page.evaluate(() => {
    const { fleet } = (document.querySelector(".map-canvas") as unknown as Drawn).districtMap;
    return Object.fromEntries(fleet.ids("patrol").map((id) => [id, fleet.whereNow(id, performance.now())]));
  });

test("patrols move on the map", async () => {
  const before = await positions();
  const known = Object.keys(before);
  expect(known.length).toBeGreaterThan(20);
  const picture = await page.locator(".map-canvas canvas").screenshot();
  await expect
    .poll(
      async () => {
        const after = await positions();
        return known.filter((id) => after[id] && (after[id].lon !== before[id]?.lon || after[id].lat !== before[id]?.lat)).length;
      },
      { timeout: 75_000, interval: 1000 },
    )
    .toBeGreaterThan(10);
  await expect.poll(async () => picture.equals(await page.locator(".map-canvas canvas").screenshot()), { timeout: 60_000, interval: 1000 }).toBe(false);
});

const rowOf = (text: string) => page.locator(".row", { hasText: text });
/** A case moves from tab to tab by itself: look through them until it shows. */
async function find(text: string): Promise<void> {
  await page.fill("#search", text);
  const until = Date.now() + 120_000;
  for (let i = 0; Date.now() < until; i++) {
    await page.click(`#tab-${["handling", "waiting", "overdue"][i % 3]}`);
    try {
      await rowOf(text).first().waitFor({ timeout: 5_000 });
      return;
    } catch {
      // Not here, or not yet.
    }
  }
  throw new Error(`the queue does not show ${text}`);
}

let reported = { id: "", number: "" };
const story = `门前聚集 ${Date.now() % 100_000}`;

test("a report appears in the queue by itself and explains itself when clicked", async () => {
  reported = await fileReport("A10", await somewhere(page, 17), story);
  await find(story);
  await rowOf(story).first().click();
  await page.waitForSelector(".panel .team");
  const panel = (await page.textContent(".panel")) ?? "";
  expect(panel).toContain(reported.number);
  expect(panel).toMatch(/位于网格内|位于空隙/);
  expect(panel).toMatch(/主办/);
  expect(panel).toMatch(/分/);
  await page.fill("#search", "");
});

test("the page is accessible with a case open", () => accessible(page));

test("the case names cameras near it, and only what a browser opens is a link", async () => {
  const near = page.locator("#nearby");
  expect(await near.textContent()).toContain("最近监控");
  expect(await near.locator("li").count()).toBeGreaterThan(0);
  for (const link of await near.locator("a").all()) expect(await link.getAttribute("href")).toMatch(/^https?:/);
  await near.locator(".plain-link").first().click();
  await page.waitForSelector("#place-card");
  expect(await page.textContent("#place-card")).toContain(await near.locator(".plain-link").first().textContent());
  await page.waitForSelector(".places-key");
});

test("heat is one key away, of reports or of patrols, over a span", async () => {
  await page.keyboard.press("h");
  await page.waitForSelector("#heat-key .ramp");
  const asked = page.waitForRequest((r) => r.url().includes("/api/v1/cells") && r.url().includes("layer=patrols"));
  await page.click("#heat-key button:has-text('巡逻')");
  expect((await asked).url()).toMatch(/[?&]from=.*[?&]to=/);
  const week = page.waitForRequest((r) => r.url().includes("/api/v1/cells"));
  await page.click("#heat-key button:has-text('7 天')");
  const { searchParams } = new URL((await week).url());
  expect(Date.parse(searchParams.get("to") ?? "") - Date.parse(searchParams.get("from") ?? "")).toBe(7 * 86_400_000);
  await accessible(page);
  await page.keyboard.press("h");
  await page.waitForSelector("#heat-key", { state: "detached" });
  expect(await page.getAttribute("#duty-sheet", "href")).toBe("/api/v1/duty-sheet?lang=zh");
});

type Assigned = Awaited<ReturnType<typeof caseOf>>["assignments"][number];
/** Sends somebody else who is free at this moment, and answers with what the service said. */
async function sendAnother(): Promise<{ sent: Assigned; other: NonNullable<Assigned["candidates"]>[number]; answer: Response }> {
  const before = await caseOf(page, reported.id);
  const sent = before.assignments.find((a) => a.kind === "department" && a.patrol_id && ["offered", "accepted", "en_route"].includes(a.state));
  if (!sent) throw new Error(`nobody is on the way: ${JSON.stringify(before.assignments.map((a) => [a.kind, a.state]))}`);
  const ranked = (sent.candidates ?? []).filter((k) => k.rank !== null && k.patrol_id !== sent.patrol_id);
  let other: (typeof ranked)[number] | undefined;
  for (const k of ranked) if (!other && (await isFree(page, k.patrol_id))) other = k;
  if (!other) throw new Error(`none of ${ranked.length} others is free`);
  const row = page.locator(`.team[data-department="${sent.department}"] button[data-patrol="${other.patrol_id}"]`);
  if ((await row.count()) === 0) await page.locator(`.team[data-department="${sent.department}"] button[aria-expanded=false]`).click();
  await row.click();
  const answered = page.waitForResponse((r) => r.request().method() === "POST" && r.url().endsWith(`/cases/${reported.id}/dispatch`));
  await page.click("#reassign-confirm");
  return { sent, other, answer: await answered };
}

test("somebody else is sent instead, and the service agrees", async () => {
  // A simulated patrol may answer, or be sent elsewhere, between the look and the click: the
  // service refuses what was seen too long ago, the page says so, and an operator looks again.
  let last = await sendAnother();
  for (let again = 0; again < 5 && [409, 412].includes(last.answer.status()); again++) {
    await page.waitForSelector(".panel [role=alert]");
    last = await sendAnother();
  }
  const { sent, other, answer } = last;
  expect(answer.status(), answer.ok() ? "" : await answer.text()).toBe(200);
  await expect.poll(async () => (await caseOf(page, reported.id)).assignments.some((a) => a.department === sent.department && a.patrol_id === other.patrol_id && a.state !== "proposed"), { timeout: 60_000 }).toBe(true);
  // It may have declined at once; then somebody else's name stands there.
  const now = (await caseOf(page, reported.id)).assignments.find((a) => a.department === sent.department && a.patrol_id === other.patrol_id);
  if (now && ["offered", "accepted", "en_route", "on_scene"].includes(now.state)) await expect.poll(() => page.textContent(`.team[data-department="${sent.department}"] .name`)).toContain(other.name);
});

test("a lost line is said, units turn grey, and it comes back by itself", async () => {
  await line?.close();
  await page.waitForSelector(".broken", { timeout: 60_000 });
  expect(await page.textContent(".broken")).toMatch(/连接中断，显示 \d\d:\d\d 数据/);
  await page.waitForSelector(".broken", { state: "detached", timeout: 75_000 });
});

test("a case is closed and leaves the queue of open ones", async () => {
  await page.click("#close-case");
  await page.fill("#close-reason", "现场已复位");
  // Whoever is sent may answer at this moment; then the page says so and is asked again.
  const confirm = page.locator("#close-confirm:enabled");
  await expect
    .poll(
      async () => {
        if ((await confirm.count()) > 0) await confirm.click({ timeout: 2_000 }).catch(() => {});
        return (await caseOf(page, reported.id)).stage;
      },
      { timeout: 60_000, interval: 500 },
    )
    .toBe("closed");
  await page.click("#tab-done");
  await page.fill("#search", story);
  await rowOf(story).first().waitFor();
  await page.fill("#search", "");
});

test("English is one click away, and keys work", async () => {
  await page.click("text=中 / EN");
  expect(await page.textContent("#tab-waiting")).toContain("Waiting");
  await page.click("text=EN / 中");
  await page.keyboard.press("?");
  await page.waitForSelector("dialog[open]");
  await page.keyboard.press("Escape");
  await page.click("#tab-done");
  await page.keyboard.press("j");
  await page.waitForSelector('.row[aria-current="true"]');
});

test("no other host was asked for anything, and nothing broke", () => {
  expect([...hosts]).toEqual([new URL(service.url).host]);
  expect(faults).toEqual([]);
});
