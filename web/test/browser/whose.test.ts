/** "Who was responsible here at 21:40 on 3 May?", asked as a person asks it: from a case, and for a spot on the map. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { accessible, admin, fileReport, newPage, open, picture, service, signIn, somewhere } from "./browser.ts";

type Then = { responsible: { name: string; grid_id: string | null }; answers: string | null; people: { staff_id: string; part: string; name: string }[] };
let browser: Browser;
let desk: Page;
const faults: string[][] = [];

const answer = () => desk.locator("dialog.whose");
/** Nobody need be out there for the ground to be asked about. */
const drawn = (page: Page) => page.waitForFunction(() => (document.querySelector(".map-canvas") as unknown as { districtMap?: object } | null)?.districtMap !== undefined);
/** The clock of a field, in the time of the machine that the browser runs on. */
const field = (at: Date) => new Date(at.valueOf() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

/** Clicks beside whoever moves about: where somebody stands at that moment, a click is theirs. */
async function clickGround(): Promise<void> {
  const asks = desk.locator(".grid-card .whose-ask"); // a person's card has none
  for (const [x, y] of [[0.52, 0.3], [0.5, 0.34], [0.54, 0.38], [0.48, 0.42], [0.52, 0.46], [0.46, 0.3], [0.57, 0.33], [0.44, 0.37], [0.58, 0.43], [0.41, 0.32]] as const) {
    const box = await desk.locator(".map-canvas").boundingBox();
    if (!box) throw new Error("the map has no size");
    await desk.mouse.click(box.x + box.width * x, box.y + box.height * y);
    if (await asks.waitFor({ timeout: 5000 }).then(() => true, () => false)) return;
    await desk.keyboard.press("Escape");
  }
  throw new Error("somebody stood at each of the spots");
}

describe.runIf(service.real)("who was responsible", () => {
  beforeAll(async () => {
    browser = await open();
    const at = await newPage(browser, { width: 1366, height: 768 });
    desk = at.page;
    faults.push(at.faults);
    await signIn(desk);
    await drawn(desk);
  });
  afterAll(async () => {
    expect(faults.flat()).toEqual([]);
    await browser?.close();
  });

  test("from a case, at the moment of its report", async () => {
    const place = await somewhere(desk, 5);
    await fileReport("D01", place, "路灯不亮");
    await desk.locator("#queue").getByText("路灯不亮").first().click();
    await desk.locator("#panel .whose-ask").click();
    await answer().getByRole("button", { name: "查询" }).click();
    await answer().locator("table").waitFor();
    const then = await admin<Then>(`GET /responsible?lon=${place.lon}&lat=${place.lat}&category=D01&at=${encodeURIComponent(new Date().toISOString())}`);
    const text = (await answer().textContent()) ?? "";
    expect(text).toContain(then.responsible.name);
    for (const p of then.people) expect(text).toContain(p.name);
    const who = then.people.find((p) => p.staff_id === then.answers);
    expect(await answer().locator("tr.answers:not(.rests)").textContent()).toContain(who?.name);
    await accessible(desk);
    await picture(desk, "whose-case");
  });

  test("a time before there was any map", async () => {
    await answer().locator("input[name=at]").fill("2019-05-03T21:40");
    await answer().getByRole("button", { name: "查询" }).click();
    await answer().getByText("2019-05-03 21:40 这里不属于任何网格").waitFor();
    expect(await answer().locator("table").count()).toBe(0);
    await desk.keyboard.press("Escape");
    await answer().waitFor({ state: "detached" });
    await desk.keyboard.press("Escape");
  });

  test("a spot on the map", async () => {
    await clickGround();
    await desk.locator(".grid-card .whose-ask").click();
    await answer().locator("input[name=at]").fill(field(new Date()));
    await answer().getByRole("button", { name: "查询" }).click();
    await answer().locator("tr.answers, .verdict").first().waitFor();
    await picture(desk, "whose-spot");
  });
});
