/** A browser as an operator's, and the few acts every story begins with. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { expect, inject } from "vitest";
import type { Place } from "./service.ts";

// Software rendering, and nothing that asks the outside for anything.
const flags = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"];

/** Everything else on the machine may be busier than the page. */
const patienceMs = Number(process.env.GRIDPATROL_PATIENCE_MS ?? 75_000);

export const service = inject("service");
export const open = (): Promise<Browser> => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags });

/** A page that notes each host it asks and each fault it has. */
export async function newPage(browser: Browser, size = { width: 1280, height: 760 }, timezoneId?: string): Promise<{ page: Page; context: BrowserContext; hosts: Set<string>; faults: string[] }> {
  const context = await browser.newContext({ viewport: size, geolocation: { longitude: 121.4, latitude: 28.58, accuracy: 8 }, permissions: ["geolocation"], reducedMotion: "reduce", ...(timezoneId ? { timezoneId } : {}) });
  const page = await context.newPage();
  const hosts = new Set<string>();
  const faults: string[] = [];
  page.on("request", (r) => {
    const url = new URL(r.url());
    if (url.protocol !== "blob:" && url.protocol !== "data:") hosts.add(url.host);
  });
  page.on("websocket", (s) => hosts.add(new URL(s.url()).host));
  page.on("pageerror", (e) => faults.push(e.stack ?? e.message));
  page.setDefaultTimeout(patienceMs);
  return { page, context, hosts, faults };
}

export async function signIn(page: Page, account: { username: string; password: string } = service, path = "/"): Promise<void> {
  await page.goto(`${service.url}/login?next=${encodeURIComponent(path)}`);
  await page.fill("#username", account.username);
  await page.fill("#password", account.password);
  await page.click("button[type=submit]");
  await page.waitForURL((url) => url.pathname === path);
}

/** Waits until the district is drawn and the live line is up. */
export async function watching(page: Page): Promise<void> {
  await page.waitForSelector(".map-canvas canvas");
  await page.waitForFunction(() => (document.querySelector(".map-canvas") as unknown as { districtMap?: { fleet: { size: number } } })?.districtMap?.fleet.size ?? 0 > 0);
  await page.waitForFunction(() => document.querySelector(".line-state:not(.lost):not(.slow)") !== null);
}

/** Files a report as a program would, and gives the case's id and number. */
export async function fileReport(category: string, at: Place, description: string): Promise<{ id: string; number: string; followUp: { code: string; url: string } }> {
  const headers: Record<string, string> = { "Idempotency-Key": crypto.randomUUID() };
  if (service.token) headers.Authorization = `Bearer ${service.token}`;
  // A program keeps no cookies: the page's session must not be what lets this in.
  const answer = await fetch(`${service.url}/api/v1/reports`, {
    method: "POST",
    headers: { ...headers, "Content-Type": "application/json" },
    body: JSON.stringify({ category, location: { ...at, accuracy_m: 12, crs: "wgs84" }, description, observed_at: new Date().toISOString() }),
  });
  const body = (await answer.json()) as { case?: { id: string; number: string }; follow_up?: { code: string; url: string } };
  if (!body.case || !body.follow_up) throw new Error(`report refused: ${answer.status} ${JSON.stringify(body)}`);
  return { ...body.case, followUp: body.follow_up };
}

/** Asks the API as a program of the administrator: admin("GET /patrols?limit=5"). */
export async function admin<T>(what: string, body?: unknown): Promise<T> {
  const [method, path] = what.split(" ");
  const answer = await fetch(`${service.url}/api/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${service.token}`, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${what}: ${answer.status} ${text}`);
  return (text ? JSON.parse(text) : null) as T;
}

type CaseText = { version: number; stage: string; assignments: { id: string; kind: string; department: string | null; state: string; patrol_id: string | null; patrol_name: string | null; candidates: { patrol_id: string; name: string; rank: number | null }[] }[] };
/** A case as the service tells it, with the page's own session. */
export async function caseOf(page: Page, id: string): Promise<CaseText> {
  return page.evaluate(async (path) => (await fetch(path)).json(), `/api/v1/cases/${id}`);
}

export async function isFree(page: Page, patrol: string): Promise<boolean> {
  const p: { status?: string; presence?: string } = await page.evaluate(async (path) => (await fetch(path)).json(), `/api/v1/patrols/${patrol}`);
  return p.status === "free" && p.presence !== "lost";
}

/** Somewhere inside the district: the middle of a general grid. */
export async function somewhere(page: Page, nth: number): Promise<Place> {
  const grids: { kind: string; bbox: [number, number, number, number] }[] = await page.evaluate(async () => (await (await fetch("/api/v1/grids?limit=200")).json()).items);
  const general = grids.filter((g) => g.kind === "general");
  const box = general[nth % general.length]?.bbox ?? [0, 0, 0, 0];
  return { lon: (box[0] + box[2]) / 2, lat: (box[1] + box[3]) / 2 };
}

/** A picture for people to judge, where GRIDPATROL_PICTURES names a folder. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.GRIDPATROL_PICTURES;
  if (folder) await page.screenshot({ path: `${folder}/${name}.png` });
}

const axePath = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
type AxeResult = { violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[] };
export async function accessible(page: Page): Promise<void> {
  // What fades in is judged when it is there.
  await page.evaluate(() => Promise.allSettled(document.getAnimations().filter((a) => a.effect?.getComputedTiming().iterations !== Infinity).map((a) => a.finished)));
  await page.evaluate(readFileSync(axePath, "utf8"));
  const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: { run: (o: unknown) => Promise<AxeResult> } }).axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"] }));
  expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.html.slice(0, 140)} ${n.failureSummary.slice(0, 200)}`).join(" | ")}`)).toEqual([]);
}
