import { describe, expect, it, vi } from "vitest";
import { Refused } from "../api/client.ts";
import type { CaseDetail } from "../api/types.ts";
import { landed, sayRefused, within } from "./refusal.ts";

const why = (status: number, type: string, pointer = "", detail = "English of the service") =>
  new Refused(status, type, detail, { type, title: "", status, detail, errors: pointer ? [{ pointer, detail }] : [] });
const seen = (x: object) => ({ moves: [], events: [], course: {}, stage: "handling", ...x }) as unknown as CaseDetail;

describe("a refusal", () => {
  it.each([
    [why(0, "offline"), "没有送出去：连不上网。内容已留着，可再点一次"],
    [why(0, "slow"), "没有等到回音：可能没送到。可再点一次，不会重复办理"],
    [why(412, "/problems/old-version"), "事件刚被他人更新，已载入最新内容，请再看一眼后办理"],
    [why(400, "/problems/invalid-move", "/days"), "请填 1 到 15 个工作日"],
    [why(403, "/problems/forbidden"), "您的账号不能办这一步"],
    [why(503, "/problems/unavailable"), "服务正忙，请稍后再点一次"],
  ])("is said in words %#", (refusal, words) => expect(sayRefused(refusal)).toBe(words));
  it("gives the reason of the case itself where the case has one", () => {
    const c = seen({ moves: [{ move: "ask_extension", allowed: false, why_not: { zh: "一般事项不予延期", en: "" } }] });
    expect(sayRefused(why(409, "/problems/move-not-possible"), c, "ask_extension")).toBe("一般事项不予延期");
  });
});

describe("a move whose answer was lost", () => {
  const order = { move: "feedback" as const, result: "已整改" };
  const event = { kind: "result", detail: { result: "已整改" } };
  it("is known again by what it left", () => expect(landed(seen({ stage: "verifying", events: [event] }), order)).toBe(true));
  it("is not taken for that of another", () => expect(landed(seen({ stage: "verifying", events: [{ ...event, detail: { result: "别的" } }] }), order)).toBe(false));
  it("is not taken for an earlier one that came back as rework", () =>
    expect(landed(seen({ stage: "rework", events: [event], moves: [{ move: "feedback", allowed: true }] }), order)).toBe(false));
  it("is known of an answer to an order", () =>
    expect(landed(seen({ course: { supervision: { answered_at: "2026-11-26T00:00:00Z", answer: "已到场" } } }), { move: "answer", result: "已到场" })).toBe(true));
});

it("a request that nobody answers ends, and says that it may have arrived", async () => {
  vi.useFakeTimers();
  const call = within((end) => new Promise((_, fail) => end.addEventListener("abort", () => fail(new Refused(0, "offline", "aborted")))));
  const fate = expect(call).rejects.toMatchObject({ type: "slow" });
  await vi.advanceTimersByTimeAsync(21_000);
  await fate;
  vi.useRealTimers();
});
