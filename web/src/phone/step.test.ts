import { Blob as WholeBlob } from "node:buffer";
import { beforeEach, describe, expect, it, vi } from "vitest";

// What reached the service, in order: the path, the key and the parts or the body.
type Heard = { path: string; key: string | null; says: unknown; photos: number };
const heard: Heard[] = [];
type Answer = { status: number; body: unknown } | "no line" | "lost";
let answers: Answer[] = [];
const taken: Answer = { status: 200, body: {} };
const refused = (status: number, type: string): Answer => ({ status, body: { type, title: "", status, detail: "no", errors: [] } });
const next = () => answers.shift() ?? "no line";

vi.stubGlobal("fetch", async (request: Request) => {
  const answer = next();
  if (answer === "no line") throw new Error("no line");
  const text = await request.text();
  heard.push({ path: new URL(request.url).pathname, key: request.headers.get("Idempotency-Key"), says: text ? JSON.parse(text) : null, photos: 0 });
  if (answer === "lost") throw new Error("the answer was lost");
  return new Response(JSON.stringify(answer.body), { status: answer.status, headers: { "Content-Type": "application/json" } });
});

// The stand-in for the browser's store clones what it keeps, which only Node's own blobs survive.
vi.stubGlobal("Blob", WholeBlob);
vi.stubGlobal("FormData", class {
  private parts: [string, Blob][] = [];
  append(name: string, value: Blob) { this.parts.push([name, value]); }
  getAll(name: string) { return this.parts.flatMap(([n, v]) => (n === name ? [v] : [])); }
});

/** As much of an upload as the page uses. */
class Upload {
  upload: { onprogress?: unknown } = {};
  onload?: () => void;
  onerror?: () => void;
  status = 0;
  statusText = "";
  responseText = "";
  private path = "";
  private headers: Record<string, string> = {};
  open(_: string, url: string) { this.path = new URL(url).pathname; }
  setRequestHeader(name: string, value: string) { this.headers[name] = value; }
  getResponseHeader() { return null; }
  abort() {}
  async send(form: FormData) {
    const answer = next();
    if (answer === "no line") { this.onerror?.(); return; }
    const part = (form.getAll("answer")[0] ?? form.getAll("move")[0]) as Blob;
    heard.push({ path: this.path, key: this.headers["Idempotency-Key"] ?? null, says: JSON.parse(await part.text()), photos: form.getAll("photo").length });
    if (answer === "lost") { this.onerror?.(); return; }
    this.status = answer.status;
    this.responseText = JSON.stringify(answer.body);
    this.onload?.();
  }
}
vi.stubGlobal("XMLHttpRequest", Upload);

const { boxed, file, send, takeBack, takeStep } = await import("./sender.ts");
const { session } = await import("../state/session.ts");
const { all, drop } = await import("./box.ts");
const { waitingOf } = await import("./step.ts");

const photo = () => new Blob(["jpeg"], { type: "image/jpeg" });
const task = { case: "c1", number: "N-1", who: "wang", assignment: "a1" };
const onScene = () => takeStep({ ...task, action: "on_scene", result: "" }, []);
const done = () => takeStep({ ...task, action: "done", result: "已查封取缔" }, [photo(), photo()]);
const feedback = (photos: Blob[]) => takeStep({ case: "c1", number: "N-1", who: "wang", order: { move: "feedback", result: "已整改" } }, photos);
/** Waits until the service has heard so much and this is what the box holds, the oldest first. */
const holds = (states: string[], count: number) =>
  vi.waitFor(async () => {
    expect(heard).toHaveLength(count);
    expect((await all()).reverse().map((b) => b.state)).toEqual(states);
  });

describe("steps of a case in the box", () => {
  beforeEach(async () => {
    for (const b of await all()) await drop(b.key);
    heard.length = 0;
    answers = [];
    session.value = { account_id: "wang" } as never;
  });

  it("go in the order in which they were taken, each once, when there is a line again", async () => {
    await onScene();
    await done();
    await feedback([photo()]);
    await holds(["waiting", "waiting", "waiting"], 0);
    expect(waitingOf(boxed.value, "c1")).toHaveLength(3);
    answers = [taken, taken, taken];
    await send();
    await holds(["sent", "sent", "sent"], 3);
    expect(heard.map((h) => [h.path.split("/").at(-1), h.says, h.photos])).toEqual([
      ["on_scene", {}, 0], ["done", { result: "已查封取缔" }, 2], ["moves", { move: "feedback", result: "已整改" }, 1]]);
    await send();
    expect(heard).toHaveLength(3);
    expect((await all()).every((b) => b.photos.length === 0)).toBe(true); // what has arrived takes no room
  });

  it("a step does not overtake one before it that is still on its way", async () => {
    answers = [refused(503, "/problems/busy")];
    await done();
    await holds(["waiting"], 1);
    answers = [refused(503, "/problems/busy")];
    await feedback([]);
    await holds(["waiting", "waiting"], 2);
    expect(heard.map((h) => h.path.split("/").at(-1))).toEqual(["done", "done"]);
  });

  it("one whose answer was lost comes again under the same key and says the same", async () => {
    answers = ["lost"];
    await done();
    await holds(["waiting"], 1);
    answers = [taken];
    await send();
    await holds(["sent"], 2);
    expect(heard[0]?.key).toBeTruthy();
    expect(heard[1]).toEqual(heard[0]);
  });

  it("one without photos whose answer was lost is found in the case", async () => {
    answers = ["lost"];
    await feedback([]);
    await holds(["waiting"], 1);
    answers = [refused(409, "/problems/no-such-move"), { status: 200, body: { moves: [], course: {}, events: [{ kind: "result", detail: { result: "已整改" } }] } }];
    await send();
    await holds(["sent"], 3);
  });

  it("one that is not taken says why, keeps its photos, and holds nothing up", async () => {
    answers = [refused(409, "/problems/assignment-moved-on"), { status: 200, body: { moves: [], course: {}, events: [] } }];
    await done();
    await holds(["refused"], 2);
    answers = [taken];
    await takeStep({ case: "c2", number: "N-2", who: "wang", order: { move: "feedback", result: "已整改" } }, []);
    await holds(["refused", "sent"], 3);
    const [b] = waitingOf(boxed.value, "c1");
    expect(b?.refusal).toMatch(/更新/);
    expect(b?.photos).toHaveLength(2);
    if (b) await takeBack(b);
    await holds(["sent"], 3);
  });

  it("goes under the name of whoever took it, and nobody else's", async () => {
    await done();
    await holds(["waiting"], 0);
    session.value = { account_id: "li" } as never;
    answers = [{ status: 201, body: { report_id: "r", case: { number: "N-3", assignments: [] } } }];
    await file({ category: "D02", location: { lon: 121.38, lat: 28.58 } }, []);
    await holds(["waiting", "sent"], 1); // li's own goes meanwhile
    expect(heard.map((h) => h.path)).toEqual(["/api/v1/reports"]);
    session.value = { account_id: "wang" } as never;
    answers = [taken];
    await send();
    await holds(["sent", "sent"], 2);
  });
});
