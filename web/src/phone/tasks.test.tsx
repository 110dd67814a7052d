import { cleanup, configure, fireEvent, render, screen } from "@testing-library/preact";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Session } from "../api/types.ts";

configure({ asyncUtilTimeout: 20_000 });
vi.setConfig({ testTimeout: 60_000 });

const member = { id: "a-1", kind: "department", department: "police", patrol_id: "p-1", patrol_code: "公安10", patrol_name: "公安10", state: "en_route", eta_s: null, road_m: null, mode: "car", expires_at: null, candidates: [] };
const task = { id: "c-1", number: "20261128-0001", category: "A05", description: "电动车被盗", lon: 121.4, lat: 28.5, version: 3, covert: null, owner: { kind: "desk" }, clocks: [], responsible: { name: "" }, assignments: [member], departments: [] };
const due = { assignment_id: "a-1", patrol_id: "p-1", code: "公安10", name: "公安10", kind: "department", department: "police", reason: "shift_ends", ends_at: "2026-11-28T02:44:00Z", relieved_by: null, relief: null, next: null };
const say = (body: unknown, status = 200) =>
  new Response(JSON.stringify(body), { status, headers: { "Content-Type": status < 400 ? "application/json" : "application/problem+json" } });
vi.stubGlobal("fetch", (request: Request) => {
  const { pathname } = new URL(request.url);
  if (request.method === "POST") return Promise.resolve(say({ type: "/problems/nobody-to-relieve", title: "Conflict", status: 409, detail: "nobody", errors: [] }, 409));
  if (pathname.endsWith("/cases/c-1")) return Promise.resolve(say({ ...task, hand_overs: [due], events: [], reports: [], moves: [] }));
  return Promise.resolve(say({ items: pathname.endsWith("/cases") ? [task] : [], next_cursor: null }));
});

const { loadTasks, Tasks } = await import("./tasks.tsx");
const { session } = await import("../state/session.ts");
const { words } = await import("../i18n/index.ts");

describe("a patrol whose shift ends", () => {
  beforeEach(cleanup);

  it("reads at the button why nobody relieves it", async () => {
    session.value = { patrol_id: "p-1", may: ["answer"] } as unknown as Session;
    await loadTasks();
    render(<Tasks />);
    const note = (await screen.findByRole("button", { name: words.value.mission.handing.ask })).closest(".mission-note");
    fireEvent.click(screen.getByRole("button", { name: words.value.mission.handing.ask }));
    const said = await screen.findByRole("alert");
    expect(said.textContent).toBe(words.value.work.types["nobody-to-relieve"]);
    expect(note?.contains(said)).toBe(true);
  });
});
