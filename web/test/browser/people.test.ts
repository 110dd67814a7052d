/** People and devices, told as the one who looks after them would: who is in a patrol, when, who stands in, which phone speaks for it, and a phone that is lost. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { accessible, admin, newPage, open, picture, service, signIn, watching } from "./browser.ts";

type Patrol = { id: string; name: string; code: string; status: string; members: { staff_id: string; name: string }[] };
type Grid = { id: string; code: string; name: string };
let browser: Browser;
let desk: Page;
let phone: Page;
let held: BrowserContext;
const faults: string[][] = [];
let patrol: Patrol;
let other: Patrol;
const model = `雨夜备用机 ${Date.now() % 100_000}`;

const crew = () => desk.locator(".people .crew");
const said = () => crew().textContent();
async function pick(name: string): Promise<void> {
  await desk.fill(".people > header input", name);
  await desk.locator(".people nav button", { hasText: name }).first().click();
  await crew().locator("h3", { hasText: name }).waitFor();
}
/** A press that asks once more, and the second press. */
async function sure(line: string, label: string): Promise<void> {
  const li = crew().locator("li", { hasText: line });
  await li.getByRole("button", { name: label, exact: true }).click();
  await li.locator(".sure").waitFor();
  await li.locator(".sure").getByRole("button", { name: label, exact: true }).click();
}
const find = async (text: string) => {
  await crew().locator(".add > input[type=search]").last().fill(text);
  await crew().locator(".add .lines li").first().waitFor();
};

