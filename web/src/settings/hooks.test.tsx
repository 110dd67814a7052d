import { cleanup, configure, fireEvent, render, screen, waitFor } from "@testing-library/preact";
import { beforeEach, describe, expect, it, vi } from "vitest";

// The machine may be busier than the page.
configure({ asyncUtilTimeout: 20_000 });
vi.setConfig({ testTimeout: 60_000 });

// The service as these tests play it: what was asked, and what is answered.
type Kept = { id: string; name: string; last_delivered_at: string | null; failing_since: string | null; disabled_because: string | null };
type Asked = { method: string; path: string; body: unknown };
const asked: Asked[] = [];
const at = "2026-05-03T13:40:00Z";
const well = { id: "h-1", name: "大数据局", url: "https://data.example/cases?key=1", kinds: ["case.opened", "case.closed"], area_code: "", department: "", enabled: true, disabled_because: null, failing_since: null, last_fault: "", last_delivered_at: at, version: 3, made_at: at };
const failing = { ...well, id: "h-2", name: "督查室", failing_since: at, last_fault: "no answer within 15 s", last_delivered_at: null };
const call = { id: "c-1", kind: "case.closed", case_id: "x", made_at: at, state: "delivered", next_at: null, tries: 1, status: 204, answer: "", took_ms: 8, ended_at: at };
let kept: Kept[] = [];
let refusal: { status: number; type?: string; errors: { pointer: string; detail: string }[] } | null = null;

const json = (status: number, body: unknown) =>
  new Response(status === 204 ? null : JSON.stringify(body), { status, headers: { "Content-Type": status >= 400 ? "application/problem+json" : "application/json" } });
const problem = (r: NonNullable<typeof refusal>) => json(r.status, { type: `/problems/${r.type ?? "invalid"}`, title: "", status: r.status, detail: "in the service's words", errors: r.errors });
const answers: [RegExp, (a: Asked) => Response][] = [
  [/^GET .*\/webhooks$/, () => json(200, { items: kept, next_cursor: null })],
  [/^POST .*\/webhooks$/, (a) => {
    if (refusal) return problem(refusal);
    const made = { ...well, id: "h-9", ...(a.body as object), last_delivered_at: null };
    kept = [...kept, made];
    return json(201, { webhook: made, secret: "whsec_abc=" });
  }],
  [/^GET .*\/deliveries$/, () => json(200, { items: [{ ...call, id: "c-2", state: "waiting", tries: 2, status: 502, answer: "bad gateway", next_at: "2026-05-03T14:10:00Z", ended_at: null }, { ...call, id: "c-3", state: "waiting", tries: 0, status: null, next_at: at, ended_at: null }, call], next_cursor: null })],
  [/^POST .*\/test$/, () => json(200, { ...call, kind: "ping", case_id: null, state: "given_up", status: null, answer: "dial tcp: lookup x: no such host" })],
  [/^PATCH /, (a) => {
    if (refusal) return problem(refusal);
    const id = a.path.split("/").pop();
    kept = kept.map((h) => (h.id === id ? { ...h, ...(a.body as object), disabled_because: (a.body as { enabled?: boolean }).enabled === false ? "by_hand" : null } : h));
    return json(200, kept.find((h) => h.id === id));
  }],
  [/^DELETE /, (a) => {
    kept = kept.filter((h) => h.id !== a.path.split("/").pop());
    return json(204, null);
  }],
];
vi.stubGlobal("fetch", async (request: Request) => {
  const body = await request.text();
  const a = { method: request.method, path: new URL(request.url).pathname, body: body ? JSON.parse(body) : null };
  asked.push(a);
  for (const [on, answer] of answers) if (on.test(`${a.method} ${a.path}`)) return answer(a);
  throw new Error(`nobody answers ${a.method} ${a.path}`);
});

