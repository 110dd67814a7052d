import { beforeEach, expect, it, vi } from "vitest";

// The service as these tests play it.
const asked: string[] = [];
let away = false;
let status = "free";
let until = "2026-11-23T12:00:00Z";
const json = (body: unknown) => new Response(JSON.stringify(body), { status: 200, headers: { "Content-Type": "application/json" } });
vi.stubGlobal("fetch", async (request: Request) => {
  if (away) throw new Error("no line");
  const body = await request.text();
  asked.push(`${request.method} ${new URL(request.url).pathname} ${body}`.trim());
  if (request.url.endsWith("/shifts")) return json({ items: [{ id: "s", patrol_id: "p", from: "2026-11-23T00:00:00Z", until, source: "shift" }] });
  if (request.method === "PUT") status = (JSON.parse(body) as { on: boolean }).on ? "free" : "off_duty";
  return json({ id: "p", name: "巡 01", status });
});

const load = async () => {
  vi.resetModules();
  const duty = await import("./duty.ts");
  const { session } = await import("../state/session.ts");
  const { nowMs } = await import("../state/tick.ts");
  const at = (t: string) => {
    vi.setSystemTime(t);
    nowMs.value = Date.now();
  };
  return { ...duty, session, at };
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime("2026-11-23T11:00:00Z");
  localStorage.clear();
  away = false;
  status = "free";
  until = "2026-11-23T12:00:00Z";
});

it("remembers duty without a line until the shift is over, and not beyond", async () => {
  const first = await load();
  first.session.value = { patrol_id: "p" } as never;
  await first.loadPatrol();
  expect(first.onDuty.value).toBe(true);
  away = true;
  const later = await load(); // a reload without a line
  expect(later.onDuty.value).toBe(true);
  later.at("2026-11-23T11:59:59Z");
  expect(later.onDuty.value).toBe(true);
  later.at("2026-11-23T12:00:00Z");
  expect(later.onDuty.value).toBe(false);
});

it("believes the service where a shift was made longer", async () => {
  const d = await load();
  d.session.value = { patrol_id: "p" } as never;
  await d.loadPatrol();
  d.at("2026-11-23T12:00:01Z");
  until = "2026-11-23T14:00:00Z";
  await d.loadPatrol();
  d.at("2026-11-23T13:59:00Z");
  expect(d.onDuty.value).toBe(true);
});

it("locates nobody who went home without a line, and tells the service when there is one", async () => {
  const d = await load();
  d.session.value = { patrol_id: "p" } as never;
  await d.loadPatrol();
  away = true;
  await d.setDuty(false);
  expect([d.onDuty.value, d.offWaits.value]).toEqual([false, true]);
  away = false;
  const again = await load();
  expect(again.onDuty.value).toBe(false);
  again.session.value = { patrol_id: "p" } as never;
  asked.length = 0;
  await again.loadPatrol();
  expect(asked).toEqual(['PUT /api/v1/me/duty {"on":false}']);
  expect([again.onDuty.value, again.offWaits.value]).toEqual([false, false]);
});

it("is nobody else's duty", async () => {
  const d = await load();
  d.session.value = { patrol_id: "p" } as never;
  await d.loadPatrol();
  d.session.value = { patrol_id: "q" } as never;
  expect(d.onDuty.value).toBe(false);
});
