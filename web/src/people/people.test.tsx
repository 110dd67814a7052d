import { cleanup, configure, fireEvent, render, screen, waitFor } from "@testing-library/preact";
import { beforeEach, describe, expect, it, vi } from "vitest";

// The machine may be busier than the page.
configure({ asyncUtilTimeout: 20_000 });
vi.setConfig({ testTimeout: 60_000 });

// The service as these tests play it: what was asked, and what is answered.
type Asked = { method: string; path: string; body: unknown };
const asked: Asked[] = [];
const wang = { id: "s-wang", code: "W-1", name: "王芳", role: "grid_worker", department: "grid", area_code: "T1", phone: "138", patrol: { id: "p-2", code: "P-2", name: "巡 02" }, posts: [] };
const phone = { id: "d-1", code: "P-1-1", name: "旧手机", model: null, simulated: false, patrol: { id: "p-1", code: "P-1", name: "巡 01" }, bound_since: null, enrolled_at: null, revoked_at: null, last_seen: null, t: null, battery: 0.4, presence: "online", tokens: 1 };
const patrol = { id: "p-1", code: "P-1", name: "巡 01", department: "grid", mode: "foot", skills: [], status: "free", presence: "online", lon: null, lat: null, t: null, cell: null, accuracy_m: null, heading_deg: null, area_code: null, simulated: false, version: 1 };
let members: unknown[] = [];
let lost = false;
let codeState = "open";

const json = (status: number, body: unknown) =>
  new Response(status === 204 ? null : JSON.stringify(body), { status, headers: { "Content-Type": status >= 400 ? "application/problem+json" : "application/json" } });
const answers: [RegExp, (a: Asked) => Response][] = [
  [/^GET .*\/patrols$/, () => json(200, { items: [patrol, { ...patrol, id: "p-2", code: "P-2", name: "巡 02", status: "off_duty" }], next_cursor: null })],
  [/^POST .*\/members$/, (a) => {
    if (!(a.body as { move?: boolean }).move) return json(409, { type: "/problems/member-elsewhere", title: "", status: 409, detail: "elsewhere", errors: [] });
    members = [{ staff_id: wang.id, code: "W-1", name: "王芳", role: "grid_worker", phone: "138", since: new Date().toISOString(), until: null }];
    return json(201, {});
  }],
  [/^GET .*\/shifts$/, () => json(200, { items: [] })],
  [/^GET .*\/patrols\/p-1$/, () => json(200, { ...patrol, assignment_id: null, case_id: null, members, planned: [], people_at: new Date().toISOString(), on_duty: true })],
  [/^GET .*\/devices$/, () => json(200, { items: lost ? [] : [phone], next_cursor: null })],
  [/^POST .*\/revoke$/, () => {
    lost = true;
    return json(200, phone);
  }],
  [/^GET .*\/staff$/, () => json(200, { items: [wang], next_cursor: null })],
  [/^POST .*\/enrolments$/, () => json(201, { id: "e-1", patrol: phone.patrol, staff_id: null, made_at: "", expires_at: new Date(Date.now() + 900_000).toISOString(), used_at: null, device_id: null, state: "open", code: "ACDEFGHJ", url: "http://x.test/enrol#ACDEFGHJ" })],
  [/^GET .*\/enrolments\/e-1$/, () => json(200, { id: "e-1", patrol: phone.patrol, staff_id: null, made_at: "", expires_at: "", used_at: "", device_id: "d-1", state: codeState })],
];
vi.stubGlobal("fetch", async (request: Request) => {
  const body = await request.text();
  const a = { method: request.method, path: new URL(request.url).pathname, body: body ? JSON.parse(body) : null };
  asked.push(a);
  for (const [on, answer] of answers) if (on.test(`${a.method} ${a.path}`)) return answer(a);
  throw new Error(`nobody answers ${a.method} ${a.path}`);
});

const { session } = await import("../state/session.ts");
const { People } = await import("./people.tsx");
const { choose, enrolment, lookAtCode, open, openPeople } = await import("./crew.ts");
const { countdown, spaced } = await import("./enrol.tsx");
const { words } = await import("../i18n/index.ts");
const w = words.value.people;
const may = ["manage_people", "enrol_device", "revoke_device", "see_patrols"];
const posts = (end: string) => asked.filter((a) => a.method === "POST" && a.path.endsWith(end));

describe("people and devices", () => {
  beforeEach(async () => {
    asked.length = 0;
    members = [];
    lost = false;
    codeState = "open";
    enrolment.value = null;
    session.value = { may, role: "operator" } as never;
    open.value = false;
    cleanup();
    render(<People />);
    await openPeople();
    await choose("p-1");
    await screen.findByRole("heading", { name: "巡 01" });
  });

  it("asks before somebody is moved out of another patrol", async () => {
    fireEvent.input(screen.getByLabelText(w.addMember), { target: { value: "王" } });
    fireEvent.click(await screen.findByText(w.add));
    fireEvent.click(await screen.findByText(w.moveHere));
    await waitFor(() => expect(posts("/members")).toHaveLength(2));
    await screen.findByText(w.remove);
    expect(posts("/members").map((a) => (a.body as { move: boolean }).move)).toEqual([false, true]);
  });

  it("reports a device lost only when asked twice", async () => {
    fireEvent.click(screen.getByText(w.lost));
    expect(posts("/revoke")).toHaveLength(0);
    fireEvent.click(screen.getByText(words.value.cancel));
    fireEvent.click(screen.getByText(w.lost));
    await screen.findByText(w.sureLost);
    fireEvent.click(screen.getByText(w.lost));
    await screen.findByText(w.noDevices);
    expect(posts("/revoke")).toHaveLength(1);
  });

  it("shows the code in large letters and as a QR until a phone has used it", async () => {
    fireEvent.click(screen.getByText(w.enrol));
    await screen.findByText("ACDE FGHJ");
    expect(screen.getByRole("img", { name: w.qrOf })).toBeTruthy();
    await lookAtCode();
    expect(screen.queryByText(w.enrolledAs("P-1-1", "巡 01"))).toBeNull();
    codeState = "used";
    await lookAtCode();
    await waitFor(() => expect(screen.getByText(w.enrolledAs("P-1-1", "巡 01"))).toBeTruthy());
  });

  it("offers nothing that the role may not do", async () => {
    session.value = { may: ["manage_people"], role: "officer" } as never;
    await choose("p-1");
    await screen.findByText("旧手机");
    expect(screen.queryByText(w.lost)).toBeNull();
    expect(screen.queryByText(w.enrol)).toBeNull();
  });
});

it("says what is left of a code", () => {
  expect(countdown(900_000, 0)).toBe("15:00");
  expect(countdown(900_000, 890_500)).toBe("0:10");
  expect(countdown(0, 5)).toBe("0:00");
  expect(spaced("ABCDEFGH")).toBe("ABCD EFGH");
});