const { session } = await import("../state/session.ts");
const { openSettings, Settings, SettingsButton } = await import("./settings.tsx");
const { chosen, hooks, missing, putAway, reasonOf, stateOf, waiting } = await import("./hooks.ts");
const { words } = await import("../i18n/index.ts");
const w = words.value.settings;
const sent = (method: string) => asked.filter((a) => a.method === method);
const as = (...may: string[]) => (session.value = { may } as never);

describe("what a webhook is", () => {
  it("is said of its state by what happened last", () => {
    const of = (change: object) => stateOf({ ...well, ...change } as never);
    expect([of({}), of({ failing_since: at }), of({ last_delivered_at: null }), of({ enabled: false, failing_since: at })]).toEqual(["good", "failing", "unused", "off"]);
  });
  it("waits for the soonest of what failed before", () => {
    const c = (tries: number, next_at: string | null, state = "waiting") => ({ ...call, state, tries, next_at }) as never;
    expect(waiting([c(2, "2026-01-02"), c(1, "2026-01-01"), c(0, "2025-01-01"), c(3, null, "delivered")])).toEqual({ count: 3, next: "2026-01-01" });
    expect(waiting([])).toEqual({ count: 0, next: null });
  });
  it.each([
    [{ name: " " }, ["name"]], [{ url: "data.example" }, ["url"]], [{ url: "https://" }, ["url"]], [{ kinds: [] }, ["kinds"]], [{ url: "http://127.0.0.1:80/x" }, []], [{}, []],
  ])("%j lacks %j", (change, lacks) => {
    const said = { name: "n", url: "u", kinds: "k" };
    expect(Object.keys(missing({ id: "", name: "局", url: "https://data.example/", kinds: ["case.closed"], area: "", department: "", ...change }, said))).toEqual(lacks);
  });
  it("fails for reasons that a person understands, or in its own words", () => {
    const why = w.hooks.why;
    expect(["no answer within 15 s", "dial tcp: lookup x on 1.1.1.1:53: no such host", "connect: connection refused", "the address is not of the public Internet, and not among", "tls: failed to verify certificate: x509", "teapot"].map((t) => reasonOf(t, why)))
      .toEqual([why.slow, why.name, why.refused, why.inside, why.certificate, "teapot"]);
  });
});

