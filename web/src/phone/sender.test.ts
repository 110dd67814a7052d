import { beforeEach, describe, expect, it, vi } from "vitest";

// Each try meets the next of these answers; the requests are kept as the service would see them.
type Try = { key: string | null; body: string };
const tries: Try[] = [];
let answers: (Response | Error)[] = [];
const filed = () => new Response(JSON.stringify({ report_id: "r", case: { number: "N-1", assignments: [{ patrol_name: "巡 07" }] } }), { status: 201, headers: { "Content-Type": "application/json" } });
const refused = (status: number, type: string) =>
  new Response(JSON.stringify({ type, title: "", status, detail: "no", errors: [] }), { status, headers: { "Content-Type": "application/problem+json" } });

vi.stubGlobal("fetch", async (request: Request) => {
  tries.push({ key: request.headers.get("Idempotency-Key"), body: await request.text() });
  const next = answers.shift() ?? new Error("no line");
  if (next instanceof Error) throw next;
  return next;
});

const { boxed, file, send } = await import("./sender.ts");
const { session } = await import("../state/session.ts");
const { all, keepBoxed } = await import("./box.ts");
const report = { category: "D02", location: { lon: 121.38, lat: 28.58, accuracy_m: 8 }, description: "井盖", observed_at: "2026-11-23T08:00:00Z" };
/** Waits until so many tries were made and the newest report stands so. */
const settled = (count: number, state: string) =>
  vi.waitFor(async () => {
    expect(tries).toHaveLength(count);
    expect((await all())[0]?.state).toBe(state);
  });

describe("the outbox", () => {
  beforeEach(async () => {
    for (const b of await all()) await keepBoxed({ ...b, state: "sent", madeMs: 0 });
    tries.length = 0;
    answers = [];
    session.value = {} as never;
  });

  it("signs in before it sends, after a reload without a line", async () => {
    session.value = null;
    answers = [new Error("no line")];
    await file(report, []);
    await settled(1, "waiting");
    const known = () => new Response(JSON.stringify({ csrf: "c" }), { status: 200, headers: { "Content-Type": "application/json" } });
    answers = [known(), refused(403, "/problems/csrf")];
    await send();
    await settled(3, "waiting"); // another session meanwhile: no word on the report
    answers = [known(), filed()];
    await send();
    await settled(5, "sent");
    expect(tries.map((t) => t.key !== null)).toEqual([false, false, true, false, true]);
  });

  it("stores before it sends, and sends the same key and body until it has arrived", async () => {
    answers = [new Error("no line")];
    await file(report, []);
    await settled(1, "waiting");
    answers = [filed()];
    await send();
    await settled(2, "sent");
    expect(tries).toHaveLength(2);
    expect(tries[0]?.key).toBeTruthy();
    expect(tries[1]).toEqual(tries[0]);
    expect(boxed.value[0]).toMatchObject({ number: "N-1", goes: ["巡 07"] });
    await send();
    expect(tries).toHaveLength(2);
  });

  it("keeps a report for later when the service is busy or does not know us", async () => {
    answers = [refused(503, "/problems/busy")];
    await file(report, []);
    await settled(1, "waiting");
    answers = [refused(401, "/problems/unauthenticated")];
    await send();
    await settled(2, "waiting");
  });

  it("sends what is filed while another report is on its way", async () => {
    answers = [filed(), filed()];
    await Promise.all([file(report, []), file({ ...report, category: "C01" }, [])]);
    await settled(2, "sent");
    expect(new Set(tries.map((t) => t.key)).size).toBe(2);
  });

  it("says why when a report can never be taken, and stops", async () => {
    answers = [refused(422, "/problems/unknown-category")];
    await file(report, []);
    await settled(1, "refused");
    expect((await all())[0]?.refusal).toBe("no");
    await send();
    expect(tries).toHaveLength(1);
  });
});
