import { cleanup, configure, fireEvent, render, screen, waitFor } from "@testing-library/preact";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Refused } from "../api/client.ts";
import type { Case, Mission, MissionOrder } from "../api/types.ts";
import { departments } from "../state/register.ts";
import { CommanderOrders } from "./command.tsx";

configure({ asyncUtilTimeout: 20_000 });
vi.setConfig({ testTimeout: 60_000 });

const member = { department: "police", part: "lead", people: 1, commands: false, eta_s: null, depart_at: null, arrives_at: null, in_place_at: null, relieves: null, shift_ends_at: null };
const mission = {
  state: "gathering", of: 2, in_place: 0, may_command: true, crews: [{ department: "police", people: 2, skills: ["潜水"] }],
  members: [{ ...member, assignment_id: "a-1", patrol_id: "p-1", name: "公安10", state: "en_route", commands: true }, { ...member, assignment_id: "a-2", patrol_id: "p-2", name: "公安18", state: "on_scene" }],
} as unknown as Mission;
const c = { id: "c-1", version: 7, category: "A10", departments: [{ code: "fire", part: "lead", because: "" }] } as unknown as Case;

let ordered: [string, MissionOrder, number | null][] = [];
let fates: (Refused | null)[] = [];
const show = (m = mission) =>
  render(<CommanderOrders c={c} m={m} busy={false} refused={null} says={null} clear={() => {}} send={(action, body, since) => { ordered.push([action, body, since]); return Promise.resolve(fates.shift() ?? null); }} />);

beforeEach(() => {
  cleanup();
  ordered = [];
  fates = [];
  departments.value = new Map(["grid", "police", "fire"].map((code) => [code, { code, name_zh: code, name_en: code } as never]));
});

const tap = (name: string | RegExp) => fireEvent.click(screen.getByRole("button", { name }));
const put = (label: string | RegExp, value: string) => fireEvent.input(screen.getByLabelText(label), { target: { value } });

describe("the commander at the scene", () => {
  it("asks for more: of whom, how many, who can do what; the case's own departments stand first", async () => {
    show();
    tap(/^指挥/);
    tap("增援");
    const unit = screen.getByLabelText<HTMLSelectElement>("要哪个部门");
    expect([...unit.options].map((o) => o.value)).toEqual(["fire", "police"]);
    put("要几个人", "2");
    fireEvent.change(screen.getByLabelText("要会什么"), { target: { value: "潜水" } });
    tap("确定");
    await waitFor(() => expect(ordered).toEqual([["more", { department: "fire", people: 2, skills: ["潜水"] }, null]]));
    await waitFor(() => screen.getByRole("button", { name: "增援" }));
    tap("收起指挥");
  });

  it("does not ask for more twice where the first try may have arrived", async () => {
    show();
    fates = [new Refused(0, "offline", ""), new Refused(412, "/problems/old-version", ""), null];
    tap(/^指挥/);
    tap("增援");
    for (const n of [1, 2, 3]) {
      tap("确定");
      await waitFor(() => expect(ordered.length).toBe(n));
      await Promise.resolve();
    }
    expect(ordered.map((o) => o[2])).toEqual([null, 7, null]);
    await waitFor(() => screen.getByRole("button", { name: "收起指挥" }));
    tap("收起指挥");
  });

  it("relieves and releases whom they tapped, and recalls all only with a reason", async () => {
    show();
    tap(/^指挥/);
    tap(/^公安18/);
    tap("换班");
    tap("确定");
    await waitFor(() => expect(ordered.at(-1)).toEqual(["hand_over", { assignment_id: "a-2" }, null]));
    await waitFor(() => screen.getByRole("button", { name: /^公安18/ }));
    tap(/^公安18/);
    tap("放行");
    put(/^原因/, "人手已够");
    tap("确定");
    await waitFor(() => expect(ordered.at(-1)).toEqual(["release", { assignment_id: "a-2", reason: "人手已够" }, null]));
    await waitFor(() => screen.getByRole("button", { name: "全部撤回" }));
    tap("全部撤回");
    expect(screen.getByLabelText<HTMLInputElement>(/^原因/).required).toBe(true);
    tap("误报");
    tap("确定");
    await waitFor(() => expect(ordered.at(-1)).toEqual(["recall", { reason: "误报" }, null]));
  });

  it("is nobody but the commander", () => {
    show({ ...mission, may_command: false });
    expect(screen.queryByRole("button", { name: /^指挥/ })).toBeNull();
  });
});
