/** The district's settings, told as an administrator would: a holiday with its notice, a table of days, a category that is sent otherwise from now on, and who does not get in. */
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { accessible, admin, newPage, open, picture, service, signIn, watching } from "./browser.ts";

type Day = { day: string; kind: string; name: string; source: string };
type Rules = { code: string; dispatch_mode: string; urgency: string; check_percent: number; listed: boolean; revisit_days: number[]; crews: { department: string; people: number; skills: string[] }[] };
let browser: Browser;
let page: Page;
let faults: string[];
let kept: Rules | undefined;
const notice = "国办发明电〔2026〕9 号";

const days = async () => (await admin<{ days: Day[] }>("GET /calendar")).days;
const rules = async (code: string) => (await admin<{ items: Rules[] }>("GET /category-rules")).items.find((r) => r.code === code);
const year = new Date().getFullYear() + 1;
const feast = `${year}-06-09`;
const worked = `${year}-06-13`;

describe.runIf(service.real)("settings", () => {
  beforeAll(async () => {
    browser = await open();
    ({ page, faults } = await newPage(browser, { width: 1366, height: 768 }));
    kept = await rules("B01");
  });
  afterAll(async () => {
    for (const d of [feast, worked]) await admin(`DELETE /calendar/days/${d}`);
    if (kept) await admin("PUT /category-rules/B01", { ...kept, code: undefined, reason: "试验后恢复" });
    await browser?.close();
  });

  test("only who may change them sees them", async () => {
    await signIn(page);
    await watching(page);
    expect(await page.locator("#settings").count()).toBe(0);
    await page.goto("about:blank"); // a page that finds itself signed out goes to sign in by itself
    await page.context().clearCookies();
    await signIn(page, service.admin);
    await watching(page);
    await page.click("#settings");
    await page.waitForSelector(".settings .month");
    await accessible(page);
    await picture(page, "settings-calendar");
  });

  test("a day becomes a holiday, with its name and the notice that says so", async () => {
    await page.click(".settings [aria-label=下一年]");
    await page.getByText(`${year} 年尚未录入节假日`).waitFor();
    await page.click(`.settings [aria-label^="${feast}"]`);
    await page.check(".day label:has-text('放假') input");
    await page.click(".day button[type=submit]");
    await page.locator("#day-trouble").getByText("请填写名称").waitFor();
    await page.fill(".day [name=name]", "端午节");
    await page.fill(".day [name=source]", notice);
    expect(await page.textContent(".day .becomes")).toContain(`放假 端午节（${notice}）`);
    await picture(page, "settings-day");
    await page.click(".day button[type=submit]");
    await page.locator(".dates", { hasText: "端午节" }).waitFor();
    expect((await days()).find((d) => d.day === feast)).toEqual({ day: feast, kind: "holiday", name: "端午节", source: notice });
  });

  test("a table says what it would change before it does, line by line", async () => {
    const csv = `日期,类型,名称,来源\n${feast},放假,端午节,${notice}\n${worked},调休上班,端午节\n${year}-02-30,放假,春节\n`;
    await page.setInputFiles(".settings input[type=file]", { name: "days.csv", mimeType: "text/csv", buffer: Buffer.from(csv) });
    await page.locator(".preview").getByText("1 天将修改 · 1 天相同 · 1 行有误，不导入").waitFor();
    expect(await page.textContent(".preview li.bad")).toContain(`日期“${year}-02-30”不对或重复`);
    expect((await days()).some((d) => d.day === worked)).toBe(false);
    await accessible(page);
    await picture(page, "settings-import");
    await page.click(".preview button.primary");
    await page.getByText("已导入 1 天").waitFor();
    expect((await days()).find((d) => d.day === worked)?.kind).toBe("workday");
  });

  test("a category is sent otherwise, with more people, and says why", async () => {
    await page.click(".settings .sides button:has-text('派单规则')");
    await page.fill(".settings nav input", "B01");
    await page.click(".settings nav li button");
    await page.check(".ways label:has-text('确认后派单') input");
    await page.check(".ways label:has-text('疑难') input");
    await page.locator(".crew-row").first().locator("input").fill("3");
    await page.fill("#rule-revisit_days", "7 3");
    await page.getByText("天数须从小到大").waitFor();
    await page.fill("#rule-revisit_days", "3、7");
    const changes = await page.textContent(".changes");
    expect(changes).toContain("3 人");
    expect(changes).toContain("确认后派单");
    expect(changes).toContain("疑难");
    await page.click(".rule button[type=submit]");
    await page.locator("[id='rule-reason-wrong']").waitFor();
    expect((await rules("B01"))?.dispatch_mode).toBe(kept?.dispatch_mode);
    await accessible(page);
    await picture(page, "settings-rules");
    // What is typed is not lost by a click beside it.
    await page.click(".settings .sides button:has-text('工作日历')");
    await page.getByText("有修改尚未保存").waitFor();
    await page.click("button:has-text('继续修改')");
    await page.fill("#rule-reason", "区联席会议纪要〔2026〕3 号");
    await page.click(".rule button[type=submit]");
    await page.locator(".tail").getByText("已保存").waitFor();
    const now = await rules("B01");
    expect([now?.dispatch_mode, now?.urgency, now?.revisit_days, now?.crews.some((c) => c.people === 3)]).toEqual(["confirm", "hard", [3, 7], true]);
  });

  test("a system outside is told of cases: added with its secret, tried, paused and deleted", async () => {
    const came: { id: string; signature: string; at: string; body: string }[] = [];
    const receiver = createServer((ask, answer) => {
      const parts: Buffer[] = [];
      ask.on("data", (b: Buffer) => parts.push(b)).on("end", () => {
        const head = (name: string) => String(ask.headers[name] ?? "");
        came.push({ id: head("webhook-id"), signature: head("webhook-signature"), at: head("webhook-timestamp"), body: Buffer.concat(parts).toString() });
        answer.writeHead(204).end();
      });
    });
    await new Promise<void>((up) => receiver.listen(0, "127.0.0.1", up));
    try {
      await page.click(".settings .sides button:has-text('事件推送')");
      await page.click(".settings nav .new button");
      await page.click(".hook button[type=submit]");
      await page.locator("#hook-name-wrong").waitFor();
      await accessible(page);
      await picture(page, "settings-hook-new");
      await page.fill("#hook-name", "区大数据局");
      await page.fill("#hook-url", `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/cases`);
      await page.click(".hook button[type=submit]");
      await page.locator(".hook .secret code").waitFor();
      const secret = (await page.textContent(".hook .secret code")) ?? "";
      expect(secret).toMatch(/^whsec_/);
      await accessible(page);
      await picture(page, "settings-hook-secret");
      await page.click(".hook .secret button.primary");
      await page.click("button:has-text('发送测试')");
      await page.getByText("对方已收到（204").waitFor();
      const key = Buffer.from(secret.slice("whsec_".length), "base64");
      const [ping] = came;
      expect(ping?.signature).toBe(`v1,${createHmac("sha256", key).update(`${ping?.id}.${ping?.at}.${ping?.body}`).digest("base64")}`);
      await page.locator(".hook-calls li", { hasText: "已送达" }).waitFor();
      await accessible(page);
      await picture(page, "settings-hook");
      await page.setViewportSize({ width: 390, height: 844 });
      await picture(page, "settings-hook-narrow");
      await page.setViewportSize({ width: 1366, height: 768 });
      await page.click(".hook button:has-text('暂停')");
      await page.click(".hook .sure button:has-text('暂停')");
      await page.getByText("已人工暂停").waitFor();
      await page.click(".hook button:has-text('删除')");
      await page.click(".hook .sure button:has-text('删除')");
      await page.getByText("尚未添加接收系统").waitFor();
      expect((await admin<{ items: unknown[] }>("GET /webhooks")).items).toEqual([]);
    } finally {
      receiver.close();
    }
  });

  test("nothing broke", () => expect(faults).toEqual([]));
});