describe("the card of webhooks", () => {
  beforeEach(() => {
    cleanup();
    asked.length = 0;
    kept = [well, failing];
    refusal = null;
    hooks.value = null;
    chosen.value = "";
    putAway();
    as("administer", "edit_calendar");
  });
  const show = async () => {
    render(<Settings />);
    openSettings();
    fireEvent.click(await screen.findByText(w.sides.hooks));
    await screen.findByText(failing.name);
  };

  it("is for whom the table of permissions lets administer", async () => {
    as("edit_calendar");
    const { container } = render(<><SettingsButton /><Settings /></>);
    openSettings();
    await screen.findByText(w.sides.rules);
    expect(container.textContent).not.toContain(w.sides.hooks);
    cleanup();
    as("see_patrols");
    expect(render(<SettingsButton />).container.textContent).toBe("");
  });

  it("shows which is well and which fails, since when, why, and when it is tried again", async () => {
    await show();
    fireEvent.click(screen.getByText(failing.name));
    const said = await screen.findByText(/下次重试/);
    expect(said.textContent).toContain(w.hooks.why.slow);
    expect(screen.getByText(w.hooks.never)).toBeTruthy();
    expect(screen.getByText(w.hooks.count(2))).toBeTruthy();
    expect(document.querySelector(".hook-calls")?.textContent).toContain("502 bad gateway · 已试 2 次");
  });

  it("adds one and shows its secret once", async () => {
    await show();
    fireEvent.click(screen.getByText(w.hooks.add));
    fireEvent.submit(await waitFor(() => document.querySelector(".hook form") as HTMLFormElement));
    await screen.findByText(w.hooks.wrong.name);
    expect(sent("POST")).toEqual([]);
    fireEvent.input(screen.getByLabelText(w.hooks.name), { target: { value: " 环保厅 " } });
    fireEvent.input(screen.getByLabelText(w.hooks.url), { target: { value: "https://env.example/in" } });
    fireEvent.click(screen.getByLabelText(new RegExp(`^${w.hooks.kind["case.stage"]}`)));
    fireEvent.submit(document.querySelector(".hook form") as HTMLFormElement);
    await screen.findByText("whsec_abc=");
    expect(sent("POST").map((a) => a.body)).toEqual([{ name: "环保厅", url: "https://env.example/in", kinds: ["case.opened", "case.closed"], area_code: "", department: "" }]);
    fireEvent.click(screen.getByText(well.name)); // not lost by a click beside it
    await screen.findByText(w.hooks.secretLeave);
    fireEvent.click(screen.getByText(w.hooks.secretBack));
    fireEvent.click(screen.getByText(w.hooks.secretKept));
    await waitFor(() => expect(screen.queryByText("whsec_abc=")).toBeNull());
  });

  it("says what the service refuses at its field, in words of the page", async () => {
    await show();
    refusal = { status: 400, errors: [{ pointer: "/url", detail: "lies in a network" }] };
    fireEvent.click(screen.getByText(w.hooks.add));
    fireEvent.input(await screen.findByLabelText(w.hooks.name), { target: { value: "x" } });
    fireEvent.input(screen.getByLabelText(w.hooks.url), { target: { value: "https://10.0.0.1/" } });
    fireEvent.submit(document.querySelector(".hook form") as HTMLFormElement);
    await screen.findByText(w.hooks.refused.url);
    refusal = { status: 409, type: "too-many-webhooks", errors: [] };
    fireEvent.input(screen.getByLabelText(w.hooks.name), { target: { value: "y" } });
    fireEvent.submit(document.querySelector(".hook form") as HTMLFormElement);
    await screen.findByText(w.hooks.full(20));
  });

  it("changes one by the version that was read", async () => {
    await show();
    fireEvent.click(screen.getByText(w.change));
    fireEvent.input(await screen.findByLabelText(w.hooks.name), { target: { value: "数据局" } });
    refusal = { status: 409, type: "old-version", errors: [] };
    fireEvent.submit(document.querySelector(".hook form") as HTMLFormElement);
    await screen.findByText(w.hooks.changedMeanwhile);
    expect((screen.getByLabelText(w.hooks.name) as HTMLInputElement).value).toBe("数据局");
    refusal = null;
    fireEvent.submit(document.querySelector(".hook form") as HTMLFormElement);
    await waitFor(() => expect(document.querySelector(".hook form")).toBeNull());
    expect(sent("PATCH").at(-1)?.body).toMatchObject({ name: "数据局", version: 3 });
  });

  it("is tested, paused and deleted, the last two after a question", async () => {
    await show();
    fireEvent.click(screen.getByText(w.hooks.ping));
    await screen.findByText(w.hooks.pingBad(w.hooks.why.name));
    fireEvent.click(screen.getByText(w.hooks.pause));
    await screen.findByText(w.hooks.surePause);
    expect(sent("PATCH")).toEqual([]);
    fireEvent.click(screen.getByText(w.hooks.pause));
    await screen.findByText(w.hooks.because.by_hand);
    expect(sent("PATCH").map((a) => a.body)).toEqual([{ enabled: false }]);
    fireEvent.click(screen.getByText(w.hooks.resume));
    await screen.findByText(w.hooks.pause);
    fireEvent.click(screen.getByText(w.hooks.drop));
    await screen.findByText(w.hooks.sureDrop);
    expect(sent("DELETE")).toEqual([]);
    fireEvent.click(screen.getByText(w.hooks.drop));
    await waitFor(() => expect(screen.queryByText(well.name)).toBeNull());
    expect(sent("DELETE").map((a) => a.path)).toEqual(["/api/v1/webhooks/h-1"]);
  });
});