describe.runIf(service.real)("people and devices", () => {
  beforeAll(async () => {
    browser = await open();
    const { items } = await admin<{ items: Patrol[] }>("GET /patrols?department=police&limit=200");
    const manned: Patrol[] = [];
    for (const p of items.filter((x) => x.status === "free").reverse()) {
      const whole = await admin<Patrol>(`GET /patrols/${p.id}`);
      if (whole.members.length > 1) manned.push(whole);
      if (manned.length === 2) break;
    }
    [patrol, other] = manned as [Patrol, Patrol];
    const at = await newPage(browser, { width: 1440, height: 900 });
    desk = at.page;
    faults.push(at.faults);
  });
  afterAll(() => browser?.close());

  test("the administrator signs in and finds a patrol among all", async () => {
    await signIn(desk, service.admin);
    await watching(desk);
    await desk.click("button:has-text('人员设备')");
    await desk.waitForSelector(".people nav button");
    await pick(patrol.name);
    for (const m of patrol.members) expect(await said()).toContain(m.name);
    await accessible(desk);
    await picture(desk, "people");
  });

  test("somebody of another patrol joins only when asked twice, and is in one patrol then", async () => {
    const who = other.members[0]!;
    await find(who.name);
    await crew().locator(".add .lines li", { hasText: other.name }).getByRole("button", { name: "加入" }).click();
    await crew().getByText("一人同一时间只在一支力量").waitFor();
    await desk.waitForFunction(() => document.querySelector(".people button:disabled") === null);
    await accessible(desk);
    await crew().getByRole("button", { name: "调入本队" }).click();
    await crew().locator("ul.lines").first().locator("li", { hasText: who.name }).waitFor();
    expect((await admin<Patrol>(`GET /patrols/${other.id}`)).members.map((m) => m.staff_id)).not.toContain(who.staff_id);
    await sure(who.name, "移出");
    await expect.poll(async () => (await admin<Patrol>(`GET /patrols/${patrol.id}`)).members.map((m) => m.staff_id)).not.toContain(who.staff_id);
    await admin(`POST /patrols/${other.id}/members`, { staff_id: who.staff_id });
  });

  test("a shift is given and taken back; one that overlaps is refused in words", async () => {
    const shifts = async () => (await admin<{ items: { id: string; from: string; until: string }[] }>(`GET /patrols/${patrol.id}/shifts`)).items;
    const before = await shifts();
    const local = (h: number) => new Date(Date.now() + h * 3_600_000 - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
    await desk.fill(".add.shift [name=from]", local(-1));
    await desk.fill(".add.shift [name=until]", local(2));
    await crew().getByRole("button", { name: "排班" }).click();
    await crew().locator(".say.bad").waitFor();
    expect(await crew().locator(".say.bad").textContent()).not.toMatch(/undefined|null/);
    expect((await shifts()).length).toBe(before.length);
    // One that has begun is ended by a press that asks once more; it is nobody's word but the service's.
    const running = crew().locator("li", { hasText: "进行中" });
    await running.getByRole("button", { name: "提前下班" }).click();
    await running.locator(".sure").getByText("不再定位").waitFor();
    await running.getByRole("button", { name: "取消" }).click();
    const next = crew().locator("li", { hasText: "取消班次" }).first();
    const when = (await next.locator("b").textContent()) ?? "?";
    await next.getByRole("button", { name: "取消班次" }).click();
    await next.locator(".sure").getByRole("button", { name: "取消班次" }).click();
    // The whole of it: tomorrow's shift ends with the same hours.
    await crew().getByText(when, { exact: true }).waitFor({ state: "detached" });
    expect((await shifts()).length).toBe(before.length - 1);
    const gone = before.find((x) => Date.parse(x.from) > Date.now())!;
    await admin(`POST /patrols/${patrol.id}/shifts`, { from: gone.from, until: gone.until });
    expect(before.length).toBeGreaterThan(0);
  });

  test("a substitute stands in for a grid's worker, until a time, and leaves again", async () => {
    await desk.click(".people .sides button:has-text('网格')");
    const { items } = await admin<{ items: Grid[] }>("GET /grids?limit=50");
    const grid = items[7]!;
    await pick(grid.name);
    await accessible(desk);
    const worker = await admin<{ people: { part: string; name: string }[] }>(`GET /grids/${grid.id}`);
    expect(await said()).toContain(worker.people.find((x) => x.part === "worker")?.name);
    await desk.fill(".add.part input", new Date(Date.now() + 8 * 3_600_000 - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 16));
    const near = await admin<{ people: { part: string; name: string; code: string }[] }>(`GET /grids/${items[8]?.id}`);
    const { name, code } = near.people.find((x) => x.part === "worker")!;
    await find(code);
    const first = crew().locator(".add .lines li", { hasText: name }).first();
    await first.getByRole("button", { name: "加入" }).click();
    await crew().locator("ul.lines").first().locator("li", { hasText: "替班" }).waitFor();
    expect(await said()).toMatch(/顶替/);
    await picture(desk, "grid-people");
    const now = await admin<{ people: { part: string; name: string; until: string | null }[] }>(`GET /grids/${grid.id}`);
    expect(now.people.find((x) => x.part === "substitute" && x.name === name)?.until).toBeTruthy();
    await crew().locator("li", { hasText: "替班" }).getByRole("button", { name: "移出" }).click();
    await crew().locator(".sure").getByRole("button", { name: "移出" }).click();
    await expect.poll(async () => (await admin<{ people: { part: string }[] }>(`GET /grids/${grid.id}`)).people.some((x) => x.part === "substitute")).toBe(false);
    await desk.click(".people .sides button:has-text('巡逻力量')");
  });

  test("a new phone becomes the patrol's by the code on the screen", async () => {
    await pick(patrol.name);
    await crew().getByRole("button", { name: "添加手机" }).click();
    await crew().locator(".big-code").waitFor();
    await accessible(desk);
    await picture(desk, "enrolment-code");
    const code = ((await crew().locator(".big-code").textContent()) ?? "").replace(/\s/g, "");
    const at = await newPage(browser, { width: 360, height: 640 });
    ({ page: phone, context: held } = at);
    faults.push(at.faults);
    await phone.goto(`${service.url}/enrol#${code}`);
    await accessible(phone);
    await picture(phone, "enrol");
    await phone.fill("#name", model);
    await phone.click("button[type=submit]");
    await phone.waitForSelector("h1.ok");
    await accessible(phone);
    await picture(phone, "enrolled");
    await crew().locator(".say.good", { hasText: "已绑定" }).waitFor();
    await crew().locator("li", { hasText: model }).waitFor();
    await phone.click("button.main");
    await phone.locator("nav.bottom button").nth(2).click();
    await expect.poll(() => phone.textContent("h1")).toBe(patrol.name);
    for (let i = 1; (await phone.locator("#position").getAttribute("data-flow")) !== "flowing"; i++) {
      expect(i).toBeLessThan(100);
      await held.setGeolocation({ longitude: 121.4 + i * 1e-4, latitude: 28.58, accuracy: 8 });
      await phone.waitForTimeout(500); // a walker's step
    }
    await accessible(phone);
    await picture(phone, "phone-me");
  });

  test("a code is good once", async () => {
    const { code } = await admin<{ code: string }>("POST /enrolments", { patrol_id: patrol.id });
    for (const good of [true, false]) {
      const context = await browser.newContext({ viewport: { width: 360, height: 640 } });
      const page = await context.newPage();
      await page.goto(`${service.url}/enrol#${code}`);
      await page.click("button[type=submit]");
      await page.waitForSelector(good ? "h1.ok" : ".error");
      if (!good) expect(await page.textContent(".error")).toMatch(/用过|过期/);
      await context.close();
    }
  });

  test("a phone that is reported lost is out at once, says so, and stays out after a reload", async () => {
    await sure(model, "报失");
    const pressed = Date.now();
    await phone.waitForURL(/\/enrol$/);
    const tookMs = Date.now() - pressed;
    await phone.waitForSelector("[role=alert]");
    expect(await phone.textContent("[role=alert]")).toContain(`不再代表${patrol.name}`);
    await accessible(phone);
    await picture(phone, "lost");
    await phone.reload();
    await phone.waitForSelector("[role=alert]");
    expect(await phone.textContent("[role=alert]")).toContain(`不再代表${patrol.name}`);
    await phone.goto(`${service.url}/m`);
    await phone.waitForURL(/\/enrol$/);
    await crew().locator("li", { hasText: model }).waitFor({ state: "detached" });
    expect(tookMs).toBeLessThan(60_000);
  });

  test("the same in English, on a wall and on a small desk", async () => {
    await desk.locator(".people > header .button.plain").click();
    await desk.click("text=中 / EN");
    await desk.click("button:has-text('Staff')");
    await pick(patrol.name);
    await accessible(desk);
    await picture(desk, "people-en");
    await desk.setViewportSize({ width: 900, height: 640 });
    await accessible(desk);
    await picture(desk, "people-small-en");
    await phone.evaluate(() => localStorage.setItem("gp.language", "en"));
    await phone.reload();
    await phone.waitForSelector("[role=alert]");
    await picture(phone, "lost-en");
    await held.close();
  });

  test("nothing broke", () => expect(faults.flat()).toEqual([]));
});
