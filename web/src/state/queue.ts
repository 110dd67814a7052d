/** Which case stands in which tab, in which order: pure, so that it can be tested. */
import type { Case } from "../api/types.ts";

export type Tab = "waiting" | "handling" | "overdue" | "done";
export const tabs: Tab[] = ["waiting", "handling", "overdue", "done"];

const finished = new Set(["closed", "void", "self_handled"]);
/** Assignments that somebody still has to finish. */
const active = new Set(["offered", "accepted", "en_route", "on_scene"]);

export function isFinished(c: Case): boolean {
  return c.closed_at !== null || finished.has(c.stage);
}

export function isOverdue(c: Case, nowMs: number): boolean {
  if (isFinished(c)) return false;
  return c.overdue || (c.due_at !== null && Date.parse(c.due_at) < nowMs);
}

/** Waiting is what needs an operator: no department is on its way though one could be. */
export function isWaiting(c: Case): boolean {
  if (isFinished(c)) return false;
  if (c.dispatch !== "done") return true;
  const goes = (kind: "department" | "first_look") => c.assignments.some((a) => a.kind === kind && (active.has(a.state) || a.state === "done"));
  if (goes("department")) return false;
  // Where a department has no patrols at all there is nobody to send: the first look is what there is.
  const nobody = new Set(c.shortfalls.filter((s) => s.considered === 0).map((s) => s.department));
  return !goes("first_look") || c.departments.some((d) => !nobody.has(d.code));
}

/** A case has one tab, but an overdue one also shows where it belongs otherwise. */
export function inTab(c: Case, tab: Tab, nowMs: number): boolean {
  switch (tab) {
    case "done":
      return isFinished(c);
    case "overdue":
      return isOverdue(c, nowMs);
    case "waiting":
      return isWaiting(c);
    case "handling":
      return !isFinished(c) && !isWaiting(c);
  }
}

export type Phase = "new" | "moving" | "scene" | "overdue" | "done";
export function phase(c: Case, nowMs: number): Phase {
  if (isFinished(c)) return "done";
  if (isOverdue(c, nowMs)) return "overdue";
  const sent = c.assignments.filter((a) => a.kind === "department" && active.has(a.state));
  const looked = sent.length > 0 ? sent : c.assignments.filter((a) => active.has(a.state));
  if (sent.length > 0 || (!isWaiting(c) && looked.length > 0)) {
    return looked.some((a) => a.state === "on_scene") ? "scene" : "moving";
  }
  return isWaiting(c) ? "new" : "scene";
}

const urgencyRank: Record<string, number> = { urgent: 0, ordinary: 1, hard: 2 };

/** Overdue first, then urgent, then the oldest; finished ones the other way round. */
export function order(tab: Tab, nowMs: number): (a: Case, b: Case) => number {
  return (a, b) => {
    if (tab === "done") return Date.parse(b.closed_at ?? b.made_at) - Date.parse(a.closed_at ?? a.made_at) || (a.id < b.id ? 1 : -1);
    const over = Number(isOverdue(b, nowMs)) - Number(isOverdue(a, nowMs));
    if (over !== 0) return over;
    const urgent = (urgencyRank[a.urgency] ?? 1) - (urgencyRank[b.urgency] ?? 1);
    if (tab === "waiting" && urgent !== 0) return urgent;
    return Date.parse(b.made_at) - Date.parse(a.made_at) || (a.id < b.id ? 1 : -1);
  };
}

/** How much of the time a case has is used up; null without a deadline. */
export function usedUp(c: Case, nowMs: number): number | null {
  if (!c.due_at) return null;
  const from = Date.parse(c.made_at);
  const to = Date.parse(c.due_at);
  if (to <= from) return 1;
  return Math.min(1, Math.max(0, (nowMs - from) / (to - from)));
}

/** Keeps the rows where they are while a person reads: known rows stay in order, gone ones leave, new ones wait. */
export function held(shown: string[], wanted: string[]): { rows: string[]; fresh: number } {
  const still = new Set(wanted);
  const known = new Set(shown);
  return { rows: shown.filter((id) => still.has(id)), fresh: wanted.filter((id) => !known.has(id)).length };
}

/** Median of seconds from the making of a case to the first arrival of a department. */
export function medianArrivalS(cases: Iterable<Case>, sinceMs: number): number | null {
  const all: number[] = [];
  for (const c of cases) {
    if (Date.parse(c.made_at) < sinceMs) continue;
    const times = c.assignments.filter((a) => a.kind === "department" && a.arrived_at).map((a) => Date.parse(a.arrived_at as string));
    if (times.length > 0) all.push((Math.min(...times) - Date.parse(c.made_at)) / 1000);
  }
  if (all.length === 0) return null;
  all.sort((a, b) => a - b);
  const m = all.length >> 1;
  return all.length % 2 ? (all[m] as number) : ((all[m - 1] as number) + (all[m] as number)) / 2;
}
